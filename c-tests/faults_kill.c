/* Stopping children, groups and trees, step by step and at once, while system calls
 * fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, NULL })
#define BIT(signal) (1ull << ((signal) - 1))

/* It has a child of its own, in its group; both ignore SIGTERM. */
static chld_id start_stubborn(const int *cgroup)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    if (cgroup != NULL) {
        options.flags = CHLD_SPAWN_CGROUP_OWN;
        options.cgroup_fd = *cgroup;
    }
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    options.group_mode = CHLD_GROUP_NEW;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = BIT(SIGTERM);
    chld_id id = start(ARGV("spawn", "gate"), &options);
    char byte;
    require(read(chld_stdout_fd(id), &byte, 1) == 1, "the child says nothing");
    return id;
}

/* The child's own child becomes this process's, and is ended by its group. */
static void end_descendants(int group)
{
    kill(-group, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0) {
    }
}

static void check_stop(uint32_t target)
{
    chld_status status = { 0 };
    chld_stop_plan plan = two_steps(target);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn(NULL);
    int group = chld_pid(id);
    require(group > 1, "chld_pid");
    window_open();
    int stopped = chld_stop(id, &plan, &status);
    struct seen seen = window_close();
    if (judge("chld_stop", stopped, &seen)) {
        require_status(&status, CHLD_STATE_KILLED, SIGKILL);
    }
    get_rid_of(id);
    end_descendants(group);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void stop(void)
{
    check_stop(CHLD_TARGET_CHILD);
}

static void stop_group(void)
{
    check_stop(CHLD_TARGET_GROUP);
}

static void stop_tree(void)
{
    need_few_processes();
    check_stop(CHLD_TARGET_TREE);
}

static void kill_group(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn(NULL);
    int group = chld_pid(id);
    require(group > 1, "chld_pid");
    window_open();
    int killed = chld_kill_group(id, SIGKILL);
    struct seen seen = window_close();
    if (!judge("chld_kill_group", killed, &seen)) {
        require(chld_kill_group(id, SIGKILL) == 0, "chld_kill_group without a fault");
    }
    finish(id, CHLD_STATE_KILLED, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0) {
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

/* If it reports that nobody is left, nobody is. */
static void check_kill_tree(const int *cgroup)
{
    uint32_t survivors = 99;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn(cgroup);
    int group = chld_pid(id), word = 0;
    require(group > 1, "chld_pid");
    window_open();
    int killed = chld_kill_tree(id, SIGKILL, &survivors);
    struct seen seen = window_close();
    bool worked = killed != -ENOSYS && judge("chld_kill_tree", killed, &seen);
    require(killed != -ENOSYS || seen.error != 0, "/proc is there");
    require(worked || survivors == 99, "survivors of what did not work");
    require(!worked || survivors == 0 || seen.error != 0, "%u survive", survivors);
    get_rid_of(id);
    pid_t left = worked && survivors == 0 ? waitpid(-group, &word, WNOHANG) : -1;
    require(left != 0, "one goes on, and none should");
    end_descendants(group);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void kill_tree(void)
{
    need_few_processes();
    check_kill_tree(NULL);
}

/* Where the cgroup does not do it, the processes are looked at as above. */
static void kill_cgroup(void)
{
    need_few_processes();
    int cgroup = make_cgroup();
    require(cgroup > 2, "the cgroup cannot be opened");
    check_kill_tree(&cgroup);
    close(cgroup);
}

static const struct scenario scenarios[] = {
    { "stop", stop },
    { "stop_group", stop_group },
    { "stop_tree", stop_tree },
    { "kill_group", kill_group },
    { "kill_tree", kill_tree },
    { "kill_cgroup", kill_cgroup },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

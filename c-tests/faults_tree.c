/* Killing a tree of several groups and sessions while system calls fail: if the call works,
 * the number that it returns is true; if not, nobody is left stopped. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, NULL })

enum { DESCENDANTS = 3 };

struct tree {
    chld_id id;
    pid_t pids[1 + DESCENDANTS];
};

static struct tree start_tree(void)
{
    struct tree tree;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    options.group_mode = CHLD_GROUP_NEW;
    need_few_processes();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    tree.id = start(ARGV("scatter", "gate"), &options);
    tree.pids[0] = chld_pid(tree.id);
    ssize_t size = DESCENDANTS * sizeof(pid_t);
    require(read(chld_stdout_fd(tree.id), &tree.pids[1], (size_t)size) == size, "no pids");
    for (int i = 0; i <= DESCENDANTS; i++) {
        require(tree.pids[i] > 1, "a pid");
    }
    return tree;
}

/* The letter of /proc; 0 if there is no such process. */
static char state_of(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    char *name_end = strrchr(text, ')');
    return size > 0 && name_end != NULL ? name_end[2] : 0;
}

static int count_in_state(const struct tree *tree, bool (*is)(char))
{
    int count = 0;
    for (int i = 0; i <= DESCENDANTS; i++) {
        count += is(state_of(tree->pids[i]));
    }
    return count;
}

static bool is_stopped(char state)
{
    return state == 'T';
}

static bool is_alive(char state)
{
    return state != 0 && state != 'Z' && state != 'X';
}

static void end_tree(const struct tree *tree)
{
    get_rid_of(tree->id);
    for (int i = 1; i <= DESCENDANTS; i++) {
        kill(tree->pids[i], SIGKILL);
    }
    for (int reaped = 0; reaped < 10 * DESCENDANTS && waitpid(-1, NULL, 0) > 0; reaped++) {
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void kill_scattered_tree(void)
{
    struct tree tree = start_tree();
    uint32_t survivors = 99;
    window_open();
    int killed = chld_kill_tree(tree.id, SIGKILL, &survivors);
    struct seen seen = window_close();
    if (killed != -ENOSYS && judge("chld_kill_tree", killed, &seen)) {
        int alive = count_in_state(&tree, is_alive);
        require(survivors > 0 || alive == 0, "%d live, and none should", alive);
        require(alive <= (int)survivors, "%d live, and %u were counted", alive, survivors);
        require(survivors == 0 || seen.error != 0, "%u survive", survivors);
    } else {
        require(killed != -ENOSYS || seen.error != 0, "/proc is there");
        require(survivors == 99, "survivors of what did not work");
        int stopped = count_in_state(&tree, is_stopped);
        require(stopped == 0, "%d are stopped, and nobody continues them", stopped);
    }
    end_tree(&tree);
}

/* No other signal goes to some of the tree only, if the search fails. */
static void term_scattered_tree(void)
{
    struct tree tree = start_tree();
    uint32_t survivors = 99;
    window_open();
    int killed = chld_kill_tree(tree.id, SIGCONT, &survivors);
    struct seen seen = window_close();
    if (killed != -ENOSYS && judge("chld_kill_tree", killed, &seen)) {
        require(survivors >= 1 + DESCENDANTS || seen.error != 0, "%u were counted", survivors);
    }
    require(count_in_state(&tree, is_stopped) == 0, "a signal that does not kill has stopped one");
    require(count_in_state(&tree, is_alive) == 1 + DESCENDANTS, "one is gone");
    end_tree(&tree);
}

/* A stop sequence for the tree, which ends with SIGKILL: the child is gone if it worked. */
static void stop_scattered_tree(void)
{
    struct tree tree = start_tree();
    chld_stop_plan plan = two_steps(CHLD_TARGET_TREE);
    chld_status status = { 0 };
    window_open();
    int stopped = chld_stop(tree.id, &plan, &status);
    struct seen seen = window_close();
    if (judge("chld_stop", stopped, &seen)) {
        require(status.state == CHLD_STATE_KILLED || status.state == CHLD_STATE_EXITED,
                "state %d", status.state);
        require(!is_alive(state_of(tree.pids[0])), "the child goes on");
    }
    require(count_in_state(&tree, is_stopped) == 0, "one is stopped, and nobody continues it");
    end_tree(&tree);
}

static const struct scenario scenarios[] = {
    { "kill_scattered_tree", kill_scattered_tree },
    { "term_scattered_tree", term_scattered_tree },
    { "stop_scattered_tree", stop_scattered_tree },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

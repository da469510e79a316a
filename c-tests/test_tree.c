/* Killing a child and all that descends from it. */
#include "support.h"

#include "namespace.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMBERS = 50 };

struct family {
    chld_id id;
    int pids[MEMBERS];
    int hold;
};

static struct family start_family(const char *strays, uint64_t flags, uint32_t group_mode)
{
    struct family family = { 0 };
    int names[2], gate[2];
    REQUIRE(pipe2(names, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0);
    chld_fd_map map[] = { { names[1], 3 }, { gate[0], 4 } };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.fds = map;
    spawn.fds_count = 2;
    spawn.flags = flags;
    spawn.group_mode = group_mode;
    family.id = START(ARGV(helper("family"), DECIMAL(MEMBERS), strays), &spawn);
    for (int i = 0; i < MEMBERS; i++) {
        REQUIRE(read(names[0], &family.pids[i], sizeof(int)) == sizeof(int));
    }
    close(names[0]);
    close(names[1]);
    close(gate[0]);
    family.hold = gate[1];
    return family;
}

static int living(const struct family *family)
{
    int count = 0;
    for (int i = 0; i < MEMBERS; i++) {
        count += !has_ended(family->pids[i]);
    }
    return count;
}

/* Lets those go that are left. */
static void end_family(struct family *family)
{
    close(family->hold);
    CHECK_STATUS(FINISH(family->id), CHLD_STATE_KILLED, SIGKILL);
}

static void kill_with_subreaper(void)
{
    uint32_t left = 99;
    struct family family = start_family("strays", CHLD_SPAWN_SUBREAPER, CHLD_GROUP_INHERIT);
    CHECK_INT(living(&family), MEMBERS);
    CHECK_CALL(chld_kill_tree(family.id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    CHECK_INT(living(&family), 0);
    end_family(&family);
}

TEST(a_subreapers_tree_is_killed_to_the_last)
{
    IN_NAMESPACE(kill_with_subreaper);
}

/* Orphans stay in the group of the child, which it leads. */
static void kill_with_group(void)
{
    uint32_t left = 99;
    struct family family = start_family("", 0, CHLD_GROUP_NEW);
    CHECK_CALL(chld_kill_tree(family.id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    CHECK_INT(living(&family), 0);
    end_family(&family);
}

TEST(orphans_in_the_childs_own_group_are_killed)
{
    IN_NAMESPACE(kill_with_group);
}


/* Strays whose subreaper is the caller: it is unknown whose they were. They
 * are counted, and nobody is killed who only might be of the tree. */
static void count_what_survives(void)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    uint32_t left = 0;
    struct family family = start_family("strays", 0, CHLD_GROUP_INHERIT);
    CHECK_CALL(chld_kill_tree(family.id, SIGKILL, &left), 0);
    int strays = living(&family);
    CHECK(strays > 0 && strays < MEMBERS);
    CHECK_INT(left, strays);
    end_family(&family);
    CHECK_CALL(chld_subreaper(0), 0);
    while (waitpid(-1, NULL, 0) > 0) {
    }
}

TEST(what_survives_is_counted)
{
    IN_NAMESPACE(count_what_survives);
}

static void leave_others_alone(void)
{
    uint32_t left = 99;
    struct gate gate = gate_make();
    chld_id sister = START_AT(&gate, 4);
    pid_t foreign = fork();
    REQUIRE(foreign >= 0);
    if (foreign == 0) {
        for (;;) {
            pause();
        }
    }
    struct family family = start_family("", CHLD_SPAWN_SUBREAPER, CHLD_GROUP_INHERIT);
    CHECK_CALL(chld_kill_tree(family.id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    CHECK(!has_ended(foreign));
    CHECK_CALL(chld_wait(sister, 0, NULL), -ETIMEDOUT);
    REQUIRE(foreign > 1 && kill(foreign, SIGKILL) == 0);
    REQUIRE(waitpid(foreign, NULL, 0) == foreign);
    gate_open(&gate);
    CHECK_EXITED(FINISH(sister), 4);
    end_family(&family);
}

TEST(nobody_else_is_hit)
{
    IN_NAMESPACE(leave_others_alone);
}

static void send_term(void)
{
    uint32_t left;
    struct family family = start_family("strays", CHLD_SPAWN_SUBREAPER, CHLD_GROUP_INHERIT);
    CHECK_CALL(chld_kill_tree(family.id, SIGTERM, &left), 0);
    CHECK_STATUS(FINISH(family.id), CHLD_STATE_KILLED, SIGTERM);
    AWAIT(living(&family) == 0);
    close(family.hold);
}

TEST(other_signals_reach_everybody_too)
{
    IN_NAMESPACE(send_term);
}

static void after_the_end(void)
{
    uint32_t left = 99;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.flags = CHLD_SPAWN_SESSION;
    chld_id id = START(ARGV("sh", "-c", "sleep 60 & echo $!"), &spawn);
    char text[32] = "";
    REQUIRE(read(CALL(chld_stdout_fd(id)), text, sizeof text - 1) > 1);
    await_exit(id);
    CHECK(!has_ended(atoi(text)));
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    CHECK(has_ended(atoi(text)));
    CHECK_CALL(chld_wait(id, 0, NULL), 0);
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), -ESRCH);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(the_session_of_a_child_that_has_exited_can_be_killed)
{
    IN_NAMESPACE(after_the_end);
}

/* Returns whether the child had written by then: on a slow machine it has not even
 * begun when a short timeout is over. */
static bool stop_after(int timeout_ms)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = CHLD_TARGET_TREE;
    plan.flags = CHLD_STOP_SWEEP;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.flags = CHLD_CAPTURE_EOF;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = timeout_ms;
    options.stop = &plan;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.flags = CHLD_SPAWN_SUBREAPER;
    chld_capture_result result;
    const char *const *argv = ARGV("sh", "-c", "setsid sleep 60 & echo hi; sleep 60");
    CHECK_CALL(chld_run(argv, &spawn, &options, &result, NULL), 0);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result.timed_out, 1);
    bool written = result.out.data && strcmp(result.out.data, "hi\n") == 0;
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    return written;
}

static void stop_at_a_limit(void)
{
    int timeout_ms = 200;
    while (!stop_after(timeout_ms) && !failures()) {
        REQUIRE((timeout_ms *= 2) < 10000);
    }
}

TEST(a_timeout_can_stop_the_tree)
{
    IN_NAMESPACE(stop_at_a_limit);
}

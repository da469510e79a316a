/* Process groups and sessions. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static chld_spawn_options with_group(uint32_t mode, int group)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = mode;
    options.group = group;
    return options;
}

/* The child's group and session are these; 0 is its own pid. */
static void check_family(const chld_spawn_options *options, int group, int session)
{
    struct probe seen = PROBE(options, "x");
    int pid = atoi(PROBED(&seen, "pid"));
    CHECK_INT(atoi(PROBED(&seen, "group")), group ? group : pid);
    CHECK_INT(atoi(PROBED(&seen, "session")), session ? session : pid);
    probe_free(&seen);
}

TEST(by_default_the_child_is_in_the_callers_group_and_session)
{
    check_family(NULL, getpgrp(), getsid(0));
}

TEST(a_new_group_has_the_child_as_its_leader)
{
    chld_spawn_options options = with_group(CHLD_GROUP_NEW, 0);
    check_family(&options, 0, getsid(0));
}

TEST(a_group_can_be_joined)
{
    struct gate gate = gate_make();
    chld_spawn_options options = with_group(CHLD_GROUP_NEW, 0);
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = gate.wait_end;
    chld_id leader = START(ACT("block", "0"), &options);
    int group = CALL(chld_pid(leader));
    CHECK_INT(getpgid(group), group); /* it is there when the start returns */
    options = with_group(CHLD_GROUP_JOIN, group);
    check_family(&options, group, getsid(0));
    gate_open(&gate);
    FINISH(leader);
}

TEST(a_session_has_the_child_as_its_leader)
{
    chld_spawn_options options = with_group(CHLD_GROUP_INHERIT, 0);
    options.flags = CHLD_SPAWN_SESSION;
    check_family(&options, 0, 0);
    options.group_mode = CHLD_GROUP_NEW; /* returns the same once more */
    check_family(&options, 0, 0);
}

TEST(a_group_that_cannot_be_joined_is_refused)
{
    /* A process that has exited and was reaped is no group of our session. */
    pid_t gone = fork();
    if (gone == 0) {
        _exit(0);
    }
    REQUIRE(waitpid(gone, NULL, 0) == gone);
    const struct {
        int group, errnum;
    } rows[] = { { 0, EINVAL }, { -1, EINVAL }, { -getpgrp(), EINVAL }, { gone, EPERM } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        chld_spawn_options options = with_group(CHLD_GROUP_JOIN, rows[i].group);
        CHECK_FAILS(ACT("exit", "0"), &options, rows[i].errnum, CHLD_STEP_GROUP, 0);
    }
}

TEST(a_session_leader_cannot_join_a_group)
{
    chld_spawn_options options = with_group(CHLD_GROUP_JOIN, getpgrp());
    options.flags = CHLD_SPAWN_SESSION;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_GROUP, 0);
}

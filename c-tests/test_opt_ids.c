/* User, group, supplementary groups, and the end of privileges. */
#include "look.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 12345, GROUP = 23456 };

static const uint32_t some_groups[] = { 501, 77, 65000 };

static chld_spawn_options as(uint64_t flags)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = flags;
    options.uid = USER;
    options.gid = GROUP;
    options.groups = some_groups;
    options.groups_count = 3;
    return options;
}

static const uint64_t all_three = CHLD_SPAWN_UID | CHLD_SPAWN_GID | CHLD_SPAWN_GROUPS;

/* Real, effective, saved and that for files. */
static void check_four(int pid, const char *key, int id)
{
    char want[64];
    snprintf(want, sizeof want, "%d\t%d\t%d\t%d", id, id, id, id);
    CHECK_STR(proc_text(pid, "status", key), want);
}

/* Were the user changed first, the others would not be allowed any more. */
TEST(groups_group_and_user_are_changed_together)
{
    need_root();
    chld_spawn_options options = as(all_three);
    chld_id id = STAY(&options);
    int pid = CALL(chld_pid(id));
    check_four(pid, "Uid", USER);
    check_four(pid, "Gid", GROUP);
    CHECK_STR(proc_text(pid, "status", "Groups"), "77 501 65000");
    CHECK_INT((long long) proc_signals(pid, "CapEff"), 0);
    CHECK_INT((long long) proc_signals(pid, "CapPrm"), 0);
    LEAVE(id);
}

TEST(each_can_be_changed_alone)
{
    need_root();
    chld_spawn_options options = as(CHLD_SPAWN_GID);
    chld_id id = STAY(&options);
    check_four(CALL(chld_pid(id)), "Gid", GROUP);
    check_four(CALL(chld_pid(id)), "Uid", 0);
    LEAVE(id);
    options = as(CHLD_SPAWN_UID);
    id = STAY(&options);
    check_four(CALL(chld_pid(id)), "Gid", (int) getgid());
    check_four(CALL(chld_pid(id)), "Uid", USER);
    LEAVE(id);
    options = as(CHLD_SPAWN_GROUPS);
    id = STAY(&options);
    check_four(CALL(chld_pid(id)), "Uid", 0);
    CHECK_STR(proc_text(CALL(chld_pid(id)), "status", "Groups"), "77 501 65000");
    LEAVE(id);
}

static void start_without_groups(void)
{
    REQUIRE(setgroups(1, (const gid_t[]) { GROUP }) == 0);
    chld_spawn_options options = as(CHLD_SPAWN_GROUPS);
    options.groups = NULL;
    options.groups_count = 0;
    chld_id id = STAY(&options);
    CHECK_STR(proc_text(CALL(chld_pid(id)), "status", "Groups"), "");
    LEAVE(id);
    CHECK_STR(proc_text(getpid(), "status", "Groups"), "23456");
}

TEST(there_may_be_no_supplementary_groups_at_all)
{
    need_root();
    IN_COPY(start_without_groups);
}

TEST(the_program_id_prints_the_same)
{
    need_root();
    chld_spawn_options options = as(all_three);
    char text[256];
    CHECK_STR(OUTPUT(ARGV("/bin/sh", "-c", "id -u; id -g; id -G"), &options, text),
              "12345\n23456\n23456 77 501 65000\n");
}

TEST(without_the_flags_the_ids_are_not_looked_at)
{
    chld_spawn_options options = as(0);
    chld_id id = STAY(&options);
    check_four(CALL(chld_pid(id)), "Uid", (int) getuid());
    check_four(CALL(chld_pid(id)), "Gid", (int) getgid());
    LEAVE(id);
}

/* The new user may look into the child, but must not see the caller's memory. */

enum { KCMP_VM = 1, TRIES = 20 };

/* Until both gates are opened, the child is there. */
static _Noreturn void start_as_nobody(struct gate *ready, const struct gate *leave)
{
    char byte;
    REQUIRE(chdir("/") == 0);
    CHECK_EXITED(RUN(ARGV("/bin/true"), NULL), 0);
    search_for_long("/bin");
    gate_open(ready);
    chld_spawn_options options = as(CHLD_SPAWN_UID);
    options.uid = NOBODY;
    options.env = ARGV("A=1");
    chld_id id = START(ARGV("true"), &options);
    close(leave->hold_end);
    CHECK_INT(read(leave->wait_end, &byte, 1), 0);
    CHECK_EXITED(FINISH(id), 0);
    _exit(failures() != 0);
}

/* Whether the child was seen soon enough: as its new user, before its exec. */
static bool compare_memories(bool *ret_same)
{
    struct gate ready = gate_make(), leave = gate_make();
    pid_t caller = fork();
    REQUIRE(caller >= 0);
    if (caller == 0) {
        arm_alarm();
        start_as_nobody(&ready, &leave);
    }
    char byte;
    close(ready.hold_end);
    CHECK_INT(read(ready.wait_end, &byte, 1), 0);
    close(ready.wait_end);
    int pid = await_child_of(caller), status;
    AWAIT(proc_number(pid, "Uid") == NOBODY);
    long order = syscall(SYS_kcmp, caller, pid, KCMP_VM, 0, 0);
    bool is_early = !has_executed(pid);
    gate_open(&leave);
    REQUIRE(waitpid(caller, &status, 0) == caller);
    CHECK_INT(status, 0);
    *ret_same = order == 0;
    return is_early && order >= 0;
}

TEST(a_child_that_changes_its_ids_has_a_memory_of_its_own)
{
    need_root();
    need_real_kernel();
    if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0) != 0) {
        SKIP_TEST("kcmp: %s", strerror(errno));
    }
    bool same = true, seen = false;
    for (int i = 0; i < TRIES && !seen; i++) {
        seen = compare_memories(&same);
    }
    CHECK(seen && !same);
}

TEST(the_caller_stays_what_it_is)
{
    need_root();
    int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    CHECK_INT(dumpable, 1);
    for (int round = 0; round < 2; round++) {
        chld_spawn_options options = as(all_three);
        OUTPUT(ARGV("/bin/true"), &options, ((char[8]) { 0 }));
        CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
        check_four(getpid(), "Uid", 0);
        check_four(getpid(), "Gid", (int) getgid());
        CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
    }
    REQUIRE(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
    chld_spawn_options options = as(all_three);
    CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
    CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    REQUIRE(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

/* -1 means "as it is" to the kernel: a child that should have lost its
 * privileges would keep them. */
TEST(the_id_that_is_none_is_refused)
{
    chld_spawn_options options = as(CHLD_SPAWN_UID);
    options.uid = 0xffffffff;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SETUID, 0);
    options = as(CHLD_SPAWN_GID);
    options.gid = 0xffffffff;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SETGID, 0);
}

TEST(groups_that_are_none_are_refused)
{
    need_root();
    chld_spawn_options options = as(CHLD_SPAWN_GROUPS);
    options.groups = (const uint32_t[]) { 5, 0xffffffff };
    options.groups_count = 2;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SETGROUPS, 0);
    options.groups = NULL;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SETGROUPS, 0);
    static uint32_t many[65537];
    options.groups = many;
    options.groups_count = 65537;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SETGROUPS, 0);
}

TEST(a_program_that_the_new_user_may_not_run_is_refused)
{
    need_root();
    const char *path = scratch_file("private", "#!/bin/sh\n", 0700);
    chld_spawn_options options = as(CHLD_SPAWN_UID);
    CHECK_FAILS(ARGV(path), &options, EACCES, CHLD_STEP_EXEC, 0);
}

static void check_nobody_fails(uint64_t flag, int step)
{
    chld_spawn_options options = as(flag);
    options.uid = options.gid = 0;
    CHECK_FAILS(ARGV("/bin/true"), &options, EPERM, step, 0);
    chld_error error = { .code = EPERM, .step = step };
    char text[64], want[64];
    snprintf(want, sizeof want, "%s: Operation not permitted", chld_step_name(step));
    CHECK(chld_error_text(&error, text, sizeof text) > 0);
    CHECK_STR(text, want);
}

static void change_ids_as_nobody(void)
{
    become_nobody();
    check_nobody_fails(CHLD_SPAWN_GROUPS, CHLD_STEP_SETGROUPS);
    check_nobody_fails(CHLD_SPAWN_GID, CHLD_STEP_SETGID);
    check_nobody_fails(CHLD_SPAWN_UID, CHLD_STEP_SETUID);
    check_nobody_fails(all_three, CHLD_STEP_SETGROUPS);
    /* What one is already, one may become. */
    chld_spawn_options options = as(CHLD_SPAWN_UID | CHLD_SPAWN_GID);
    options.uid = getuid();
    options.gid = getgid();
    CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
}

TEST(only_root_may_change_them)
{
    need_nobody();
    IN_COPY(change_ids_as_nobody);
}

TEST(no_new_privileges_are_gained_by_the_child)
{
    int before = (int) proc_number(getpid(), "NoNewPrivs");
    chld_spawn_options options = as(CHLD_SPAWN_NO_NEW_PRIVS);
    chld_id id = STAY(&options), other = STAY(NULL);
    CHECK_INT(proc_number(CALL(chld_pid(id)), "NoNewPrivs"), 1);
    CHECK_INT(proc_number(CALL(chld_pid(other)), "NoNewPrivs"), before);
    CHECK_INT(proc_number(getpid(), "NoNewPrivs"), before);
    LEAVE(id);
    LEAVE(other);
}

/* A pipe belongs to who made it; its name in /dev must lead the child to it. */
TEST(pipes_can_be_opened_again_by_another_user)
{
    need_root();
    chld_spawn_options options = as(all_three);
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    const char reopen[] = ": </dev/stdin && echo out >/dev/stdout && echo err >/dev/stderr";
    chld_id id = START(ARGV("/bin/sh", "-c", reopen), &options);
    char text[128];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "out\n");
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "err\n");
    CHECK_EXITED(FINISH(id), 0);
}

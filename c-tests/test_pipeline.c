/* Pipelines: how they are started, what connects the stages, and what is left of one
 * that could not be started. */
#include "exits.h"
#include "look.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static chld_spawn_options with_pipes(bool in, bool out, bool err)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = in ? CHLD_STDIO_PIPE : CHLD_STDIO_INHERIT;
    options.out.mode = out ? CHLD_STDIO_PIPE : CHLD_STDIO_INHERIT;
    options.err.mode = err ? CHLD_STDIO_PIPE : CHLD_STDIO_INHERIT;
    return options;
}

/* Closes all handles; the stages must have exited with 0. */
static void finish_all(const chld_stage *stages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_EXITED(FINISH(stages[i].id), 0);
    }
}

TEST(what_goes_in_comes_out)
{
    char text[64];
    chld_spawn_options first = with_pipes(true, false, false);
    chld_spawn_options last = with_pipes(false, true, false);
    chld_stage stages[] = {
        { .argv = ACT("cat"), .options = &first },
        { .argv = ARGV("tr", "a-z", "A-Z") },
        { .argv = ARGV("sed", "s/^/> /"), .options = &last },
    };
    CHECK_CALL(chld_pipeline(stages, 3, NULL), 0);
    for (int i = 0; i < 3; i++) {
        CHECK(stages[i].id != CHLD_NONE);
        CHECK_INT(stages[i].pid, CALL(chld_pid(stages[i].id)));
        CHECK_STATUS(stages[i].status, CHLD_STATE_RUNNING, -1);
    }
    CHECK_CALL(chld_stdin_fd(stages[1].id), -ENOENT);
    CHECK_INT(write(CALL(chld_stdin_fd(stages[0].id)), "pear\nfig\n", 9), 9);
    CHECK_CALL(chld_close_fd(stages[0].id, CHLD_STDIN), 0);
    CHECK_STR(read_all(CALL(chld_stdout_fd(stages[2].id)), text, sizeof text), "> PEAR\n> FIG\n");
    finish_all(stages, 3);
}

TEST(one_stage_is_a_pipeline)
{
    char text[16];
    chld_spawn_options options = with_pipes(true, true, false);
    chld_stage stage = { .argv = ACT("cat"), .options = &options };
    CHECK_CALL(chld_pipeline(&stage, 1, NULL), 0);
    CHECK_INT(write(CALL(chld_stdin_fd(stage.id)), "x", 1), 1);
    CHECK_CALL(chld_close_fd(stage.id, CHLD_STDIN), 0);
    CHECK_STR(read_all(CALL(chld_stdout_fd(stage.id)), text, sizeof text), "x");
    finish_all(&stage, 1);
}

TEST(many_stages_are_a_pipeline)
{
    enum { MANY = 60 };
    char text[16];
    chld_stage stages[MANY] = { { .argv = NULL } };
    chld_spawn_options first = with_pipes(true, false, false);
    chld_spawn_options last = with_pipes(false, true, false);
    int before = open_descriptors();
    const char *const *argv = ACT("cat");
    for (int i = 0; i < MANY; i++) {
        stages[i].argv = argv;
    }
    stages[0].options = &first;
    stages[MANY - 1].options = &last;
    CHECK_CALL(chld_pipeline(stages, MANY, NULL), 0);
    CHECK(open_descriptors() <= before + 2 + MANY); /* a pidfd each */
    CHECK_INT(write(CALL(chld_stdin_fd(stages[0].id)), "x", 1), 1);
    CHECK_CALL(chld_close_fd(stages[0].id, CHLD_STDIN), 0);
    CHECK_STR(read_all(CALL(chld_stdout_fd(stages[MANY - 1].id)), text, sizeof text), "x");
    finish_all(stages, MANY);
}

/* An end of another pipe would keep a stage from seeing the end of its input. */
TEST(each_stage_has_its_standard_descriptors_and_no_others)
{
    char text[64];
    chld_spawn_options pipes[] = { with_pipes(false, false, true), with_pipes(false, false, true),
                                   with_pipes(false, true, true) };
    const char *script = "exec ls /proc/self/fd >&2";
    chld_stage stages[] = {
        { .argv = ARGV("sh", "-c", script), .options = &pipes[0] },
        { .argv = ARGV("sh", "-c", script), .options = &pipes[1] },
        { .argv = ARGV("sh", "-c", script), .options = &pipes[2] },
    };
    CHECK_CALL(chld_pipeline(stages, 3, NULL), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_STR(read_all(CALL(chld_stderr_fd(stages[i].id)), text, sizeof text),
                  "0\n1\n2\n3\n"); /* the last one is that of the directory */
    }
    finish_all(stages, 3);
}

TEST(stderr_can_go_into_the_pipe_to_the_next_stage)
{
    char text[64];
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT, last = with_pipes(false, true, false);
    first.err.mode = CHLD_STDIO_STDOUT;
    chld_stage stages[] = {
        { .argv = ACT("say", "out", "err"), .options = &first },
        { .argv = ACT("cat"), .options = &last },
    };
    CHECK_CALL(chld_pipeline(stages, 2, NULL), 0);
    CHECK_STR(read_all(CALL(chld_stdout_fd(stages[1].id)), text, sizeof text), "outerr");
    CHECK_EXITED(FINISH(stages[0].id), 0);
    CHECK_EXITED(FINISH(stages[1].id), 0);
}

/* Misuse */

static chld_error check_refused(chld_stage *stages, size_t count, int code, int step, int stage)
{
    chld_error error = { 0 };
    CHECK_CALL(chld_pipeline(stages, count, &error), -code);
    CHECK_INT(error.code, code);
    CHECK_STR(chld_step_name(error.step), chld_step_name(step));
    CHECK_INT(error.stage, stage);
    return error;
}

TEST(what_is_no_pipeline_is_refused)
{
    chld_stage stage = { .argv = ACT("exit", "0") };
    check_refused(NULL, 0, EINVAL, CHLD_STEP_ARGUMENTS, 0);
    check_refused(NULL, 1, EINVAL, CHLD_STEP_ARGUMENTS, 0);
    check_refused(&stage, 0, EINVAL, CHLD_STEP_ARGUMENTS, 0);
    check_refused(&stage, SIZE_MAX / 2, EINVAL, CHLD_STEP_ARGUMENTS, 0);
}

/* Its zombie holds the group until the others have joined it. */
TEST(the_stage_whose_group_others_join_leaves_a_zombie)
{
    static const uint64_t flags[] = { CHLD_SPAWN_PRIVATE, CHLD_SPAWN_KILL_ON_DEATH };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_stage stages[] = { { .argv = ACT("exit", "0"), .options = &options },
                            { .argv = ACT("exit", "5") } };
    options.group_mode = CHLD_GROUP_NEW;
    for (int i = 0; i < 2; i++) {
        options.flags = flags[i];
        char text[128];
        chld_error error = check_refused(stages, 2, EINVAL, CHLD_STEP_OPTIONS, 1);
        CHECK(CALL(chld_error_text(&error, text, sizeof text)) > 0);
        CHECK_STR(text, "stage 1: options: a private stage cannot lead a group that others join");
    }
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE; /* is not private then, whatever the kernel has */
    for (int i = 0; i < scaled(20); i++) {
        CHECK_CALL(chld_pipeline(stages, 2, NULL), 0);
        CHECK_EXITED(FINISH(stages[1].id), 5); /* closing the other one would kill it */
        CHECK_EXITED(FINISH(stages[0].id), 0);
    }
}

/* The first stage would leave a file. */
static void check_second_is_refused(chld_stage second, chld_stage third, int step, int index,
                                    const char *text)
{
    char said[256];
    const char *made = scratch("made");
    chld_stage stages[] = { { .argv = ARGV("touch", made) }, second, third };
    chld_error error = check_refused(stages, 3, EINVAL, step, 2);
    CHECK_INT(error.index, index);
    CHECK(CALL(chld_error_text(&error, said, sizeof said)) > 0);
    CHECK_STR(said, text);
    CHECK(access(made, F_OK) != 0);
}

TEST(what_a_stage_may_not_have_is_found_before_anything_is_started)
{
    chld_spawn_options options[6];
    const char *const *exits = ACT("exit", "0");
    for (size_t i = 0; i < COUNT(options); i++) {
        options[i] = (chld_spawn_options) CHLD_SPAWN_OPTIONS_INIT;
    }
    options[0].in.mode = CHLD_STDIO_NULL;
    options[1].out.mode = CHLD_STDIO_NULL;
    options[2].flags = CHLD_SPAWN_DETACHED;
    options[3].size = 0;
    options[4].death_signal = 65;
    chld_stage last = { .argv = exits };
    check_second_is_refused((chld_stage) { .argv = exits, .options = &options[0] }, last,
                            CHLD_STEP_STDIO, 0,
                            "stage 2: stdio stdin: only the first stage can have a stdin of its own");
    check_second_is_refused((chld_stage) { .argv = exits, .options = &options[1] }, last,
                            CHLD_STEP_STDIO, 1,
                            "stage 2: stdio stdout: only the last stage can have a stdout of its own");
    check_second_is_refused((chld_stage) { .argv = exits, .options = &options[2] }, last,
                            CHLD_STEP_OPTIONS, 0, "stage 2: options: a stage cannot be detached");
    check_second_is_refused((chld_stage) { .argv = exits, .options = &options[3] }, last,
                            CHLD_STEP_OPTIONS, 0, "stage 2: options: size is 0; initialize with "
                            "CHLD_SPAWN_OPTIONS_INIT");
    check_second_is_refused((chld_stage) { .argv = exits, .options = &options[4] }, last,
                            CHLD_STEP_DEATH_SIGNAL, 0,
                            "stage 2: death_signal: death_signal must be 0 to 64");
    check_second_is_refused((chld_stage) { .argv = NULL }, last, CHLD_STEP_ARGUMENTS, 0,
                            "stage 2: arguments: argv is NULL; argv[0] must name the program");
    check_second_is_refused((chld_stage) { .argv = exits, .flags = 1 }, last, CHLD_STEP_OPTIONS, 0,
                            "stage 2: options: flags and reserved of a stage must be 0");
    check_second_is_refused((chld_stage) { .argv = exits, .reserved = { 0, 0, 0, 1 } }, last,
                            CHLD_STEP_OPTIONS, 0,
                            "stage 2: options: flags and reserved of a stage must be 0");
}

/* What is left of a pipeline that could not be started: nothing, as the harness sees. */

TEST(a_stage_in_the_middle_that_cannot_start_leaves_nothing)
{
    char text[256];
    chld_error error = { 0 };
    chld_spawn_options first = with_pipes(true, false, true), last = with_pipes(false, true, true);
    chld_stage stages[] = {
        { .argv = ARGV("sleep", "60"), .options = &first },
        { .argv = ARGV("sleep", "60") },
        { .argv = ARGV("/no/such/program") },
        { .argv = ARGV("sleep", "60"), .options = &last },
    };
    int before = open_descriptors();
    CHECK_CALL(chld_pipeline(stages, 4, &error), -ENOENT);
    CHECK_INT(error.step, CHLD_STEP_EXEC);
    CHECK_INT(error.stage, 3);
    CHECK_STR(error.item, "/no/such/program");
    CHECK(CALL(chld_error_text(&error, text, sizeof text)) > 0);
    CHECK_STR(text, "stage 3: exec /no/such/program: No such file or directory");
    CHECK_INT(open_descriptors(), before);
    for (int i = 0; i < 4; i++) {
        CHECK(stages[i].id == CHLD_NONE);
        CHECK_INT(stages[i].pid, 0);
    }
    CHECK_INT(FINISH(START(ACT("exit", "7"), NULL)).code, 7);
}

/* The group is all there is of the first stage: a descendant that holds a pipe. */
TEST(the_group_of_a_pipeline_that_cannot_start_is_killed)
{
    int ends[2];
    char byte;
    chld_error error = { 0 };
    chld_spawn_options group = CHLD_SPAWN_OPTIONS_INIT;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_fd_map map = { ends[1], 3 };
    group.group_mode = CHLD_GROUP_NEW;
    group.fds = &map;
    group.fds_count = 1;
    chld_stage stages[] = {
        { .argv = ARGV("sh", "-c", "trap '' TERM; sleep 60 & wait"), .options = &group },
        { .argv = ARGV("/no/such/program") },
    };
    CHECK_CALL(chld_pipeline(stages, 2, &error), -ENOENT);
    CHECK_INT(error.stage, 2);
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), 0); /* nobody has it any more */
    close(ends[0]);
}

/* Groups */

static chld_spawn_options in_group(uint32_t mode, int group)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = mode;
    options.group = group;
    return options;
}

/* Stages in a new group, the first of which exits at once. The others write down their
 * groups. */
static void check_common_group(void)
{
    char said[2][16];
    chld_spawn_options first = in_group(CHLD_GROUP_NEW, 0);
    chld_spawn_options others[] = { with_pipes(false, false, true), with_pipes(false, false, true) };
    const char *script = "cut -d ' ' -f 5 /proc/self/stat >&2";
    chld_stage stages[] = {
        { .argv = ACT("exit", "0"), .options = &first },
        { .argv = ARGV("sh", "-c", script), .options = &others[0] },
        { .argv = ARGV("sh", "-c", script), .options = &others[1] },
    };
    CHECK_CALL(chld_pipeline(stages, 3, NULL), 0);
    for (int i = 0; i < 2; i++) {
        read_all(CALL(chld_stderr_fd(stages[i + 1].id)), said[i], sizeof said[i]);
        CHECK_INT(atoi(said[i]), stages[0].pid);
    }
    finish_all(stages, 3);
}

TEST(later_stages_join_the_group_of_a_first_one_that_exits_at_once)
{
    for (int i = 0; i < scaled(50); i++) {
        check_common_group();
    }
}

/* The handler would reap the first stage as soon as it has exited. */
TEST(later_stages_join_it_although_a_handler_reaps)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    for (int i = 0; i < scaled(50); i++) {
        check_common_group();
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(without_a_group_of_the_first_stage_all_are_in_the_callers)
{
    struct gate gate = gate_make();
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT;
    first.in.mode = CHLD_STDIO_FD;
    first.in.fd = gate.wait_end;
    chld_stage stages[] = { { .argv = ACT("cat"), .options = &first }, { .argv = ACT("cat") } };
    CHECK_CALL(chld_pipeline(stages, 2, NULL), 0);
    CHECK_INT(getpgid(stages[0].pid), getpgrp());
    CHECK_INT(getpgid(stages[1].pid), getpgrp());
    gate_open(&gate);
    finish_all(stages, 2);
}

TEST(a_stage_can_have_a_group_or_session_of_its_own)
{
    /* The group of a sandbox's process 1 cannot be named. */
    REQUIRE(getpgrp() == getpid() || setpgid(0, 0) == 0);
    struct gate gate = gate_make();
    chld_spawn_options first = in_group(CHLD_GROUP_NEW, 0);
    chld_spawn_options second = in_group(CHLD_GROUP_NEW, 0);
    chld_spawn_options third = in_group(CHLD_GROUP_JOIN, getpgrp());
    chld_spawn_options fourth = CHLD_SPAWN_OPTIONS_INIT;
    first.in.mode = CHLD_STDIO_FD;
    first.in.fd = gate.wait_end;
    fourth.flags = CHLD_SPAWN_SESSION;
    chld_stage stages[] = {
        { .argv = ACT("cat"), .options = &first },  { .argv = ACT("cat"), .options = &second },
        { .argv = ACT("cat"), .options = &third },  { .argv = ACT("cat"), .options = &fourth },
        { .argv = ACT("cat") },
    };
    CHECK_CALL(chld_pipeline(stages, 5, NULL), 0);
    CHECK_INT(getpgid(stages[0].pid), stages[0].pid);
    CHECK_INT(getpgid(stages[1].pid), stages[1].pid);
    CHECK_INT(getpgid(stages[2].pid), getpgrp());
    CHECK_INT(getsid(stages[3].pid), stages[3].pid);
    CHECK_INT(getpgid(stages[4].pid), stages[0].pid);
    gate_open(&gate);
    finish_all(stages, 5);
}

TEST(later_stages_join_the_group_that_the_first_one_joins)
{
    struct gate gate = gate_make();
    chld_spawn_options leads = in_group(CHLD_GROUP_NEW, 0);
    leads.in.mode = CHLD_STDIO_FD;
    leads.in.fd = gate.wait_end;
    chld_id leader = START(ACT("block", "0"), &leads);
    chld_spawn_options first = in_group(CHLD_GROUP_JOIN, CALL(chld_pid(leader)));
    first.in = leads.in;
    chld_stage stages[] = { { .argv = ACT("cat"), .options = &first }, { .argv = ACT("cat") } };
    CHECK_CALL(chld_pipeline(stages, 2, NULL), 0);
    CHECK_INT(getpgid(stages[1].pid), CALL(chld_pid(leader)));
    gate_open(&gate);
    finish_all(stages, 2);
    CHECK_EXITED(FINISH(leader), 0);
}

TEST(a_signal_to_the_group_of_the_first_stage_reaches_all)
{
    chld_spawn_options first = in_group(CHLD_GROUP_NEW, 0);
    chld_stage stages[] = {
        { .argv = ARGV("sleep", "60"), .options = &first },
        { .argv = ARGV("sleep", "60") },
        { .argv = ARGV("sleep", "60") },
    };
    CHECK_CALL(chld_pipeline(stages, 3, NULL), 0);
    CHECK_CALL(chld_kill_group(stages[0].id, SIGTERM), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(FINISH(stages[i].id), CHLD_STATE_KILLED, SIGTERM);
    }
}

/* In a copy, which can begin a session. */
static void fail_in_the_foreground(void)
{
    chld_spawn_options first = in_group(CHLD_GROUP_NEW, 0);
    first.flags = CHLD_SPAWN_FOREGROUND;
    chld_stage stages[] = {
        { .argv = ARGV("sleep", "60"), .options = &first },
        { .argv = ARGV("sleep", "60") },
        { .argv = ARGV("/no/such/program") },
    };
    REQUIRE(setsid() == getpid());
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0 && ioctl(terminal, TIOCSCTTY, 0) == 0);
    int before = open_descriptors();
    CHECK_CALL(chld_pipeline(stages, 3, NULL), -ENOENT);
    CHECK_INT(tcgetpgrp(terminal), getpgrp());
    CHECK_INT(open_descriptors(), before);
    stages[2].argv = ACT("exit", "0");
    CHECK_CALL(chld_pipeline(stages, 3, NULL), 0);
    CHECK_INT(tcgetpgrp(terminal), stages[0].pid);
    CHECK_CALL(chld_kill_group(stages[0].id, SIGKILL), 0);
    for (int i = 0; i < 3; i++) {
        FINISH(stages[i].id);
    }
    CHECK_INT(open_descriptors(), before);
}

TEST(a_pipeline_that_cannot_start_gives_the_terminal_back)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) {
        SKIP_TEST("there are no pseudo-terminals here: %s", strerror(errno));
    }
    close(master);
    IN_COPY(fail_in_the_foreground);
}

/* Streams by other users */

TEST(a_stage_that_runs_as_another_user_can_open_its_streams_by_name)
{
    char text[16];
    need_root();
    need_nobody();
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT, last = with_pipes(false, true, false);
    first.flags = CHLD_SPAWN_UID;
    first.uid = NOBODY;
    last.flags = CHLD_SPAWN_UID;
    last.uid = NOBODY;
    chld_stage stages[] = {
        { .argv = ARGV("sh", "-c", "echo x >/dev/stdout"), .options = &first },
        { .argv = ARGV("sh", "-c", "cat </dev/stdin >/dev/stdout"), .options = &last },
    };
    CHECK_CALL(chld_pipeline(stages, 2, NULL), 0);
    CHECK_STR(read_all(CALL(chld_stdout_fd(stages[1].id)), text, sizeof text), "x\n");
    finish_all(stages, 2);
}

/* Descriptors */

TEST(without_descriptors_nothing_is_left)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind aborts without descriptors");
    }
    struct rlimit before, few;
    chld_stage stages[] = { { .argv = ARGV("sleep", "60") }, { .argv = ARGV("sleep", "60") },
                            { .argv = ARGV("sleep", "60") } };
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int failed = 0;
    for (int more = 0; more < 12; more++) {
        chld_error error = { 0 };
        few = (struct rlimit) { (rlim_t) (spare + more), before.rlim_max };
        REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
        int started = CALL(chld_pipeline(stages, 3, &error));
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        if (started == 0) {
            for (int i = 0; i < 3; i++) {
                CHECK_CALL(chld_kill(stages[i].id, SIGKILL), 0);
                CHECK_STATUS(FINISH(stages[i].id), CHLD_STATE_KILLED, SIGKILL);
            }
        } else {
            CHECK_INT(started, -EMFILE);
            CHECK(error.stage >= 1 && error.stage <= 3);
            failed++;
        }
    }
    CHECK(failed > 0 && failed < 12);
    close(spare);
}

/* Misuse: the text of an error names the member that is wrong, and the remedy. */
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

static const char *text_of(const chld_error *error)
{
    static char text[512];
    int length = CALL(chld_error_text(error, text, sizeof text));
    CHECK_INT(length, (long long) strlen(text));
    return text;
}

/* Starting */

static chld_spawn_options wrong;
static const chld_fd_map twice[] = { { 0, 9 }, { 1, 9 } }, negative[] = { { 0, 9 }, { 1, -1 } };
static const chld_limit above[] = { { 0, 0, 1, 2 }, { 7, 0, 2, 1 } }, reserved[] = { { 7, 1, 0, 0 } };
static const char *const no_value[] = { "A=1", "FOO", NULL }, *const no_name[] = { "A=1", NULL };

/* SET(member = value, member = value) */
#define SET(...) (wrong = (chld_spawn_options) { .size = sizeof wrong, __VA_ARGS__ }, &wrong)

static void check_text(const chld_spawn_options *options, const char *want)
{
    chld_error error;
    chld_id id;
    CHECK(CALL(chld_spawn(&id, ACT("exit", "0"), options, &error)) < 0);
    CHECK_STR(text_of(&error), want);
}

TEST(misuse_names_the_member_and_the_remedy)
{
    wrong.size = 0;
    check_text(&wrong, "options: size is 0; initialize with CHLD_SPAWN_OPTIONS_INIT");
    wrong.size = 4097;
    check_text(&wrong, "options: size is wrong; initialize with CHLD_SPAWN_OPTIONS_INIT");
    check_text(SET(.flags = 1ull << 63), "options: flags must be CHLD_SPAWN_* bits");
    check_text(SET(.search = 9), "options: search must be one of CHLD_SEARCH_*");
    check_text(SET(.flags = CHLD_SPAWN_DETACHED, .out.mode = CHLD_STDIO_PIPE),
               "options: CHLD_SPAWN_DETACHED excludes pipes and pseudo-terminals");
    check_text(SET(.flags = CHLD_SPAWN_DETACHED, .death_signal = 9),
               "options: CHLD_SPAWN_DETACHED excludes death_signal");
    check_text(SET(.env_set = no_value),
               "environment 1 FOO: an entry of env_set must be NAME=VALUE");
    check_text(SET(.env_unset = no_name), "environment 0 A=1: an entry of env_unset must be a name");
    check_text(SET(.flags = CHLD_SPAWN_DETACHED | CHLD_SPAWN_KILL_ON_CLOSE),
               "options: CHLD_SPAWN_DETACHED excludes CHLD_SPAWN_KILL_ON_CLOSE and "
               "CHLD_SPAWN_KILL_ON_DEATH");
    check_text(SET(.flags = CHLD_SPAWN_DETACHED | CHLD_SPAWN_PRIVATE),
               "options: CHLD_SPAWN_DETACHED excludes CHLD_SPAWN_PRIVATE");
    check_text(SET(.out.mode = CHLD_STDIO_STDOUT),
               "stdio stdout: only err can have CHLD_STDIO_STDOUT");
    check_text(SET(.err.mode = CHLD_STDIO_STDERR),
               "stdio stderr: only out can have CHLD_STDIO_STDERR");
    check_text(SET(.out.mode = CHLD_STDIO_STDERR, .err.mode = CHLD_STDIO_STDOUT),
               "stdio stderr: out and err refer to each other");
    check_text(SET(.fds_count = 1), "map 0: fds is NULL, or fds_count too large");
    check_text(SET(.fds = negative, .fds_count = 2), "map 1: target is negative");
    check_text(SET(.fds = twice, .fds_count = 2),
               "map 1: another entry has the same target");
    check_text(SET(.flags = CHLD_SPAWN_TERMINAL),
               "terminal: CHLD_SPAWN_TERMINAL needs CHLD_SPAWN_SESSION");
    check_text(SET(.group_mode = 9), "group: group_mode must be one of CHLD_GROUP_*");
    check_text(SET(.group_mode = CHLD_GROUP_JOIN, .group = 1),
               "group: CHLD_GROUP_JOIN needs a group above 1");
    check_text(SET(.group_mode = CHLD_GROUP_JOIN, .group = 9, .flags = CHLD_SPAWN_SESSION),
               "group: the leader of a session cannot join a group");
    check_text(SET(.limits_count = 1), "limit: limits is NULL, or limits_count too large");
    check_text(SET(.limits = above, .limits_count = 2), "limit RLIMIT_NOFILE: soft is above hard");
    check_text(SET(.limits = reserved, .limits_count = 1),
               "limit RLIMIT_NOFILE: reserved must be 0");
    check_text(SET(.cpus_size = 8), "affinity: cpus is NULL, or cpus_size too large");
    check_text(SET(.flags = CHLD_SPAWN_GROUPS, .groups_count = 1),
               "setgroups: groups is NULL, or groups_count too large");
    check_text(SET(.flags = CHLD_SPAWN_GID, .gid = ~0u), "setgid: gid must not be -1");
    check_text(SET(.flags = CHLD_SPAWN_UID, .uid = ~0u), "setuid: uid must not be -1");
    check_text(SET(.death_signal = 65), "death_signal: death_signal must be 0 to 64");
    check_text(SET(.signals_mode = 9), "signals: signals_mode must be one of CHLD_SIGNALS_*");
    check_text(SET(.mask_mode = 9), "signals: mask_mode must be one of CHLD_MASK_*");
}

TEST(a_later_versions_member_is_named_as_such)
{
    struct {
        chld_spawn_options known;
        uint64_t more;
    } later = { .known = CHLD_SPAWN_OPTIONS_INIT, .more = 1 };
    later.known.size = sizeof later;
    check_text(&later.known, "options: a member of a later version is set");
}

TEST(missing_arguments_are_named)
{
    chld_error error;
    chld_id id;
    CHECK_CALL(chld_spawn(&id, NULL, NULL, &error), -EINVAL);
    CHECK_STR(text_of(&error), "arguments: argv is NULL; argv[0] must name the program");
    CHECK_CALL(chld_spawn(&id, (const char *[]) { NULL }, NULL, &error), -EINVAL);
    CHECK_STR(text_of(&error), "arguments: argv is empty; argv[0] must name the program");
    CHECK_CALL(chld_spawn(NULL, ACT("exit", "0"), NULL, &error), -EINVAL);
    CHECK_STR(text_of(&error), "arguments: ret is NULL; only CHLD_SPAWN_DETACHED needs no handle");
    const chld_spawn_options *detached = SET(.flags = CHLD_SPAWN_DETACHED);
    CHECK_CALL(chld_run(ACT("exit", "0"), detached, NULL, NULL, &error), -EINVAL);
    CHECK_STR(text_of(&error), "options: chld_run() waits for the child; detach with chld_spawn()");
}

/* Capturing */

static chld_capture_options captured;
static char memory[8];

static int take(void *argument, const char *data, size_t size)
{
    (void) argument, (void) data, (void) size;
    return 0;
}

static chld_capture_options *keep(chld_capture_options options)
{
    captured = options;
    return &captured;
}

/* CAPTURE(member = value, member = value) */
#define CAPTURE(...) keep((chld_capture_options) { .size = sizeof captured, __VA_ARGS__ })

static void check_error(const chld_error *error, int errnum, const char *item, const char *want)
{
    CHECK_INT(error->code, errnum);
    CHECK_INT(error->step, CHLD_STEP_CAPTURE);
    CHECK_STR(error->item, item);
    CHECK_STR(text_of(error), want);
}

/* The same from each function that has such options, and nothing is started. */
static void check_captured(const chld_capture_options *options, int errnum, const char *item,
                           const char *want)
{
    chld_stage stages[] = { { .argv = ACT("exit", "0") }, { .argv = ACT("exit", "0") } };
    chld_error error;
    chld_set set;
    REQUIRE(chld_set_open(0, &set) == 0);
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, options, NULL, &error), -errnum);
    check_error(&error, errnum, item, want);
    CHECK_CALL(chld_set_run(set, ACT("exit", "0"), NULL, options, NULL, &error), -errnum);
    check_error(&error, errnum, item, want);
    CHECK_CALL(chld_run_pipeline(stages, 2, options, NULL, &error), -errnum);
    check_error(&error, errnum, item, want);
    CHECK_INT(error.stage, 0);
    CHECK_CALL(chld_set_run_pipeline(set, stages, 2, options, NULL, &error), -errnum);
    check_error(&error, errnum, item, want);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(misuse_of_capture_options_names_the_member)
{
    captured.size = 0;
    check_captured(&captured, EINVAL, "",
                   "capture: size is 0; initialize with CHLD_CAPTURE_OPTIONS_INIT");
    captured.size = 4097;
    check_captured(&captured, EINVAL, "",
                   "capture: size is wrong; initialize with CHLD_CAPTURE_OPTIONS_INIT");
    check_captured(CAPTURE(.flags = 1u << 31), EINVAL, "",
                   "capture: flags must be CHLD_CAPTURE_* bits");
    check_captured(CAPTURE(.reserved = 1), EINVAL, "", "capture: reserved must be 0");
    check_captured(CAPTURE(.timeout_ms = -2), EINVAL, "",
                   "capture: timeout_ms must be -1 or more");
    check_captured(CAPTURE(.flags = CHLD_CAPTURE_CANCEL, .cancel_fd = 777), EBADF, "",
                   "capture: cancel_fd is not open");
}

TEST(a_later_versions_member_of_a_capture_is_named_as_such)
{
    struct {
        chld_capture_options known;
        uint64_t more;
    } later = { .known = CHLD_CAPTURE_OPTIONS_INIT, .more = 1 };
    later.known.size = sizeof later;
    check_captured(&later.known, E2BIG, "",
                   "capture: a member of a later version is set");
}

TEST(misuse_of_a_feed_names_stdin)
{
    check_captured(CAPTURE(.in.mode = 9), EINVAL, "stdin",
                   "capture stdin: mode must be one of CHLD_FEED_*");
    check_captured(CAPTURE(.in.flags = 1), EINVAL, "stdin",
                   "capture stdin: flags and reserved must be 0");
    check_captured(CAPTURE(.in.reserved = { 0, 1 }), EINVAL, "stdin",
                   "capture stdin: flags and reserved must be 0");
    check_captured(CAPTURE(.in = { .mode = CHLD_FEED_BUFFER, .size = 1 }), EINVAL, "stdin",
                   "capture stdin: data is NULL, or size too large");
    check_captured(CAPTURE(.in.mode = CHLD_FEED_CALLBACK), EINVAL, "stdin",
                   "capture stdin: callback is NULL");
}

static const struct sink_row {
    chld_sink sink;
    int errnum;
    const char *text;
} sink_rows[] = {
    { { .mode = 99 }, EINVAL, "mode must be one of CHLD_SINK_*" },
    { { .flags = 2 }, EINVAL, "flags must be CHLD_SINK_TEE or 0" },
    { { .reserved = { 1 } }, EINVAL, "reserved must be 0" },
    { { .mode = CHLD_SINK_FD, .flags = CHLD_SINK_TEE }, EINVAL,
      "CHLD_SINK_FD excludes CHLD_SINK_TEE" },
    { { .mode = CHLD_SINK_HEAD, .size = 1 }, EINVAL, "buffer is NULL, but size is not 0" },
    { { .mode = CHLD_SINK_TAIL, .size = 1 }, EINVAL, "buffer is NULL, but size is not 0" },
    { { .mode = CHLD_SINK_CALLBACK }, EINVAL, "callback is NULL" },
    { { .mode = CHLD_SINK_LINES }, EINVAL, "callback is NULL" },
    { { .mode = CHLD_SINK_LINES, .callback = take, .size = SIZE_MAX }, EINVAL,
      "size is too large" },
    { { .mode = CHLD_SINK_FD, .fd = 777 }, EBADF, "fd is not open" },
    { { .flags = CHLD_SINK_TEE, .fd = 777 }, EBADF, "fd is not open" },
};

TEST(misuse_of_a_sink_names_its_stream)
{
    for (size_t i = 0; i < sizeof sink_rows / sizeof *sink_rows; i++) {
        for (int which = 1; which < 3; which++) {
            const struct sink_row *row = &sink_rows[i];
            const char *stream = which == 1 ? "stdout" : "stderr";
            char want[128];
            snprintf(want, sizeof want, "capture %s: %s", stream, row->text);
            CAPTURE(.flags = 0);
            *(which == 1 ? &captured.out : &captured.err) = row->sink;
            check_captured(&captured, row->errnum, stream, want);
        }
    }
}

TEST(a_stream_without_a_pipe_is_named)
{
    chld_error error;
    const chld_spawn_options *options = SET(.err.mode = CHLD_STDIO_NULL);
    CAPTURE(.err = { .mode = CHLD_SINK_HEAD, .buffer = memory, .size = sizeof memory });
    CHECK_CALL(chld_run(ACT("exit", "0"), options, &captured, NULL, &error), -ENOENT);
    check_error(&error, ENOENT, "stderr",
                "capture stderr: the child has no pipe for this stream; use CHLD_STDIO_PIPE");
}

/* Stop plans */

static chld_stop_plan plan;
static const chld_stop_step no_signal[] = { { SIGTERM, 1 }, { 65, 1 } };
static const chld_stop_step no_time[] = { { SIGTERM, -2 } };
static const chld_stop_step many[17];

#define PLAN(...) \
    (plan = (chld_stop_plan) { .size = sizeof plan, __VA_ARGS__ }, CAPTURE(.stop = &plan))

TEST(misuse_of_a_stop_plan_names_the_member)
{
    const chld_capture_options *options = CAPTURE(.stop = &plan);
    plan.size = 0;
    check_captured(options, EINVAL, "stop",
                   "capture stop: size is 0; initialize with CHLD_STOP_PLAN_INIT");
    plan.size = 8;
    check_captured(options, EINVAL, "stop",
                   "capture stop: size is wrong; initialize with CHLD_STOP_PLAN_INIT");
    check_captured(PLAN(.target = 9), EINVAL, "stop",
                   "capture stop: target must be one of CHLD_TARGET_*");
    check_captured(PLAN(.flags = 8), EINVAL, "stop",
                   "capture stop: flags must be CHLD_STOP_* bits");
    check_captured(PLAN(.steps_count = 1), EINVAL, "stop",
                   "capture stop: steps is NULL, or steps_count above 16");
    check_captured(PLAN(.steps = many, .steps_count = 17), EINVAL, "stop",
                   "capture stop: steps is NULL, or steps_count above 16");
    check_captured(PLAN(.steps = no_signal, .steps_count = 2), EINVAL, "stop.steps[1]",
                   "capture stop.steps[1]: signal must be 0 or a signal");
    check_captured(PLAN(.steps = no_time, .steps_count = 1), EINVAL, "stop.steps[0]",
                   "capture stop.steps[0]: wait_ms must be -1 or more");
    check_captured(PLAN(.target = CHLD_TARGET_GROUP), EINVAL, "stop",
                   "capture stop: CHLD_TARGET_GROUP needs a child that leads a group; "
                   "use CHLD_GROUP_NEW");
}

TEST(a_later_versions_member_of_a_plan_is_named_as_such)
{
    struct {
        chld_stop_plan known;
        uint64_t more;
    } later = { .known = CHLD_STOP_PLAN_INIT, .more = 1 };
    later.known.size = sizeof later;
    check_captured(CAPTURE(.stop = &later.known), E2BIG, "stop",
                   "capture stop: a member of a later version is set");
}

/* Functions that have no place for an error return the same errnos. */
TEST(the_same_misuse_without_an_error_has_the_same_errno)
{
    const chld_spawn_options *options = SET(.out.mode = CHLD_STDIO_PIPE);
    chld_id id = START(ACT("exit", "0"), options);
    chld_capture_id capture;
    chld_set set;
    REQUIRE(chld_set_open(0, &set) == 0);
    PLAN(.target = 9);
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    CHECK_CALL(chld_set_stop(set, id, 0, &plan), -EINVAL);
    CHECK_CALL(chld_capture(id, &captured, NULL), -EINVAL);
    CHECK_CALL(chld_capture_open(id, &captured, &capture), -EINVAL);
    CHECK_CALL(chld_set_capture(set, id, &captured), -EINVAL);
    CAPTURE(.err.mode = CHLD_SINK_GROW);
    CHECK_CALL(chld_capture(id, &captured, NULL), -ENOENT);
    CHECK_CALL(chld_capture_open(id, &captured, &capture), -ENOENT);
    CHECK_CALL(chld_set_capture(set, id, &captured), -ENOENT);
    CAPTURE(.out = { .mode = CHLD_SINK_FD, .fd = 777 });
    CHECK_CALL(chld_capture(id, &captured, NULL), -EBADF);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_EXITED(FINISH(id), 0);
}

/* Sets and pipelines */

TEST(a_set_that_is_closed_is_named_before_anything_starts)
{
    chld_stage stages[] = { { .argv = ACT("exit", "0") } };
    static const char want[] = "capture: set is not an open set";
    chld_error error;
    chld_set set;
    REQUIRE(chld_set_open(0, &set) == 0 && chld_set_close(set) == 0);
    const chld_set wrong_sets[] = { set, CHLD_NONE, 77 };
    for (int i = 0; i < 3; i++) {
        stages[0].pid = -7;
        CHECK_CALL(chld_set_run(wrong_sets[i], ACT("exit", "0"), NULL, NULL, NULL, &error), -EBADF);
        check_error(&error, EBADF, "", want);
        CHECK_CALL(chld_set_run_pipeline(wrong_sets[i], stages, 1, NULL, NULL, &error), -EBADF);
        check_error(&error, EBADF, "", want);
        CHECK_INT(stages[0].pid, -7);
    }
}

static void check_stages(chld_stage *stages, size_t count, int stage, const char *want)
{
    chld_error error;
    CHECK(CALL(chld_pipeline(stages, count, &error)) < 0);
    CHECK_INT(error.stage, stage);
    CHECK_STR(text_of(&error), want);
}

TEST(misuse_of_a_pipeline_names_the_stage)
{
    const char *const *argv = ACT("exit", "0");
    chld_stage none = { .argv = NULL };
    check_stages(NULL, 1, 0, "arguments: stages is NULL, or count is 0 or too large");
    check_stages(&none, 0, 0, "arguments: stages is NULL, or count is 0 or too large");
    check_stages((chld_stage[]) { { .argv = argv }, none }, 2, 2,
                 "stage 2: arguments: argv is NULL; argv[0] must name the program");
    check_stages((chld_stage[]) { { .argv = argv, .flags = 1 }, { .argv = argv } }, 2, 1,
                 "stage 1: options: flags and reserved of a stage must be 0");
    check_stages((chld_stage[]) { { .argv = argv }, { .argv = argv, .reserved = { 1 } } }, 2, 2,
                 "stage 2: options: flags and reserved of a stage must be 0");
    const chld_spawn_options *options = SET(.flags = CHLD_SPAWN_DETACHED);
    check_stages((chld_stage[]) { { .argv = argv }, { .argv = argv, .options = options } }, 2, 2,
                 "stage 2: options: a stage cannot be detached");
    options = SET(.in.mode = CHLD_STDIO_NULL);
    check_stages((chld_stage[]) { { .argv = argv }, { .argv = argv, .options = options } }, 2, 2,
                 "stage 2: stdio stdin: only the first stage can have a stdin of its own");
    options = SET(.out.mode = CHLD_STDIO_NULL);
    check_stages((chld_stage[]) { { .argv = argv, .options = options }, { .argv = argv } }, 2, 1,
                 "stage 1: stdio stdout: only the last stage can have a stdout of its own");
    options = SET(.group_mode = 9);
    check_stages((chld_stage[]) { { .argv = argv }, { .argv = argv, .options = options } }, 2, 2,
                 "stage 2: group: group_mode must be one of CHLD_GROUP_*");
}

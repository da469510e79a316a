/* The child in the result of a capture: pid, time, resources. */
#include "support.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void check_pid(const chld_capture_result *result)
{
    CHECK(result->pid > 1);
    CHECK_INT(atoi(result->out.data), result->pid);
    CHECK_CALL(chld_buffer_free(result->out.data), 0);
}

TEST(the_pid_is_the_childs)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    const char *const *argv = ARGV("sh", "-c", "echo $$");
    options.out.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    check_pid(&result);
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(argv, &spawn);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_INT(result.pid, CALL(chld_pid(id)));
    check_pid(&result);
    CHECK_EXITED(FINISH(id), 0);
}

static long long ms_of(const chld_capture_result *result)
{
    return (long long) (result->elapsed_ns / 1000000);
}

TEST(the_time_is_that_of_the_call)
{
    chld_capture_result result = { 0 };
    long long begin = now_ms();
    CHECK_CALL(chld_run(ARGV("sleep", "0.2"), NULL, NULL, &result, NULL), 0);
    long long took = now_ms() - begin;
    CHECK(ms_of(&result) >= 200 && ms_of(&result) <= took + 1);
}

/* It ends with the capture, not when somebody asks; if it has not ended, it is the
 * time until then. */
TEST(the_time_ends_with_the_capture)
{
    chld_capture_result result = { 0 };
    chld_capture_id capture = 0;
    chld_id id = START(ACT("exit", "0"), NULL);
    await_exit(id);
    CHECK_CALL(chld_capture_open(id, NULL, NULL), -EINVAL);
    CHECK_CALL(chld_capture_open(id, NULL, &capture), 0);
    long long begin = now_ms();
    CHECK_CALL(chld_capture_step(capture, NULL), 1);
    long long took = now_ms() - begin;
    poll(NULL, 0, 300);
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    CHECK(ms_of(&result) <= took + 250);
    CHECK_EXITED(FINISH(id), 0);
    id = START(ARGV("sleep", "60"), NULL);
    CHECK_CALL(chld_capture_open(id, NULL, &capture), 0);
    poll(NULL, 0, 50);
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    CHECK(ms_of(&result) >= 50);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

TEST(the_resources_are_the_childs)
{
    static const chld_resources none;
    chld_resources asked;
    chld_capture_result result = { 0 };
    chld_id id = START(ACT("burn", "50", "3"), NULL);
    CHECK_CALL(chld_capture(id, NULL, &result), 0);
    CHECK_EXITED(result.status, 3);
    CHECK(result.usage.user_us + result.usage.system_us >= 40000);
    CHECK(result.usage.max_resident_kib > 0);
    CHECK_CALL(chld_usage(id, &asked), 0);
    CHECK(memcmp(&asked, &result.usage, sizeof asked) == 0);
    CHECK_EXITED(FINISH(id), 3);
    memset(&result, 0x5a, sizeof result);
    CHECK_CALL(chld_run(ARGV("/nowhere/nothing"), NULL, NULL, &result, NULL), -ENOENT);
    CHECK(memcmp(&none, &result.usage, sizeof none) == 0);
    CHECK(result.pid == 0 && result.elapsed_ns == 0 && result.cancelled == 0);
}

/* Nobody has asked the kernel yet how it exits. */
TEST(a_child_that_goes_on_has_no_resources)
{
    static const chld_resources none;
    static const chld_stop_step gentle[] = { { SIGTERM, 50 } };
    const chld_stop_plan plan = { .size = sizeof plan, .steps = gentle, .steps_count = 1 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    memset(&result, 0x5a, sizeof result);
    options.timeout_ms = 50;
    options.stop = &plan;
    options.out.mode = CHLD_SINK_GROW;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV(helper("flow"), "deaf"), &spawn);
    char text[8] = "";
    struct pollfd out = { CALL(chld_stdout_fd(id)), POLLIN, 0 };
    REQUIRE(poll(&out, 1, 10000) == 1); /* it ignores the signal by now */
    CHECK_CALL(chld_capture(id, &options, &result), -ETIMEDOUT);
    snprintf(text, sizeof text, "%.5s", result.out.data);
    CHECK_STR(text, "start");
    CHECK_INT(result.status.state, CHLD_STATE_RUNNING);
    CHECK(memcmp(&none, &result.usage, sizeof none) == 0);
    CHECK_INT(result.pid, CALL(chld_pid(id)));
    CHECK(ms_of(&result) >= 100);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

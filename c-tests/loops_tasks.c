/* See loops_tasks.h. */
#include "loops_tasks.h"

#include <poll.h>
#include <stdlib.h>

/* More than a pipe holds, so that feeding and reading take turns. */
enum { INPUT = 200000, LIMIT_MS = 300 };

struct task {
    const char *const *argv;
    bool is_fed;
    bool is_limited;
    const chld_stop_plan *plan;
    const char *out, *err;
    int state, code, step;
};

static const chld_stop_step steps[] = { { SIGTERM, 50 }, { SIGKILL, 10000 } };
static const chld_stop_plan hard = { .size = sizeof hard, .steps = steps, .steps_count = 2 };

/* The endless ones have written something before the timeout begins to count. */
#define SHELL(script) ((const char *const[]) { "sh", "-c", script, NULL })
static const struct task kinds[] = {
    { .argv = SHELL("cat"), .is_fed = true, .err = "", .state = CHLD_STATE_EXITED },
    { .argv = SHELL("echo oh >&2; echo begun; exec sleep 60"), .is_limited = true,
      .out = "begun\n", .err = "oh\n", .state = CHLD_STATE_KILLED, .code = SIGTERM, .step = 1 },
    { .argv = SHELL("read line; echo $line; echo two >&2; exit 5"), .is_fed = true,
      .out = "abcdefghijklmnop\n", .err = "two\n", .state = CHLD_STATE_EXITED, .code = 5 },
    { .argv = SHELL("trap '' TERM; echo stays; exec sleep 60"), .is_limited = true, .plan = &hard,
      .out = "stays\n", .err = "", .state = CHLD_STATE_KILLED, .code = SIGKILL, .step = 2 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Lines of seventeen bytes, each beginning with the next letter: bytes that are
 * missing or in the wrong place show. */
static const char *input(void)
{
    static char text[INPUT];
    for (int i = 0; i < INPUT && !text[INPUT - 1]; i++) {
        text[i] = i % 17 == 16 ? '\n' : (char) ('a' + (i % 17 + i / 17) % 26);
    }
    return text;
}

int task_count(void)
{
    return scaled(TASKS_MOST);
}

static void await_output(chld_id child)
{
    struct pollfd out = { .fd = CALL(chld_stdout_fd(child)), .events = POLLIN };
    int count;
    do {
        count = poll(&out, 1, 10000);
    } while (count < 0 && errno == EINTR);
    REQUIRE(count == 1);
}

const struct task *task_start(int number, chld_id *child, chld_capture_id *capturing)
{
    const struct task *task = &kinds[number % KINDS];
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    spawn.in.mode = task->is_fed ? CHLD_STDIO_PIPE : CHLD_STDIO_NULL;
    spawn.out.mode = spawn.err.mode = CHLD_STDIO_PIPE;
    *child = START(task->argv, &spawn);
    options.in.mode = task->is_fed ? CHLD_FEED_BUFFER : CHLD_FEED_NONE;
    options.in.data = input();
    options.in.size = INPUT;
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    options.timeout_ms = task->is_limited ? LIMIT_MS : -1;
    options.stop = task->plan;
    if (task->is_limited) {
        await_output(*child);
    }
    CHECK_CALL(chld_capture_open(*child, &options, capturing), 0);
    return task;
}

void task_judge(const struct task *task, chld_id child, chld_capture_id capturing,
                void (*check_end)(chld_status status, int state, int code))
{
    chld_capture_result result;
    CHECK_CALL(chld_capture_close(capturing, &result), 0);
    check_end(result.status, task->state, task->code);
    if (task->out) {
        CHECK_STR(result.out.data, task->out);
    } else {
        CHECK_INT((long long) result.fed, INPUT);
        CHECK_INT((long long) result.out.kept, INPUT);
        CHECK(result.out.data && memcmp(result.out.data, input(), INPUT) == 0);
    }
    CHECK_STR(result.err.data ? result.err.data : "", task->err);
    CHECK_INT(result.timed_out, task->is_limited);
    CHECK_INT(result.step, task->step);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_buffer_free(result.err.data), 0);
    CHECK_CALL(chld_close(child), 0);
}

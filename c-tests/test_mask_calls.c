/* How often a call changes the signal mask, counted by a tracer. All that the library does
 * under its lock is done with all signals blocked, which costs a pair of system calls. And
 * how often a call maps memory. */
#include "look.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's struct ptrace_syscall_info, as far as it is needed. */
struct stop {
    uint8_t kind, padding[3];
    uint32_t architecture;
    uint64_t instruction_pointer, stack_pointer;
    uint64_t number, arguments[6];
};
enum { ENTRY = 1 };
static const int get_syscall_info = 0x420e; /* no enum: libcs differ in its type */

/* A system call that nobody else makes, which marks where counting begins or ends. */
enum { MARK = 0x6d61726b };

static void mark(void)
{
    syscall(SYS_getpgid, MARK);
}

/* What the calls work on: no call has seen that one child has exited. */
static struct gate gate;
static chld_id running, exited, started;
static chld_set set;

static void begin_scene(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    gate = gate_make();
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
    options.group_mode = CHLD_GROUP_NEW;
    running = START(ACT("block", "5"), &options);
    exited = START(ACT("exit", "6"), NULL);
    await_exit(exited);
    CHECK_CALL(chld_set_open(0, &set), 0);
}

static void end_scene(void)
{
    gate_open(&gate);
    const chld_id ids[] = { running, exited, started };
    for (int i = 0; i < 3; i++) {
        chld_wait(ids[i], -1, NULL);
        chld_close(ids[i]);
    }
    CHECK_CALL(chld_set_close(set), 0);
}

/* `pairs`: how often the call may block all signals, and bring the mask back. `prepare` is
 * not counted, and may be NULL. */
struct row {
    const char *name;
    int pairs;
    int result;
    int (*prepare)(void);
    int (*call)(void);
};

static void traced(const struct row *row)
{
    REQUIRE(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    raise(SIGSTOP);
    int before = failures();
    begin_scene();
    CHECK(!row->prepare || row->prepare() == 0);
    mark();
    int result = row->call();
    mark();
    CHECK_INT(result > 0 ? 0 : result, row->result);
    end_scene();
    _exit(failures() > before);
}

/* The tracer */

/* Lets the copy run to its next system call or signal; false at its exit. */
static bool next_stop(pid_t copy, int *signal, int *word)
{
    REQUIRE(ptrace(PTRACE_SYSCALL, copy, NULL, *signal) == 0);
    REQUIRE(waitpid(copy, word, 0) == copy);
    *signal = 0;
    return WIFSTOPPED(*word);
}

/* How often the copy makes one of two system calls between the marks. */
static int count_calls(pid_t copy, const long numbers[2])
{
    int signal = 0, word, count = 0, marks = 0;
    while (next_stop(copy, &signal, &word)) {
        struct stop stop = { 0 };
        if (WSTOPSIG(word) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(word);
            continue;
        }
        long size = ptrace(get_syscall_info, copy, sizeof stop, &stop);
        if (size < (long) offsetof(struct stop, arguments)) {
            kill(copy, SIGKILL);
            SKIP_TEST("the kernel does not say which system call a process makes");
        }
        if (stop.kind == ENTRY) {
            marks += stop.number == SYS_getpgid && stop.arguments[0] == MARK;
            bool is_one = (long) stop.number == numbers[0] || (long) stop.number == numbers[1];
            count += marks == 1 && is_one;
        }
    }
    CHECK(WIFEXITED(word) && WEXITSTATUS(word) == 0);
    CHECK_INT(marks, 2);
    return count;
}

static int calls_of(const struct row *row, const long numbers[2])
{
    int word;
    pid_t copy = fork();
    REQUIRE(copy >= 0);
    if (copy == 0) {
        arm_alarm();
        traced(row);
    }
    REQUIRE(waitpid(copy, &word, 0) == copy);
    if (!WIFSTOPPED(word)) {
        SKIP_TEST("a process may not be traced here");
    }
    REQUIRE(ptrace(PTRACE_SETOPTIONS, copy, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    return count_calls(copy, numbers);
}

/* The calls */

static int spawn(void)
{
    return chld_spawn(&started, ACT("exit", "3"), NULL, NULL);
}

static int spawn_with_pipes(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    return chld_spawn(&started, ACT("exit", "3"), &options, NULL);
}

static int spawn_in_vain(void)
{
    return chld_spawn(&started, ARGV("/nonexistent"), NULL, NULL);
}

static int wait_now(void)
{
    return chld_wait(running, 0, NULL);
}

static int wait_with_timeout(void)
{
    return chld_wait(running, 20, NULL);
}

static int wait_exited(void)
{
    return chld_wait(exited, -1, NULL);
}

static int wait_any_exited(void)
{
    return chld_wait_any(&exited, 1, -1, NULL);
}

static int peek(void)
{
    return chld_peek(running, NULL);
}

static int usage(void)
{
    return chld_usage(exited, NULL);
}

static int ask_pid(void)
{
    return chld_pid(running);
}

static int exit_fd(void)
{
    return chld_exit_fd(running);
}

static int kill_child(void)
{
    return chld_kill(running, SIGCONT);
}

static int kill_group(void)
{
    return chld_kill_group(running, SIGCONT);
}

static int close_running(void)
{
    return chld_close(running);
}

static int close_exited(void)
{
    return chld_close(exited);
}

static int add(void)
{
    return chld_set_add(set, running, 0);
}

static int add_exited(void)
{
    return chld_set_add(set, exited, 0);
}

static int next(void)
{
    return chld_set_next(set, NULL);
}

static int wake(void)
{
    return chld_set_wake(set);
}

/* The first task of a set needs a timer, and the first member a page. */
static int had_task(void)
{
    CHECK_CALL(chld_set_stop(set, exited, 60000, NULL), 0);
    return chld_set_remove(set, exited);
}

static int stop(void)
{
    return chld_set_stop(set, running, 0, NULL);
}

static int stop_later(void)
{
    return had_task() || chld_set_stop(set, running, 60000, NULL);
}

static int capture(void)
{
    return chld_set_capture(set, running, NULL);
}

static int stop_at_once(void)
{
    return had_task() || stop();
}

/* Two turns: the signals are sent, and the exit is found. */
static int wait_for_the_stop(void)
{
    return chld_set_wait(set, -1, NULL);
}

static const struct row rows[] = {
    { "chld_spawn", 1, 0, NULL, spawn },
    { "chld_spawn with pipes", 1, 0, NULL, spawn_with_pipes },
    { "chld_spawn in vain", 2, -ENOENT, NULL, spawn_in_vain },
    { "chld_wait of 0", 1, -ETIMEDOUT, NULL, wait_now },
    { "chld_wait, over at once", 2, 0, NULL, wait_exited },
    { "chld_wait, known", 1, 0, wait_exited, wait_exited },
    { "chld_wait with a timeout", 2, -ETIMEDOUT, NULL, wait_with_timeout },
    { "chld_wait_any", 3, 0, NULL, wait_any_exited },
    { "chld_peek", 1, 0, NULL, peek },
    { "chld_usage", 1, 0, wait_exited, usage },
    { "chld_pid", 1, 0, NULL, ask_pid },
    { "chld_exit_fd", 1, 0, NULL, exit_fd },
    { "chld_kill", 1, 0, NULL, kill_child },
    { "chld_kill_group", 1, 0, NULL, kill_group },
    { "chld_close of a running child", 1, 0, NULL, close_running },
    { "chld_close of an exited child", 1, 0, NULL, close_exited },
    { "chld_set_add", 1, 0, had_task, add },
    { "chld_set_next of an exit", 2, 0, add_exited, next },
    { "chld_set_next of nothing", 2, -EAGAIN, add, next },
    { "chld_set_wake", 1, 0, NULL, wake },
    { "chld_set_stop", 4, 0, had_task, stop },
    { "chld_set_stop once more", 1, 0, stop_later, stop },
    { "chld_set_capture", 3, 0, had_task, capture },
    { "chld_set_wait for a stop", 8, 0, stop_at_once, wait_for_the_stop },
};

static const long mask_calls[2] = { SYS_rt_sigprocmask, SYS_rt_sigprocmask };

TEST(each_call_blocks_signals_as_rarely_as_it_can)
{
    need_real_kernel();
    if (getenv("CHLD_TEST_FALLBACK")) {
        SKIP_TEST("what is refused costs more calls");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int calls = calls_of(&rows[i], mask_calls);
        if (calls > 2 * rows[i].pairs) {
            fail(__FILE__, __LINE__, "%s changes the mask %d times, not %d at most", rows[i].name,
                 calls, 2 * rows[i].pairs);
        }
    }
}

/* To unmap memory interrupts the other CPUs. */
TEST(a_capture_or_a_stop_reuses_the_memory_of_an_earlier_one)
{
    static const long maps[2] = {
#ifdef SYS_mmap2
        SYS_mmap2,
#else
        SYS_mmap,
#endif
        SYS_munmap,
    };
    static const struct row tasks[] = {
        { "chld_set_stop", 0, 0, had_task, stop },
        { "chld_set_capture", 0, 0, had_task, capture },
        { "chld_set_wait for a stop", 0, 0, stop_at_once, wait_for_the_stop },
    };
    need_real_kernel();
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        int calls = calls_of(&tasks[i], maps);
        if (calls > 0) {
            fail(__FILE__, __LINE__, "%s maps or unmaps memory %d times", tasks[i].name, calls);
        }
    }
}

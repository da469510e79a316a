/* Thousands of children: no end is lost when all of them end at once, and one
 * end costs the same however many live. */
#include "exits.h"

#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 5000, SPARE_DESCRIPTORS = 128, LEAST = 100 };

static chld_id ids[MOST];
static bool is_told[MOST];

/* How many children fit: each may hold one descriptor. */
static int as_many_as_fit(int wanted)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int count = scaled(wanted);
    if (limit.rlim_cur < (rlim_t) count + SPARE_DESCRIPTORS) {
        count = (int) limit.rlim_cur - SPARE_DESCRIPTORS;
    }
    REQUIRE(count > 0);
    return count;
}

static int code_of(int number)
{
    return number * 7 % 256;
}

/* Starts child `number`; false when the system has no room for more. */
static bool start_one(int number, const struct gate *gate)
{
    const char *const *argv = ARGV(helper("ender"), DECIMAL(code_of(number)));
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = gate->wait_end;
    options.user = &ids[number];
    int result = CALL(chld_spawn(&ids[number], argv, &options, NULL));
    return result == -EAGAIN || result == -ENOMEM ? false : CHECK_INT(result, 0);
}

/* Starts up to `count` children, which end when the gate is opened. */
static int start_many(int count, const struct gate *gate, chld_set set)
{
    for (int i = 0; i < count; i++) {
        if (!start_one(i, gate)) {
            printf("only %d children instead of %d: the system has no room for more\n", i, count);
            REQUIRE(i >= LEAST);
            return i;
        }
        CHECK_CALL(set ? chld_set_add(set, ids[i], 0) : 0, 0);
    }
    return count;
}

static void take_all(chld_set set, int count)
{
    for (int i = 0; i < count; i++) {
        chld_event event;
        if (!SET_AWAIT(set, &event)) {
            return;
        }
        long number = (chld_id *) event.user - ids;
        REQUIRE(number >= 0 && number < count);
        CHECK(event.id == ids[number] && !is_told[number]);
        is_told[number] = true;
        CHECK_EXITED(event.status, code_of((int) number));
    }
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
}

static void close_all(int count)
{
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_close(ids[i]), 0);
    }
}

TEST_EACH_ENGINE(thousands_of_exits_at_once_are_all_reported)
{
    storm_begin();
    struct gate gate = gate_make();
    int count = as_many_as_fit(MOST);
    chld_set set = SET_OPEN(flags);
    count = start_many(count, &gate, set);
    gate_open(&gate);
    take_all(set, count);
    close_all(count);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK(storm_end() > 0);
}

TEST(thousands_of_exits_at_once_are_all_kept_in_reap_mode)
{
    storm_begin();
    struct gate gate = gate_make();
    int count = as_many_as_fit(MOST);
    CHECK_CALL(chld_sigchld_install(0), 0);
    count = start_many(count, &gate, 0);
    gate_open(&gate);
    siginfo_t info;
    AWAIT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD);
    for (int i = 0; i < count; i++) {
        chld_status status;
        CHECK_CALL(chld_peek(ids[i], &status), 0);
        CHECK_EXITED(status, code_of(i));
    }
    close_all(count);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(storm_end() > 0);
}

/* The cost of one end in system calls, counted from outside: a forked copy of
 * the test does it, and is traced from SIGUSR1 to SIGUSR2. */

static uint32_t engine_flags;
static int live_children;

static void end_one_of_many(void)
{
    struct gate crowd = gate_make(), alone = gate_make();
    int count = as_many_as_fit(live_children);
    chld_set set = SET_OPEN(engine_flags);
    count = start_many(count - 1, &crowd, set);
    CHECK(start_one(count, &alone));
    CHECK_CALL(chld_set_add(set, ids[count], 0), 0);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    raise(SIGUSR1);
    gate_open(&alone);
    chld_event event = { 0 };
    CHECK(SET_AWAIT(set, &event) && event.id == ids[count]);
    raise(SIGUSR2);
    gate_open(&crowd);
    take_all(set, count);
    close_all(count + 1);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Follows the copy to its end; returns how often it entered or left the kernel
 * between the two signals. */
static int count_stops(pid_t copy)
{
    int word, stops = 0;
    bool counting = false;
    while (waitpid(copy, &word, 0) == copy && WIFSTOPPED(word)) {
        int signal = WSTOPSIG(word);
        bool is_mark = signal == SIGUSR1 || signal == SIGUSR2;
        counting = is_mark ? signal == SIGUSR1 : counting;
        stops += counting && signal == (SIGTRAP | 0x80);
        int pass_on = is_mark || signal == SIGSTOP || signal == (SIGTRAP | 0x80) ? 0 : signal;
        ptrace(counting ? PTRACE_SYSCALL : PTRACE_CONT, copy, NULL, pass_on);
    }
    CHECK(WIFEXITED(word) && WEXITSTATUS(word) == 0);
    return stops;
}

static int cost_of_one_end(uint32_t flags, int live)
{
    engine_flags = flags;
    live_children = live;
    pid_t copy = fork();
    if (copy == 0) {
        arm_alarm();
        REQUIRE(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
        raise(SIGSTOP);
        end_one_of_many();
        _exit(failures() > 0);
    }
    int word;
    REQUIRE(waitpid(copy, &word, 0) == copy && WIFSTOPPED(word));
    REQUIRE(ptrace(PTRACE_SETOPTIONS, copy, NULL, PTRACE_O_TRACESYSGOOD) == 0);
    REQUIRE(ptrace(PTRACE_CONT, copy, NULL, 0) == 0);
    return count_stops(copy) / 2;
}

static void require_tracing(void)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind's own system calls would be counted");
    }
    pid_t copy = fork();
    if (copy == 0) {
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0);
    }
    int word;
    REQUIRE(waitpid(copy, &word, 0) == copy);
    if (!WIFEXITED(word) || WEXITSTATUS(word) != 0) {
        SKIP_TEST("a process may not be traced here");
    }
}

TEST_EACH_ENGINE(one_exit_costs_the_same_however_many_live)
{
    require_tracing();
    int among_few = cost_of_one_end(flags, 20);
    int among_many = cost_of_one_end(flags, 2000);
    if (among_many >= among_few + 60) fail(__FILE__, __LINE__, "%d and %d calls", among_few, among_many);
    CHECK(among_few > 0 && among_few < 100);
    CHECK(among_many < among_few + 60); /* not one call for each of 2,000 */
}

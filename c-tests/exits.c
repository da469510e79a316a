/* See exits.h. */
#include "exits.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BEYOND_DOUBT_MS = 10000 };

chld_set set_open(const char *file, int line, uint32_t flags)
{
    chld_set set = 0;
    check_result(file, line, "chld_set_open", CALL(chld_set_open(flags, &set)), 0);
    REQUIRE(set != 0);
    return set;
}

bool is_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int count;
    do {
        count = poll(&one, 1, 0);
    } while (count < 0 && errno == EINTR);
    return count == 1 && one.revents & POLLIN;
}

bool set_await(const char *file, int line, chld_set set, chld_event *event)
{
    long long until = now_ms() + BEYOND_DOUBT_MS;
    do {
        int result = CALL(chld_set_next(set, event));
        if (result != -EAGAIN) {
            return check_result(file, line, "chld_set_next", result, 0);
        }
        struct pollfd one = { .fd = CALL(chld_set_fd(set)), .events = POLLIN };
        poll(&one, 1, 100);
    } while (now_ms() < until);
    fail(file, line, "the set tells of no end");
    return false;
}

pid_t foreign_zombie(int code)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        _exit(code);
    }
    siginfo_t info;
    while (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) != 0) {
        REQUIRE(errno == EINTR);
    }
    return pid;
}

void foreign_reap(const char *file, int line, pid_t pid, int code)
{
    int word = -1;
    pid_t got;
    do {
        got = waitpid(pid, &word, 0);
    } while (got < 0 && errno == EINTR);
    check_int(file, line, "the foreign child's pid, from waitpid", got, pid);
    check_int(file, line, "the foreign child's exit code", WIFEXITED(word) ? WEXITSTATUS(word) : -1,
              code);
}

static void *kill_when_asleep(void *argument)
{
    const struct later *later = argument;
    AWAIT(process_state(later->sleeper) == 'S');
    CHECK_CALL(chld_kill(later->id, later->signal), 0);
    return NULL;
}

void later_kill(struct later *later, chld_id id, int signal)
{
    later->id = id;
    later->signal = signal;
    later->sleeper = (int) syscall(SYS_gettid);
    REQUIRE(pthread_create(&later->thread, NULL, kill_when_asleep, later) == 0);
}

void later_join(struct later *later)
{
    pthread_join(later->thread, NULL);
}

/* The storm takes over the test's alarm, and ends the test in its stead. */

static struct sigaction before_storm;
static atomic_int gusts;
static long long storm_ends;

static void gust(int number)
{
    (void) number;
    gusts++;
    if (now_ms() > storm_ends) {
        static const char text[] = "the storm has lasted too long: it hangs\n";
        ssize_t written = write(1, text, sizeof text - 1);
        _exit(written > 0 ? 1 : 2);
    }
}

void storm_begin(void)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind (3.19) spoils the mask of a ppoll that a signal interrupts");
    }
    struct sigaction action = { .sa_handler = gust };
    struct itimerval each_ms = { { 0, 1000 }, { 0, 1000 } };
    storm_ends = now_ms() + alarm(0) * 1000ll;
    gusts = 0;
    REQUIRE(sigaction(SIGALRM, &action, &before_storm) == 0);
    REQUIRE(setitimer(ITIMER_REAL, &each_ms, NULL) == 0);
}

int storm_end(void)
{
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    struct sigaction ignore = { .sa_handler = SIG_IGN }; /* also what is pending */
    REQUIRE(setitimer(ITIMER_REAL, &never, NULL) == 0);
    REQUIRE(sigaction(SIGALRM, &ignore, NULL) == 0);
    REQUIRE(sigaction(SIGALRM, &before_storm, NULL) == 0);
    arm_alarm();
    return gusts;
}

void stay_on_one_cpu(void)
{
    cpu_set_t all, one;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
        }
    }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void change_mask(int how, int signal)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    REQUIRE(pthread_sigmask(how, &one, NULL) == 0);
}

void block_signal(int signal)
{
    change_mask(SIG_BLOCK, signal);
}

void unblock_signal(int signal)
{
    change_mask(SIG_UNBLOCK, signal);
}

/* Valgrind (3.19) cannot make the main thread's stack larger for the frame of a
 * handler that has SA_ONSTACK, as ours has, and no other stack: so it is made
 * large enough at the start. */
__attribute__((constructor, noinline)) static void grow_stack(void)
{
    volatile char room[128 * 1024];
    for (size_t at = sizeof room; at > 0; at -= 1024) {
        room[at - 1] = 0;
    }
}

/* Runs one test and audits what it leaves. See harness.h. */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSED = 0, FAILED = 1, WRONG_USE = 2 };

/* A failure in a loop need not be printed a thousand times. */
enum { MOST_MESSAGES = 20 };

/* Where messages go: a copy of stdout that stays when a test closes it. */
static int report = 1;
static atomic_int failure_count;

/* Messages */

void fail(const char *file, int line, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int before = atomic_fetch_add(&failure_count, 1);
    if (before < MOST_MESSAGES) {
        dprintf(report, "%s:%d: %s\n", file, line, text);
    } else if (before == MOST_MESSAGES) {
        dprintf(report, "... and more\n");
    }
}

int failures(void)
{
    return atomic_load(&failure_count);
}

bool check(const char *file, int line, const char *what, bool holds)
{
    if (!holds) {
        fail(file, line, "this does not hold: %s", what);
    }
    return holds;
}

bool check_int(const char *file, int line, const char *what, long long got, long long want)
{
    if (got != want) {
        fail(file, line, "%s is %lld, not %lld", what, got, want);
    }
    return got == want;
}

bool check_str(const char *file, int line, const char *what, const char *got, const char *want)
{
    bool same = got && want ? strcmp(got, want) == 0 : got == want;
    if (!same) {
        fail(file, line, "%s is \"%s\", not \"%s\"", what, got ? got : "(null)",
             want ? want : "(null)");
    }
    return same;
}

bool check_result(const char *file, int line, const char *what, int got, int want)
{
    if (got != want) {
        fail(file, line, "%s gives %d (%s), not %d (%s)", what, got,
             got < 0 ? strerror(-got) : "ok", want, want < 0 ? strerror(-want) : "ok");
    }
    return got == want;
}

void check_errno(const char *file, int line, const char *what)
{
    int now = errno;
    if (now != ERRNO_CANARY) {
        fail(file, line, "%s changed errno to %d (%s)", what, now, strerror(now));
    }
}

void require_failed(const char *file, int line, const char *what)
{
    fail(file, line, "this must hold: %s (errno is %d, %s)", what, errno, strerror(errno));
    _exit(FAILED);
}

void skip_test(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(report, "skipped: %s\n", text);
    _exit(failures() ? FAILED : TEST_SKIPPED);
}

/* The audit */

enum { SIGNALS = 64, ACTION_BYTES = 64, MOST_DESCRIPTORS = 64, MOST_NUMBER = 1024 };

struct descriptor {
    int number;
    char target[256];
};

/* All that a call of the library must leave as it was. */
struct surroundings {
    unsigned long long mask;
    unsigned char actions[SIGNALS + 1][ACTION_BYTES];
    struct descriptor descriptors[MOST_DESCRIPTORS];
    int descriptor_count;
    char cwd[PATH_MAX];
    mode_t umask;
    int cancel_state;
};

/* By raw system calls: libc hides the two signals that it keeps for itself. */
static void look_at_signals(struct surroundings *now)
{
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now->mask, SIGNALS / 8) == 0);
    for (int signal = 1; signal <= SIGNALS; signal++) {
        syscall(SYS_rt_sigaction, signal, NULL, now->actions[signal], SIGNALS / 8);
#ifdef __aarch64__
        /* glibc names no restorer: what the kernel keeps in its place is chance. */
        memset(now->actions[signal] + 16, 0, 8);
#endif
    }
}

/* Without /proc: the same file is the same device and inode. */
static void try_descriptors(struct surroundings *now)
{
    for (int number = 0; number < MOST_NUMBER; number++) {
        struct stat file;
        if (fstat(number, &file) != 0) {
            continue;
        }
        REQUIRE(now->descriptor_count < MOST_DESCRIPTORS);
        struct descriptor *one = &now->descriptors[now->descriptor_count++];
        one->number = number;
        snprintf(one->target, sizeof one->target, "device %llx, inode %llu",
                 (unsigned long long) file.st_dev, (unsigned long long) file.st_ino);
    }
}

static void look_at_descriptors(struct surroundings *now)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory && errno == ENOENT) {
        try_descriptors(now);
        return;
    }
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        int number = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || number == dirfd(directory)) {
            continue;
        }
        REQUIRE(now->descriptor_count < MOST_DESCRIPTORS);
        struct descriptor *one = &now->descriptors[now->descriptor_count++];
        one->number = number;
        ssize_t size =
            readlinkat(dirfd(directory), entry->d_name, one->target, sizeof one->target - 1);
        one->target[size > 0 ? size : 0] = 0;
    }
    closedir(directory);
}

static void look_around(struct surroundings *now)
{
    look_at_signals(now);
    look_at_descriptors(now);
    REQUIRE(getcwd(now->cwd, sizeof now->cwd) != NULL);
    now->umask = umask(0);
    umask(now->umask);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &now->cancel_state);
}

static bool has_descriptor(const struct surroundings *in, const struct descriptor *wanted)
{
    for (int i = 0; i < in->descriptor_count; i++) {
        const struct descriptor *one = &in->descriptors[i];
        if (one->number == wanted->number && strcmp(one->target, wanted->target) == 0) {
            return true;
        }
    }
    return false;
}

/* What the library keeps until the program has declared that it is done: see support.c. */
__attribute__((weak)) void before_audit(void)
{
}

#define LEFT(...) fail("audit", 0, __VA_ARGS__)

static void compare_descriptors(const struct surroundings *before, const struct surroundings *after)
{
    for (int i = 0; i < after->descriptor_count; i++) {
        const struct descriptor *one = &after->descriptors[i];
        if (!has_descriptor(before, one)) {
            LEFT("descriptor %d was left open: %s", one->number, one->target);
        }
    }
    for (int i = 0; i < before->descriptor_count; i++) {
        const struct descriptor *one = &before->descriptors[i];
        if (!has_descriptor(after, one)) {
            LEFT("descriptor %d is gone: %s", one->number, one->target);
        }
    }
}

static void compare(const struct surroundings *before, const struct surroundings *after)
{
    if (after->mask != before->mask) {
        LEFT("the signal mask was %016llx and is %016llx", before->mask, after->mask);
    }
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (signal >= 32 && signal < SIGRTMIN) {
            continue; /* libc's own: musl's setuid() uses one */
        }
        if (memcmp(before->actions[signal], after->actions[signal], ACTION_BYTES) != 0) {
            LEFT("the disposition of signal %d has changed", signal);
        }
    }
    compare_descriptors(before, after);
    if (strcmp(before->cwd, after->cwd) != 0) {
        LEFT("the working directory was %s and is %s", before->cwd, after->cwd);
    }
    if (after->umask != before->umask) {
        LEFT("the umask was %03o and is %03o", before->umask, after->umask);
    }
    if (after->cancel_state != before->cancel_state) {
        LEFT("the cancel state was %d and is %d", before->cancel_state, after->cancel_state);
    }
}

static void require_no_children(void)
{
    siginfo_t info = { 0 };
    int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    if (result == 0) {
        LEFT("a child is left: %s %d", info.si_pid ? "zombie" : "running, pid", info.si_pid);
    } else if (errno != ECHILD) {
        LEFT("waitid: %s", strerror(errno));
    }
}

/* The tests */

static struct test *first;
static struct test **last = &first;

void test_add(struct test *test)
{
    *last = test;
    last = &test->next;
}

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

enum { USUAL_SECONDS = 20 };

static int seconds(void)
{
    return number_of("CHLD_TEST_SECONDS", USUAL_SECONDS);
}

void arm_alarm(void)
{
    alarm((unsigned) seconds());
}

int patient(int ms)
{
    return ms * seconds() / USUAL_SECONDS;
}

int scaled(int count)
{
    int percent = number_of("CHLD_TEST_PERCENT", 100);
    int part = (int) ((long long) count * percent / 100);
    return part > 4 ? part : count < 4 ? count : 4;
}

/* qemu-user 7 crashes in pthread_cancel(). */
static bool can_cancel(void)
{
    return !getenv("CHLD_TEST_EMULATED");
}

static void *wait_to_be_cancelled(void *unused)
{
    while (can_cancel()) {
        pause();
    }
    return unused;
}

/* glibc's posix_spawn(), and so make, starts programs that ignore both of its
 * own, and musl has only one of them. */
static void settle_signal_of_libc(int number)
{
    unsigned long action[ACTION_BYTES / sizeof(long)] = { 0 };
    unsigned long standard[ACTION_BYTES / sizeof(long)] = { 0 };
    syscall(SYS_rt_sigaction, number, NULL, action, SIGNALS / 8);
    if (action[0] == (unsigned long) SIG_IGN) {
        syscall(SYS_rt_sigaction, number, standard, NULL, SIGNALS / 8);
    }
}

/* Sets every disposition anew, the ignored ones to their defaults: libc adds a
 * flag of its own when it sets one, which must not look like a change later. */
static void settle_signals(void)
{
    unsigned long long none = 0;
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNALS / 8) == 0);
    for (int number = 1; number <= SIGNALS; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0) {
            action.sa_handler = action.sa_handler == SIG_IGN ? SIG_DFL : action.sa_handler;
            sigaction(number, &action, NULL);
        } else {
            settle_signal_of_libc(number);
        }
    }
}

/* Makes the start the same for all, however the test was started: no signal is
 * blocked or ignored, nothing but 0, 1 and 2 is open, and libc has done what it
 * does at the first thread and the first cancellation (handlers for its own two
 * signals). */
static void settle(void)
{
    static struct surroundings found;
    pthread_t thread;
    settle_signals();
    REQUIRE(pthread_create(&thread, NULL, wait_to_be_cancelled, NULL) == 0);
    REQUIRE(!can_cancel() || pthread_cancel(thread) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    look_at_descriptors(&found);
    for (int i = 0; i < found.descriptor_count; i++) {
        if (found.descriptors[i].number > 2) {
            close(found.descriptors[i].number);
        }
    }
    report = fcntl(1, F_DUPFD_CLOEXEC, 100);
    REQUIRE(report >= 0);
}

static int run(const struct test *test)
{
    static struct surroundings before, after;
    settle();
    look_around(&before);
    arm_alarm();
    test->run();
    before_audit();
    look_around(&after);
    compare(&before, &after);
    require_no_children();
    return failures() ? FAILED : PASSED;
}

int main(int argc, char **argv)
{
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    for (struct test *test = first; test && argc == 2; test = test->next) {
        if (list) {
            puts(test->name);
        } else if (strcmp(test->name, argv[1]) == 0) {
            return run(test);
        }
    }
    if (!list) {
        fprintf(stderr, "usage: %s --list | NAME\n", argv[0]);
    }
    return list ? PASSED : WRONG_USE;
}

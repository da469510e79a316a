/*
 * The kernel sends a notification for each call (SECCOMP_RET_USER_NOTIF), and
 * the caller sleeps until the supervisor replies: with an errno, or with "go on".
 */
#define _GNU_SOURCE
#include "faults_supervise.h"

#include "faults_process.h"
#include "faults_seccomp.h"
#include "inject.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE /* Linux 5.5 */
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1
#endif

#define RUN_SECONDS 20

struct watch {
    int listener;
    pid_t program;
    const struct fault *fault;
    struct run *run;
    bool window;        /* the program has opened it */
    int counts[2];      /* calls of the program's, and of its children's */
    int in_window;      /* how many calls were made to fail since it did */
    struct call failed; /* the first of them */
    struct seccomp_notif *asked;
    struct seccomp_notif_resp *answer;
};

/*
 * A child counts as long as it is a copy of the program, between clone and
 * exec: the kernel keeps a flag for that. A thread of the program carries the
 * same flag, but has the program's own parent. A detached child has another
 * such child for its parent.
 */
static bool is_unexeced_child(const struct watch *watch, pid_t pid)
{
    struct process process;
    for (int generation = 0; generation < 2; generation++) {
        if (process_read(pid, &process) != 0 || (process.flags & PROCESS_NOT_EXECED) == 0) {
            return false;
        }
        if (process.parent == watch->program) {
            return true;
        }
        pid = process.parent;
    }
    return false;
}

static uint64_t read_word(pid_t pid, uint64_t address, size_t size)
{
    uint64_t word = 0;
    struct iovec here = { &word, size };
    struct iovec there = { (void *)(uintptr_t)address, size };
    if (address == 0 || process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)size) {
        return 0;
    }
    return word;
}

/*
 * Where a call's second argument is a pointer, the table looks at what matters
 * behind it: the new mask; whether a handler function is installed.
 */
static void look_through_pointer(pid_t pid, struct call *call)
{
    uint64_t *second = &call->arguments[1];
    if (call->number == SYS_rt_sigprocmask) {
        *second = read_word(pid, *second, sizeof(uint64_t));
    } else if (call->number == SYS_rt_sigaction) {
        uint64_t handler = read_word(pid, *second, sizeof(void *));
        *second = handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN;
    }
}

/* Counts the call; returns the errno that it must have, or 0. */
static int count(struct watch *watch, const struct call *call)
{
    struct run *run = watch->run;
    const struct fault *fault = watch->fault;
    if (run->count < MOST_CALLS) {
        run->calls[run->count] = *call;
    }
    run->count++;
    int rank = ++watch->counts[call->in_child];
    bool due = call->in_child == fault->in_child && rank == fault->at;
    due = due || (fault->persist && run->failures > 0);
    if (!due || call->number != fault->number
        || (!fault->force && !call_can_fail_with(call, fault->error))) {
        return 0;
    }
    run->failures++;
    if (watch->in_window++ == 0) {
        watch->failed = *call;
    }
    return fault->error;
}

static void answer_question(struct watch *watch, int what)
{
    struct seccomp_notif_resp *answer = watch->answer;
    if (what == INJECT_BEGIN) {
        watch->window = true;
        watch->in_window = 0;
    } else if (what == INJECT_END) {
        watch->window = false;
    } else if (watch->in_window == 0) {
        answer->val = 0;
    } else if (what == INJECT_ERROR) {
        answer->val = watch->fault->error;
    } else if (what == INJECT_CALL) {
        answer->val = watch->failed.number;
    } else if (what == INJECT_IN_CHILD) {
        answer->val = watch->failed.in_child;
    } else if (what >= INJECT_ARGUMENT && what < INJECT_ARGUMENT + 6) {
        answer->val = (int)(watch->failed.arguments[what - INJECT_ARGUMENT] & 0x7fffffff);
    }
}

static void decide(struct watch *watch)
{
    const struct seccomp_data *data = &watch->asked->data;
    pid_t pid = (pid_t)watch->asked->pid;
    bool own = pid == watch->program;
    if (data->nr == SYS_prctl && (unsigned)data->args[0] == INJECT_OPTION && own) {
        answer_question(watch, (int)data->args[1]);
        return;
    }
    if (watch->window && (own || is_unexeced_child(watch, pid))) {
        struct call call = { .number = data->nr, .in_child = !own };
        memcpy(call.arguments, data->args, sizeof call.arguments);
        look_through_pointer(pid, &call);
        int error = count(watch, &call);
        if (error != 0) {
            watch->answer->error = -error;
            return;
        }
    }
    watch->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
}

/*
 * Takes one notification and answers it. If the caller has gone meanwhile, the
 * answer is refused (which makes a check of the id before it needless): it was
 * killed, or a signal handler has interrupted it and the call comes again, so
 * it must not have counted.
 */
static void serve(struct watch *watch)
{
    memset(watch->asked, 0, 1024);
    memset(watch->answer, 0, 1024);
    if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_RECV, watch->asked) != 0) {
        return; /* EINTR; ENOENT: the caller was killed before it was heard */
    }
    struct watch kept = *watch;
    int counted = watch->run->count;
    int failures = watch->run->failures;
    watch->answer->id = watch->asked->id;
    decide(watch);
    if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_SEND, watch->answer) != 0) {
        watch->run->count = counted;
        watch->run->failures = failures;
        *watch = kept;
    }
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

/* Serves until the program has exited or its time is up. */
static void watch_program(struct watch *watch, int pidfd)
{
    long deadline = now_ms() + RUN_SECONDS * 1000L;
    struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN },
                             { .fd = watch->listener, .events = POLLIN } };
    for (;;) {
        long left = deadline - now_ms();
        if (left <= 0) {
            watch->run->hung = true;
            process_kill(watch->program);
            return;
        }
        if (poll(fds, 2, (int)left) <= 0) {
            continue;
        }
        if (fds[1].revents & POLLIN) {
            serve(watch);
        } else if (fds[0].revents != 0) {
            return;
        }
        if (fds[1].revents & POLLHUP) {
            fds[1].fd = -1; /* all that had the filter are gone */
        }
    }
}

static int watch_run(const struct started *started, const struct fault *fault, struct run *run)
{
    /* Larger than the kernel's structs are, or are going to be soon. */
    static uint64_t asked[128], answer[128];
    struct watch watch = { .listener = started->listener, .program = started->pid,
                           .fault = fault, .run = run, .asked = (void *)asked,
                           .answer = (void *)answer };
    int pidfd = (int)syscall(SYS_pidfd_open, started->pid, 0);
    if (pidfd < 0) {
        process_kill(started->pid);
        process_reap(started->pid);
        return -ENOSYS;
    }
    watch_program(&watch, pidfd);
    close(pidfd);
    run->wait_word = process_reap(started->pid);
    run->left_behind = process_clear_orphans();
    return 0;
}

int supervise(char *const argv[], const struct fault *fault, struct run *ret)
{
    struct started started;
    ret->count = ret->failures = ret->left_behind = 0;
    ret->hung = false;
    int result = process_start(argv, &started);
    if (result < 0) {
        return result;
    }
    result = watch_run(&started, fault, ret);
    close(started.listener);
    process_read_output(&started, ret->output, sizeof ret->output);
    return result;
}

static void wake(int signal)
{
    (void)signal;
}

/*
 * If the caller is killed between poll and NOTIF_RECV, the latter sleeps until
 * the next call comes, which may be never. The timer interrupts it.
 */
void supervise_prepare(void)
{
    struct sigaction action = { .sa_handler = wake };
    struct itimerval every_second = { { 1, 0 }, { 1, 0 } };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every_second, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

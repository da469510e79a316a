/*
 * job.h - the command of chld-timeout and chld-init as a job of the terminal.
 *
 * In a process group of its own it is treated as a shell treats its jobs: when it
 * reads in the background, it is stopped; then it is lent the terminal, if that is
 * ours, until it stops or exits.
 */
#ifndef JOB_H
#define JOB_H

#include "common.h"

static struct {
    chld_id child;
    pid_t group;     /* its process group; 0: ours */
    int terminal;    /* the controlling terminal, or -1 */
    int borrows;     /* the command has needed the terminal */
    int has_it;      /* and has it now */
    int is_stopped;  /* the command was stopped, and we have not continued it */
    int stop_signal; /* the stop signal that was forwarded; 0: none */
} job = {.terminal = -1};

/* Sends a signal to the job, and to nobody else. Returns 0 or a negative errno. Each
 * tool has its own. */
static int signal_job(int number);

/* The controlling terminal if our group is in its foreground, else -1. A group of
 * another pid namespace has the number 0 here: it could not get the terminal back. */
static int our_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && getpgrp() > 0 && tcgetpgrp(fd) == getpgrp())
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void lend_terminal(void)
{
    if (job.terminal < 0)
        job.terminal = our_terminal();
    if (job.terminal >= 0 && tcgetpgrp(job.terminal) == getpgrp())
        job.borrows = job.has_it = tcsetpgrp(job.terminal, job.group) == 0;
}

/* From the background: the kernel allows it because SIGTTOU is blocked. */
static void take_terminal_back(void)
{
    if (job.has_it)
        tcsetpgrp(job.terminal, getpgrp());
    job.has_it = 0;
}

/* While the terminal is lent, its keys reach the command's group only. The rest of
 * our group (the script that called us, the other end of a pipe) must get the
 * signal as well. kill(-1) would be everybody: so not in the group of pid 1. */
static void signal_our_group(int number)
{
    if (getpgrp() > 1 && kill(-getpgrp(), number) == 0)
        discard_pending(number);
}

/* Stops this process as `number` does. Returns 1 after SIGCONT, which is still
 * pending; 0 if the kernel does not stop it: pid 1, and groups that no shell could
 * continue. */
static int stop_self(int number)
{
    sigset_t set = one_signal(number), pending;
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* Here the process is stopped. */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return sigpending(&pending) == 0 && sigismember(&pending, SIGCONT);
}

static int continue_job(void)
{
    if (job.borrows)
        lend_terminal();
    job.is_stopped = 0;
    return signal_job(SIGCONT);
}

/* Called when `number` has stopped the command. */
static void job_stopped(int number)
{
    job.is_stopped = 1;
    int needs_terminal = job.group && (number == SIGTTIN || number == SIGTTOU);
    if (needs_terminal && !job.has_it && !job.stop_signal) {
        lend_terminal();
        if (job.has_it)
            continue_job();
        else
            stop_self(number);
        return;
    }
    /* Stopped by somebody else: that is not ours to undo, and the time goes on. */
    if (!job.has_it && !job.stop_signal)
        return;
    int with = job.stop_signal ? job.stop_signal : SIGTSTP;
    job.stop_signal = 0;
    if (job.has_it) {
        take_terminal_back();
        signal_our_group(SIGTSTP);
    }
    if (!stop_self(with))
        continue_job();
}

/* Forwards a stop signal. This process stops when the command has stopped. */
static int stop_job(int number)
{
    job.stop_signal = number;
    if (!job.is_stopped)
        return signal_job(number);
    job_stopped(number);
    return 0;
}

/* Looks at the command without waiting. Returns 1 and its status if it has exited. */
static int job_has_exited(chld_status *status)
{
    if (chld_wait_change(job.child, 0, 0, status) < 0)
        return 0;
    if (status->state == CHLD_STATE_CONTINUED)
        job.is_stopped = 0;
    else if (status->state == CHLD_STATE_STOPPED)
        job_stopped(status->code);
    else
        return 1;
    return 0;
}

/* The terminal signals a group as a whole. Returns 1 if the command is in our group and
 * has got this signal as well; then it must not be forwarded. A stop signal stops us. */
static int absorb_shared(const siginfo_t *info)
{
    int number = info->si_signo;
    if (job.group || info->si_code != SI_KERNEL || number == SIGHUP || number == SIGCONT)
        return 0;
    if (is_stop(number))
        stop_self(number);
    return 1;
}

/* Called when the command has exited; with NULL before this process exits for another
 * reason. */
static void job_exited(const chld_status *status)
{
    int by_keys = job.has_it && status && status->state != CHLD_STATE_EXITED &&
                  (status->code == SIGINT || status->code == SIGQUIT);
    take_terminal_back();
    if (by_keys)
        signal_our_group(status->code);
}

#endif

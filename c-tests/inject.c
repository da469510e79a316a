/*
 * inject [--errno E] [--persist] PROGRAM [ARGUMENT...]
 *
 * Runs PROGRAM once and counts the system calls that it, and every child of its
 * before the exec, makes inside the window that it opens (inject.h). Then runs
 * it again for each of these calls and each errno that the call can have
 * (faults_calls.c), and makes that one call fail; with --persist, also every
 * later one of its kind. PROGRAM must confirm each time, by exiting with 0, that it
 * came through. Needs neither ptrace nor privilege; Linux 5.5.
 *
 * Where the same call comes more than MANY times, only a few of these are made
 * to fail: the first, the last, and some between.
 *
 * Exits 0 if all is well, 1 if not, 77 where the kernel does not offer this or
 * the program reports that it cannot run.
 */
#define _GNU_SOURCE
#include "faults_errno.h"
#include "faults_supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define CANNOT_RUN 77
#define MANY 8
#define MOST_SHOWN 6
#define MOST_HANGS 3

struct options {
    int error; /* 0: what the table has */
    bool persist;
    char **argv;
};

struct tally {
    int faults, failed, hung, missed;
};

static struct run counting, run;

/* The how manieth call of its side is the one at `at`. */
static int rank(int at)
{
    int rank = 0;
    for (int i = 0; i <= at; i++) {
        rank += counting.calls[i].in_child == counting.calls[at].in_child;
    }
    return rank;
}

/* Whether the call at `at` (from 0) is one of those that stand for its kind. */
static bool chosen(int at)
{
    const struct call *call = &counting.calls[at];
    int before = 0, after = 0;
    for (int i = 0; i < counting.count; i++) {
        const struct call *other = &counting.calls[i];
        if (i != at && other->number == call->number && other->in_child == call->in_child) {
            before += i < at;
            after += i > at;
        }
    }
    int stride = (before + after) / MANY < MANY ? MANY : (before + after) / MANY;
    return before + after < MANY || before < 4 || after < 2 || before % stride == 0;
}

static const char *side(const struct call *call)
{
    return call->in_child ? " in the child" : "";
}

static void print_end(const struct run *of)
{
    if (of->hung) {
        printf("hung, and was killed");
    } else if (WIFSIGNALED(of->wait_word)) {
        int signal = WTERMSIG(of->wait_word);
        printf("killed by signal %d%s", signal, signal == SIGALRM ? " (its alarm: it hung)" : "");
    } else {
        printf("exit code %d", WEXITSTATUS(of->wait_word));
    }
    if (of->left_behind > 0 && WIFEXITED(of->wait_word) && WEXITSTATUS(of->wait_word) == 0) {
        printf(", left %d processes", of->left_behind);
    }
    printf("\n");
    char copy[sizeof of->output];
    memcpy(copy, of->output, sizeof copy);
    char *rest = copy;
    for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        printf("        %s\n", line);
    }
}

static bool went_well(const struct run *of)
{
    return !of->hung && of->left_behind == 0 && WIFEXITED(of->wait_word)
        && WEXITSTATUS(of->wait_word) == 0;
}

static void try_fault(const struct options *options, int at, int error, struct tally *tally)
{
    const struct call *call = &counting.calls[at];
    struct fault fault = { rank(at), call->in_child, call->number, error, options->persist,
                           options->error != 0 };
    /* A call that is interrupted is made again: forever, if every time. A report that
     * can never be written never arrives. What a call has taken cannot be given back
     * where signals can no longer be blocked, which no kernel does. */
    if (options->persist
        && (error == EINTR || call->number == SYS_write || call->number == SYS_rt_sigprocmask)) {
        return;
    }
    if (supervise(options->argv, &fault, &run) != 0) {
        fprintf(stderr, "inject: cannot supervise any more\n");
        exit(1);
    }
    tally->faults += run.failures > 0;
    tally->missed += run.failures == 0;
    if (went_well(&run)) {
        return;
    }
    tally->failed++;
    tally->hung += run.hung || (WIFSIGNALED(run.wait_word) && WTERMSIG(run.wait_word) == SIGALRM);
    if (tally->failed <= MOST_SHOWN) {
        printf("    call %d of %d, %s%s, %s%s: ", at + 1, counting.count, call_name(call->number),
               side(call), errno_name(error), options->persist ? " from there on" : "");
        print_end(&run);
    }
}

static void try_all(const struct options *options, struct tally *tally)
{
    for (int at = 0; at < counting.count && tally->hung < MOST_HANGS; at++) {
        int errors[MOST_ERRORS + 1] = { options->error };
        if (options->error == 0) {
            call_errors(&counting.calls[at], errors);
        }
        for (int i = 0; chosen(at) && errors[i] != 0 && tally->hung < MOST_HANGS; i++) {
            try_fault(options, at, errors[i], tally);
        }
    }
}

/* The run without a fault, which has to go well. Returns an exit code. */
static int count_calls(const struct options *options)
{
    struct fault none = { 0 };
    int result = supervise(options->argv, &none, &counting);
    if (result < 0) {
        fprintf(stderr, "inject: the kernel does not offer this: %s\n", strerror(-result));
        return CANNOT_RUN;
    }
    if (WIFEXITED(counting.wait_word) && WEXITSTATUS(counting.wait_word) == CANNOT_RUN) {
        fprintf(stderr, "%s", counting.output);
        return CANNOT_RUN;
    }
    if (!went_well(&counting)) {
        printf("    without any fault: ");
        print_end(&counting);
        return 1;
    }
    if (counting.count == 0 || counting.count > MOST_CALLS) {
        printf("    %d calls in the window\n", counting.count);
        return 1;
    }
    return 0;
}

static void parse(int argc, char **argv, struct options *ret)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--persist") == 0) {
            ret->persist = true;
        } else if (strcmp(argv[i], "--errno") == 0 && i + 1 < argc) {
            ret->error = errno_number(argv[++i]);
        }
    }
    if (i >= argc || (i > 2 && ret->error == 0 && !ret->persist)) {
        fprintf(stderr, "usage: inject [--errno E] [--persist] PROGRAM [ARGUMENT...]\n");
        exit(2);
    }
    ret->argv = &argv[i];
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct tally tally = { 0 };
    parse(argc, argv, &options);
    setvbuf(stdout, NULL, _IOLBF, 0);
    supervise_prepare();
    int result = count_calls(&options);
    if (result != 0) {
        return result;
    }
    try_all(&options, &tally);
    if (tally.failed > MOST_SHOWN) {
        printf("    … and %d more\n", tally.failed - MOST_SHOWN);
    }
    printf("%d calls, %d faults, %d failed, %d not reached\n", counting.count, tally.faults,
           tally.failed, tally.missed);
    return tally.failed == 0 ? 0 : 1;
}

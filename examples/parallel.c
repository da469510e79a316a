/*
 * parallel.c - runs a command for every line of its input, several at a time.
 *
 * parallel [-P N] [-t SECONDS] [-g] COMMAND [ARGUMENT]...
 *
 * Each line takes the place of {} in the arguments, or comes after them. The
 * output of a child is prefixed with its line as it comes, or shown in one piece
 * when the child has ended (-g). A child that takes longer than SECONDS is
 * ended. On a terminal there is a progress line. Exits with 0 if all children
 * exited with 0, with 1 if not, with 2 if something could not be started.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, MOST_ARGUMENTS = 256 };

struct job {
    chld_id child; /* CHLD_NONE: this place is free */
    chld_capturing capturing;
    char *line;
    char *partial; /* the end of the output that is no whole line yet */
    size_t length;
    double begun;
};

static struct job jobs[MOST];
static struct { int running, good, bad, unstarted; double time, cpu; } sum;
static int limit_at_once = 2, limit_ms, grouped, progress;

static void fail(const char *what, int result)
{
    fprintf(stderr, "parallel: %s: %s\n", what, strerror(-result));
    exit(2);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void show_progress(void)
{
    if (progress)
        fprintf(stderr, "\r\033[K%d running, %d good, %d bad", sum.running, sum.good, sum.bad);
}

static void print(struct job *job, const char *text, size_t length)
{
    if (progress)
        fputs("\r\033[K", stderr);
    printf("%s: %.*s\n", job->line, (int)length, text);
    fflush(stdout);
}

/* Prints whole lines; what is left waits for its end. */
static int take(void *argument, const char *data, size_t size)
{
    struct job *job = argument;
    char *all = realloc(job->partial, job->length + size);
    if (!all)
        return 1;
    memcpy(all + job->length, data, size);
    job->partial = all;
    job->length += size;
    for (char *end; !grouped && (end = memchr(all, '\n', job->length)) != NULL;) {
        size_t length = (size_t)(end - all) + 1;
        print(job, all, length - 1);
        memmove(all, all + length, job->length -= length);
    }
    return 0;
}

static const char **arguments_for(char **command, const char *line)
{
    static const char *arguments[MOST_ARGUMENTS];
    int count = 0, used = 0;
    for (; command[count] && count < MOST_ARGUMENTS - 2; count++) {
        int is_place = !strcmp(command[count], "{}");
        arguments[count] = is_place ? line : command[count];
        used |= is_place;
    }
    if (!used)
        arguments[count++] = line;
    arguments[count] = NULL;
    return arguments;
}

static void start(struct job *job, char **command, char *line)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_error error;
    char text[256];
    spawn.in.mode = CHLD_STDIO_NULL;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.err.mode = CHLD_STDIO_STDOUT;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = take;
    options.out.argument = job;
    options.limit_ms = limit_ms;
    *job = (struct job){.line = line, .begun = now()};
    if (chld_spawn(&job->child, arguments_for(command, line), &spawn, &error) < 0) {
        chld_error_text(&error, text, sizeof text);
        fprintf(stderr, "parallel: %s\n", text);
        sum.unstarted++;
        free(line);
        return;
    }
    int result = chld_capture_open(job->child, &options, &job->capturing);
    if (result < 0)
        fail("chld_capture_open", result);
    sum.running++;
}

static void finish(struct job *job)
{
    chld_capture_result result;
    chld_resources used;
    char text[128];
    int closed = chld_capture_close(job->capturing, &result);
    if (closed < 0)
        fail("chld_capture_close", closed);
    if (job->length > 0 && !grouped)
        print(job, job->partial, job->length);
    if (job->length > 0 && grouped)
        printf("--- %s\n%.*s", job->line, (int)job->length, job->partial);
    if (chld_usage(job->child, &used) == 0)
        sum.cpu += (double)(used.user_us + used.system_us) / 1e6;
    sum.time += now() - job->begun;
    sum.running--;
    if (result.status.state == CHLD_STATE_EXITED && result.status.code == 0) {
        sum.good++;
    } else {
        sum.bad++;
        chld_status_text(&result.status, text, sizeof text);
        const char *why = result.timed_out ? ", at the time limit" : "";
        fprintf(stderr, "parallel: %s: %s%s\n", job->line, text, why);
    }
    free(job->line);
    free(job->partial);
    chld_close(job->child);
    job->child = CHLD_NONE;
}

/* Lets every capture do what it can, then sleeps until one can do more. */
static void step(void)
{
    struct pollfd fds[MOST * CHLD_CAPTURE_FDS];
    nfds_t count = 0;
    int timeout = -1, finished = 0;
    for (struct job *job = jobs; job < jobs + MOST; job++) {
        chld_capture_wait wait;
        if (job->child == CHLD_NONE)
            continue;
        if (chld_capture_step(job->capturing, &wait) != 0) {
            finish(job);
            finished = 1;
            continue;
        }
        for (unsigned i = 0; i < wait.count; i++)
            fds[count++] = (struct pollfd){wait.fds[i].fd, wait.fds[i].events, 0};
        if (wait.timeout_ms >= 0 && (timeout < 0 || wait.timeout_ms < timeout))
            timeout = wait.timeout_ms;
    }
    show_progress();
    if (!finished && count > 0)
        poll(fds, count, timeout);
}

static char *next_line(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length = getline(&line, &size, stdin);
    if (length < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = 0;
    return line;
}

static struct job *free_place(void)
{
    for (struct job *job = jobs; job < jobs + limit_at_once; job++)
        if (job->child == CHLD_NONE)
            return job;
    return NULL;
}

int main(int argc, char **argv)
{
    int option;
    char *line;
    double begun = now();
    while ((option = getopt(argc, argv, "+P:t:g")) != -1) {
        switch (option) {
        case 'P': limit_at_once = atoi(optarg); break;
        case 't': limit_ms = (int)(atof(optarg) * 1000); break;
        case 'g': grouped = 1; break;
        default: return 2;
        }
    }
    if (optind == argc || limit_at_once < 1 || limit_at_once > MOST || limit_ms < 0) {
        fprintf(stderr, "Usage: parallel [-P 1-%d] [-t SECONDS] [-g] COMMAND [ARG]...\n", MOST);
        return 2;
    }
    progress = isatty(2);
    while ((line = next_line()) != NULL) {
        struct job *job;
        while ((job = free_place()) == NULL)
            step();
        start(job, argv + optind, line);
    }
    while (sum.running > 0)
        step();
    if (progress)
        fputs("\r\033[K", stderr);
    fflush(stdout);
    fprintf(stderr, "%d good, %d bad, %d not started; %.1f s in %.1f s, %.1f s of CPU time\n",
            sum.good, sum.bad, sum.unstarted, sum.time, now() - begun, sum.cpu);
    return sum.unstarted ? 2 : sum.bad ? 1 : 0;
}

/*
 * parallel.c - runs a command for every line of its input, several at a time.
 *
 *     parallel [-j N] [-t SECONDS] [-l] [-0] COMMAND [ARGUMENT]... [::: ITEM...]
 *
 * The items are the lines of stdin, or stand after ":::". The item takes the place of each
 * argument {}; without one, it is the last argument. At most N jobs run at a time; one that
 * takes longer than SECONDS is stopped. -l labels each line of output with the item, and
 * with -0 items end with NUL. What a job writes goes into files without names, and is
 * printed in one piece when the job has exited: however much it is, it takes no memory.
 * Exits with the number of jobs that failed (101: more than 100), or 125 if it fails itself.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_JOBS = 1000, MOST_WORDS = 1000, MOST_COUNTED = 101, OWN_FAILURE = 125 };

static struct job {
    char *item;
    FILE *streams[2]; /* what it writes to stdout and stderr */
    chld_id child;    /* CHLD_NONE, although it has an item: there is no room for it yet */
} jobs[MOST_JOBS];
static int at_once, has_labels, separator = '\n', timeout_ms;
static char *command[MOST_WORDS], **items; /* items NULL: they come from stdin */
static chld_set set;
static int running, failed, has_ended, is_full, stops, broken; /* broken: the errno of stdout */
static volatile sig_atomic_t signalled, times, is_suspended; /* signals to terminate; the keys ^Z */

#define complain(...) (dprintf(STDERR_FILENO, "parallel: " __VA_ARGS__))
#define give_up(...) (complain(__VA_ARGS__), exit(OWN_FAILURE))
#define USAGE "usage: parallel [-j N] [-t SECONDS] [-l] [-0] COMMAND... [::: ITEM...]\n"

static const chld_stop_step steps[] = {{SIGTERM, 2000}, {SIGKILL, 2000}};
static chld_stop_plan plan = {.size = sizeof plan, .target = CHLD_TARGET_GROUP,
                              .flags = CHLD_STOP_SWEEP, .steps = steps, .steps_count = 2};

static void stop_all(void)
{
    if (stops++ > 0) { /* a second signal: without SIGTERM */
        plan.steps = steps + 1;
        plan.steps_count = 1;
    }
    for (int i = 0; i < at_once; i++)
        chld_set_stop(set, jobs[i].child, 0, &plan);
}

static void signal_all(int number)
{
    for (int i = 0; i < at_once; i++)
        chld_kill_group(jobs[i].child, number);
}

static void print_stream(const struct job *job, FILE *from, FILE *to)
{
    int byte, begins = 1;
    for (rewind(from); (byte = getc_unlocked(from)) != EOF && !ferror(to); begins = byte == '\n') {
        if (has_labels && begins)
            fprintf(to, "%s\t", job->item);
        putc_unlocked(byte, to);
    }
    if (has_labels && !begins)
        putc_unlocked('\n', to);
    if (fflush(to) != 0 && to == stdout && !broken) {
        broken = errno;
        stop_all();
    }
}

/* The place is free then. */
static void end(struct job *job, const char *why, const char *more)
{
    for (int i = 0; i < 2 && job->streams[i]; i++) {
        print_stream(job, job->streams[i], i == 0 ? stdout : stderr);
        fclose(job->streams[i]);
    }
    if (why && stops == 0) {
        complain("%.80s: %s%s\n", job->item, why, more);
        failed++;
    }
    if (!items)
        free(job->item);
    *job = (struct job){.child = CHLD_NONE};
}

static int spawn(struct job *job, char *why, size_t size)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stdio *streams[] = {&options.out, &options.err};
    chld_error error;
    char *arguments[MOST_WORDS] = {NULL};
    for (int i = 0; command[i]; i++)
        arguments[i] = strcmp(command[i], "{}") ? command[i] : job->item;
    for (int i = 0; i < 2; i++) {
        if (!job->streams[i] && !(job->streams[i] = tmpfile()))
            return snprintf(why, size, "tmpfile: %s", strerror(errno)), -errno;
        *streams[i] = (chld_stdio){.mode = CHLD_STDIO_FD, .fd = fileno(job->streams[i])};
    }
    options.flags = CHLD_SPAWN_SESSION | CHLD_SPAWN_SHELL;
    options.user = job;
    options.in.mode = CHLD_STDIO_NULL;
    capture.timeout_ms = timeout_ms;
    capture.stop = &plan;
    int result = chld_set_run(set, arguments, &options, &capture, &job->child, &error);
    if (result < 0)
        chld_error_text(&error, why, size);
    return result;
}

/* If descriptors or processes are used up, the job waits until another one has exited.
 * Returns 1 if the place is free again. */
static int start(struct job *job)
{
    char why[256];
    int result = spawn(job, why, sizeof why);
    is_full = running > 0 && (result == -EMFILE || result == -ENFILE || result == -EAGAIN);
    running += result == 0;
    if (result == 0 || is_full)
        return 0;
    end(job, why, "");
    return 1;
}

static void take(const chld_event *event)
{
    char words[128] = "";
    running--;
    chld_status_text(&event->status, words, sizeof words);
    end(event->user, event->status.code != 0 ? words : NULL,
        event->capture->timed_out ? ", at the time limit" : "");
    chld_close(event->id);
}

/* NULL: there is none, or none yet. */
static char *next_item(void)
{
    struct pollfd one = {STDIN_FILENO, POLLIN, 0};
    char *line = NULL;
    size_t size = 0;
    if (items)
        return *items ? *items++ : NULL;
    if (has_ended || poll(&one, 1, 0) <= 0)
        return NULL;
    ssize_t length = getdelim(&line, &size, separator, stdin);
    if (length < 0) {
        failed += ferror(stdin) && complain("stdin: %s\n", strerror(errno));
        has_ended = 1;
        free(line);
        return NULL;
    }
    if (line[length - 1] == separator)
        line[--length] = 0;
    failed += strlen(line) < (size_t)length && complain("NUL after '%.80s'; is -0 meant?\n", line);
    return line;
}

static void on_signal(int number)
{
    if (number == SIGTSTP) {
        is_suspended = 1;
    } else {
        signalled = number;
        times++;
    }
    chld_set_wake(set);
}

static void serve(void)
{
    struct pollfd fds[] = {{chld_set_fd(set), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    chld_event event;
    for (;;) {
        for (int i = 0; i < at_once && stops == 0; i++)
            while (jobs[i].child == CHLD_NONE && (jobs[i].item || (jobs[i].item = next_item())) &&
                   start(&jobs[i]))
                ;
        if (running == 0 && (stops > 0 || (items ? !*items : has_ended)))
            return;
        int reads = !items && !has_ended && stops == 0 && !is_full && running < at_once;
        poll(fds, reads ? 2 : 1, -1);
        while (chld_set_next(set, &event) == 0)
            if (event.kind == CHLD_EVENT_CAPTURED)
                take(&event);
        while (stops < times)
            stop_all();
        if (is_suspended) { /* the jobs are in other sessions, which the key does not reach */
            is_suspended = 0;
            signal_all(SIGSTOP);
            raise(SIGSTOP);
            signal_all(SIGCONT);
        }
    }
}

static void read_options(int argc, char **argv)
{
    int count = 0, has_place = 0;
    at_once = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int option; (option = getopt(argc, argv, "+j:t:l0")) != -1;) {
        char *end = option == '?' ? "?" : "";
        if (option == 'j')
            at_once = (int)strtol(optarg, &end, 10);
        else if (option == 't')
            timeout_ms = (int)(strtod(optarg, &end) * 1000);
        has_labels |= option == 'l';
        separator = option == '0' ? 0 : separator;
        if (*end || at_once < 1 || at_once > MOST_JOBS || timeout_ms < 0)
            give_up(USAGE);
    }
    for (items = argv + optind; *items && strcmp(*items, ":::"); items++) {
        has_place |= !strcmp(*items, "{}");
        if (count < MOST_WORDS - 2)
            command[count++] = *items;
    }
    if (count == 0 || count == MOST_WORDS - 2)
        give_up(USAGE);
    command[count] = has_place ? NULL : "{}";
    items = *items ? items + 1 : NULL;
}

int main(int argc, char **argv)
{
    static const int taken[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    for (int fd = 0; fd < 3; fd++) /* a file of its own must not be one of these */
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    read_options(argc, argv);
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see all that is there */
    if (chld_set_open(0, &set) < 0)
        give_up("there are no descriptors left\n");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (signal(taken[i], on_signal) == SIG_IGN)
            signal(taken[i], SIG_IGN); /* for example, by nohup */
    signal(SIGPIPE, SIG_IGN);
    serve();
    if (broken)
        give_up("stdout: %s\n", strerror(broken));
    if (signalled)
        chld_status_raise(&(chld_status){.state = CHLD_STATE_KILLED, .code = signalled});
    return failed < MOST_COUNTED ? failed : MOST_COUNTED;
}

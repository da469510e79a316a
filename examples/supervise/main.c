/*
 * supervise - keeps a list of programs running, and stops them in order.
 *
 * One sigtimedwait() waits for the programs' ends, for what is due, and for our own
 * signals. A set would name those that have ended; but by then what they left in their
 * groups is out of reach.
 */
#define _GNU_SOURCE
#include "supervise.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_ALL_ENDED = 1 };

static const char *list_path, *log_path;
static struct program *programs; /* in the order in which they are started */
static int check_only, stopping, code;

static const char help[] =
    "Usage: chld-supervise [OPTION]... LIST\n"
    "Keeps the programs in the file LIST running, until it is sent TERM, INT or QUIT;\n"
    "then it stops them, the last first.\n\n"
    "  -c, --check     only read the list, and say what is wrong with it\n"
    "  -l, --log=FILE  append to FILE what happens; to stderr by default\n"
    "      --help      show this text\n"
    "      --version   show the version\n\n"
    "A line of the list is \"NAME [OPTION=VALUE]...: COMMAND [ARGUMENT]...\". Options:\n"
    "restart=always|failure|never, delay=, most=, reset=, grace=DURATION, stop=SIGNAL,\n"
    "directory=PATH. HUP opens the log anew and reads the list again. USR1 writes the\n"
    "state of all programs to the log.\n\n"
    "Exits with 0 when all programs have ended, 1 if one could not be ended, 125 if it\n"
    "fails itself.\n";

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"check", no_argument, NULL, 'c'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "cl:", options, NULL)) != -1) {
        switch (option) {
        case 'c': check_only = 1; break;
        case 'l': log_path = optarg; break;
        case 'h': tool_help(help);
        case 'V': tool_version();
        default: tool_usage();
        }
    }
    if (argc - optind != 1)
        tool_give_up("one list is needed; see --help");
    list_path = argv[optind];
}

/* Takes the program with exactly this line out of the list. */
static struct program *take_same(const char *line)
{
    for (struct program **place = &programs; *place; place = &(*place)->next) {
        struct program *program = *place;
        if (!program->leaving && !strcmp(program->line, line)) {
            *place = program->next;
            return program;
        }
    }
    return NULL;
}

/* Programs whose line is the same go on as they are. The others stop; their
 * successors are behind them, for the list is stopped from its end. */
static void reload(void)
{
    struct program *fresh, *kept = NULL, **end = &kept, *same;
    if (list_read(list_path, &fresh) < 0) {
        log_line("supervise", "the list stays as it was");
        return;
    }
    while (fresh) {
        struct program *one = fresh;
        fresh = one->next;
        if ((same = take_same(one->line)) != NULL) {
            program_free(one);
            one = same;
        }
        one->next = NULL;
        *end = one;
        end = &one->next;
    }
    for (struct program *gone = programs; gone; gone = gone->next) {
        if (!gone->leaving)
            log_line(gone->name, "is not in the list any more");
        gone->leaving = 1;
        program_stop(gone);
        if (!gone->next) {
            gone->next = kept;
            kept = programs;
            break;
        }
    }
    programs = kept;
    log_line("supervise", "read %s", list_path);
}

static void reopen_log(void)
{
    int result = log_open(log_path);
    if (result < 0)
        log_line("supervise", "%s: %s", log_path, strerror(-result));
}

/* When told again, those that are left are killed at once. */
static void begin_to_stop(int signal)
{
    log_line("supervise", "SIG%s: stopping", tool_signal_name(signal));
    for (struct program *program = programs; program; program = program->next) {
        if (stopping || program->state == WAITING)
            program_stop(program);
        if (stopping)
            program->due = tool_now();
    }
    stopping = 1;
}

static void act_on(int signal)
{
    if (signal == SIGCHLD) {
        for (struct program *program = programs; program; program = program->next)
            program_look(program);
    } else if (signal == SIGHUP) {
        reopen_log();
        if (!stopping)
            reload();
    } else if (signal == SIGUSR1) {
        for (struct program *program = programs; program; program = program->next)
            program_tell(program);
    } else if (signal > 0) {
        begin_to_stop(signal);
    }
}

static int is_active(const struct program *program)
{
    return program->state != FINISHED;
}

/* The last one that is left; the one before it when that has ended. */
static void stop_next(void)
{
    struct program *last = NULL;
    for (struct program *program = programs; program; program = program->next)
        if (is_active(program))
            last = program;
    if (last)
        program_stop(last);
}

/* A program whose line has changed does not run twice at a time. */
static int has_predecessor(const struct program *program)
{
    for (struct program *other = programs; other; other = other->next)
        if (other != program && other->leaving && is_active(other) &&
            !strcmp(other->name, program->name))
            return 1;
    return 0;
}

static void drop_left(void)
{
    for (struct program **place = &programs; *place;) {
        struct program *program = *place;
        if (program->leaving && !is_active(program)) {
            *place = program->next;
            program_free(program);
        } else {
            place = &program->next;
        }
    }
}

/* Does all that is due; returns whether anything is left to do, and when at the latest. */
static int step(double *until)
{
    int active = 0;
    *until = 0;
    for (struct program *program = programs; program; program = program->next)
        if (!has_predecessor(program) && program_step(program) < 0)
            code = NOT_ALL_ENDED;
    if (stopping)
        stop_next();
    drop_left();
    for (struct program *program = programs; program; program = program->next) {
        active |= is_active(program);
        if (is_active(program) && program->due > 0 && !has_predecessor(program) &&
            (*until <= 0 || program->due < *until))
            *until = program->due;
    }
    return active;
}

int main(int argc, char **argv)
{
    static const int taken_here[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    siginfo_t info;
    double until;
    read_options(argc, argv);
    if (list_read(list_path, &programs) < 0)
        return TOOL_FAILED;
    if (check_only)
        return 0;
    if (!programs)
        tool_give_up("%s: there is no program in it", list_path);
    int result = log_open(log_path);
    if (result < 0)
        tool_give_up("%s: %s", log_path, strerror(-result));
    signal(SIGHUP, SIG_DFL); /* also under nohup */
    sigset_t taken = tool_take_signals(taken_here, sizeof taken_here / sizeof *taken_here);
    while (step(&until))
        act_on(tool_next_signal(&taken, until, &info));
    log_line("supervise", "all have ended");
    while (programs) {
        struct program *program = programs;
        programs = program->next;
        program_free(program);
    }
    return code;
}

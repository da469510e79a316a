/*
 * supervise.c - keeps the programs of a list running, and stops them all at once.
 *
 *     supervise [-d SECONDS] [-g SECONDS] LIST
 *
 * A line of the list is "NAME [restart=never]: COMMAND", for sh; or it is empty, or begins with
 * #. What has exited is started again after a pause (-d, 1), which doubles each time, up to a
 * minute, and begins anew after a run of ten seconds. TERM, INT or QUIT stops all programs by
 * TERM, and by KILL after a grace (-g, 5); once more, a second later, kills them. HUP reads the
 * list again: what has not changed goes on. What a program leaves behind is killed. If this
 * process is killed, the programs are stopped. Exits with 0, 1 if a program survived, or 125.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OWN_FAILURE = 125, LONGEST_PAUSE = 60, LONG_RUN = 10 };

static struct program {
    struct program *next;
    char *name, *command; /* in the second half of `text` */
    int is_once, is_leaving, is_done;
    double pause, due; /* due: when to start it */
    chld_id child;     /* CHLD_NONE: it does not run */
    char text[];       /* the line, and a copy of it */
} *programs;
static double delay = 1, grace = 5;
static chld_set set;
static int leaving, code; /* leaving: programs that have got their signal, and run */
static pid_t worker;      /* in the process that only waits for it */
static volatile sig_atomic_t told;

/* In one write. If nobody reads the log, the programs go on all the same. */
#define note(format, ...) dprintf(STDERR_FILENO, "supervise: " format "\n", __VA_ARGS__)

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* NULL if the line is wrong. */
static struct program *parse(const char *line)
{
    size_t size = strlen(line) + 1, length = strcspn(line, " :");
    struct program *program = calloc(1, sizeof *program + 2 * size);
    if (!program)
        abort();
    program->pause = delay;
    program->name = memcpy(program->text + size, memcpy(program->text, line, size), size);
    program->is_once = !strncmp(line + length, " restart=never: ", 16);
    program->command = program->name + length + (program->is_once ? 16 : 2);
    program->name[length] = 0;
    if (length > 0 && (program->is_once || !strncmp(line + length, ": ", 2)))
        return program;
    free(program);
    return NULL;
}

/* NULL if it cannot be read, if a line is wrong, or if there is no program in it. */
static struct program *read_list(const char *path)
{
    struct program *list = NULL, *next, **end = &list;
    const char *why = NULL;
    char line[4096];
    int number = 0;
    FILE *file = fopen(path, "re");
    for (; file && !why && fgets(line, sizeof line, file); number++) {
        line[strcspn(line, "\n")] = 0;
        if (!line[0] || line[0] == '#')
            continue;
        if (!(*end = parse(line)))
            why = "a line is NAME [restart=never]: COMMAND";
        else
            end = &(*end)->next;
    }
    if (!file || ferror(file))
        why = strerror(errno);
    if (file)
        fclose(file);
    if (why || !list)
        note("%s:%d: %s", path, number, why ? why : "there is no program in it");
    for (; why && list; list = next)
        next = list->next, free(list);
    return list;
}

static void stop(struct program *program, int kills)
{
    const chld_stop_step steps[] = {{SIGTERM, (int)(grace * 1000)}, {SIGKILL, 5000}};
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = CHLD_TARGET_GROUP;
    plan.steps = steps + kills;
    plan.steps_count = kills ? 1 : 2;
    leaving += program->child != CHLD_NONE && !program->is_leaving;
    program->is_leaving = 1;
    program->is_done = chld_set_stop(set, program->child, 0, &plan) < 0; /* it does not run */
}

/* Programs whose lines have not changed go on; the others stop, and have successors. */
static void change_list(struct program *fresh)
{
    struct program **end = &programs, **same, *gone;
    for (; *end; end = &(*end)->next) {
        for (same = &fresh; *same && strcmp((*same)->text, (*end)->text);)
            same = &(*same)->next;
        if (!(*end)->is_leaving && (gone = *same) != NULL)
            *same = gone->next, free(gone);
        else if (!(*end)->is_leaving)
            stop(*end, 0);
    }
    *end = fresh;
}

/* It has exited, or could not be started. */
static void end(struct program *program, const char *words, double ran)
{
    leaving -= program->is_leaving && program->child != CHLD_NONE;
    program->child = CHLD_NONE;
    program->is_done = program->is_leaving || program->is_once;
    program->pause = ran > LONG_RUN ? delay : program->pause;
    note("%s: %s after %.1f s", program->name, words, ran);
    if (!program->is_done)
        note("%s: again in %g s", program->name, program->pause);
    program->due = now() + program->pause;
    program->pause = 2 * program->pause < LONGEST_PAUSE ? 2 * program->pause : LONGEST_PAUSE;
}

static void start(struct program *program)
{
    const char *argv[] = {"sh", "-c", program->command, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    char why[256] = "";
    options.group_mode = CHLD_GROUP_NEW;
    options.flags = CHLD_SPAWN_SUBREAPER; /* its orphans come here when it has exited */
    options.in.mode = CHLD_STDIO_NULL;
    options.signals_mode = CHLD_SIGNALS_IGNORING; /* none, whatever is ignored here */
    options.user = program;
    if (chld_set_run(set, argv, &options, NULL, &program->child, &error) == 0) {
        note("%s: started, pid %d", program->name, chld_pid(program->child));
    } else {
        chld_error_text(&error, why, sizeof why);
        end(program, why, 0);
    }
}

static void take(const chld_event *event)
{
    char words[128] = "";
    chld_status_text(&event->status, words, sizeof words);
    code |= event->status.state == CHLD_STATE_RUNNING; /* even after SIGKILL */
    end(event->user, words, (double)event->capture->elapsed_ns / 1e9);
    chld_close(event->id);
}

/* What the programs have left behind has become this process's children. Returns how many. */
static int end_strays(void)
{
    int count = 0, pid;
    chld_reap_foreign(NULL, NULL); /* first: of those that are counted, a SIGCHLD will come */
    FILE *file = fopen("/proc/thread-self/children", "re");
    while (file && fscanf(file, "%d", &pid) == 1)
        if (chld_find(pid, NULL) < 0) /* this process alone reaps it: the number is its own */
            count += kill(pid, SIGKILL) == 0;
    if (file)
        fclose(file);
    return count;
}

static void serve(const char *path)
{
    double told_at = 0;
    chld_event event;
    for (;;) {
        int left = end_strays();
        double pause = 1e6;
        for (struct program *one = programs; one; one = one->next) {
            left += !one->is_done;
            if (one->is_done || one->child != CHLD_NONE || leaving > 0)
                continue; /* two versions of a program do not run at the same time */
            if (one->due <= now())
                start(one);
            if (one->child == CHLD_NONE && one->due - now() < pause)
                pause = one->due - now();
        }
        if (left == 0)
            return;
        if (chld_set_wait(set, (int)(pause * 1000) + 1, &event) == 0 && event.id != CHLD_NONE)
            take(&event);
        struct program *fresh = told == SIGHUP && told_at == 0 ? read_list(path) : NULL;
        if (fresh)
            change_list(fresh);
        if (told && told != SIGHUP && (told_at == 0 || now() - told_at > 1)) {
            note("%s: all stop", chld_signal_name(told));
            for (struct program *one = programs; one; one = one->next)
                stop(one, told_at > 0);
            told_at = now();
        }
        told = 0;
    }
}

static void on_signal(int number)
{
    if (worker > 0)
        kill(worker, number);
    else if (number != SIGCHLD && (number != SIGHUP || told == 0))
        told = number;
    chld_set_wake(set);
}

int main(int argc, char **argv)
{
    static const int taken[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    int status, caller = getpid();
    for (int option; (option = getopt(argc, argv, "d:g:")) != -1;)
        *(option == 'd' ? &delay : &grace) = option == '?' ? -1 : strtod(optarg, NULL);
    if (argc - optind != 1 || delay < 0 || grace < 0)
        return note("usage: %s [-d SECONDS] [-g SECONDS] LIST", argv[0]), OWN_FAILURE;
    if (!(programs = read_list(argv[optind])))
        return OWN_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        signal(taken[i], on_signal);
    chld_subreaper(1);
    /* The process that the caller knows waits for another one, which does the work. */
    if ((worker = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        chld_subreaper(1);
        if (getppid() != caller || chld_set_open(0, &set) < 0)
            return OWN_FAILURE;
        serve(argv[optind]);
        return code;
    }
    while (worker > 0 && waitpid(-1, &status, 0) != worker)
        ; /* the first process of a container has more children */
    while (end_strays() > 0)
        usleep(10000);
    return worker > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : OWN_FAILURE;
}

/*
 * jobs.c - the jobs of parallel: started, captured, stopped, printed.
 *
 * Each has a session of its own, so that a signal reaches it with all it has
 * started, and the terminal is none of its business.
 */
#define _GNU_SOURCE
#include "parallel.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In how many ways did jobs end, and how often in each? */
struct ending {
    struct ending *next;
    char *words;
    int count;
};

struct job *jobs;
struct sum sum;
int no_more, stopping, broken;
static struct job **last = &jobs;
static struct ending *endings;

static chld_stop_step steps[] = {{SIGTERM, 0}, {SIGKILL, 2000}};
static chld_stop_plan plan = {.size = sizeof plan, .target = CHLD_TARGET_GROUP,
                              .flags = CHLD_STOP_SWEEP, .steps = steps, .steps_count = 2};

void *got(void *memory)
{
    if (!memory)
        tool_give_up("no memory");
    return memory;
}

static int add(void *to, const char *data, size_t size)
{
    struct text *text = to;
    text->data = got(realloc(text->data, text->length + size + 1));
    memcpy(text->data + text->length, data, size);
    text->data[text->length += size] = 0;
    return 0;
}

/* `argument` with the item for each {}. */
static char *filled(const char *argument, const char *item, int *used)
{
    struct text text = {NULL, 0};
    for (const char *place; (place = strstr(argument, "{}")) != NULL; argument = place + 2) {
        add(&text, argument, (size_t)(place - argument));
        add(&text, item, strlen(item));
        *used = 1;
    }
    add(&text, argument, strlen(argument));
    return text.data;
}

static char **arguments_for(const char *item)
{
    int count = 0, used = 0;
    while (wanted.command[count])
        count++;
    char **arguments = got(calloc((size_t)count + 2, sizeof *arguments));
    for (int i = 0; i < count; i++)
        arguments[i] = filled(wanted.command[i], item, &used);
    if (!used)
        arguments[count] = got(strdup(item));
    return arguments;
}

static int milliseconds(double seconds)
{
    double value = seconds * 1e3;
    return value > INT_MAX ? INT_MAX : value > 0 && value < 1 ? 1 : (int)value;
}

/* Also of a job that runs already: what was captured so far stays. */
static void capture(struct job *job, double limit)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out = (chld_sink){.mode = CHLD_SINK_CALLBACK, .callback = add, .argument = &job->out};
    options.err = (chld_sink){.mode = CHLD_SINK_CALLBACK, .callback = add, .argument = &job->err};
    options.timeout_ms = milliseconds(limit);
    options.stop = &plan;
    steps[0].wait_ms = wanted.grace > 0 ? milliseconds(wanted.grace) : -1;
    int result = chld_capture_open(job->child, &options, &job->capturing);
    if (result < 0)
        tool_give_up("%s: %s", job->item, strerror(-result));
}

static int start(struct job *job)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    char text[256], **arguments = arguments_for(job->item);
    options.flags = CHLD_SPAWN_SESSION;
    options.in.mode = CHLD_STDIO_NULL;
    options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    job->begun = tool_now();
    job->tries++;
    int result = chld_spawn(&job->child, (const char *const *)arguments, &options, &error);
    for (char **argument = arguments; *argument; argument++)
        free(*argument);
    free(arguments);
    if (result < 0) {
        job->child = CHLD_NONE;
        chld_error_text(&error, text, sizeof text);
        tool_say("%s: %s", job->item, text);
        return result;
    }
    capture(job, wanted.limit);
    sum.running++;
    return 0;
}

void signal_all(int signal)
{
    for (struct job *job = jobs; job; job = job->next)
        if (job->child != CHLD_NONE)
            chld_kill_group(job->child, signal);
}

void stop_all(void)
{
    static const chld_stop_step kill_step = {SIGKILL, 2000};
    no_more = 1;
    if (stopping++ == 1) {
        plan.steps = &kill_step;
        plan.steps_count = 1;
    }
    for (struct job *job = jobs; job && stopping <= 2; job = job->next) {
        if (job->child == CHLD_NONE)
            continue;
        chld_capture_close(job->capturing, NULL);
        capture(job, 1e-3); /* its limit is over now, its output so far stays */
    }
}

static void print_text(FILE *to, const struct job *job, const struct text *text)
{
    const char *at = text->data, *end = at + text->length;
    while (wanted.tag && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline ? (size_t)(newline - at) : (size_t)(end - at);
        fprintf(to, "%s\t%.*s\n", job->item, (int)length, at);
        at += length + (newline != NULL);
    }
    if (at < end)
        fwrite(at, 1, (size_t)(end - at), to);
    if (fflush(to) != 0 && to == stdout && !broken) {
        broken = errno;
        stop_all();
    }
}

void print_ended(void)
{
    for (struct job **place = &jobs; *place;) {
        struct job *job = *place;
        if (job->child != CHLD_NONE) {
            if (wanted.keep_order)
                break;
            place = &job->next;
            continue;
        }
        print_text(stdout, job, &job->out);
        print_text(stderr, job, &job->err);
        if (!(*place = job->next))
            last = place;
        free(job->item);
        free(job->out.data);
        free(job->err.data);
        free(job);
    }
}

static void note_ending(const char *words)
{
    struct ending **place = &endings;
    while (*place && strcmp((*place)->words, words))
        place = &(*place)->next;
    if (!*place) {
        *place = got(calloc(1, sizeof **place));
        (*place)->words = got(strdup(words));
    }
    (*place)->count++;
}

static void failed(void)
{
    sum.bad++;
    no_more |= wanted.halt_soon || wanted.halt_now;
    if (wanted.halt_now && !stopping)
        stop_all();
}

static int again(struct job *job)
{
    if (stopping || job->tries > wanted.retries)
        return 0;
    job->out.length = job->err.length = 0;
    return start(job) == 0;
}

void finish(struct job *job)
{
    chld_capture_result result;
    chld_resources used;
    char words[128];
    if (chld_capture_close(job->capturing, &result) < 0 ||
        chld_status_text(&result.status, words, sizeof words) < 0)
        tool_give_up("%s: nobody can tell how it ended", job->item);
    if (chld_usage(job->child, &used) == 0)
        sum.cpu += (double)(used.user_us + used.system_us) / 1e6;
    chld_close(job->child);
    job->child = CHLD_NONE;
    sum.time += tool_now() - job->begun;
    sum.running--;
    const char *why = stopping ? ", when all were stopped"
                      : result.timed_out ? ", at the time limit" : "";
    strncat(words, why, sizeof words - strlen(words) - 1);
    int good = result.status.state == CHLD_STATE_EXITED && result.status.code == 0;
    if (!good && !stopping) {
        tool_say("%s: %s", job->item, words);
        if (again(job))
            return;
    }
    note_ending(words);
    if (good)
        sum.good++;
    else if (!stopping)
        failed();
}

void add_job(char *item)
{
    struct job *job = got(calloc(1, sizeof *job));
    job->item = item;
    *last = job;
    last = &job->next;
    if (start(job) < 0) {
        note_ending("could not be started");
        failed();
    }
}

void print_endings(void)
{
    for (struct ending *ending; (ending = endings) != NULL;) {
        endings = ending->next;
        tool_say("%d %s", ending->count, ending->words);
        free(ending->words);
        free(ending);
    }
}

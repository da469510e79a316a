/* Options of starts and captures: any values, and pointers that are NULL or valid. Programs
 * and files come from lists: no input can start or change anything else. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ENTRIES = 6, MOST_FDS = 64 };

extern char **environ;

/* NULL, or up to MOST_ENTRIES strings. */
static const char **strings(struct input *input)
{
    size_t count = pick(input, MOST_ENTRIES + 2);
    if (count == MOST_ENTRIES + 1) {
        return NULL;
    }
    const char **list = guarded((count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = string(input);
    }
    return list;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < MOST_FDS; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void check_error(int result, const chld_error *error, size_t size)
{
    char *text = guarded(size);
    MUST(result < 0 && result > -4096);
    MUST(error->code == -result);
    MUST(chld_step_name(error->step) != NULL);
    MUST(memchr(error->item, '\0', sizeof error->item) != NULL);
    int length = chld_error_text(error, text, size);
    MUST(length > 0 && (size == 0 || strlen(text) <= (size_t)length));
}

/* Environments */

static size_t name_length(const char *entry)
{
    return strcspn(entry, "=");
}

static bool same_name(const char *one, const char *other)
{
    size_t length = name_length(one);
    return name_length(other) == length && memcmp(one, other, length) == 0;
}

static bool changes(const char *const *list, const char *entry)
{
    for (; list != NULL && *list != NULL; list++) {
        if (same_name(*list, entry)) {
            return true;
        }
    }
    return false;
}

/* What the child must have, as /usr/bin/env -0 prints it; false if it must be refused. */
static bool expect(const chld_spawn_options *options, char *ret, size_t *ret_size)
{
    const char *const *set = options->env_set, *const *unset = options->env_unset;
    *ret_size = 0;
    for (; set != NULL && *set != NULL; set++) {
        if (strchr(*set, '=') == NULL || **set == '=') {
            return false;
        }
    }
    for (; unset != NULL && *unset != NULL; unset++) {
        if (strchr(*unset, '=') != NULL || **unset == '\0') {
            return false;
        }
    }
    for (const char *const *base = options->env; *base != NULL; base++) {
        if (!changes(options->env_set, *base) && !changes(options->env_unset, *base)) {
            memcpy(ret + *ret_size, *base, strlen(*base) + 1);
            *ret_size += strlen(*base) + 1;
        }
    }
    for (set = options->env_set; set != NULL && *set != NULL; set++) {
        if (!changes(set + 1, *set)) {
            memcpy(ret + *ret_size, *set, strlen(*set) + 1);
            *ret_size += strlen(*set) + 1;
        }
    }
    return true;
}

static void run_environment(struct input *input)
{
    static const char *const argv[] = { "env", "-0", NULL };
    static const char *const nothing[] = { NULL };
    static char wanted[4 * MOST_BYTES], got[4 * MOST_BYTES];
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_error error = { 0 };
    size_t size;
    options.program = "/usr/bin/env";
    options.env = strings(input);
    options.env = options.env != NULL ? options.env : nothing;
    options.env_set = strings(input);
    options.env_unset = strings(input);
    capture.out = (chld_sink){ .mode = CHLD_SINK_HEAD, .buffer = got, .size = sizeof got };
    bool is_right = expect(&options, wanted, &size);
    int ran = chld_run(argv, &options, &capture, &result, &error);
    MUST(is_right == (ran == 0));
    if (is_right) {
        MUST(result.status.state == CHLD_STATE_EXITED && result.status.code == 0);
        MUST(result.out.total == size && memcmp(got, wanted, size) == 0);
    } else {
        check_error(ran, &error, 100);
        MUST(error.step == CHLD_STEP_ENVIRONMENT);
    }
}

static const char *const environment_words[] = { "A=1", "A", "=", "B=", "\n", "\x03", "\x07", NULL };
const struct target target_environment = { "environment", run_environment, environment_words };

/* Options */

static int null_fd = -1, program_fd = -1;

static int some_fd(struct input *input)
{
    const int fds[] = { -1, 0, 1, 2, null_fd, program_fd, 63, 9999, (int)word32(input) };
    return fds[pick(input, sizeof fds / sizeof fds[0])];
}

/* Mostly one of the values that there are. */
static uint32_t some(struct input *input, uint32_t most)
{
    uint32_t any = word32(input);
    return byte(input) < 240 ? any % (most + 1) : any;
}

static chld_stdio some_stream(struct input *input)
{
    static const char *const paths[] = { NULL, "/dev/null", "/nonexistent/file", "/", "" };
    return (chld_stdio){ .mode = some(input, CHLD_STDIO_STDERR + 1), .fd = some_fd(input),
                         .path = paths[pick(input, 5)], .open_flags = (int32_t)word32(input),
                         .open_mode = word32(input) };
}

/* NULL, or memory with this many entries of any bytes. */
static void *some_entries(struct input *input, size_t size, size_t *ret_count)
{
    size_t count = pick(input, 5);
    *ret_count = count == 4 ? pick(input, 3) : count;
    unsigned char *entries = count == 4 ? NULL : guarded(count * size);
    for (size_t i = 0; entries != NULL && i < count * size; i++) {
        entries[i] = byte(input);
    }
    return entries;
}

static const chld_fd_map *some_pairs(struct input *input, size_t *ret_count)
{
    size_t count = pick(input, 4);
    chld_fd_map *pairs = guarded(count * sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        pairs[i] = (chld_fd_map){ some_fd(input), some_fd(input) };
    }
    *ret_count = count;
    return pairs;
}

static void fill(struct input *input, chld_spawn_options *options)
{
    static const char *const programs[] = { NULL, NULL, "/bin/true", "true", "", "/", "/nonexistent",
                                            "nonexistent", "/etc/passwd" };
    static const char *const directories[] = { NULL, NULL, "/", "", "/nonexistent", "/bin/true" };
    /* Others reap detached children, and a terminal is taken from nobody. */
    const uint64_t never = CHLD_SPAWN_DETACHED | CHLD_SPAWN_FOREGROUND | CHLD_SPAWN_TERMINAL;
    uint64_t any = word64(input), flags = any & word64(input) & ~never;
    options->flags = pick(input, 16) == 0 ? flags : flags & (CHLD_SPAWN_KILL_ON_DEATH * 2 - 1);
    options->program = programs[pick(input, sizeof programs / sizeof programs[0])];
    options->program_fd = some_fd(input);
    options->search = some(input, CHLD_SEARCH_NONE + 1);
    options->env = strings(input);
    options->env_set = strings(input);
    options->env_unset = strings(input);
    options->cwd = directories[pick(input, sizeof directories / sizeof directories[0])];
    options->cwd_fd = some_fd(input);
    options->umask = word32(input);
    options->in = some_stream(input);
    options->out = some_stream(input);
    options->err = some_stream(input);
    options->fds = some_pairs(input, &options->fds_count);
    options->rows = (uint16_t)word32(input);
    options->columns = (uint16_t)word32(input);
    options->group_mode = some(input, CHLD_GROUP_JOIN + 1);
    options->group = (int32_t)word32(input);
    options->cgroup_fd = pick(input, 2) == 0 ? -1 : null_fd;
    options->limits = some_entries(input, sizeof(chld_limit), &options->limits_count);
    options->cpus = some_entries(input, sizeof(uint64_t), &options->cpus_size);
    options->groups = some_entries(input, sizeof(uint32_t), &options->groups_count);
    options->gid = word32(input);
    options->uid = word32(input);
    options->nice = (int32_t)word32(input);
    options->death_signal = (int32_t)some(input, 66);
    options->signals_mode = some(input, CHLD_SIGNALS_IGNORING + 1);
    options->mask_mode = some(input, CHLD_MASK_BLOCKED + 1);
    options->ignored = word64(input);
    options->blocked = word64(input);
    options->reset = word64(input);
}

static void open_files(void)
{
    if (null_fd < 0) {
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        program_fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
    }
}

static void require_nothing_left(int descriptors)
{
    MUST(open_descriptors() == descriptors);
    MUST(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void run_options(struct input *input)
{
    open_files();
    int descriptors = open_descriptors();
    const char *names[] = { "/bin/true", "true", "", "/nonexistent" };
    const char *argv[] = { names[pick(input, 4)], string(input), NULL };
    bool has_argv = pick(input, 16) != 0, has_options = pick(input, 32) != 0;
    size_t text_size = pick(input, 200);
    /* A struct of another version: shorter, or longer with something in the rest. */
    size_t whole = sizeof(chld_spawn_options), room = whole + 32;
    unsigned char *memory = guarded(room);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    size_t other = pick(input, 8) == 0 ? word32(input) % (room + 1) : whole;
    bool is_dirty = pick(input, 2) == 0;
    fill(input, &options);
    options.size = other;
    memcpy(memory, &options, whole);
    memory[room - 1] = is_dirty;
    chld_error error = { 0 };
    chld_id id = CHLD_NONE;
    int result = chld_spawn(&id, has_argv ? argv : NULL,
                            has_options ? (chld_spawn_options *)(void *)memory : NULL, &error);
    if (result == 0) {
        chld_status status = { 0 };
        MUST(id != CHLD_NONE && has_argv);
        MUST(!has_options || other <= whole || !is_dirty || other < room);
        chld_kill(id, SIGKILL); /* a stream may block it forever */
        MUST(chld_wait(id, 15000, &status) == 0);
        MUST(chld_close(id) == 0);
    } else {
        MUST(id == CHLD_NONE);
        check_error(result, &error, text_size);
    }
    require_nothing_left(descriptors);
}

const struct target target_options = { "options", run_options, NULL };

/* Options of captures, and plans */

static int give(void *argument, char *buffer, size_t size)
{
    uint32_t *left = argument;
    size_t count = *left % 7 < size ? *left % 7 : size;
    memset(buffer, 'g', count);
    *left /= 7;
    return (int)count;
}

static int take(void *argument, const char *data, size_t size)
{
    uint32_t *left = argument;
    MUST(data != NULL || size == 0);
    return *left == 0 ? 0 : (int)(--*left == 0);
}

static chld_sink some_sink(struct input *input, uint32_t *left)
{
    chld_sink sink = { .mode = some(input, CHLD_SINK_LINES + 1), .flags = some(input, 1),
                       .size = pick(input, 64), .fd = pick(input, 2) == 0 ? null_fd : -1 };
    *left = byte(input);
    sink.buffer = pick(input, 8) == 0 ? NULL : guarded(sink.size);
    sink.callback = pick(input, 8) == 0 ? NULL : take;
    sink.argument = left;
    sink.reserved[0] = pick(input, 32) == 0;
    return sink;
}

static void check_stream(const chld_stream_result *stream, const chld_sink *sink)
{
    MUST(stream->kept <= stream->total && stream->from_head <= stream->kept);
    if (sink->mode >= CHLD_SINK_HEAD && sink->mode <= CHLD_SINK_HEAD_TAIL) {
        MUST(stream->kept <= sink->size);
    }
    if (sink->mode == CHLD_SINK_GROW) {
        chld_buffer_free(stream->data);
    }
}

/* Up to three steps, and SIGKILL at last: a child that survives is left to the library. */
static void fill_plan(struct input *input, chld_stop_plan *plan)
{
    size_t count = pick(input, 4);
    chld_stop_step *steps = guarded((count + 1) * sizeof *steps);
    for (size_t i = 0; i < count; i++) {
        steps[i].signal = (int)some(input, 66);
        steps[i].wait_ms = (int)(word32(input) % 4) - 1;
    }
    steps[count] = (chld_stop_step){ SIGKILL, 10000 };
    plan->steps = steps;
    plan->steps_count = count + 1;
    plan->target = some(input, 2);
    plan->flags = some(input, 1);
}

static void run_captures(struct input *input)
{
    open_files();
    int descriptors = open_descriptors();
    const char *argv[] = { "sh", "-c", NULL, NULL };
    static const char *const scripts[] = { "cat", "echo out; echo err >&2", "exit 3", "cat >&2",
                                           "printf 'a\\nb\\0c'; cat; kill -9 $$" };
    uint32_t left[3] = { word32(input), 0, 0 };
    argv[2] = scripts[pick(input, 5)];
    chld_capture_options *options = guarded(sizeof *options);
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    char *fed = string(input);
    *options = (chld_capture_options)CHLD_CAPTURE_OPTIONS_INIT;
    options->size = pick(input, 16) == 0 ? word32(input) % (options->size + 1) : options->size;
    options->flags = some(input, 3);
    options->timeout_ms = pick(input, 8) == 0 ? (int32_t)word32(input) % 10 : 10000;
    options->in = (chld_feed){ .mode = some(input, CHLD_FEED_CALLBACK + 1), .data = fed,
                               .size = strlen(fed), .callback = give, .argument = &left[0] };
    options->out = some_sink(input, &left[1]);
    options->err = some_sink(input, &left[2]);
    options->cancel_fd = some_fd(input);
    fill_plan(input, &plan);
    options->stop = pick(input, 2) == 0 ? NULL : &plan;
    chld_capture_result *result = guarded(sizeof *result);
    chld_error error = { 0 };
    int ran = chld_run(argv, NULL, options, result, &error);
    MUST(ran <= 0 && ran > -4096);
    if (ran == 0) {
        MUST(result->status.state != CHLD_STATE_RUNNING && result->pid > 1);
        check_stream(&result->out, &options->out);
        check_stream(&result->err, &options->err);
    } else if (error.code != 0) {
        check_error(ran, &error, 80);
    }
    require_nothing_left(descriptors);
}

const struct target target_captures = { "captures", run_captures, NULL };

/* How much the pipes hold while a capture is at work. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NEW = 64 * 1024, ENLARGED = 256 * 1024, MUCH_KIB = 2000 };

static int size_of(int fd)
{
    return fcntl(fd, F_GETPIPE_SZ);
}

/* The largest size that a callback has seen. */
struct seen {
    chld_id id;
    int stream, size;
    long long bytes;
};

static void look(struct seen *seen)
{
    int fd = seen->stream ? CALL(chld_stdout_fd(seen->id)) : CALL(chld_stdin_fd(seen->id));
    int size = fd < 0 ? 0 : size_of(fd);
    seen->size = size > seen->size ? size : seen->size;
}

static int take(void *argument, const char *data, size_t size)
{
    struct seen *seen = argument;
    (void) data;
    seen->bytes += (long long) size;
    look(seen);
    return 0;
}

static int give(void *argument, char *buffer, size_t size)
{
    struct seen *seen = argument;
    long long left = MUCH_KIB * 1024 - seen->bytes;
    int count = left < (long long) size ? (int) left : (int) size;
    memset(buffer, 'x', (size_t) count);
    seen->bytes += count;
    look(seen);
    return count;
}

static chld_id start_piped(const char *const *argv)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PIPE;
    return START(argv, &spawn);
}

static struct seen capture(int kib)
{
    struct seen seen = { .id = start_piped(ARGV(helper("flow"), "pour", DECIMAL(kib))),
                         .stream = 1 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out = (chld_sink) { .mode = CHLD_SINK_CALLBACK, .callback = take, .argument = &seen };
    CHECK_CALL(chld_capture(seen.id, &options, NULL), 0);
    CHECK_INT(seen.bytes, kib * 1024);
    CHECK_INT(size_of(CALL(chld_stdout_fd(seen.id))), NEW); /* as it was */
    CHECK_EXITED(FINISH(seen.id), 0);
    return seen;
}

TEST(the_pipe_of_a_large_stream_is_enlarged_for_a_while)
{
    CHECK_INT(capture(MUCH_KIB).size, ENLARGED);
    CHECK_INT(capture(40).size, NEW);
}

TEST(the_pipe_of_a_large_input_is_enlarged)
{
    struct seen seen = { .id = start_piped(ACT("cat")), .stream = 0 };
    struct seen out = { .id = seen.id, .stream = 1 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.in.mode = CHLD_FEED_CALLBACK;
    options.in.callback = give;
    options.in.argument = &seen;
    options.out = (chld_sink) { .mode = CHLD_SINK_CALLBACK, .callback = take, .argument = &out };
    CHECK_CALL(chld_capture(seen.id, &options, &result), 0);
    CHECK_INT((long long) result.fed, MUCH_KIB * 1024);
    CHECK_INT(out.bytes, MUCH_KIB * 1024);
    CHECK_INT(seen.size, ENLARGED);
    CHECK_EXITED(FINISH(seen.id), 0);
}

/* Somebody has enlarged it already, and more: it stays so. */
TEST(a_larger_pipe_stays_as_it_is)
{
    enum { LARGER = 512 * 1024 };
    struct seen seen = { .id = start_piped(ARGV(helper("flow"), "pour", DECIMAL(MUCH_KIB))),
                         .stream = 1 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out = (chld_sink) { .mode = CHLD_SINK_CALLBACK, .callback = take, .argument = &seen };
    int larger = fcntl(CALL(chld_stdout_fd(seen.id)), F_SETPIPE_SZ, LARGER);
    CHECK_CALL(chld_capture(seen.id, &options, NULL), 0);
    CHECK_INT(seen.size, larger < 0 ? ENLARGED : LARGER);
    CHECK_INT(size_of(CALL(chld_stdout_fd(seen.id))), larger < 0 ? NEW : LARGER);
    CHECK_EXITED(FINISH(seen.id), 0);
}

enum { MANY = 20, MOST = 16 };

static struct many {
    chld_id ids[MANY];
    chld_capture_id captures[MANY];
    long long taken[MANY];
} many;

static int count(void *argument, const char *data, size_t size)
{
    (void) data;
    *(long long *) argument += (long long) size;
    return 0;
}

static int enlarged(void)
{
    int sum = 0;
    for (int i = 0; i < MANY; i++) {
        sum += many.ids[i] != 0 && size_of(CALL(chld_stdout_fd(many.ids[i]))) == ENLARGED;
    }
    return sum;
}

/* Until it has taken more than a new pipe holds, and a little more. */
static void step_on(int i)
{
    long long before = many.taken[i];
    while (many.taken[i] < before + 4 * NEW) {
        CHECK_CALL(chld_capture_step(many.captures[i], NULL), 0);
    }
}

static void begin(int i)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    many.ids[i] = START(ARGV("cat", "/dev/zero"), &spawn);
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = count;
    options.out.argument = &many.taken[i];
    CHECK_CALL(chld_capture_open(many.ids[i], &options, &many.captures[i]), 0);
    step_on(i);
}

static void end(int i)
{
    CHECK_CALL(chld_capture_close(many.captures[i], NULL), 0);
    CHECK_CALL(chld_kill(many.ids[i], SIGKILL), 0);
    CHECK_STATUS(FINISH(many.ids[i]), CHLD_STATE_KILLED, SIGKILL);
    many.ids[i] = 0;
}

static void enlarge_in_copy(void)
{
    CHECK_INT(capture(MUCH_KIB).size, ENLARGED);
}

TEST(sixteen_pipes_are_enlarged_at_a_time)
{
    for (int i = 0; i < MANY; i++) {
        begin(i);
    }
    CHECK_INT(enlarged(), MOST);
    IN_COPY(enlarge_in_copy); /* which has enlarged none */
    end(0);
    CHECK_INT(enlarged(), MOST - 1);
    begin(0);
    CHECK_INT(enlarged(), MOST);
    for (int i = 0; i < MANY; i++) {
        end(i);
    }
    CHECK_INT(capture(MUCH_KIB).size, ENLARGED);
}

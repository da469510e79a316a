/* Files longer than two gibibytes, which a 32-bit program has to ask for: the
 * child writes into them, and what is captured goes there. */
#define _FILE_OFFSET_BITS 64
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE ((off_t) 3 << 30)
#define LIMIT_OF_32_BIT ((off_t) INT32_MAX)

/* An empty file, as far as the disk goes. */
static const char *file_of(off_t size)
{
    const char *path = scratch_file("large", "", 0600);
    if (truncate(path, size) < 0) {
        SKIP_TEST("no file can be that long here: %s", strerror(errno));
    }
    return path;
}

/* It must have grown by `added`, the end of which is this text. */
static void check_end(const char *path, off_t before, const char *added)
{
    char end[16] = "";
    size_t length = strlen(added);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    CHECK_INT(lseek(file, 0, SEEK_END), before + (off_t) length);
    CHECK_INT(pread(file, end, length, before), (long long) length);
    CHECK_STR(end, added);
    close(file);
    unlink(path);
}

static void say_into_file_of(off_t size, int flags)
{
    const char *path = file_of(size);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out = (chld_stdio) { .mode = CHLD_STDIO_PATH, .path = path, .open_flags = flags };
    CHECK_EXITED(RUN(ACT("say", "seven..", ""), &options), 0);
    check_end(path, size, "seven..");
}

TEST(a_stream_can_be_a_large_file)
{
    say_into_file_of(LARGE, O_WRONLY | O_APPEND);
}

TEST(a_stream_can_grow_beyond_two_gibibytes)
{
    say_into_file_of(LIMIT_OF_32_BIT - 1, O_WRONLY | O_APPEND);
}

static void capture_into_large_file(int flags)
{
    const char *path = file_of(LARGE);
    int file = open(path, O_WRONLY | O_CLOEXEC | flags);
    REQUIRE(file >= 0 && lseek(file, 0, SEEK_END) == LARGE);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out = (chld_sink) { .mode = CHLD_SINK_FD, .fd = file };
    CHECK_CALL(chld_run(ACT("say", "seven..", ""), NULL, &options, &result, NULL), 0);
    CHECK_INT(result.out.error, 0);
    CHECK_INT((long long) result.out.total, 7);
    close(file);
    check_end(path, LARGE, "seven..");
}

TEST(output_can_be_captured_into_a_large_file)
{
    capture_into_large_file(0);
}

TEST(captured_output_can_be_appended_to_a_large_file)
{
    capture_into_large_file(O_APPEND);
}

/* Descriptors for the child beyond the standard three. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* A file under this number that no other looks like. */
static int file_at(int number)
{
    char name[32];
    snprintf(name, sizeof name, "file %d", number);
    int file = memfd_create(name, MFD_CLOEXEC);
    REQUIRE(file >= 0);
    if (file != number) {
        REQUIRE(fcntl(number, F_GETFD) == -1);
        REQUIRE(dup3(file, number, O_CLOEXEC) == number);
        close(file);
    }
    return number;
}

static chld_spawn_options with_maps(const chld_fd_map *maps, size_t count)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = maps;
    options.fds_count = count;
    return options;
}

/* The child has the descriptors of the maps, 0 to 2, and nothing else. */
static void check_maps(const chld_fd_map *maps, size_t count)
{
    chld_spawn_options options = with_maps(maps, count);
    struct probe seen = PROBE(&options, "x");
    int beyond = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(probe_fd(&seen, maps[i].target), own_fd(maps[i].source));
        beyond += maps[i].target > 2;
    }
    CHECK_INT(probe_count(&seen, "fd"), 3 + beyond);
    probe_free(&seen);
}

static const struct row {
    const char *what;
    size_t count;
    chld_fd_map maps[6];
} rows[] = {
    { "one", 1, { { 30, 7 } } },
    { "to itself, though close-on-exec here", 1, { { 30, 30 } } },
    { "swap", 2, { { 30, 31 }, { 31, 30 } } },
    { "rotation of three", 3, { { 30, 31 }, { 31, 32 }, { 32, 30 } } },
    { "chain upwards", 3, { { 30, 31 }, { 31, 32 }, { 32, 33 } } },
    { "chain downwards", 3, { { 33, 32 }, { 32, 31 }, { 31, 30 } } },
    { "one source, two targets", 2, { { 30, 10 }, { 30, 11 } } },
    { "one source, itself and another", 2, { { 30, 30 }, { 30, 31 } } },
    { "one source, another and itself", 2, { { 30, 31 }, { 30, 30 } } },
    { "swap, and a copy of each", 4, { { 30, 31 }, { 31, 30 }, { 30, 50 }, { 31, 51 } } },
    { "to the standard three", 3, { { 30, 0 }, { 31, 1 }, { 32, 2 } } },
    { "from the standard three", 3, { { 0, 10 }, { 1, 11 }, { 2, 12 } } },
    { "stdout and a file swapped", 2, { { 1, 30 }, { 30, 1 } } },
    { "the standard three rotated", 3, { { 0, 1 }, { 1, 2 }, { 2, 0 } } },
    { "far apart", 2, { { 30, 900 }, { 31, 3 } } },
};

TEST(maps_take_effect_all_at_once)
{
    for (int number = 30; number <= 33; number++) {
        file_at(number);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int before = failures();
        check_maps(rows[i].maps, rows[i].count);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "map \"%s\"", rows[i].what);
        }
    }
    for (int number = 30; number <= 33; number++) {
        close(number);
    }
}

/* The numbers that the library's own pipes and pidfds get are among these. */
static void fill_low_numbers(chld_fd_map maps[], int count)
{
    for (int i = 0; i < count; i++) {
        maps[i] = (chld_fd_map) { 60, 3 + i };
    }
}

TEST(all_low_numbers_can_be_targets_at_the_first_start)
{
    chld_fd_map maps[20];
    file_at(60);
    fill_low_numbers(maps, 20);
    check_maps(maps, 20);
    close(60);
}

TEST(a_failure_is_reported_even_if_all_low_numbers_are_targets)
{
    chld_fd_map maps[20];
    file_at(60);
    fill_low_numbers(maps, 20);
    chld_spawn_options options = with_maps(maps, 20);
    for (int round = 0; round < 2; round++) {
        CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    }
    CHECK_INT(lseek(60, 0, SEEK_END), 0); /* nothing was written to the caller's file */
    close(60);
}

TEST(swaps_work_beside_pipes)
{
    file_at(30);
    file_at(31);
    chld_spawn_options options =
        with_maps((const chld_fd_map[]) { { 30, 31 }, { 31, 30 }, { 30, 3 }, { 31, 4 } }, 4);
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(probe_fd(&seen, 30), own_fd(31));
    CHECK_STR(probe_fd(&seen, 31), own_fd(30));
    CHECK_STR(probe_fd(&seen, 3), own_fd(30));
    CHECK_STR(probe_fd(&seen, 4), own_fd(31));
    CHECK_INT(probe_count(&seen, "fd"), 7);
    for (int fd = 0; fd < 3; fd++) {
        CHECK(probe_fd(&seen, fd) && strstr(probe_fd(&seen, fd), "pipe:"));
    }
    probe_free(&seen);
    close(30);
    close(31);
}

TEST(a_hundred_maps_at_once)
{
    chld_fd_map maps[100];
    for (int i = 0; i < 50; i++) { /* a rotation, and a copy of each */
        file_at(200 + i);
        maps[i] = (chld_fd_map) { 200 + i, 200 + (i + 1) % 50 };
        maps[50 + i] = (chld_fd_map) { 200 + i, 300 + i };
    }
    check_maps(maps, 100);
    for (int i = 0; i < 50; i++) {
        close(200 + i);
    }
}

/* Until its exec the child has them all, for a path that leads there. */
TEST(a_path_may_lead_through_a_descriptor)
{
    int file = open(helper("act"), O_RDONLY | O_CLOEXEC);
    int directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(file > 2 && directory > 2);
    int high_file = fcntl(file, F_DUPFD_CLOEXEC, 60);
    int high_directory = fcntl(directory, F_DUPFD_CLOEXEC, 60);
    REQUIRE(high_file >= 60 && high_directory >= 60);
    char path[64];
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    snprintf(path, sizeof path, "/proc/self/fd/%d", high_file);
    CHECK_EXITED(RUN(ARGV(path, "exit", "7"), NULL), 7);
    snprintf(path, sizeof path, "/proc/self/fd/%d", high_directory);
    options.cwd = path;
    CHECK_EXITED(RUN(ACT("exit", "8"), &options), 8);
    close(high_directory);
    close(high_file);
    close(directory);
    close(file);
}

TEST(a_high_source_can_be_mapped)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int high = (int) limit.rlim_cur - 1;
    file_at(high);
    check_maps((const chld_fd_map[]) { { high, 3 } }, 1);
    check_maps((const chld_fd_map[]) { { high, high } }, 1);
    close(high);
}

TEST(the_callers_flags_stay)
{
    file_at(30);
    check_maps((const chld_fd_map[]) { { 30, 30 }, { 30, 40 } }, 2);
    CHECK_INT(fcntl(30, F_GETFD), FD_CLOEXEC);
    CHECK_INT(fcntl(40, F_GETFD), -1);
    close(30);
}

/* `errnum` at the map number `index`; 20 and 21 are open, 22 is not. */
static const struct wrong {
    const char *what;
    int errnum, index;
    size_t count;
    chld_fd_map maps[4];
} wrongs[] = {
    { "source not open", EBADF, 0, 1, { { 22, 3 } } },
    { "second source not open", EBADF, 1, 2, { { 20, 3 }, { 22, 4 } } },
    { "third source not open", EBADF, 2, 4, { { 20, 3 }, { 21, 4 }, { 22, 5 }, { 20, 6 } } },
    { "source not open, to itself", EBADF, 0, 1, { { 22, 22 } } },
    { "source negative", EBADF, 0, 1, { { -1, 3 } } },
    { "source very negative", EBADF, 1, 2, { { 20, 3 }, { -2147483647, 4 } } },
    { "target negative", EBADF, 1, 2, { { 20, 3 }, { 21, -1 } } },
    { "two sources for one target", EINVAL, 1, 2, { { 20, 3 }, { 21, 3 } } },
    { "the same map twice", EINVAL, 1, 2, { { 20, 3 }, { 20, 3 } } },
    { "third target taken", EINVAL, 2, 3, { { 20, 3 }, { 21, 4 }, { 20, 4 } } },
};

TEST(a_wrong_map_is_refused_with_its_index)
{
    file_at(20);
    file_at(21);
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const struct wrong *row = &wrongs[i];
        int before = failures();
        chld_spawn_options options = with_maps(row->maps, row->count);
        CHECK_FAILS(ACT("exit", "0"), &options, row->errnum, CHLD_STEP_MAP, row->index);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "map \"%s\"", row->what);
        }
    }
    close(20);
    close(21);
}

TEST(a_map_cannot_have_the_target_of_a_stream)
{
    file_at(20);
    chld_spawn_options options = with_maps((const chld_fd_map[]) { { 20, 5 }, { 20, 1 } }, 2);
    options.out.mode = CHLD_STDIO_PIPE;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_MAP, 1);
    close(20);
}

TEST(maps_that_are_not_there_are_refused)
{
    chld_spawn_options options = with_maps(NULL, 1);
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_MAP, 0);
}

TEST(a_swap_works_beside_the_highest_target_there_is)
{
    struct rlimit before, low;
    file_at(30);
    file_at(31);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    low.rlim_cur = 200;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    check_maps((const chld_fd_map[]) { { 30, 31 }, { 31, 30 }, { 30, 199 } }, 3);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    close(30);
    close(31);
}

TEST(a_target_beyond_the_limit_is_refused_by_the_kernel)
{
    file_at(20);
    struct rlimit before, low;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    low.rlim_cur = 200;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    chld_spawn_options options = with_maps((const chld_fd_map[]) { { 20, 3 }, { 20, 200 } }, 2);
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_MAP, 1);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    close(20);
}

/* A caller that has some of 0, 1 and 2 closed: the child gets the right ones,
 * and nothing of the library's lands there. */
#include "support.h"

#include <fcntl.h>
#include <unistd.h>

/* Runs `part` in a copy of the test for each set of closed descriptors. */
static int closed;

static void for_all_sets(void (*part)(void))
{
    for (closed = 0; closed < 8; closed++) {
        if (in_copy(part) != 0) {
            fail(__FILE__, __LINE__, "with%s%s%s closed", closed & 1 ? " 0" : "",
                 closed & 2 ? " 1" : "", closed & 4 ? " 2" : "");
        }
    }
}

static void close_them(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (closed >> fd & 1) {
            close(fd);
        }
    }
}

static void check_still_closed(void)
{
    for (int fd = 0; fd < 3; fd++) {
        CHECK_INT(fcntl(fd, F_GETFD) == -1, closed >> fd & 1);
    }
}

static chld_spawn_options all_three(uint32_t mode)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = mode;
    return options;
}

static void use_pipes(void)
{
    close_them();
    chld_spawn_options options = all_three(CHLD_STDIO_PIPE);
    chld_id id = START(ARGV("/bin/sh", "-c", "read line; echo \"$line\"; echo two >&2"), &options);
    check_still_closed();
    CHECK(CALL(chld_stdin_fd(id)) > 2);
    CHECK(CALL(chld_stdout_fd(id)) > 2);
    CHECK(CALL(chld_stderr_fd(id)) > 2);
    int exit_fd = CALL(chld_exit_fd(id));
    CHECK(exit_fd > 2 || exit_fd == -ENOSYS);
    CHECK_INT(write(CALL(chld_stdin_fd(id)), "one\n", 4), 4);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "one\n");
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "two\n");
    CHECK_EXITED(FINISH(id), 0);
    check_still_closed();
}

TEST(pipes_work)
{
    for_all_sets(use_pipes);
}

static void inherit(void)
{
    close_them();
    for (int round = 0; round < 3; round++) {
        chld_id id = START(ACT("exit", "0"), NULL);
        check_still_closed();
        struct probe seen = PROBE(NULL, "x");
        for (int fd = 0; fd < 3; fd++) {
            CHECK_INT(probe_fd(&seen, fd) == NULL, closed >> fd & 1);
        }
        CHECK_INT(probe_count(&seen, "fd"), !(closed & 1) + !(closed & 2) + !(closed & 4));
        probe_free(&seen);
        FINISH(id);
    }
}

TEST(what_is_closed_is_closed_in_the_child)
{
    for_all_sets(inherit);
}

static void use_null(void)
{
    close_them();
    chld_spawn_options options = all_three(CHLD_STDIO_NULL);
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(probe_fd(&seen, 0), "r /dev/null");
    CHECK_STR(probe_fd(&seen, 1), "w /dev/null");
    CHECK_STR(probe_fd(&seen, 2), "w /dev/null");
    CHECK_INT(probe_count(&seen, "fd"), 3);
    probe_free(&seen);
    check_still_closed();
}

TEST(files_are_opened)
{
    for_all_sets(use_null);
}

static void fail_to_start(void)
{
    close_them();
    chld_spawn_options options = all_three(CHLD_STDIO_PIPE);
    for (int round = 0; round < 3; round++) {
        CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
        CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
        check_still_closed();
    }
}

TEST(failures_are_reported)
{
    for_all_sets(fail_to_start);
}

static void map_three(void)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    int high = fcntl(ends[1], F_DUPFD_CLOEXEC, 40);
    close(ends[0]);
    close(ends[1]);
    close_them();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = (const chld_fd_map[]) { { high, 0 }, { high, 1 }, { high, 2 }, { high, 3 } };
    options.fds_count = 4;
    struct probe seen = PROBE(&options, "x");
    for (int fd = 0; fd < 4; fd++) {
        CHECK_STR(probe_fd(&seen, fd), own_fd(high));
    }
    CHECK_INT(probe_count(&seen, "fd"), 4);
    probe_free(&seen);
    check_still_closed();
}

TEST(maps_take_effect)
{
    for_all_sets(map_three);
}

static void give_one_that_is_closed(void)
{
    close_them();
    for (int fd = 0; fd < 3; fd++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.in.mode = CHLD_STDIO_FD;
        options.in.fd = fd;
        if (closed >> fd & 1) {
            CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_STDIO, 0);
        } else {
            CHECK_EXITED(RUN(ACT("exit", "0"), &options), 0);
        }
    }
}

TEST(a_closed_one_cannot_be_given)
{
    for_all_sets(give_one_that_is_closed);
}

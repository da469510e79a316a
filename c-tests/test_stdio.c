/* The child's stdin, stdout and stderr. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static chld_spawn_options with_modes(uint32_t in, uint32_t out, uint32_t err)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = in;
    options.out.mode = out;
    options.err.mode = err;
    return options;
}

/* A descriptor that no other looks like. */
static int new_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    REQUIRE(fd > 2);
    return fd;
}

static void check_same(const struct probe *seen, int theirs, int own)
{
    CHECK_STR(probe_fd(seen, theirs), own_fd(own));
}

TEST(by_default_all_three_are_inherited)
{
    struct probe seen = PROBE(NULL, "x");
    for (int fd = 0; fd < 3; fd++) {
        check_same(&seen, fd, fd);
    }
    probe_free(&seen);
}

TEST(null_is_dev_null_for_reading_or_writing)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_NULL, CHLD_STDIO_NULL);
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(probe_fd(&seen, 0), "r /dev/null");
    CHECK_STR(probe_fd(&seen, 1), "w /dev/null");
    CHECK_STR(probe_fd(&seen, 2), "w /dev/null");
    probe_free(&seen);
}

TEST(pipes_carry_what_is_written)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_PIPE, CHLD_STDIO_PIPE, CHLD_STDIO_INHERIT);
    chld_id id = START(ACT("cat"), &options);
    CHECK_INT(write(CALL(chld_stdin_fd(id)), "over and back", 13), 13);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "over and back");
    CHECK_CALL(chld_stderr_fd(id), -ENOENT);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(stdout_and_stderr_are_kept_apart)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_PIPE, CHLD_STDIO_PIPE);
    chld_id id = START(ACT("say", "out", "err"), &options);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "out");
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "err");
    CHECK_EXITED(FINISH(id), 0);
}

TEST(the_callers_ends_are_blocking_and_close_on_exec)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_PIPE, CHLD_STDIO_PIPE, CHLD_STDIO_PIPE);
    chld_id id = START(ACT("exit", "0"), &options);
    const int ends[] = { CALL(chld_stdin_fd(id)), CALL(chld_stdout_fd(id)),
                         CALL(chld_stderr_fd(id)), CALL(chld_exit_fd(id)) };
    for (int i = 0; i < 3; i++) {
        CHECK(ends[i] > 2);
        CHECK_INT(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
        CHECK_INT(fcntl(ends[i], F_GETFL) & (O_ACCMODE | O_NONBLOCK), i ? O_RDONLY : O_WRONLY);
    }
    CHECK(ends[3] == -ENOSYS || fcntl(ends[3], F_GETFD) == FD_CLOEXEC);
    FINISH(id);
}

TEST(close_closes_the_callers_ends)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_PIPE, CHLD_STDIO_PIPE, CHLD_STDIO_PIPE);
    chld_id id = START(ACT("exit", "0"), &options);
    const int ends[] = { CALL(chld_stdin_fd(id)), CALL(chld_stdout_fd(id)),
                         CALL(chld_stderr_fd(id)), CALL(chld_exit_fd(id)) };
    await_exit(id);
    CHECK_CALL(chld_close(id), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(fcntl(ends[i], F_GETFD), -1);
    }
}

TEST(the_child_has_no_copy_of_the_callers_ends)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_PIPE, CHLD_STDIO_PIPE, CHLD_STDIO_PIPE);
    chld_id id = START(ACT("fds", "0"), &options);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "0 1 2 ");
    CHECK_EXITED(FINISH(id), 0);
}

TEST(close_fd_closes_once)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_PIPE, CHLD_STDIO_PIPE, CHLD_STDIO_PIPE);
    chld_id id = START(ACT("cat"), &options);
    int (*const asks[])(chld_id) = { chld_stdin_fd, chld_stdout_fd, chld_stderr_fd };
    for (int which = 2; which >= 0; which--) {
        int fd = CALL(asks[which](id));
        CHECK_CALL(chld_close_fd(id, which), 0);
        CHECK_INT(fcntl(fd, F_GETFD), -1);
        CHECK_CALL(asks[which](id), -ENOENT);
        CHECK_CALL(chld_close_fd(id, which), -ENOENT);
    }
    CHECK_CALL(chld_close_fd(id, 3), -EINVAL);
    CHECK_CALL(chld_close_fd(id, -1), -EINVAL);
    FINISH(id);
}

TEST(without_pipes_there_are_no_ends)
{
    chld_id id = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_stdin_fd(id), -ENOENT);
    CHECK_CALL(chld_stdout_fd(id), -ENOENT);
    CHECK_CALL(chld_stderr_fd(id), -ENOENT);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), -ENOENT);
    FINISH(id);
}

TEST(a_descriptor_is_copied_and_stays_the_callers)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_FD, CHLD_STDIO_FD, CHLD_STDIO_FD);
    options.in.fd = new_file("in");
    options.out.fd = new_file("out");
    options.err.fd = new_file("err");
    struct probe seen = PROBE(&options, "x");
    check_same(&seen, 0, options.in.fd);
    check_same(&seen, 1, options.out.fd);
    check_same(&seen, 2, options.err.fd);
    CHECK_INT(probe_count(&seen, "fd"), 3);
    probe_free(&seen);
    close(options.in.fd);
    close(options.out.fd);
    close(options.err.fd);
}

/* The child's 0, 1 and 2 are copies of these three of the caller's. */
static void check_permutation(const int sources[3])
{
    chld_spawn_options options = with_modes(CHLD_STDIO_FD, CHLD_STDIO_FD, CHLD_STDIO_FD);
    options.in.fd = sources[0];
    options.out.fd = sources[1];
    options.err.fd = sources[2];
    struct probe seen = PROBE(&options, "x");
    for (int fd = 0; fd < 3; fd++) {
        check_same(&seen, fd, sources[fd]);
    }
    probe_free(&seen);
}

TEST(the_standard_three_can_be_permuted)
{
    static const char *const names[] = { "zero", "one", "two" };
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 50);
        int file = new_file(names[fd]);
        REQUIRE(dup2(file, fd) == fd);
        close(file);
    }
    for (int i = 0; i < 27; i++) {
        check_permutation((const int[]) { i / 9, i / 3 % 3, i % 3 });
    }
    for (int fd = 0; fd < 3; fd++) {
        REQUIRE(dup2(saved[fd], fd) == fd);
        close(saved[fd]);
    }
}

TEST(a_standard_descriptor_given_as_itself_stays_open)
{
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 50);
    int file = new_file("in");
    REQUIRE(dup3(file, 0, O_CLOEXEC) == 0);
    chld_spawn_options options = with_modes(CHLD_STDIO_FD, CHLD_STDIO_INHERIT, CHLD_STDIO_INHERIT);
    options.in.fd = 0;
    struct probe seen = PROBE(&options, "x");
    check_same(&seen, 0, file);
    probe_free(&seen);
    CHECK_INT(fcntl(0, F_GETFD), FD_CLOEXEC);
    REQUIRE(dup2(saved, 0) == 0);
    close(saved);
    close(file);
}

TEST(a_path_is_opened_with_its_flags)
{
    const char *input = scratch_file("input", "from a file", 0600);
    const char *output = scratch_file("output", "before, ", 0600);
    chld_spawn_options options = with_modes(CHLD_STDIO_PATH, CHLD_STDIO_PATH, CHLD_STDIO_NULL);
    options.in.path = input;
    options.out.path = output;
    options.out.open_flags = O_WRONLY | O_APPEND;
    CHECK_EXITED(RUN(ACT("cat"), &options), 0);
    int file = open(output, O_RDONLY | O_CLOEXEC);
    char text[64];
    CHECK_STR(read_all(file, text, sizeof text), "before, from a file");
    close(file);

    options.out.open_flags = O_WRONLY | O_TRUNC;
    CHECK_EXITED(RUN(ACT("exit", "0"), &options), 0);
    struct stat about;
    CHECK(stat(output, &about) == 0 && about.st_size == 0);
}

TEST(a_created_file_has_the_mode_less_the_umask)
{
    static const struct {
        mode_t mode, mask, want;
    } rows[] = { { 0666, 022, 0644 }, { 0640, 0, 0640 }, { 0777, 077, 0700 }, { 0, 022, 0644 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        chld_spawn_options options =
            with_modes(CHLD_STDIO_NULL, CHLD_STDIO_PATH, CHLD_STDIO_NULL);
        options.out.path = scratch(DECIMAL((int) i));
        options.out.open_flags = O_WRONLY | O_CREAT | O_EXCL;
        options.out.open_mode = rows[i].mode;
        mode_t before = umask(rows[i].mask);
        CHECK_EXITED(RUN(ACT("exit", "0"), &options), 0);
        umask(before);
        struct stat about;
        REQUIRE(stat(options.out.path, &about) == 0);
        CHECK_INT(about.st_mode & 07777, rows[i].want);
        CHECK_FAILS(ACT("exit", "0"), &options, EEXIST, CHLD_STEP_OPEN, 1);
    }
}

TEST(a_relative_path_begins_at_the_callers_directory)
{
    char own[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    REQUIRE(chdir(scratch("")) == 0);
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_PATH, CHLD_STDIO_NULL);
    options.cwd = "/";
    options.out.path = "relative";
    options.out.open_flags = O_WRONLY | O_CREAT;
    options.out.open_mode = 0600;
    CHECK_EXITED(RUN(ACT("say", "here", ""), &options), 0);
    REQUIRE(chdir(own) == 0);
    CHECK(access(scratch("relative"), F_OK) == 0);
}

/* Whatever stdout is, stderr goes there, in the order of writing. */
TEST(stderr_can_go_where_stdout_goes)
{
    char text[64];
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_PIPE, CHLD_STDIO_STDOUT);
    chld_id id = START(ACT("say", "first ", "second"), &options);
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "first second");
    CHECK_CALL(chld_stderr_fd(id), -ENOENT);
    FINISH(id);

    int file = new_file("out");
    options.out.mode = CHLD_STDIO_FD;
    options.out.fd = file;
    struct probe seen = PROBE(&options, "x");
    check_same(&seen, 1, file);
    check_same(&seen, 2, file);
    probe_free(&seen);

    options.out.mode = CHLD_STDIO_INHERIT;
    seen = PROBE(&options, "x");
    check_same(&seen, 2, 1);
    probe_free(&seen);

    options.out.mode = CHLD_STDIO_NULL;
    seen = PROBE(&options, "x");
    CHECK_STR(probe_fd(&seen, 2), "w /dev/null");
    probe_free(&seen);

    const chld_fd_map map = { file, 1 };
    options.out.mode = CHLD_STDIO_INHERIT;
    options.fds = &map;
    options.fds_count = 1;
    seen = PROBE(&options, "x");
    check_same(&seen, 1, file);
    check_same(&seen, 2, file);
    probe_free(&seen);
    close(file);
}

TEST(stderr_goes_to_the_new_stdout_even_if_stdout_is_the_old_stderr)
{
    int file = new_file("stderr");
    int saved = fcntl(2, F_DUPFD_CLOEXEC, 50);
    REQUIRE(dup2(file, 2) == 2);
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_FD, CHLD_STDIO_STDOUT);
    options.out.fd = 2;
    struct probe seen = PROBE(&options, "x");
    check_same(&seen, 1, file);
    check_same(&seen, 2, file);
    probe_free(&seen);
    REQUIRE(dup2(saved, 2) == 2);
    close(saved);
    close(file);
}

/* The same the other way round, as 1>&2 does. */
TEST(stdout_can_go_where_stderr_goes)
{
    int file = new_file("both"), saved = fcntl(1, F_DUPFD_CLOEXEC, 50);
    static const uint32_t modes[] = { CHLD_STDIO_INHERIT, CHLD_STDIO_NULL, CHLD_STDIO_FD };
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options =
            with_modes(CHLD_STDIO_NULL, CHLD_STDIO_STDERR, modes[i]);
        options.err.fd = file;
        struct probe seen = PROBE(&options, "x");
        CHECK_STR(probe_fd(&seen, 1), probe_fd(&seen, 2));
        if (modes[i] == CHLD_STDIO_FD) {
            check_same(&seen, 1, file);
        }
        probe_free(&seen);
    }
    /* The new stderr, even if that is the old stdout, or comes by a map. */
    REQUIRE(dup2(file, 1) == 1);
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_STDERR, CHLD_STDIO_FD);
    options.err.fd = 1;
    struct probe seen = PROBE(&options, "x");
    check_same(&seen, 1, file);
    check_same(&seen, 2, file);
    probe_free(&seen);
    options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_STDERR, CHLD_STDIO_INHERIT);
    options.fds = (const chld_fd_map[]) { { file, 2 } };
    options.fds_count = 1;
    seen = PROBE(&options, "x");
    check_same(&seen, 1, file);
    check_same(&seen, 2, file);
    probe_free(&seen);
    REQUIRE(dup2(saved, 1) == 1);
    close(saved);
    close(file);
}

TEST(a_pipe_carries_both_in_their_order)
{
    chld_spawn_options options = with_modes(CHLD_STDIO_NULL, CHLD_STDIO_STDERR, CHLD_STDIO_PIPE);
    chld_id id = START(ARGV("/bin/sh", "-c", "echo 1; echo 2 >&2; echo 3"), &options);
    char text[32];
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "1\n2\n3\n");
    CHECK_CALL(chld_stdout_fd(id), -ENOENT);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(closed_is_not_open_in_the_child)
{
    for (int mask = 0; mask < 8; mask++) {
        chld_spawn_options options = with_modes(mask & 1 ? CHLD_STDIO_CLOSED : CHLD_STDIO_NULL,
                                                mask & 2 ? CHLD_STDIO_CLOSED : CHLD_STDIO_NULL,
                                                mask & 4 ? CHLD_STDIO_CLOSED : CHLD_STDIO_NULL);
        struct probe seen = PROBE(&options, "x");
        for (int fd = 0; fd < 3; fd++) {
            CHECK((probe_fd(&seen, fd) == NULL) == (mask >> fd & 1));
        }
        probe_free(&seen);
    }
}

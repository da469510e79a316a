/* The working directory, given by descriptor. */
#include "look.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static chld_spawn_options in_directory(int fd)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_CWD_FD;
    options.cwd_fd = fd;
    return options;
}

static int open_directory(const char *path, int flags)
{
    int fd = open(path, flags | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd > 2);
    return fd;
}

static void check_cwd(const chld_spawn_options *options, const char *want)
{
    chld_id id = STAY(options);
    CHECK_STR(proc_link(CALL(chld_pid(id)), "cwd"), want);
    LEAVE(id);
}

TEST(the_child_begins_where_the_descriptor_is)
{
    const char *path = scratch("here");
    REQUIRE(mkdir(path, 0700) == 0);
    static const int flags[] = { O_RDONLY, O_PATH };
    for (int i = 0; i < 2; i++) {
        int fd = open_directory(path, flags[i]);
        chld_spawn_options options = in_directory(fd);
        check_cwd(&options, path);
        options.cwd = "/nonexistent"; /* the descriptor is what counts */
        check_cwd(&options, path);
        close(fd);
    }
}

TEST(a_relative_program_is_looked_for_there)
{
    const char *path = scratch_file("program", "#!/bin/sh\nexit 8\n", 0755);
    char directory[512];
    snprintf(directory, sizeof directory, "%.*s", (int) (strlen(path) - 8), path);
    int fd = open_directory(directory, O_RDONLY);
    chld_spawn_options options = in_directory(fd);
    CHECK_EXITED(RUN(ARGV("./program"), &options), 8);
    close(fd);
}

TEST(the_directorys_descriptor_may_be_the_target_of_a_map)
{
    int fd = open_directory("/usr", O_RDONLY);
    chld_spawn_options options = in_directory(fd);
    options.fds = (const chld_fd_map[]) { { 0, fd }, { fd, fd + 1 } };
    options.fds_count = 2;
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(PROBED(&seen, "cwd"), "/usr");
    CHECK_INT(probe_count(&seen, "fd"), 5);
    CHECK_STR(probe_fd(&seen, fd), own_fd(0));
    CHECK_STR(probe_fd(&seen, fd + 1), "r /usr");
    probe_free(&seen);
    close(fd);
}

TEST(the_directorys_descriptor_may_be_a_standard_one)
{
    int directory = open_directory("/usr", O_RDONLY), stdin_copy = fcntl(0, F_DUPFD_CLOEXEC, 50);
    REQUIRE(dup2(directory, 0) == 0);
    chld_spawn_options options = in_directory(0);
    check_cwd(&options, "/usr");
    REQUIRE(dup2(stdin_copy, 0) == 0);
    close(stdin_copy);
    close(directory);
}

TEST(program_and_directory_may_be_targets_at_once)
{
    int directory = open_directory("/usr", O_RDONLY);
    int program = open(helper("probe"), O_RDONLY | O_CLOEXEC);
    chld_spawn_options options = in_directory(directory);
    options.flags |= CHLD_SPAWN_PROGRAM_FD;
    options.program_fd = program;
    options.fds = (const chld_fd_map[]) { { directory, program }, { program, directory } };
    options.fds_count = 2;
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(PROBED(&seen, "cwd"), "/usr");
    CHECK_INT(probe_count(&seen, "fd"), 5);
    CHECK_STR(probe_fd(&seen, program), "r /usr");
    CHECK_STR(probe_fd(&seen, directory), own_fd(program));
    probe_free(&seen);
    close(directory);
    close(program);
}

TEST(a_descriptor_that_is_no_directory_is_refused)
{
    int file = open("/bin/cat", O_RDONLY | O_CLOEXEC);
    const struct {
        int fd, code;
    } rows[] = { { -1, EBADF }, { 999, EBADF }, { file, ENOTDIR } };
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options = in_directory(rows[i].fd);
        chld_error error =
            CHECK_FAILS(ACT("exit", "0"), &options, rows[i].code, CHLD_STEP_CHDIR, 0);
        CHECK_STR(error.item, "");
    }
    close(file);
}

/* The directory is entered as the new user may. */
TEST(a_directory_that_the_new_user_may_not_enter_is_refused)
{
    need_root();
    const char *path = scratch("private");
    REQUIRE(mkdir(path, 0700) == 0);
    int fd = open_directory(path, O_RDONLY);
    chld_spawn_options options = in_directory(fd);
    options.flags |= CHLD_SPAWN_UID;
    options.uid = NOBODY;
    CHECK_FAILS(ARGV("/bin/cat"), &options, EACCES, CHLD_STEP_CHDIR, 0);
    options.flags = CHLD_SPAWN_UID;
    options.cwd = path;
    chld_error error = CHECK_FAILS(ARGV("/bin/cat"), &options, EACCES, CHLD_STEP_CHDIR, 0);
    CHECK_STR(error.item, path);
    close(fd);
}

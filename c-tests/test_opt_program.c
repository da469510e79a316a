/* The program: given by descriptor, or a text for the shell. */
#include "look.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    REQUIRE(fd > 2);
    return fd;
}

static chld_spawn_options by_descriptor(int fd)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_PROGRAM_FD;
    options.program_fd = fd;
    return options;
}

TEST(a_descriptor_is_the_program_whatever_argv0_says)
{
    static const int flags[] = { O_RDONLY, O_PATH };
    for (int i = 0; i < 2; i++) {
        int fd = open_path("/bin/cat", flags[i]);
        chld_spawn_options options = by_descriptor(fd);
        chld_id id = stay(__FILE__, __LINE__, ARGV("no/such/name"), &options);
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/exe", CALL(chld_pid(id)));
        struct stat child, given;
        CHECK(stat(path, &child) == 0 && fstat(fd, &given) == 0);
        CHECK(child.st_ino == given.st_ino && child.st_dev == given.st_dev);
        LEAVE(id);
        close(fd);
    }
}

TEST(the_programs_descriptor_is_not_the_childs)
{
    int fd = open(helper("probe"), O_RDONLY); /* not close-on-exec */
    chld_spawn_options options = by_descriptor(fd);
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 3);
    probe_free(&seen);
    CHECK_INT(fcntl(fd, F_GETFD), 0);
    close(fd);
}

/* A target takes the number away before the program is looked for. */
TEST(the_programs_descriptor_may_be_the_target_of_a_map)
{
    int fd = open_path(helper("probe"), O_RDONLY);
    chld_spawn_options options = by_descriptor(fd);
    options.fds = (const chld_fd_map[]) { { 0, fd }, { fd, fd + 1 } };
    options.fds_count = 2;
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 5);
    CHECK_STR(probe_fd(&seen, fd), own_fd(0));
    CHECK_STR(probe_fd(&seen, fd + 1), own_fd(fd));
    probe_free(&seen);

    options.fds = (const chld_fd_map[]) { { fd, fd } };
    options.fds_count = 1;
    seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 4);
    CHECK_STR(probe_fd(&seen, fd), own_fd(fd));
    probe_free(&seen);
    close(fd);
}

TEST(the_programs_descriptor_may_be_a_standard_one)
{
    int program = open_path("/bin/cat", O_RDONLY), stdin_copy = fcntl(0, F_DUPFD_CLOEXEC, 50);
    REQUIRE(dup2(program, 0) == 0);
    chld_spawn_options options = by_descriptor(0);
    chld_id id = STAY(&options);
    CHECK(strncmp(proc_link(CALL(chld_pid(id)), "fd/0"), "pipe:", 5) == 0);
    LEAVE(id);
    REQUIRE(dup2(stdin_copy, 0) == 0);
    close(stdin_copy);
    close(program);
}

static void check_descriptor_fails(int fd, int code, int step)
{
    chld_spawn_options options = by_descriptor(fd);
    chld_error error = CHECK_FAILS(ARGV("x"), &options, code, step, 0);
    CHECK_STR(error.item, "");
    options.flags |= CHLD_SPAWN_SHELL; /* a shell cannot open it either */
    CHECK_FAILS(ARGV("x"), &options, code, step, 0);
}

TEST(a_descriptor_that_is_no_program_is_refused)
{
    need_real_kernel(); /* valgrind dies of an exec that fails late */
    check_descriptor_fails(-1, EBADF, CHLD_STEP_EXEC);
    check_descriptor_fails(999, EBADF, CHLD_STEP_EXEC);
    const struct {
        const char *path;
        int code, step;
    } rows[] = {
        { "/", EACCES, CHLD_STEP_EXEC },
        { scratch_file("plain", "text", 0644), EACCES, CHLD_STEP_EXEC },
        { scratch_file("text", "text", 0755), ENOEXEC, CHLD_STEP_EXEC },
        { scratch_file("script", "#!/bin/sh\nexit 9\n", 0755), ENOENT, CHLD_STEP_INTERPRETER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = open_path(rows[i].path, O_RDONLY);
        check_descriptor_fails(fd, rows[i].code, rows[i].step);
        close(fd);
    }
}

TEST(a_script_whose_descriptor_the_child_keeps_can_be_run)
{
    int fd = open(scratch_file("script", "#!/bin/sh\nexit 9\n", 0755), O_RDONLY);
    chld_spawn_options options = by_descriptor(fd);
    options.flags |= CHLD_SPAWN_INHERIT_FDS;
    CHECK_EXITED(RUN(ARGV("x"), &options), 9);
    close(fd);
}

/* Texts without "#!" */

static const char text[] = "echo ready\nread line\nexit 4\n";

/* The arguments as the kernel has them: each with its NUL. */
static void check_command_line(int pid, const char *want, size_t size)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(file, line, sizeof line);
    close(file);
    CHECK_INT(got, (long long) size);
    CHECK(got == (ssize_t) size && memcmp(line, want, size) == 0);
}

static void check_run_by_shell(const char *path, const char *argv0,
                               const chld_spawn_options *options)
{
    chld_spawn_options piped = *options;
    piped.flags |= CHLD_SPAWN_SHELL;
    piped.in.mode = piped.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV(argv0, "a b", "", "$x"), &piped);
    char ready[6];
    CHECK_INT(read(CALL(chld_stdout_fd(id)), ready, 6), 6);
    char want[512];
    int size = snprintf(want, sizeof want, "/bin/sh%c%s%ca b%c%c$x", 0, path, 0, 0, 0);
    check_command_line(CALL(chld_pid(id)), want, (size_t) size + 1);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    CHECK_EXITED(FINISH(id), 4);
}

TEST(a_text_is_run_by_the_shell_if_asked_for)
{
    const char *path = scratch_file("text", text, 0755);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    check_run_by_shell(path, path, &options);
    options.program = path;
    check_run_by_shell(path, "another name", &options);
}

TEST(a_text_found_along_the_path_is_run_by_the_shell_if_asked_for)
{
    const char *path = scratch_file("text", text, 0755);
    char variable[512];
    snprintf(variable, sizeof variable, "PATH=/nowhere:%.*s", (int) (strlen(path) - 5), path);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.search = CHLD_SEARCH_CHILD;
    options.env = ARGV(variable);
    check_run_by_shell(path, "text", &options);
    CHECK_FAILS(ARGV("text"), &options, ENOEXEC, CHLD_STEP_EXEC, 0);
}

TEST(a_text_is_no_program_if_the_shell_is_not_asked_for)
{
    const char *path = scratch_file("text", text, 0755);
    chld_error error = CHECK_FAILS(ARGV(path), NULL, ENOEXEC, CHLD_STEP_EXEC, 0);
    CHECK_STR(error.item, path);
}

TEST(the_shell_is_only_for_what_is_no_program)
{
    need_real_kernel(); /* valgrind dies of an exec that fails late */
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_SHELL;
    CHECK_FAILS(ARGV("/nonexistent/x"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    const char *plain = scratch_file("plain", text, 0644);
    CHECK_FAILS(ARGV(plain), &options, EACCES, CHLD_STEP_EXEC, 0);
    const char *script = scratch_file("script", "#!/no/shell\n", 0755);
    CHECK_FAILS(ARGV(script), &options, ENOENT, CHLD_STEP_INTERPRETER, 0);
}

TEST(twenty_arguments_reach_the_shell)
{
    const char *path = scratch_file("text", "test $# = 20 && test \"${20}\" = last\n", 0755);
    const char *argv[22] = { path };
    for (int i = 1; i < 21; i++) {
        argv[i] = i < 20 ? "word" : "last";
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_SHELL;
    CHECK_EXITED(RUN(argv, &options), 0);
}

/* A path may lead to any descriptor of the caller's, which the child has until its
 * exec. How the path is written does not matter. */

static struct {
    int file, directory;
    char text[64];
} given;

static const char *text_of(const char *format, int fd)
{
    snprintf(given.text, sizeof given.text, format, fd);
    return given.text;
}

static void check_found(const char *program, const char *cwd)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.program = program;
    options.cwd = cwd;
    CHECK_EXITED(RUN(ARGV("x", "exit", "5"), &options), 5);
}

static void link_to(const char *name, const char *format, int fd)
{
    unlink(name);
    REQUIRE(symlink(text_of(format, fd), name) == 0);
}

static void try_descriptors(void)
{
    check_found(text_of("/proc/self/fd/%d", given.file), NULL);
    check_found(text_of("/dev/fd/%d", given.file), NULL);
    check_found(text_of("//proc/self/fd/%d", given.file), NULL);
    check_found(text_of("/../proc//self/fd/%d", given.file), NULL);
    check_found(text_of("self/fd/%d", given.file), "/proc");
    check_found("./act", text_of("/proc/self/fd/%d", given.directory));
    link_to("file", "/proc/self/fd/%d", given.file);
    check_found("./file", NULL);
    link_to("directory", "/proc/self/fd/%d", given.directory);
    check_found("directory/act", NULL);
    check_found("./act", "directory");
    setenv("PATH", text_of("/proc/self/fd/%d", given.directory), 1);
    check_found("act", NULL);
    setenv("PATH", "directory", 1);
    check_found("act", NULL);
    CHECK_FAILS(ARGV("./missing"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

TEST(a_path_may_lead_to_a_descriptor_of_the_callers)
{
    char own[PATH_MAX], directory[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL && chdir(scratch("")) == 0);
    strcpy(directory, helper("act"));
    *strrchr(directory, '/') = 0;
    given.file = open_path(helper("act"), O_RDONLY);
    given.directory = open_path(directory, O_RDONLY | O_DIRECTORY);
    try_descriptors();
    int file = given.file, opened = given.directory;
    given.file = fcntl(file, F_DUPFD_CLOEXEC, 700);
    given.directory = fcntl(opened, F_DUPFD_CLOEXEC, 701);
    close(file);
    close(opened);
    try_descriptors();
    close(given.file);
    close(given.directory);
    REQUIRE(chdir(own) == 0);
}

/* The interpreter is opened while the descriptors are still there. */
TEST(an_interpreter_may_be_a_descriptor_of_the_callers)
{
    int shell = open_path("/bin/sh", O_RDONLY), fd = fcntl(shell, F_DUPFD_CLOEXEC, 700);
    close(shell);
    const char *link = scratch("sh");
    char first_line[PATH_MAX + 16];
    REQUIRE(symlink(text_of("/proc/self/fd/%d", fd), link) == 0);
    snprintf(first_line, sizeof first_line, "#!%s\nexit 5\n", link);
    CHECK_EXITED(RUN(ARGV(scratch_file("script", first_line, 0755)), NULL), 5);
    close(fd);
}

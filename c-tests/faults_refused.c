/* Starts that fail anyway: the step, the item and the errno are reported exactly,
 * whatever else fails meanwhile. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_deny.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGV(program) ((const char *[]){ (program), NULL })

static void check(const char *const *argv, const chld_spawn_options *options, int step, int index,
                  int error)
{
    struct want want = { .argv = argv, .options = options };
    want.refused.step = step;
    want.refused.index = index;
    want.refused.error = error;
    check_start(&want);
}

static void warm_up(void)
{
    const char *const argv[] = { child_program, "exit=42", NULL };
    finish(start(argv, NULL), CHLD_STATE_EXITED, 42);
}

static void missing(void)
{
    check(ARGV("/nonexistent/program"), NULL, CHLD_STEP_EXEC, 0, ENOENT);
}

static void missing_later(void)
{
    warm_up();
    missing();
}

static void missing_in_path(void)
{
    require(setenv("PATH", "/nonexistent:/:/proc", 1) == 0, "setenv");
    check(ARGV("chld-no-such-program"), NULL, CHLD_STEP_EXEC, 0, ENOENT);
}

static void not_executable(void)
{
    check(ARGV("/proc/self/status"), NULL, CHLD_STEP_EXEC, 0, EACCES);
}

/* The program is there, what its first line names is not. */
static void interpreter(void)
{
    static const char script[] = "#!/nonexistent/interpreter\n";
    char name[64];
    /* Not close-on-exec, since the child opens it by its number. */
    int fd = memfd_create("script", 0);
    require(fd >= 0 && write(fd, script, sizeof script - 1) > 0 && fchmod(fd, 0700) == 0, "memfd");
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)getpid(), fd);
    check(ARGV(name), NULL, CHLD_STEP_INTERPRETER, 0, ENOENT);
    close(fd);
}

/* A user of its own, so that the report comes by a pipe, with the interpreter. */
static void interpreter_as_other_user(void)
{
    static const char script[] = "#!/nonexistent/interpreter\n";
    char name[64];
    if (geteuid() != 0) {
        skip("this is not root");
    }
    int fd = memfd_create("script", 0);
    require(fd >= 0 && write(fd, script, sizeof script - 1) > 0 && fchmod(fd, 0755) == 0, "memfd");
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_GID;
    options.gid = getgid();
    check(ARGV(name), &options, CHLD_STEP_INTERPRETER, 0, ENOENT);
    close(fd);
}

/* Everything is opened and made, and then the directory is missing. */
static void directory(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    options.err.mode = CHLD_STDIO_NULL;
    options.cwd = "/nonexistent";
    options.flags = CHLD_SPAWN_SESSION;
    check(ARGV("/bin/true"), &options, CHLD_STEP_CHDIR, 0, ENOENT);
}

static void directory_later(void)
{
    warm_up();
    directory();
}

static void output_path(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_STDIO_PATH;
    options.out.path = "/nonexistent/file";
    options.out.open_flags = O_WRONLY;
    check(ARGV("/bin/true"), &options, CHLD_STEP_OPEN, 1, ENOENT);
}

static void map_source(void)
{
    static const chld_fd_map map[] = { { 1, 20 }, { 99, 21 } };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    options.fds = map;
    options.fds_count = 2;
    check(ARGV("/bin/true"), &options, CHLD_STEP_MAP, 1, EBADF);
}

/* A target above the limit on descriptors is refused in the child. */
static void map_target(void)
{
    static const chld_fd_map map[] = { { 1, 20 }, { 1, 0x7ffffff0 } };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = map;
    options.fds_count = 2;
    check(ARGV("/bin/true"), &options, CHLD_STEP_MAP, 1, EBADF);
}

/*
 * The child's target is a number at which the library itself happens to have
 * something open at that moment: of the descriptors from 20 up, everything but
 * one number at a time is taken. What is mapped must arrive untouched, and the
 * failure must still be reported.
 */
static void check_busy_target(int target)
{
    char got[64];
    int file = memfd_create("mapped", MFD_CLOEXEC);
    chld_fd_map map[] = { { file, target } };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = map;
    options.fds_count = 1;
    check(ARGV("/nonexistent/program"), &options, CHLD_STEP_EXEC, 0, ENOENT);
    ssize_t length = pread(file, got, sizeof got, 0);
    require(length == 0, "%d bytes were written into the caller's file", (int)length);
    close(file);
}

/* file is 3, the library's own pipe 4 and 5, a pidfd 6. */
static void target_4(void)
{
    check_busy_target(4);
}

static void target_5(void)
{
    check_busy_target(5);
}

static void target_6(void)
{
    check_busy_target(6);
}

/* Only a few descriptors are left: the start works or returns EMFILE. */
static void start_with_left(int left)
{
    static struct state before;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    struct want want = { .argv = (const char *[]){ child_program, "exit=42", NULL },
                         .options = &options };
    struct rlimit limit = { (rlim_t)(3 + left), 0 };
    struct rlimit kept;
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    require(getrlimit(RLIMIT_NOFILE, &kept) == 0, "getrlimit");
    limit.rlim_max = kept.rlim_max;
    state_take(&before);
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    window_open();
    int result = chld_spawn(&id, want.argv, &options, &error);
    struct seen seen = window_close();
    setrlimit(RLIMIT_NOFILE, &kept);
    if (result >= 0) {
        finish(id, CHLD_STATE_EXITED, 42);
    } else if (error.code != EMFILE) {
        judge_start(&want, result, &error, &seen);
    }
    state_require(&before, "with few descriptors");
}

static void few_descriptors(void)
{
    for (int left = 0; left < 12; left++) {
        start_with_left(left);
    }
}

/* The program puts itself into a sandbox after its first start: what was detected
 * of this kernel no longer holds. */
static void sandboxed_later(void)
{
    warm_up();
    if (deny_install("clone3:library=EPERM,clone:vm=EPERM") < 0) {
        skip("no seccomp filters");
    }
    missing();
}

static const struct scenario scenarios[] = {
    { "missing", missing },
    { "missing_later", missing_later },
    { "missing_in_path", missing_in_path },
    { "not_executable", not_executable },
    { "interpreter", interpreter },
    { "interpreter_as_other_user", interpreter_as_other_user },
    { "directory", directory },
    { "directory_later", directory_later },
    { "output_path", output_path },
    { "map_source", map_source },
    { "map_target", map_target },
    { "target_4", target_4 },
    { "target_5", target_5 },
    { "target_6", target_6 },
    { "few_descriptors", few_descriptors },
    { "sandboxed_later", sandboxed_later },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

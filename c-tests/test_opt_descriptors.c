/* Standard streams as files of their own, and descriptors near the limit. */
#include "look.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const char reopen[] =
    "cat </dev/stdin >/dev/stdout && echo err >/dev/stderr && test ! -e /dev/fd/9";

TEST(pipes_can_be_opened_again_by_name)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("/bin/sh", "-c", reopen), &options);
    REQUIRE(write(CALL(chld_stdin_fd(id)), "text", 4) == 4);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "text");
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "err\n");
    CHECK_EXITED(FINISH(id), 0);
}

/* O_NONBLOCK of a descriptor of the child's. */
static bool blocks(int pid, int fd)
{
    char file[32];
    snprintf(file, sizeof file, "fdinfo/%d", fd);
    const char *flags = proc_text(pid, file, "flags");
    REQUIRE(flags != NULL);
    return !(strtol(flags, NULL, 8) & O_NONBLOCK);
}

static void make_nonblocking(int fd)
{
    REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

TEST(the_childs_ends_block_whatever_the_callers_do)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = STAY(&options);
    make_nonblocking(CALL(chld_stdin_fd(id)));
    make_nonblocking(CALL(chld_stdout_fd(id)));
    make_nonblocking(CALL(chld_stderr_fd(id)));
    for (int fd = 0; fd < 3; fd++) {
        CHECK(blocks(CALL(chld_pid(id)), fd));
    }
    LEAVE(id);
}

/* A limit of 64, and files at 20 and 21. */
static void low_limit(struct rlimit *before)
{
    REQUIRE(getrlimit(RLIMIT_NOFILE, before) == 0);
    REQUIRE(dup2(0, 20) == 20 && dup2(1, 21) == 21);
    struct rlimit low = { 64, before->rlim_max };
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
}

static void old_limit(const struct rlimit *before)
{
    REQUIRE(setrlimit(RLIMIT_NOFILE, before) == 0);
    close(20);
    close(21);
}

static chld_spawn_options with_maps(const chld_fd_map *maps, size_t count)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = maps;
    options.fds_count = count;
    return options;
}

TEST(the_highest_target_is_one_below_the_limit)
{
    struct rlimit before;
    low_limit(&before);
    chld_spawn_options options = with_maps((const chld_fd_map[]) { { 20, 3 }, { 21, 63 } }, 2);
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 5);
    CHECK_STR(probe_fd(&seen, 63), own_fd(21));
    probe_free(&seen);
    options = with_maps((const chld_fd_map[]) { { 20, 3 }, { 21, 64 } }, 2);
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_MAP, 1);
    options = with_maps((const chld_fd_map[]) { { 20, 3 }, { 21, 0x7fffffff } }, 2);
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_MAP, 1);
    old_limit(&before);
}

/* What must be copied out of the way has its place below the targets too. */
TEST(a_swap_works_though_a_target_is_one_below_the_limit)
{
    struct rlimit before;
    low_limit(&before);
    const chld_fd_map maps[] = { { 20, 21 }, { 21, 20 }, { 20, 63 } };
    chld_spawn_options options = with_maps(maps, 3);
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 6);
    CHECK_STR(probe_fd(&seen, 20), own_fd(21));
    CHECK_STR(probe_fd(&seen, 21), own_fd(20));
    CHECK_STR(probe_fd(&seen, 63), own_fd(20));
    probe_free(&seen);
    old_limit(&before);
}

TEST(a_programs_descriptor_may_be_a_target_one_below_the_limit)
{
    struct rlimit before;
    int program = open(helper("probe"), O_RDONLY | O_CLOEXEC);
    REQUIRE(program > 2 && dup2(program, 63) == 63);
    low_limit(&before);
    chld_spawn_options options = with_maps((const chld_fd_map[]) { { 20, 63 } }, 1);
    options.flags = CHLD_SPAWN_PROGRAM_FD;
    options.program_fd = 63;
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 4);
    CHECK_STR(probe_fd(&seen, 63), own_fd(20));
    probe_free(&seen);
    close(63);
    close(program);
    old_limit(&before);
}

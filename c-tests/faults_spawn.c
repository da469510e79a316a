/* Starts that have to succeed when nothing is made to fail, one per mode. */
#define _GNU_SOURCE
#include "faults.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, "exit=42", NULL })
#define ONLY_STANDARD "fds=0,1,2"

static void check(const char *const *argv, const chld_spawn_options *options)
{
    check_start(&(struct want){ .argv = argv, .options = options, .code = 42 });
}

/* One start that nobody interferes with, so that the library knows by now how
 * to make a process here. */
static void warm_up(void)
{
    finish(start(ARGV(ONLY_STANDARD), NULL), CHLD_STATE_EXITED, 42);
}

static void first(void)
{
    check(ARGV(ONLY_STANDARD), NULL);
}

static void later(void)
{
    warm_up();
    check(ARGV(ONLY_STANDARD), NULL);
}

/* The program is in the last of three directories of PATH. */
static void search(void)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "/nonexistent:/:%s", child_directory);
    require(setenv("PATH", path, 1) == 0, "setenv");
    check((const char *[]){ "faults_child", ONLY_STANDARD, "exit=42", NULL }, NULL);
}

static void talk(chld_id id)
{
    char got[16];
    ssize_t put = write(chld_stdin_fd(id), "hello", 5);
    require(put == 5 && chld_close_fd(id, CHLD_STDIN) == 0, "stdin cannot be fed");
    ssize_t length = read(chld_stdout_fd(id), got, sizeof got);
    require(length == 5 && memcmp(got, "hello", 5) == 0, "stdout gave something else");
    length = read(chld_stderr_fd(id), got, sizeof got);
    require(length == 3 && memcmp(got, "err", 3) == 0, "stderr gave something else");
}

static void check_pipes(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    check_start(&(struct want){
        .argv = ARGV(ONLY_STANDARD, "copy"), .options = &options, .code = 42, .talk = talk });
}

static void pipes(void)
{
    check_pipes();
}

static void pipes_later(void)
{
    warm_up();
    check_pipes();
}

/* A pipe that a caller without standard descriptors makes must not be one. */
static void pipes_without_standard(void)
{
    int kept[3];
    for (int fd = 0; fd < 3; fd++) {
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
        close(fd);
    }
    check_pipes();
    for (int fd = 0; fd < 3; fd++) {
        dup2(kept[fd], fd);
        close(kept[fd]);
    }
}

static void null(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_NULL;
    check(ARGV(ONLY_STANDARD, "same=0:1", "same=1:2", "copy"), &options);
}

/* stdin and stdout are files, and stderr goes where stdout goes. */
static void paths(void)
{
    char name[64], got[16] = "";
    int fd = memfd_create("stdout", MFD_CLOEXEC);
    require(fd >= 0, "memfd_create");
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PATH;
    options.in.path = "/dev/null";
    options.in.open_flags = O_RDONLY;
    options.out.path = name;
    options.out.open_flags = O_WRONLY | O_CREAT | O_TRUNC;
    options.out.open_mode = 0600;
    options.err.mode = CHLD_STDIO_STDOUT;
    check(ARGV(ONLY_STANDARD, "same=1:2", "copy"), &options);
    ssize_t length = pread(fd, got, sizeof got, 0);
    require(length == 3 && strcmp(got, "err") == 0, "the file has '%s'", got);
    close(fd);
}

static void place(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = "/proc";
    options.flags = CHLD_SPAWN_SESSION;
    check(ARGV(ONLY_STANDARD, "cwd=/proc", "session", "leader"), &options);
}

static void group(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_NEW;
    check(ARGV(ONLY_STANDARD, "leader"), &options);
}

static void join(void)
{
    char check_group[32];
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_JOIN;
    options.group = getpgrp();
    if (options.group <= 0) {
        skip("the group of this process is in another namespace");
    }
    snprintf(check_group, sizeof check_group, "group=%d", options.group);
    check(ARGV(ONLY_STANDARD, check_group), &options);
}

/* The list of variables is too long for the stack and needs pages of its own. */
static void environment(void)
{
    static char entries[200][32];
    static const char *set[201];
    for (int i = 0; i < 200; i++) {
        snprintf(entries[i], sizeof entries[i], "FAULTS_%d=%d", i, i * i);
        set[i] = entries[i];
    }
    require(setenv("FAULTS_GONE", "1", 1) == 0 && setenv("FAULTS_5", "old", 1) == 0, "setenv");
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env_set = set;
    options.env_unset = (const char *[]){ "FAULTS_GONE", NULL };
    check(ARGV(ONLY_STANDARD, "env=FAULTS_0=0", "env=FAULTS_5=25", "env=FAULTS_199=39601",
               "noenv=FAULTS_GONE"),
          &options);
}

/* A pipe with `byte` in it, its read end at `fd`. */
static void byte_at(int fd, char byte)
{
    int ends[2];
    require(pipe(ends) == 0 && write(ends[1], &byte, 1) == 1, "pipe");
    require(fd == ends[0] || dup2(ends[0], fd) == fd, "dup2");
    if (fd != ends[0]) {
        close(ends[0]);
    }
    close(ends[1]);
}

/* Each start takes the byte out of the pipe. */
static void check_bytes(const char *const *argv, const chld_spawn_options *options, int count)
{
    for (int i = 0; i < count; i++) {
        byte_at(20 + i, (char)('a' + i));
    }
    check(argv, options);
    for (int i = 0; i < count; i++) {
        close(20 + i);
    }
}

static void swap(void)
{
    static const chld_fd_map map[] = { { 20, 21 }, { 21, 20 }, { 22, 22 } };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = map;
    options.fds_count = 3;
    check_bytes(ARGV("fds=0,1,2,20,21,22", "byte=20:b", "byte=21:a", "byte=22:c"), &options, 3);
}

static void swap_later(void)
{
    warm_up();
    swap();
}

/* The list of moves is too long for the stack and needs pages of its own. */
static void rotate(void)
{
    chld_fd_map map[10];
    for (int i = 0; i < 10; i++) {
        map[i] = (chld_fd_map){ 20 + i, 20 + (i + 1) % 10 };
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = map;
    options.fds_count = 10;
    check_bytes(ARGV("fds=0,1,2,20,21,22,23,24,25,26,27,28,29", "byte=20:j", "byte=21:a",
                     "byte=29:i"),
                &options, 10);
}

/* A swap needs a third place, and the highest number there is is taken. */
static void swap_at_limit(void)
{
    static const chld_fd_map map[] = { { 20, 21 }, { 21, 20 }, { 22, 255 } };
    struct rlimit limit;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = 256;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = map;
    options.fds_count = 3;
    check_bytes(ARGV("fds=0,1,2,20,21,255", "byte=20:b", "byte=21:a", "byte=255:c"), &options, 3);
}

/* The child keeps what is not close-on-exec, and has no stdin. */
static void inherit(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_INHERIT_FDS;
    options.in.mode = CHLD_STDIO_CLOSED;
    check_bytes(ARGV("fds=1,2,20", "byte=20:a"), &options, 1);
}

static void on_signal(int number)
{
    (void)number;
}

/* The caller has handlers, ignores and blocks; the child has none of it, except
 * that what is ignored stays so. */
static void signals(void)
{
    sigset_t some;
    struct sigaction handle = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &handle, NULL);
    sigaction(SIGPIPE, &handle, NULL);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, NULL);
    char ignored[32], reset[32];
    snprintf(ignored, sizeof ignored, "ignored=%d", SIGHUP);
    snprintf(reset, sizeof reset, "default=%d", SIGUSR1);
    check(ARGV(ONLY_STANDARD, ignored, reset), NULL);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}

/* The caller does not stop with its group, so its child must not be stopped before
 * its exec, either. */
static void stoppable(void)
{
    struct sigaction handle = { .sa_handler = on_signal };
    sigaction(SIGTSTP, &handle, NULL);
    check(ARGV(ONLY_STANDARD), NULL);
    signal(SIGTSTP, SIG_DFL);
}

static void stoppable_later(void)
{
    warm_up();
    stoppable();
}

/* The path does not show that it leads to a descriptor: that takes two attempts. */
static void detour(void)
{
    char name[64];
    int fd = open(child_program, O_RDONLY | O_CLOEXEC);
    require(fd >= 0, "open");
    snprintf(name, sizeof name, "self/fd/%d", fd);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = "/proc";
    options.program = name;
    check(ARGV(ONLY_STANDARD, "cwd=/proc"), &options);
    close(fd);
}

static void detour_later(void)
{
    warm_up();
    detour();
}

/* The thirty-third child that is not closed needs a second slab. */
static void table_grows(void)
{
    chld_id ids[32];
    for (int i = 0; i < 32; i++) {
        ids[i] = start(ARGV(ONLY_STANDARD), NULL);
    }
    check(ARGV(ONLY_STANDARD), NULL);
    for (int i = 0; i < 32; i++) {
        finish(ids[i], CHLD_STATE_EXITED, 42);
    }
}

static const struct scenario scenarios[] = {
    { "first", first },
    { "later", later },
    { "search", search },
    { "pipes", pipes },
    { "pipes_later", pipes_later },
    { "pipes_without_standard", pipes_without_standard },
    { "null", null },
    { "paths", paths },
    { "place", place },
    { "group", group },
    { "join", join },
    { "environment", environment },
    { "swap", swap },
    { "swap_later", swap_later },
    { "rotate", rotate },
    { "swap_at_limit", swap_at_limit },
    { "inherit", inherit },
    { "signals", signals },
    { "stoppable", stoppable },
    { "stoppable_later", stoppable_later },
    { "detour", detour },
    { "detour_later", detour_later },
    { "table_grows", table_grows },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

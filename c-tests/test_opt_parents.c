/* Parents in odd states: children start as from any other. */
#include "look.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void check_three_pipes(int code)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("say", "out", "err"), &options);
    char text[16];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "out");
    CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "err");
    CHECK_EXITED(FINISH(id), 0);
    CHECK_EXITED(RUN(ACT("exit", DECIMAL(code)), NULL), code);
    CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

/* Room */

static void start_one(void)
{
    CHECK_EXITED(RUN(ARGV("/bin/true"), NULL), 0);
}

static void forbid_more_memory(void)
{
    struct rlimit limit = { (rlim_t) proc_number(getpid(), "VmSize") * 1024, RLIM_INFINITY };
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

/* A fork would have to promise as much memory again. */
static void start_with_all_memory_used_up(void)
{
    start_one(); /* the table of children is made by the first */
    char *block = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(block != MAP_FAILED);
    memset(block, 1, 64 << 20);
    forbid_more_memory();
    check_three_pipes(3);
    if (!kernel_reaps_detached_children()) {
        CHECK_INT(RUN_DETACHED(ACT("exit", "6")), 6 << 8);
    }
}

static void need_plain_memory(void)
{
    if (is_emulated() || getenv("ASAN_OPTIONS")) {
        SKIP_TEST("memory and time are not the program's own here");
    }
}

TEST(all_memory_is_used_up)
{
    need_plain_memory();
    IN_COPY(start_with_all_memory_used_up);
}

static void check_no_memory(const chld_spawn_options *options)
{
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    CHECK_CALL(chld_spawn(&id, ACT("exit", "0"), options, &error), -ENOMEM);
    CHECK_STR(chld_step_name(error.step), "memory");
    CHECK_INT((long long) id, CHLD_NONE);
}

static void start_the_first_without_memory(void)
{
    forbid_more_memory();
    check_no_memory(NULL);
}

TEST(without_memory_the_first_start_is_refused)
{
    need_plain_memory();
    IN_COPY(start_the_first_without_memory);
}

/* More than the library has room for in its own frames, and no memory. */
static void map_too_much_without_memory(void)
{
    static chld_fd_map maps[20000];
    for (int i = 0; i < 20000; i++) {
        maps[i] = (chld_fd_map) { 0, 3 + i };
    }
    start_one();
    forbid_more_memory();
    void *kept = NULL;
    for (size_t size = 1 << 20; size >= 16; size /= 2) { /* what malloc has left */
        for (void *one; (one = malloc(size)); kept = one) {
            *(void **) one = kept;
        }
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = maps;
    options.fds_count = 20000;
    check_no_memory(&options);
}

TEST(without_memory_a_long_list_is_refused)
{
    need_plain_memory();
    IN_COPY(map_too_much_without_memory);
}

/* Not root: the limit does not hold for root. */
static void reach_the_limit_on_processes(void)
{
    /* A user of this test's own: another may have other processes. */
    uid_t own_user = 20000 + (uid_t) getpid() % 40000;
    REQUIRE(setresuid(own_user, own_user, own_user) == 0);
    struct gate gate = gate_make();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = gate.wait_end;
    chld_id first = START(ARGV("/bin/cat"), &options);
    struct rlimit own = { 2, 2 };
    REQUIRE(setrlimit(RLIMIT_NPROC, &own) == 0);
    int before = open_descriptors();
    for (int i = 0; i < 3; i++) {
        CHECK_FAILS(ARGV("/bin/true"), NULL, EAGAIN, CHLD_STEP_CLONE, 0);
        chld_spawn_options detached = CHLD_SPAWN_OPTIONS_INIT;
        detached.flags = CHLD_SPAWN_DETACHED;
        CHECK_FAILS(ARGV("/bin/true"), &detached, EAGAIN, CHLD_STEP_CLONE, 0);
    }
    CHECK_INT(open_descriptors(), before);
    gate_open(&gate);
    CHECK_EXITED(FINISH(first), 0);
    CHECK_EXITED(RUN(ARGV("/bin/true"), NULL), 0);
    if (kernel_reaps_detached_children()) {
        return;
    }
    /* Room for the process in between, but not for the child. */
    chld_spawn_options detached = CHLD_SPAWN_OPTIONS_INIT;
    detached.flags = CHLD_SPAWN_DETACHED;
    CHECK_FAILS(ARGV("/bin/true"), &detached, EAGAIN, CHLD_STEP_CLONE, 0);
    CHECK_EXITED(RUN(ARGV("/bin/true"), NULL), 0);
}

TEST(the_limit_on_processes_is_reached)
{
    need_real_kernel();
    need_root();
    IN_COPY(reach_the_limit_on_processes);
}

TEST(a_million_descriptors_are_allowed)
{
    enum { MILLION = 1000000 };
    struct rlimit before, high;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    high = before;
    high.rlim_cur = MILLION;
    high.rlim_max = before.rlim_max > MILLION ? before.rlim_max : MILLION;
    if (setrlimit(RLIMIT_NOFILE, &high) != 0) {
        SKIP_TEST("RLIMIT_NOFILE cannot be raised above %lld", (long long) before.rlim_max);
    }
    long long begin = now_ms();
    for (int i = 0; i < scaled(50); i++) {
        CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    }
    CHECK(now_ms() - begin < 10000);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

/* The same with a descriptor at the very top, whatever the top is. */
TEST(a_descriptor_is_open_at_the_top_of_the_limit)
{
    struct rlimit before, high;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    high = (struct rlimit) { before.rlim_max, before.rlim_max };
    high.rlim_cur = high.rlim_cur > 1000000 ? 1000000 : high.rlim_cur;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &high) == 0);
    int top = (int) high.rlim_cur - 1;
    REQUIRE(dup2(0, top) == top);
    chld_id id = STAY(NULL);
    char link[32];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", CALL(chld_pid(id)), top);
    CHECK(access(link, F_OK) != 0);
    LEAVE(id);
    close(top);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

/* umask */

TEST(the_umask_allows_nothing)
{
    const char *path = scratch("nothing"); /* its directory is made with it */
    mode_t before = umask(0777);
    check_three_pipes(4);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out.mode = CHLD_STDIO_PATH;
    options.out.path = path;
    CHECK_EXITED(RUN(ACT("say", "text", ""), &options), 0);
    umask(before);
    struct stat made;
    CHECK(stat(path, &made) == 0 && made.st_size == 4 && (made.st_mode & 07777) == 0);
}

/* SIGCHLD */

TEST(sigchld_is_blocked)
{
    sigset_t all, before;
    sigfillset(&all);
    REQUIRE(sigprocmask(SIG_SETMASK, &all, &before) == 0);
    check_three_pipes(5);
    REQUIRE(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

/* A child's exit wakes nobody and leaves no zombie: failures are reported all the
 * same, and nothing waits forever. */
TEST(sigchld_is_ignored)
{
    struct sigaction before, ignore = { .sa_handler = SIG_IGN };
    REQUIRE(sigaction(SIGCHLD, &ignore, &before) == 0);
    CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_DETACHED;
    CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    chld_id id = STAY(NULL);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
    LEAVE(id);
}

/* Size */

static long long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void fork_one(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
}

/* The least of several times: what else runs only makes it longer. */
static long long least_us(void (*part)(void))
{
    long long least = -1;
    for (int i = 0; i < 10; i++) {
        long long begin = now_us();
        part();
        long long took = now_us() - begin;
        least = least < 0 || took < least ? took : least;
    }
    return least;
}

/* 4 GiB of page tables, in which every page but one is the kernel's page of
 * zeros: a fork has to copy them all. */
TEST(a_large_parent_is_no_slower)
{
    const char *fallback = getenv("CHLD_TEST_FALLBACK");
    if (fallback && strcmp(fallback, "fork_only") == 0) {
        SKIP_TEST("a fork copies the page table");
    }
    const size_t size = (size_t) 4 << 30;
    need_plain_memory();
    long long small = least_us(start_one);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE) != 0) {
        SKIP_TEST("4 GiB cannot be mapped: %s", strerror(errno));
    }
    *memory = 1;
    unsigned sum = 0;
    for (size_t at = 0; at < size; at += 4096) {
        sum += (unsigned char) *(volatile char *) (memory + at);
    }
    CHECK_INT(sum, 1);
    long long large = least_us(start_one), forked = least_us(fork_one);
    printf("start: %lld us small, %lld us large; fork: %lld us\n", small, large, forked);
    if (forked < 10 * small) {
        munmap(memory, size);
        SKIP_TEST("a fork is not slow enough here to tell: %lld us", forked);
    }
    CHECK(large < forked / 2);
    munmap(memory, size);
}

/* A storm of signals */

static volatile sig_atomic_t caught;
static volatile sig_atomic_t caught_elsewhere;
static pid_t own_pid;

static void on_storm(int number)
{
    (void) number;
    caught = 1;
    /* In the child's half this memory is the parent's too. */
    caught_elsewhere |= (pid_t) syscall(SYS_getpid) != own_pid;
}

static void start_in_a_storm_of_timers(void)
{
    struct sigaction action = { .sa_handler = on_storm };
    struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
    own_pid = getpid();
    REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < scaled(50); i++) {
        check_three_pipes(i);
    }
    REQUIRE(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK(caught);
    CHECK(!caught_elsewhere);
}

TEST(a_storm_of_timers_does_not_disturb)
{
    IN_COPY(start_in_a_storm_of_timers);
}

/* A whole process group is signalled, children between clone and exec too. The
 * group is the copy's own, and its number is checked before each signal. */
static void start_in_a_storm_on_the_group(void)
{
    REQUIRE(setpgid(0, 0) == 0 && getpgrp() == getpid() && getpid() > 1);
    struct sigaction action = { .sa_handler = on_storm };
    own_pid = getpid();
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    pid_t group = getpgrp(), storm = fork();
    if (storm == 0) {
        signal(SIGUSR1, SIG_IGN);
        arm_alarm();
        while (group > 1 && getppid() == group && killpg(group, SIGUSR1) == 0) {
            usleep(50);
        }
        _exit(0);
    }
    AWAIT(caught);
    for (int i = 0; i < scaled(200); i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        chld_status status = RUN(ACT("exit", "9"), &options);
        CHECK((status.state == CHLD_STATE_EXITED && status.code == 9)
              || (status.state == CHLD_STATE_KILLED && status.code == SIGUSR1));
        options.mask_mode = CHLD_MASK_BLOCKED;
        options.blocked = signal_bit(SIGUSR1);
        options.group_mode = CHLD_GROUP_NEW;
        status = RUN(ACT("exit", "9"), &options);
        CHECK(status.code == 9 || status.code == SIGUSR1);
    }
    REQUIRE(storm > 1 && kill(storm, SIGKILL) == 0);
    while (waitpid(storm, NULL, 0) < 0) {
        REQUIRE(errno == EINTR); /* by its last signal */
    }
    CHECK(!caught_elsewhere);
}

TEST(a_storm_on_the_process_group_does_not_disturb)
{
    IN_COPY(start_in_a_storm_on_the_group);
}

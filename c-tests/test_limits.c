/* Out of descriptors, out of processes: an error, and nothing left. */
#include "support.h"
#include "look.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 64, LAST = 10 };

/* Leaves exactly `count` descriptors below the limit to be opened. */
static void leave_free(int count)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = LIMIT;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fds[LIMIT], used = 0;
    while ((fds[used] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0) {
        used++;
    }
    while (count-- > 0) {
        close(fds[--used]);
    }
}

static chld_spawn_options three(uint32_t mode)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = mode;
    return options;
}

/* How many can be opened. */
static int count_free(void)
{
    int fds[LIMIT], count = 0;
    while (count < LIMIT && (fds[count] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    return count;
}

static int free_ones;
static uint32_t mode;

/* A start either succeeds or returns EMFILE; in both cases nothing is lost. */
static void start_with_few(void)
{
    chld_spawn_options options = three(mode);
    leave_free(free_ones);
    for (int round = 0; round < 3; round++) {
        chld_id id = CHLD_NONE;
        chld_error error = { 0 };
        int result = CALL(chld_spawn(&id, ACT("exit", "3"), &options, &error));
        if (result == 0) {
            CHECK_EXITED(FINISH(id), 3);
        } else {
            CHECK_INT(result, -EMFILE);
            CHECK_INT(error.code, EMFILE);
            CHECK(error.step == CHLD_STEP_PIPE || error.step == CHLD_STEP_OPEN
                  || error.step == CHLD_STEP_CLONE);
            CHECK(error.index >= 0 && error.index < 3);
        }
        CHECK(free_ones < 10 || result == 0);
        CHECK(free_ones > 0 || result != 0 || mode == CHLD_STDIO_INHERIT);
        CHECK_INT(count_free(), free_ones);
    }
}

static void try_all(uint32_t with)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind does not survive a clone that fails");
    }
    mode = with;
    for (free_ones = 0; free_ones <= LAST; free_ones++) {
        if (in_copy(start_with_few) != 0) {
            fail(__FILE__, __LINE__, "mode %d, %d descriptors free", (int) mode, free_ones);
        }
    }
}

TEST(no_descriptors_for_pipes)
{
    try_all(CHLD_STDIO_PIPE);
}

TEST(no_descriptors_for_files)
{
    try_all(CHLD_STDIO_NULL);
}

TEST(no_descriptors_for_the_process)
{
    try_all(CHLD_STDIO_INHERIT);
}

static void fail_with_few(void)
{
    chld_spawn_options options = three(CHLD_STDIO_PIPE);
    leave_free(free_ones);
    chld_error error;
    chld_id id;
    int result = CALL(chld_spawn(&id, ARGV("/nonexistent"), &options, &error));
    CHECK(result == -EMFILE || (result == -ENOENT && error.step == CHLD_STEP_EXEC));
    CHECK_INT(count_free(), free_ones);
}

TEST(no_descriptors_and_a_program_that_is_missing)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind does not survive a clone that fails");
    }
    for (free_ones = 0; free_ones <= LAST; free_ones++) {
        IN_COPY(fail_with_few);
    }
}

/* Not root: the limit on processes does not hold for root. */
static void start_without_processes(void)
{
    become_nobody();
    struct rlimit none = { 0, 0 };
    REQUIRE(setrlimit(RLIMIT_NPROC, &none) == 0);
    chld_spawn_options options = three(CHLD_STDIO_PIPE);
    int before = open_descriptors();
    CHECK_FAILS(ARGV("/bin/sh"), &options, EAGAIN, CHLD_STEP_CLONE, 0);
    CHECK_FAILS(ARGV("/bin/sh"), NULL, EAGAIN, CHLD_STEP_CLONE, 0);
    CHECK_INT(open_descriptors(), before);
}

TEST(no_processes)
{
    need_nobody();
    IN_COPY(start_without_processes);
}

TEST(waiting_needs_no_descriptors)
{
    if (chld_engine() != CHLD_ENGINE_PIDFD) {
        SKIP_TEST("without pidfds a wait with a limit needs a pipe");
    }
    struct rlimit before;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct gate gate = gate_make();
    chld_id ids[] = { START_AT(&gate, 4), START_AT(&gate, 5) };
    struct rlimit low = { 3, before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK_CALL(chld_wait(ids[0], 10, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait_any(ids, 2, 10, NULL), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_EXITED(FINISH(ids[0]), 4);
    CHECK_EXITED(FINISH(ids[1]), 5);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

/* A child that was adopted when no descriptor was left has none of its own. */
static void add_without_descriptors(void)
{
    chld_id id;
    chld_set set;
    chld_event event = { 0 };
    struct gate gate = gate_make();
    bool needs_pidfd = CALL(chld_engine()) == CHLD_ENGINE_PIDFD;
    CHECK_CALL(chld_set_open(0, &set), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate.hold_end);
        _exit(read(gate.wait_end, &byte, 1) == 0 ? 9 : 1);
    }
    leave_free(0);
    CHECK_CALL(chld_adopt(&id, pid), 0);
    CHECK_CALL(chld_set_add(set, id, 0), needs_pidfd ? -EMFILE : 0);
    close(LIMIT - 1);
    CHECK_CALL(chld_set_add(set, id, 0), needs_pidfd ? 0 : -EEXIST);
    CHECK_INT(count_free(), !needs_pidfd);
    gate_open(&gate);
    CHECK_CALL(chld_set_wait(set, 10000, &event), 0);
    CHECK(event.id == id);
    CHECK_EXITED(FINISH(id), 9);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(a_set_takes_a_child_without_a_descriptor_as_soon_as_one_is_free)
{
    IN_COPY(add_without_descriptors);
}

TEST(a_list_may_be_longer_than_the_limit_on_descriptors)
{
    struct rlimit before;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct gate gate = gate_make();
    chld_id ids[100] = { CHLD_NONE };
    ids[99] = START_AT(&gate, 4);
    struct rlimit low = { LIMIT, before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK_CALL(chld_wait_any(ids, 100, 10, NULL), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_CALL(chld_wait_any(ids, 100, -1, NULL), 0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_EXITED(FINISH(ids[99]), 4);
}

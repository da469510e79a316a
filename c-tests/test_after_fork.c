/* What a forked copy of the program inherits from the library, and gives up. */
#include "look.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static chld_id cat;

static chld_id start_cat(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    return START(ACT("cat"), &options);
}

static void end_cat(void)
{
    CHECK_CALL(chld_close_fd(cat, CHLD_STDIN), 0);
    CHECK_EXITED(FINISH(cat), 0);
}

/* An emulator returns 0 for MADV_WIPEONFORK and wipes nothing: a copy has used the library. */
static void need_wiped_memory(void)
{
    need_real_kernel();
}

/* A worker that sleeps until it is killed, and has made the call before, or not. */
static pid_t fork_worker(bool makes_the_call)
{
    int ready[2];
    char byte;
    REQUIRE(pipe(ready) == 0);
    pid_t worker = fork();
    REQUIRE(worker >= 0);
    if (worker == 0) {
        int result = makes_the_call ? chld_after_fork() : 0;
        if (result == 0 && write(ready[1], "!", 1) == 1) {
            pause();
        }
        _exit(99);
    }
    close(ready[1]);
    CHECK_INT(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return worker;
}

static void end_worker(pid_t worker)
{
    int word;
    kill(worker, SIGKILL);
    CHECK_INT(waitpid(worker, &word, 0), worker);
    CHECK(WIFSIGNALED(word));
}

TEST(a_child_sees_the_end_of_its_input_although_a_copy_lives)
{
    need_wiped_memory();
    cat = start_cat();
    pid_t worker = fork_worker(true);
    CHECK_CALL(chld_close_fd(cat, CHLD_STDIN), 0);
    chld_status status;
    CHECK_CALL(chld_wait(cat, 10000, &status), 0);
    CHECK_EXITED(status, 0);
    end_worker(worker);
    CHECK_CALL(chld_close(cat), 0);
}

TEST(without_the_call_the_child_waits)
{
    cat = start_cat();
    pid_t worker = fork_worker(false);
    CHECK_CALL(chld_close_fd(cat, CHLD_STDIN), 0);
    CHECK_CALL(chld_wait(cat, 100, NULL), -ETIMEDOUT);
    end_worker(worker);
    CHECK_EXITED(FINISH(cat), 0);
}

/* Everything that the library can have open, and what is not its own. */
static int before, own[2], taken;

static void only_what_is_foreign_stays(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    CHECK_INT(open_descriptors(), before + 3);
    CHECK(fcntl(own[0], F_GETFD) >= 0 && fcntl(own[1], F_GETFD) >= 0);
    CHECK(fcntl(taken, F_GETFD) >= 0);
    CHECK_CALL(chld_after_fork(), 0);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    CHECK_INT(open_descriptors(), before + 3);
    CHECK_CALL(chld_after_fork(), -EBUSY); /* too late */
}

TEST(a_copy_closes_all_that_is_the_librarys_and_nothing_else)
{
    need_wiped_memory();
    before = open_descriptors();
    REQUIRE(pipe(own) == 0);
    cat = start_cat();
    taken = CALL(chld_take_fd(cat, CHLD_STDOUT));
    CHECK(CALL(chld_exit_fd(cat)) > 2);
    chld_set set, by_signal;
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_open(CHLD_SET_SIGCHLD, &by_signal), 0);
    CHECK_CALL(chld_set_add(set, cat, CHLD_WATCH_STOPPED), 0);
    CHECK_CALL(chld_set_stop(by_signal, cat, 60000, NULL), 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK(open_descriptors() > before + 10);
    IN_COPY(only_what_is_foreign_stays);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_set_close(by_signal), 0);
    end_cat();
    close(taken);
    close(own[0]);
    close(own[1]);
}

TEST(in_the_original_nothing_is_closed)
{
    CHECK_CALL(chld_after_fork(), 0); /* it has not used the library */
    cat = start_cat();
    CHECK_CALL(chld_after_fork(), -EBUSY);
    CHECK_INT(write(CALL(chld_stdin_fd(cat)), "x", 1), 1);
    end_cat();
}

/* The copy of a copy has what both have opened. */
static void copy_of_a_user(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    CHECK_INT(open_descriptors(), before);
}

static void use_and_copy(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    cat = start_cat();
    IN_COPY(copy_of_a_user);
    end_cat();
}

TEST(a_copy_of_a_copy_closes_what_the_copy_has_opened)
{
    need_wiped_memory();
    before = open_descriptors();
    cat = start_cat();
    IN_COPY(use_and_copy);
    end_cat();
}

/* A copy that has not made the call may close what it likes, and use the numbers. */
static void keep_the_numbers(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    CHECK(fcntl(own[0], F_GETFD) >= 0 && fcntl(own[1], F_GETFD) >= 0);
}

static void close_all_and_use_the_numbers(void)
{
    int in = CALL(chld_take_fd(cat, CHLD_STDIN)); /* no handle here: the numbers are known */
    CHECK_INT(in, -EBADF);
    close(own[0]);
    close(own[1]);
    REQUIRE(pipe(own) == 0); /* the same numbers */
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    IN_COPY(keep_the_numbers);
}

TEST(a_copy_that_uses_the_library_without_the_call_forgets_what_it_inherited)
{
    need_wiped_memory();
    cat = start_cat();
    own[0] = CALL(chld_stdin_fd(cat));
    own[1] = CALL(chld_stdout_fd(cat));
    IN_COPY(close_all_and_use_the_numbers);
    end_cat();
}

/* Numbers for which the list has to grow. */
static void check_high_numbers(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    CHECK(fcntl(own[0], F_GETFD) < 0 && errno == EBADF);
    CHECK(fcntl(own[1], F_GETFD) < 0 && errno == EBADF);
}

TEST(a_descriptor_is_closed_however_high_its_number)
{
    need_wiped_memory();
    enum { HIGH = 2000 };
    static int low[HIGH];
    int count = 0;
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < HIGH + 100) {
        SKIP_TEST("no more than %d descriptors are allowed", (int) limit.rlim_max);
    }
    limit.rlim_cur = HIGH + 100;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (count < HIGH && (low[count] = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0) {
        count++;
    }
    cat = start_cat();
    own[0] = CALL(chld_stdin_fd(cat));
    own[1] = CALL(chld_exit_fd(cat));
    CHECK(own[0] >= HIGH);
    IN_COPY(check_high_numbers);
    end_cat();
    while (count > 0) {
        close(low[--count]);
    }
}

/* Copies that are made while threads open and close. */
static atomic_bool enough;

static void *open_and_close(void *unused)
{
    while (!atomic_load(&enough)) {
        chld_id id = start_cat();
        CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
        CHECK_EXITED(FINISH(id), 0);
    }
    return unused;
}

/* A copy may miss what was being opened at this moment: per thread, the ends of a
 * child's pipes before they are listed. It closes nothing of the program's. */
static void own_stays(void)
{
    CHECK_CALL(chld_after_fork(), 0);
    CHECK(fcntl(own[0], F_GETFD) >= 0 && fcntl(own[1], F_GETFD) >= 0);
    CHECK(open_descriptors() <= before + 2 + 2 * 6);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
}

TEST(copies_made_while_other_threads_are_at_work_close_nothing_foreign)
{
    need_wiped_memory();
    before = open_descriptors();
    REQUIRE(pipe(own) == 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, open_and_close, NULL) == 0);
    }
    for (int i = 0; i < scaled(50); i++) {
        IN_COPY(own_stays);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    close(own[0]);
    close(own[1]);
}

/* In a signal handler, as the first thing after a fork that a handler has made. */
static volatile sig_atomic_t result = 1;

static void make_the_call(int signal)
{
    (void) signal;
    result = chld_after_fork();
}

static void call_in_a_handler(void)
{
    struct sigaction action = { .sa_handler = make_the_call };
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK_INT(result, 0);
    CHECK_INT(open_descriptors(), before);
}

TEST(the_call_can_be_made_in_a_signal_handler)
{
    need_wiped_memory();
    before = open_descriptors();
    cat = start_cat();
    IN_COPY(call_in_a_handler);
    end_cat();
}

/* Forked copies where the kernel does not wipe memory for them (MADV_WIPEONFORK: before
 * Linux 4.14, and in some sandboxes): the first call in a copy finds that out. */
#include "exits.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Set in a copy whose first call must be interrupted. */
static bool interrupts_first_call;

/* In place of libc's. The first call in a copy asks for MADV_DONTFORK while it empties
 * the library. */
int madvise(void *address, size_t size, int advice)
{
    if (advice == MADV_WIPEONFORK) {
        errno = EINVAL;
        return -1;
    }
    if (advice == MADV_DONTFORK && interrupts_first_call) {
        interrupts_first_call = false;
        kill(getpid(), SIGUSR1);
    }
    return (int) syscall(SYS_madvise, address, size, advice);
}

enum { CHILDREN = 300, THREADS = 8 };
static chld_id of_original[CHILDREN];

/* Runs `part` in copies of a process that has children. */
static void with_children(int copies, void (*part)(void))
{
    struct gate gate = gate_make();
    for (int i = 0; i < CHILDREN; i++) {
        of_original[i] = i < 10 ? START_AT(&gate, i) : START(ACT("exit", "3"), NULL);
    }
    for (int i = 0; i < copies && !failures(); i++) {
        IN_COPY(part);
    }
    gate_open(&gate);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK_EXITED(FINISH(of_original[i]), i < 10 ? i : 3);
    }
}

static void check_is_empty(void)
{
    for (int i = 0; i < CHILDREN; i++) {
        CHECK_CALL(chld_peek(of_original[i], NULL), -EBADF);
    }
}

/* Several threads make the first call at once. */

static pthread_barrier_t start_line;

static void *use_first(void *unused)
{
    pthread_barrier_wait(&start_line);
    for (int i = 0; i < 4; i++) {
        CHECK_EXITED(RUN(ACT("exit", "7"), NULL), 7);
    }
    return unused;
}

static void use_by_several_threads(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&start_line, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, use_first, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    check_is_empty();
}

TEST(the_first_calls_in_a_copy_may_come_from_several_threads)
{
    with_children(scaled(20), use_by_several_threads);
}

/* A signal handler asks for a child of the original while the first call empties the
 * library. */

static volatile sig_atomic_t peeked;

static void peek(int signal)
{
    (void) signal;
    peeked = chld_peek(of_original[0], NULL);
}

static void use_interrupted(void)
{
    struct sigaction action = { .sa_handler = peek }, before;
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    interrupts_first_call = true;
    CHECK_EXITED(RUN(ACT("exit", "7"), NULL), 7);
    CHECK(!interrupts_first_call);
    CHECK_INT(peeked, -EBADF);
    check_is_empty();
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
}

TEST(the_first_call_in_a_copy_may_be_interrupted)
{
    with_children(1, use_interrupted);
}

/* A copy with the pid of its original: both are pid 1, of two namespaces. */

enum { NO_NAMESPACE = 90 };

/* Returns the exit code of `part`, which runs as pid 1 of a new namespace. No alarm ends
 * a pid 1, but its parent's death does. */
static int as_pid_1(void (*part)(void))
{
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        return NO_NAMESPACE;
    }
    pid_t init = fork();
    REQUIRE(init >= 0);
    if (init == 0) {
        int before = failures();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        REQUIRE(getpid() == 1);
        part();
        _exit(failures() > before);
    }
    int word;
    REQUIRE(waitpid(init, &word, 0) == init);
    return WIFEXITED(word) ? WEXITSTATUS(word) : 1;
}

static void be_a_copy_with_the_same_pid(void)
{
    check_is_empty();
    CHECK_EXITED(RUN(ACT("exit", "7"), NULL), 7);
    check_is_empty();
}

static void be_an_original(void)
{
    struct gate gate = gate_make();
    of_original[0] = START_AT(&gate, 5);
    int code = as_pid_1(be_a_copy_with_the_same_pid);
    if (code != 0) {
        _exit(code);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(of_original[0]), 5);
}

static void be_outside(void)
{
    _exit(as_pid_1(be_an_original));
}

TEST(a_copy_may_have_the_pid_of_its_original)
{
    int code = in_copy(be_outside);
    if (code == NO_NAMESPACE) {
        SKIP_TEST("no pid namespace may be made here");
    }
    CHECK_INT(code, 0);
}

/* The original ignores SIGCHLD, and the handler stands in for that. */

static void leave_no_zombie(void)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        _exit(0);
    }
    AWAIT(!process_is_there(pid));
}

static void check_no_zombies(void)
{
    leave_no_zombie();
    CHECK_EXITED(RUN(ACT("exit", "7"), NULL), 7);
    leave_no_zombie();
}

TEST(a_copy_of_a_program_that_ignores_sigchld_has_no_zombies)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    int told[2], result = -1;
    REQUIRE(pipe(told) == 0 && sigaction(SIGCHLD, &ignore, &before) == 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    pid_t copy = fork();
    if (copy == 0) {
        arm_alarm();
        check_no_zombies();
        result = failures();
        _exit(write(told[1], &result, sizeof result) != sizeof result);
    }
    close(told[1]);
    CHECK_INT(read(told[0], &result, sizeof result), sizeof result);
    CHECK_INT(result, 0);
    close(told[0]);
    AWAIT(!process_is_there(copy));
    CHECK_CALL(chld_sigchld_remove(), 0);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
}

/* What the handler finds in a child of vfork() is not the original's. */
TEST(a_child_of_vfork_leaves_the_library_alone)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START_AT(&gate, 4);
    pid_t pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGCHLD);
        _exit(0);
    }
    FOREIGN_REAP(pid, 0);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

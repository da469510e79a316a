/* Threads that do to the process what they like while others start children. */
#include "look.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STARTERS = 3, EACH = 60 };

static atomic_bool enough;

/* How many each thread starts; asked for before there are threads, because it
 * reads the environment. */
static int each;

static void *allocate(void *unused)
{
    void *blocks[64] = { NULL };
    for (unsigned i = 0; !atomic_load(&enough); i++) {
        free(blocks[i % 64]);
        blocks[i % 64] = malloc(16 + i * 37 % 300000);
    }
    for (int i = 0; i < 64; i++) {
        free(blocks[i]);
    }
    return unused;
}

static void *change_the_environment(void *unused)
{
    for (int i = 0; !atomic_load(&enough); i++) {
        char name[32];
        snprintf(name, sizeof name, "VARIABLE_%d", i % 50);
        if (i % 3) {
            setenv(name, "value", 1);
        } else {
            unsetenv(name);
        }
    }
    return unused;
}

static void on_signal(int number)
{
    (void) number;
}

static void *install_handlers(void *unused)
{
    static const int numbers[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGPIPE, SIGTERM };
    for (int i = 0; !atomic_load(&enough); i++) {
        struct sigaction action = { .sa_handler = i % 2 ? on_signal : SIG_DFL };
        sigaction(numbers[i % 5], &action, NULL);
    }
    for (int i = 0; i < 5; i++) {
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigaction(numbers[i], &action, NULL);
    }
    return unused;
}

static void start_with_everything(int i)
{
    const chld_limit limit = { 4 /* RLIMIT_CORE */, 0, 0, 0 };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = ARGV("A=b", "C=d");
    options.env_set = ARGV("E=f");
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    options.limits = &limit;
    options.limits_count = 1;
    options.flags = CHLD_SPAWN_UMASK | (i % 2 ? CHLD_SPAWN_INHERIT_FDS : 0);
    options.umask = 027;
    chld_id id = START(ARGV("/bin/sh", "-c", "echo $A$C$E$VARIABLE_1; umask; ulimit -c; exit 7"),
                       &options);
    char text[64];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "bdf\n0027\n0\n");
    CHECK_EXITED(FINISH(id), 7);
    options.cwd = "/nonexistent";
    CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_CHDIR, 0);
}

static void *start_many(void *unused)
{
    for (int i = 0; i < each; i++) {
        start_with_everything(i);
    }
    return unused;
}

/* valgrind calls functions of libc in a child that exits, which may wait for a
 * lock of another thread for ever. */
TEST(other_threads_allocate_change_the_environment_and_install_handlers)
{
    need_real_kernel();
    void *(*const others[])(void *) = { allocate, change_the_environment, install_handlers };
    pthread_t disturbers[3], starters[STARTERS];
    each = scaled(EACH);
    helper("act");
    for (int i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&disturbers[i], NULL, others[i], NULL) == 0);
    }
    for (int i = 0; i < STARTERS; i++) {
        REQUIRE(pthread_create(&starters[i], NULL, start_many, NULL) == 0);
    }
    for (int i = 0; i < STARTERS; i++) {
        pthread_join(starters[i], NULL);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(disturbers[i], NULL);
    }
}

/* If these children shared the memory of their parent, the kernel would mark it. */
static void *start_as_another_user(void *unused)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_UID | CHLD_SPAWN_GID | CHLD_SPAWN_GROUPS;
    options.uid = options.gid = NOBODY;
    for (int i = 0; i < each; i++) {
        CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
    }
    return unused;
}

TEST(the_process_stays_dumpable_though_several_threads_change_their_childrens_ids)
{
    need_root();
    CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    each = scaled(EACH);
    pthread_t starters[STARTERS];
    for (int i = 0; i < STARTERS; i++) {
        REQUIRE(pthread_create(&starters[i], NULL, start_as_another_user, NULL) == 0);
    }
    for (int i = 0; i < STARTERS; i++) {
        pthread_join(starters[i], NULL);
    }
    CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    CHECK_INT(proc_number(getpid(), "Uid"), 0);
}

/* Each thread ends, and its children with it, but not those of the others. */
static void *start_one_that_dies_with_this(void *argument)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.death_signal = SIGTERM;
    *(chld_id *) argument = STAY(&options);
    return NULL;
}

TEST(a_death_signal_is_for_the_thread_that_asked_for_it)
{
    pthread_t thread;
    chld_id own = CHLD_NONE, others = CHLD_NONE;
    start_one_that_dies_with_this(&own);
    REQUIRE(pthread_create(&thread, NULL, start_one_that_dies_with_this, &others) == 0);
    pthread_join(thread, NULL);
    CHECK_STATUS(FINISH(others), CHLD_STATE_KILLED, SIGTERM);
    CHECK_CALL(chld_wait(own, 0, NULL), -ETIMEDOUT);
    LEAVE(own);
}

/* Threads that do to the process what they like while others start children. */
#include "look.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
 * lock of another thread forever. */
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

/* The smallest stack that a thread can have is enough for a start, whatever the
 * child's half has to do. */

static void *start_on_a_small_stack(void *kind)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error = { .code = 0 };
    chld_id id = CHLD_NONE;
    options.env_set = ARGV("A=1", "B=2");
    options.out.mode = CHLD_STDIO_NULL;
    const char *what = kind;
    if (strcmp(what, "detached") == 0) {
        options.flags = CHLD_SPAWN_DETACHED;
        CHECK_CALL(chld_spawn(NULL, ARGV("true"), &options, &error), 0);
    } else if (strcmp(what, "ids") == 0) {
        options.flags = CHLD_SPAWN_UID;
        options.uid = getuid();
        CHECK_CALL(chld_spawn(&id, ARGV("true"), &options, &error), 0);
    } else if (strcmp(what, "script") == 0) {
        CHECK_CALL(chld_spawn(&id, ARGV(scratch("script")), &options, &error), -ENOENT);
        CHECK_INT(error.step, CHLD_STEP_INTERPRETER);
    } else {
        CHECK_CALL(chld_spawn(&id, ARGV("true"), &options, &error), 0);
    }
    if (id != CHLD_NONE) {
        CHECK_CALL(chld_wait(id, 10000, NULL), 0);
        CHECK_CALL(chld_close(id), 0);
    }
    return NULL;
}

TEST(the_smallest_stack_of_a_thread_is_enough)
{
    need_real_kernel();
    if (getenv("ASAN_OPTIONS")) {
        SKIP_TEST("sanitizers need a larger stack themselves");
    }
    static char *const kinds[] = { "plain", "detached", "ids", "script" };
    scratch_file("script", "#!/nonexistent/interpreter\n", 0755);
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    size_t size = (size_t) sysconf(_SC_THREAD_STACK_MIN);
    size = size < 16384 ? 16384 : size; /* musl has 2048, which is not enough for printf() */
    REQUIRE(pthread_attr_setstacksize(&attributes, size) == 0);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, &attributes, start_on_a_small_stack, kinds[i]) == 0);
        pthread_join(thread, NULL);
    }
    pthread_attr_destroy(&attributes);
}

/* Where memory is not shared, a failure comes by a pipe. A copy of the process
 * that another thread makes meanwhile has that pipe open, too. */

static struct gate copies_wait;
static atomic_bool copies_enough;
enum { COPIES = 60 };

static void *make_copies(void *unused)
{
    for (int i = 0; i < COPIES && !atomic_load(&copies_enough); i++) {
        pid_t copy = fork();
        if (copy == 0) {
            char byte;
            close(copies_wait.hold_end);
            _exit(read(copies_wait.wait_end, &byte, 1) != 0);
        }
        CHECK(copy > 0);
        poll(NULL, 0, 3);
    }
    return unused;
}

TEST(no_start_waits_for_copies_of_the_process)
{
    need_nobody();
    need_real_kernel();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    if (geteuid() == 0) {
        options.flags = CHLD_SPAWN_UID;
        options.uid = NOBODY;
    }
    CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
    copies_wait = gate_make();
    pthread_t copier;
    REQUIRE(pthread_create(&copier, NULL, make_copies, NULL) == 0);
    for (int i = 0; i < scaled(200); i++) {
        CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
    }
    atomic_store(&copies_enough, true);
    pthread_join(copier, NULL);
    gate_open(&copies_wait);
    while (waitpid(-1, NULL, 0) > 0) {
    }
}

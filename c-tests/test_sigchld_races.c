/* Threads that install and remove the handler at once, and beside one of the
 * program's own, or at different priorities. */
#include "exits.h"

#include <pthread.h>
#include <stdatomic.h>

/* A handler of the program's own, installed while ours comes or goes. */

static struct sigaction below;
static volatile sig_atomic_t calls;

static void foreign(int signal, siginfo_t *info, void *context)
{
    calls++;
    if (below.sa_flags & SA_SIGINFO) {
        below.sa_sigaction(signal, info, context);
    }
}

static void set_handler(const struct sigaction *action, struct sigaction *before)
{
    REQUIRE(sigaction(SIGCHLD, action, before) == 0);
}

static pthread_barrier_t both;

/* Lets some time pass, another one in each round: the two threads meet in every
 * order, and in the middle of each other's calls. */
static void dawdle(int steps)
{
    for (volatile int i = 0; i < steps; i++) {
    }
}

enum { ROUNDS = 30000, STEPS = 199, MANY_STEPS = 4001 };

/* How late the foreign handler is installed at most. */
static int foreign_steps = STEPS;

static void *install_foreign(void *unused)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART };
    action.sa_sigaction = foreign;
    for (int i = 0; i < scaled(ROUNDS); i++) {
        pthread_barrier_wait(&both);
        dawdle(i * 7 % foreign_steps);
        set_handler(&action, &below);
        pthread_barrier_wait(&both);
    }
    return unused;
}

/* One SIGCHLD is one call of it. */
static bool is_called_once(void)
{
    calls = 0;
    raise(SIGCHLD);
    return CHECK_INT(calls, 1);
}

/* Another thread installs the foreign handler while this one opens a set. Whichever is
 * on top, one SIGCHLD calls the foreign handler once, and it is there after ours goes. */
TEST(a_handler_installed_while_ours_comes_is_kept)
{
    struct sigaction none = { .sa_handler = SIG_DFL }, now;
    pthread_t other;
    bool kept = true;
    pthread_barrier_init(&both, NULL, 2);
    REQUIRE(pthread_create(&other, NULL, install_foreign, NULL) == 0);
    for (int i = 0; i < scaled(ROUNDS); i++) {
        (void) CALL(chld_sigchld_remove());
        set_handler(&none, NULL);
        pthread_barrier_wait(&both);
        dawdle(i * 11 % STEPS);
        chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
        pthread_barrier_wait(&both);
        kept = kept && is_called_once();
        CHECK_CALL(chld_set_close(set), 0);
        (void) CALL(chld_sigchld_remove());
        set_handler(NULL, &now);
        kept = kept && CHECK(now.sa_sigaction == foreign) && is_called_once();
    }
    pthread_join(other, NULL);
    pthread_barrier_destroy(&both);
    set_handler(&none, NULL);
}

/* The same while ours goes. */
TEST(a_handler_installed_while_ours_goes_is_kept)
{
    struct sigaction none = { .sa_handler = SIG_DFL };
    pthread_t other;
    bool kept = true;
    foreign_steps = MANY_STEPS;
    pthread_barrier_init(&both, NULL, 2);
    REQUIRE(pthread_create(&other, NULL, install_foreign, NULL) == 0);
    for (int i = 0; i < scaled(ROUNDS); i++) {
        (void) CALL(chld_sigchld_remove());
        set_handler(&none, NULL);
        CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
        pthread_barrier_wait(&both);
        dawdle(i * 11 % STEPS);
        CHECK_CALL(chld_sigchld_remove(), 0);
        pthread_barrier_wait(&both);
        kept = kept && is_called_once();
    }
    pthread_join(other, NULL);
    pthread_barrier_destroy(&both);
    set_handler(&none, NULL);
}

/* Priorities */

static atomic_bool enough;

static void open_and_close(void)
{
    CHECK_CALL(chld_set_close(SET_OPEN(CHLD_SET_SIGCHLD)), 0);
}

static void *open_and_close_until_enough(void *unused)
{
    while (!atomic_load(&enough)) {
        open_and_close();
    }
    return unused;
}

/* If it did not let that thread run whose call it waits for, it would be stuck
 * until the kernel takes the processor away from it, for a second or forever. */
TEST(a_thread_with_priority_lets_the_others_finish_their_calls)
{
    enum { CALLS = 500, TOO_LONG_MS = 500 };
    struct sched_param first = { .sched_priority = 1 }, normal = { .sched_priority = 0 };
    pthread_t other;
    long long worst = 0;
    stay_on_one_cpu();
    REQUIRE(pthread_create(&other, NULL, open_and_close_until_enough, NULL) == 0);
    int refused = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
    for (int i = 0; !refused && i < scaled(CALLS) && worst < TOO_LONG_MS; i++) {
        poll(NULL, 0, 1);
        long long before = now_ms();
        open_and_close();
        long long took = now_ms() - before;
        worst = took > worst ? took : worst;
    }
    pthread_setschedparam(pthread_self(), SCHED_OTHER, &normal);
    atomic_store(&enough, true);
    pthread_join(other, NULL);
    if (refused) {
        SKIP_TEST("no thread may have priority here");
    }
    CHECK(worst < TOO_LONG_MS);
}

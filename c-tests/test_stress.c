/* Random calls by several threads for a few dozen children, with signals, copies, closes and
 * stolen statuses; every result is compared with the record of the child. Each thread's
 * calls follow from the seed. CHLD_STRESS_SECONDS and CHLD_STRESS_SEED: `make stress`. */
#include "namespace.h"
#include "stress/stress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 4, GROUPS = 3, STUCK_MS = 30000, TICK_MS = 20 };

bool may_steal;

static atomic_bool is_over;

/* What each thread is doing, and since when. */
static struct {
    _Atomic(const char *) action;
    atomic_llong began;
} at_work[THREADS];

static const struct action *const groups[GROUPS] = { calls_for_children, calls_for_sets,
                                                     foreign_children };

static unsigned total_weight(void)
{
    unsigned total = 0;
    for (int i = 0; i < GROUPS; i++) {
        for (const struct action *one = groups[i]; one->name; one++) {
            total += one->weight;
        }
    }
    return total;
}

static const struct action *choose(struct dice *dice, unsigned total)
{
    unsigned left = throw(dice, total);
    for (int i = 0; i < GROUPS; i++) {
        for (const struct action *one = groups[i]; one->name; one++) {
            if (left < one->weight) {
                return one;
            }
            left -= one->weight;
        }
    }
    return &calls_for_children[0];
}

static uint64_t seed_of_run;

static void *act_at_random(void *argument)
{
    const int number = *(int *) argument, before = failures();
    const unsigned total = total_weight();
    struct dice dice = { seed_of_run * THREADS + (unsigned) number };
    while (!atomic_load(&is_over) && failures() == before) {
        const struct action *action = choose(&dice, total);
        atomic_store(&at_work[number].began, now_ms());
        atomic_store(&at_work[number].action, action->name);
        action->act(&dice);
    }
    atomic_store(&at_work[number].action, NULL);
    return NULL;
}

/* Signals interrupt everything. The handler calls what handlers may call. */

static atomic_uint signals;

static void interrupt(int signal)
{
    (void) signal;
    int saved = errno;
    unsigned number = atomic_fetch_add(&signals, 1);
    struct dice dice = { number };
    struct record *record = some_child(&dice);
    if (record) {
        chld_status status;
        chld_kill(record->id, SIGURG);
        if (chld_peek(record->id, &status) == 0 && status.state != CHLD_STATE_RUNNING) {
            CHECK_TRUE(record, &status);
        }
    }
    if (number % 8 == 0) {
        chld_reap();
    }
    wake_some_set(number);
    errno = saved;
}

static void *send_signals(void *unused)
{
    const int own = getpid();
    struct timespec pause = { 0, 1000000 };
    REQUIRE(own > 1);
    while (!atomic_load(&is_over)) {
        nanosleep(&pause, NULL);
        kill(own, SIGUSR1);
    }
    return unused;
}

/* No action may take long: each that waits has a timeout, or a child that exits. */
static void watch_threads(long long until)
{
    while (now_ms() < until && !failures()) {
        poll(NULL, 0, TICK_MS);
        for (int i = 0; i < THREADS; i++) {
            const char *action = atomic_load(&at_work[i].action);
            if (action && now_ms() - atomic_load(&at_work[i].began) > STUCK_MS) {
                fail(__FILE__, __LINE__, "thread %d is stuck in %s", i, action);
                abort();
            }
        }
    }
}

static long long number_from(const char *name, long long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atoll(text) : otherwise;
}

static void run_threads(long long milliseconds)
{
    pthread_t threads[THREADS], signaller;
    int numbers[THREADS];
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART }, before;
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        REQUIRE(pthread_create(&threads[i], NULL, act_at_random, &numbers[i]) == 0);
    }
    REQUIRE(pthread_create(&signaller, NULL, send_signals, NULL) == 0);
    watch_threads(now_ms() + milliseconds);
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(signaller, NULL);
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
}

/* Nothing may be left. */
static void check_the_end(int descriptors)
{
    siginfo_t info;
    close_all_sets();
    close_all_children();
    reap_closed_children();
    (void) CALL(chld_sigchld_remove());
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 && errno == ECHILD);
    CHECK_INT(open_descriptors(), descriptors);
}

static void stress(void)
{
    const long long seconds = number_from("CHLD_STRESS_SECONDS", 0);
    const int before = open_descriptors(), failed_before = failures();
    seed_of_run = (uint64_t) number_from("CHLD_STRESS_SEED", now_ms());
    alarm((unsigned) seconds + 120);
    run_threads(seconds ? seconds * 1000 : scaled(2000));
    check_the_end(before);
    if (failures() > failed_before) {
        fail(__FILE__, __LINE__, "with CHLD_STRESS_SEED=%llu", (unsigned long long) seed_of_run);
    }
}

static void stress_with_thieves(void)
{
    may_steal = getpid() < 100; /* in a namespace of its own */
    stress();
}

TEST(random_calls)
{
    IN_NAMESPACE(stress);
}

TEST(random_calls_while_statuses_are_stolen)
{
    IN_NAMESPACE(stress_with_thieves);
}

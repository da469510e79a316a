/* Threads that install and remove the handler at once, and beside one of the
 * program's own, or at different priorities. */
#include "ends.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

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

/* Leaves this process one processor, so that a thread with priority keeps the
 * others from running. */
static void stay_on_one_cpu(void)
{
    cpu_set_t all, one;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
        }
    }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
}

/* If it did not let that thread run whose call it waits for, it would be stuck
 * until the kernel takes the processor away from it, for a second or for ever. */
TEST(a_thread_with_priority_lets_the_others_finish_their_calls)
{
    enum { ROUNDS = 500, TOO_LONG_MS = 500 };
    struct sched_param first = { .sched_priority = 1 }, normal = { .sched_priority = 0 };
    pthread_t other;
    long long worst = 0;
    stay_on_one_cpu();
    REQUIRE(pthread_create(&other, NULL, open_and_close_until_enough, NULL) == 0);
    int refused = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
    for (int i = 0; !refused && i < scaled(ROUNDS) && worst < TOO_LONG_MS; i++) {
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

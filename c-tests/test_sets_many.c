/* Sets with many children, several sets, several threads: everybody gets
 * exactly their own. Each test is run with both engines. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* A child, how it must exit, and how often which set has reported it. */
struct one {
    chld_id id;
    int state;
    int code;
    atomic_int told;
};

enum { MOST = 300 };
static struct one all[MOST];

/* Every third exits by itself, every third at the gate, every third is killed. */
static void start_mixed(struct one *one, int number, const struct gate *gate)
{
    static const int signals[] = { SIGTERM, SIGKILL, SIGUSR1, SIGHUP, SIGINT };
    one->state = CHLD_STATE_EXITED;
    one->code = number % 256;
    atomic_store(&one->told, 0);
    if (number % 3 == 0) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.user = one;
        one->id = START(ACT("exit", DECIMAL(one->code)), &options);
    } else {
        one->id = start_at(__FILE__, __LINE__, gate, one->code, one);
    }
    if (number % 3 == 2) {
        one->state = CHLD_STATE_KILLED;
        one->code = signals[number / 3 % 5];
        CHECK_CALL(chld_kill(one->id, one->code), 0);
    }
}

/* An event is the exit of the child that it names, and the first report of it. */
static void check_event(const chld_event *event, int times)
{
    struct one *one = event->user;
    REQUIRE(one >= all && one < all + MOST);
    CHECK(event->id == one->id);
    CHECK_STATUS(event->status, one->state, one->code);
    CHECK(atomic_fetch_add(&one->told, 1) < times);
}

static void close_all(int count)
{
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_close(all[i].id), 0);
    }
}

TEST_EACH_ENGINE(many_children_with_all_kinds_of_statuses)
{
    int count = scaled(MOST);
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    for (int i = 0; i < count; i++) {
        start_mixed(&all[i], i, &gate);
        CHECK_CALL(chld_set_add(set, all[i].id, 0), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < count; i++) {
        chld_event event;
        if (!SET_AWAIT(set, &event)) {
            break;
        }
        check_event(&event, 1);
    }
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK(!is_readable(CALL(chld_set_fd(set))));
    close_all(count);
    CHECK_CALL(chld_set_close(set), 0);
}

/* The first set has the first two thirds of the children, the second the last
 * two thirds. */
TEST_EACH_ENGINE(sets_that_overlap_each_get_all_of_theirs)
{
    int third = scaled(MOST) / 6, count = 3 * third;
    struct gate gate = gate_make();
    chld_set sets[2] = { SET_OPEN(flags), SET_OPEN(flags) };
    for (int i = 0; i < count; i++) {
        start_mixed(&all[i], i, &gate);
        CHECK_CALL(i < 2 * third ? chld_set_add(sets[0], all[i].id, 0) : 0, 0);
        CHECK_CALL(i >= third ? chld_set_add(sets[1], all[i].id, 0) : 0, 0);
    }
    gate_open(&gate);
    for (int which = 0; which < 2; which++) {
        for (int i = 0; i < 2 * third; i++) {
            chld_event event;
            if (!SET_AWAIT(sets[which], &event)) {
                break;
            }
            long place = (struct one *) event.user - all;
            CHECK(place >= which * third && place < (which + 2) * third);
            check_event(&event, 2);
        }
        CHECK_CALL(chld_set_next(sets[which], NULL), -EAGAIN);
    }
    for (int i = 0; i < count; i++) {
        CHECK_INT(atomic_load(&all[i].told), i >= third && i < 2 * third ? 2 : 1);
    }
    close_all(count);
    CHECK_CALL(chld_set_close(sets[0]), 0);
    CHECK_CALL(chld_set_close(sets[1]), 0);
}

TEST(sets_of_both_engines_share_children)
{
    enum { COUNT = 30 };
    struct gate gate = gate_make();
    chld_set sets[2] = { SET_OPEN(0), SET_OPEN(CHLD_SET_SIGCHLD) };
    for (int i = 0; i < COUNT; i++) {
        start_mixed(&all[i], i, &gate);
        CHECK_CALL(chld_set_add(sets[0], all[i].id, 0), 0);
        CHECK_CALL(chld_set_add(sets[1], all[i].id, 0), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < 2 * COUNT; i++) {
        chld_event event;
        if (SET_AWAIT(sets[i % 2], &event)) {
            check_event(&event, 2);
        }
    }
    close_all(COUNT);
    CHECK_CALL(chld_set_close(sets[0]), 0);
    CHECK_CALL(chld_set_close(sets[1]), 0);
}

/* Several threads */

struct crew {
    chld_set set;
    int count;
    atomic_int taken;
};

static void *take(void *argument)
{
    struct crew *crew = argument;
    long long until = now_ms() + 10000;
    while (atomic_load(&crew->taken) < crew->count && now_ms() < until) {
        chld_event event;
        int result = CALL(chld_set_next(crew->set, &event));
        if (result == 0) {
            check_event(&event, 1);
            atomic_fetch_add(&crew->taken, 1);
        } else {
            CHECK_INT(result, -EAGAIN);
            struct pollfd one = { .fd = CALL(chld_set_fd(crew->set)), .events = POLLIN };
            poll(&one, 1, 10);
        }
    }
    return NULL;
}

TEST_EACH_ENGINE(threads_that_take_from_one_set_get_each_exit_once)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct gate gate = gate_make();
    struct crew crew = { .set = SET_OPEN(flags), .count = scaled(200) };
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, take, &crew) == 0);
    }
    for (int i = 0; i < crew.count; i++) {
        start_mixed(&all[i], i, &gate);
        CHECK_CALL(chld_set_add(crew.set, all[i].id, 0), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_INT(atomic_load(&crew.taken), crew.count);
    CHECK_CALL(chld_set_next(crew.set, NULL), -EAGAIN);
    close_all(crew.count);
    CHECK_CALL(chld_set_close(crew.set), 0);
}

static void *run_all(void *argument)
{
    struct crew *crew = argument;
    for (int i = 0; i < crew->count; i++) {
        chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
        capture.out.mode = CHLD_SINK_GROW;
        CHECK_CALL(chld_set_run(crew->set, ACT("exit", DECIMAL(i % 256)), NULL, &capture, NULL,
                                NULL), 0);
    }
    return NULL;
}

/* Between its start and its capture, a child is in the set already. */
TEST_EACH_ENGINE(a_thread_waits_while_another_captures_in_the_set)
{
    pthread_t thread;
    struct crew crew = { .set = SET_OPEN(flags), .count = scaled(300) };
    REQUIRE(pthread_create(&thread, NULL, run_all, &crew) == 0);
    for (int i = 0; i < crew.count; i++) {
        chld_event event;
        CHECK_CALL(chld_set_wait(crew.set, 10000, &event), 0);
        CHECK_INT(event.kind, CHLD_EVENT_CAPTURED);
        REQUIRE(event.capture != NULL);
        CHECK(event.status.state == CHLD_STATE_EXITED);
        CHECK_CALL(chld_close(event.id), 0);
    }
    pthread_join(thread, NULL);
    CHECK_CALL(chld_set_count(crew.set), 0);
    CHECK_CALL(chld_set_close(crew.set), 0);
}

/* What two threads do at once: each has a set, and puts the same children in. */
static void *add_and_take(void *argument)
{
    struct crew *crew = argument;
    for (int i = 0; i < crew->count; i++) {
        CHECK_CALL(chld_set_add(crew->set, all[i].id, 0), 0);
    }
    for (int i = 0; i < crew->count; i++) {
        chld_event event;
        if (!SET_AWAIT(crew->set, &event)) {
            break;
        }
        check_event(&event, 2);
    }
    CHECK_CALL(chld_set_next(crew->set, NULL), -EAGAIN);
    return NULL;
}

/* All of them are ending while they are put in. */
TEST_EACH_ENGINE(an_exit_during_the_adding_is_reported_once)
{
    struct gate gate = gate_make();
    struct crew crews[2] = { { .set = SET_OPEN(flags), .count = scaled(100) } };
    pthread_t threads[2];
    crews[1] = (struct crew) { .set = SET_OPEN(flags), .count = crews[0].count };
    for (int i = 0; i < crews[0].count; i++) {
        start_mixed(&all[i], i, &gate);
    }
    gate_open(&gate);
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, add_and_take, &crews[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    close_all(crews[0].count);
    CHECK_CALL(chld_set_close(crews[0].set), 0);
    CHECK_CALL(chld_set_close(crews[1].set), 0);
}

/* The pages that this process has mapped. */
static long mapped_pages(void)
{
    char text[64];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    read_all(file, text, sizeof text);
    close(file);
    return strtol(text, NULL, 10);
}

static void open_add_close(uint32_t flags, chld_id id)
{
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* The kernel's epoll forgets a closed set by itself; the other engine keeps a
 * note of it with the child, which must not add up. */
TEST_EACH_ENGINE(sets_come_and_go_while_a_child_lives)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    open_add_close(flags, id);
    long before = mapped_pages();
    for (int i = 0; i < scaled(20000) && !failures(); i++) {
        open_add_close(flags, id);
    }
    CHECK(mapped_pages() - before < 64);
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    chld_event event;
    CHECK(SET_AWAIT(set, &event) && event.id == id);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_EXITED(FINISH(id), 5);
}

TEST_EACH_ENGINE(adding_twice_is_refused_however_many_sets_there_are)
{
    enum { SETS = 100 };
    chld_set sets[SETS];
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    for (int i = 0; i < SETS; i++) {
        sets[i] = SET_OPEN(flags);
        CHECK_CALL(chld_set_add(sets[i], id, 0), 0);
    }
    CHECK_CALL(chld_set_add(sets[SETS - 1], id, 0), -EEXIST);
    CHECK_CALL(chld_set_add(sets[0], id, 0), -EEXIST);
    gate_open(&gate);
    for (int i = 0; i < SETS; i++) {
        CHECK(SET_AWAIT(sets[i], NULL));
        CHECK_CALL(chld_set_next(sets[i], NULL), -EAGAIN);
        CHECK_CALL(chld_set_close(sets[i]), 0);
    }
    CHECK_EXITED(FINISH(id), 5);
}

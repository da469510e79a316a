/* Threads that wait for, peek at, signal, reap and close the same children,
 * while SIGCHLD comes to any of them and another signal interrupts them all. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One child, and what the threads have found about it. Its status is either the one
 * that it was started for or that of the killer's signal: the one that is reported
 * first must be reported by all. */
struct race {
    chld_id id;
    int code;
    bool is_closed_early;
    atomic_int word; /* the first that was reported, or -1 */
    atomic_bool over;
    pthread_barrier_t start;
};

/* A call has reported the exit; all others reported the same. */
static void told(struct race *race, const chld_status *status)
{
    int first = -1;
    if (!atomic_compare_exchange_strong(&race->word, &first, status->wait_word)) {
        CHECK_INT(status->wait_word, first);
    }
    bool by_itself = status->state == CHLD_STATE_EXITED && status->code == race->code;
    bool by_signal = status->state == CHLD_STATE_KILLED && status->code == SIGTERM;
    CHECK(by_itself || by_signal);
}

/* True for 0; false for the answer of a handle that another thread closed. */
static bool succeeded(const struct race *race, int result)
{
    if (result == -EBADF && race->is_closed_early) {
        return false;
    }
    return CHECK_INT(result, 0);
}

/* Dead is dead, for every caller. */
static void check_kill_of_the_dead(const struct race *race)
{
    int result = CALL(chld_kill(race->id, SIGTERM));
    CHECK(result == -ESRCH || (result == -EBADF && race->is_closed_early));
}

static void await_without_limit(struct race *race)
{
    chld_status status;
    if (succeeded(race, CALL(chld_wait(race->id, -1, &status)))) {
        told(race, &status);
        check_kill_of_the_dead(race);
    }
}

static void await_with_limit(struct race *race)
{
    chld_status status;
    if (succeeded(race, CALL(chld_wait(race->id, 10000, &status)))) {
        told(race, &status);
        check_kill_of_the_dead(race);
    }
}

static void await_any(struct race *race)
{
    const chld_id ids[] = { CHLD_NONE, race->id };
    chld_event event;
    if (succeeded(race, CALL(chld_wait_any(ids, 2, 10000, &event)))) {
        CHECK(event.id == race->id && event.index == 1);
        told(race, &event.status);
    }
}

static void await_change(struct race *race)
{
    chld_status status;
    if (succeeded(race, CALL(chld_wait_change(race->id, 0, 10000, &status)))) {
        told(race, &status);
    }
}

static void peek(struct race *race)
{
    chld_status status = { .state = CHLD_STATE_RUNNING };
    while (status.state == CHLD_STATE_RUNNING && !atomic_load(&race->over)) {
        if (!succeeded(race, CALL(chld_peek(race->id, &status)))) {
            return;
        }
    }
    if (status.state != CHLD_STATE_RUNNING) {
        told(race, &status);
        check_kill_of_the_dead(race);
    }
}

static void reap(struct race *race)
{
    while (!atomic_load(&race->over)) {
        CHECK(CALL(chld_reap()) >= 0);
    }
}

/* Every other child is killed; all are asked whether they are dead yet. */
static void strike(struct race *race)
{
    int result = 0;
    while (result == 0 && !atomic_load(&race->over)) {
        int signal = race->code % 2 ? SIGTERM : SIGCONT;
        result = CALL(chld_kill(race->id, signal));
        CHECK(result == 0 || result == -ESRCH || (result == -EBADF && race->is_closed_early));
    }
}

static void ask_for_descriptor(struct race *race)
{
    int fd = CALL(chld_exit_fd(race->id));
    CHECK(fd > 2 || (fd == -EBADF && race->is_closed_early));
}

static void close_early(struct race *race)
{
    for (int i = 0; i < race->code; i++) {
        sched_yield();
    }
    if (race->is_closed_early) {
        CHECK_CALL(chld_close(race->id), 0);
    }
}

static void (*const roles[])(struct race *) = {
    await_without_limit, await_with_limit, await_any, await_change, peek,
    reap, strike, ask_for_descriptor, close_early,
};
enum { ROLES = sizeof roles / sizeof *roles, WAITERS = 4 };

struct role {
    struct race *race;
    void (*play)(struct race *);
};

static void *play(void *argument)
{
    const struct role *role = argument;
    pthread_barrier_wait(&role->race->start);
    role->play(role->race);
    return NULL;
}

/* One child, all roles at once. Those who wait come back by themselves. */
static void run_race(int code, bool is_closed_early)
{
    struct gate gate = gate_make();
    struct race race = { .code = code, .is_closed_early = is_closed_early, .word = -1 };
    struct role parts[ROLES];
    pthread_t threads[ROLES];
    race.id = START_AT(&gate, code);
    int pid = CALL(chld_pid(race.id));
    pthread_barrier_init(&race.start, NULL, ROLES + 1);
    for (int i = 0; i < ROLES; i++) {
        parts[i] = (struct role) { &race, roles[i] };
        REQUIRE(pthread_create(&threads[i], NULL, play, &parts[i]) == 0);
    }
    pthread_barrier_wait(&race.start);
    gate_open(&gate);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&race.over, true);
    for (int i = WAITERS; i < ROLES; i++) {
        pthread_join(threads[i], NULL);
    }
    if (!is_closed_early) {
        chld_status status = FINISH(race.id);
        told(&race, &status);
    }
    /* A closed child is looked at by any later call. */
    AWAIT(CALL(chld_wait(race.id, 0, NULL)) == -EBADF && !process_is_there(pid));
    pthread_barrier_destroy(&race.start);
}

/* As many races as there is time for, but not for long. */
static void run_races(void)
{
    long long until = now_ms() + 1500;
    storm_begin();
    for (int i = 0; i < scaled(150) && now_ms() < until && !failures(); i++) {
        run_race(i % 200, i % 3 == 0);
    }
    CHECK(storm_end() > 0);
}

TEST(without_a_handler)
{
    run_races();
}

TEST(in_reap_mode)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    run_races();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(in_notify_mode)
{
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    run_races();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(beside_the_sigchld_engine)
{
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    run_races();
    CHECK_CALL(chld_set_close(set), 0);
}

/* The handler may be running in one thread while another takes it away: what it
 * pokes then must be its own pipe, and no descriptor that came after. */

static atomic_bool over;

static void raise_sigchld(void)
{
    raise(SIGCHLD);
}

static void *send_sigchld(void *unused)
{
    while (!atomic_load(&over)) {
        raise_sigchld();
    }
    return unused;
}

static void *watch_new_pipes(void *unused)
{
    while (!atomic_load(&over)) {
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        sched_yield();
        CHECK(!is_readable(ends[0]));
        close(ends[0]);
        close(ends[1]);
    }
    return unused;
}

TEST(a_handler_that_runs_late_pokes_nobody_else)
{
    pthread_t threads[3];
    long long until = now_ms() + 500;
    REQUIRE(pthread_create(&threads[0], NULL, send_sigchld, NULL) == 0);
    REQUIRE(pthread_create(&threads[1], NULL, send_sigchld, NULL) == 0);
    REQUIRE(pthread_create(&threads[2], NULL, watch_new_pipes, NULL) == 0);
    while (now_ms() < until && !failures()) {
        CHECK_CALL(chld_sigchld_install(0), 0);
        CHECK_CALL(chld_sigchld_remove(), 0);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Over an ignored SIGCHLD the handler reaps foreign children, as the kernel had done. A
 * child that exits before chld_spawn() has returned is none. */
TEST(a_child_that_is_being_started_is_no_foreign_child_to_the_handler)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    REQUIRE(sigaction(SIGCHLD, &ignore, &before) == 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    start_against(raise_sigchld);
    CHECK_CALL(chld_sigchld_remove(), 0);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
}

/* Each opens, fills, empties and closes sets of its own, over the same child. */
static void *churn(void *id)
{
    long long until = now_ms() + 500;
    for (int i = 0; now_ms() < until && !failures(); i++) {
        chld_set set = SET_OPEN(i % 2 ? CHLD_SET_SIGCHLD : 0);
        CHECK_CALL(chld_set_add(set, *(chld_id *) id, 0), 0);
        CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
        CHECK_CALL(chld_set_close(set), 0);
    }
    return NULL;
}

TEST(sets_come_and_go_in_several_threads)
{
    pthread_t threads[3];
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    for (int i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, churn, &id) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

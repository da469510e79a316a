/* Ours among other handlers: covered by one that chains, or by one that does
 * not; removed below it; put on top again; inherited by a forked copy. */
#include "exits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Handlers of others that chain, as they should. Each is a function of its own,
 * as those of different libraries are. */
enum { FOREIGN = 5 };
static struct sigaction below[FOREIGN];
static volatile sig_atomic_t calls[FOREIGN];

static void foreign_call(int which, int signal, siginfo_t *info, void *context)
{
    const struct sigaction *next = &below[which];
    calls[which]++;
    if (next->sa_flags & SA_SIGINFO) {
        next->sa_sigaction(signal, info, context);
    } else if (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN) {
        next->sa_handler(signal);
    }
}

#define FOREIGN_HANDLER(which) \
    static void foreign_##which(int signal, siginfo_t *info, void *context) \
    { \
        foreign_call(which, signal, info, context); \
    }
FOREIGN_HANDLER(0)
FOREIGN_HANDLER(1)
FOREIGN_HANDLER(2)
FOREIGN_HANDLER(3)
FOREIGN_HANDLER(4)

static void (*const foreign[FOREIGN])(int, siginfo_t *, void *) = {
    foreign_0, foreign_1, foreign_2, foreign_3, foreign_4,
};

static void foreign_install(int which)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART };
    action.sa_sigaction = foreign[which];
    calls[which] = 0;
    REQUIRE(sigaction(SIGCHLD, &action, &below[which]) == 0);
}

static void foreign_remove(int which)
{
    REQUIRE(sigaction(SIGCHLD, &below[which], NULL) == 0);
}

static bool foreign_in_force(int which)
{
    struct sigaction now;
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    return now.sa_flags & SA_SIGINFO && now.sa_sigaction == foreign[which];
}

static void restore_default(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    REQUIRE(sigaction(SIGCHLD, &action, NULL) == 0);
}

static bool is_overwritten(void)
{
    uint32_t found = 0;
    CHECK_CALL(chld_environment(&found), 0);
    return found & CHLD_ENV_HANDLER_OVERWRITTEN;
}

/* One SIGCHLD calls each of the first `count` foreign handlers once. */
static void check_one_round(int count)
{
    for (int i = 0; i < count; i++) {
        calls[i] = 0;
    }
    raise(SIGCHLD);
    for (int i = 0; i < count; i++) {
        CHECK_INT(calls[i], 1);
    }
}

/* A child that exits is reaped although nobody calls in. */
static void check_reaping(void)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 4);
    int pid = CALL(chld_pid(id));
    gate_open(&gate);
    AWAIT(!process_is_there(pid));
    CHECK_EXITED(FINISH(id), 4);
}

TEST(removing_what_is_not_there_is_refused)
{
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0); /* the same one */
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
}

TEST(it_can_be_installed_as_often_as_it_is_removed)
{
    for (int i = 0; i < 20; i++) {
        CHECK_CALL(chld_sigchld_install(0), 0);
        check_reaping();
        CHECK_CALL(chld_sigchld_remove(), 0);
    }
}

TEST(ours_works_below_a_handler_that_chains)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    foreign_install(0);
    CHECK(is_overwritten());
    check_reaping();
    CHECK(calls[0] >= 1);
    foreign_remove(0);
    CHECK(!is_overwritten());
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(removed_below_a_foreign_handler_it_only_chains)
{
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    foreign_install(1);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(foreign_in_force(1));
    check_one_round(2);
    chld_id id = START(ACT("exit", "4"), NULL);
    int pid = CALL(chld_pid(id));
    AWAIT(calls[1] == 2);
    AWAIT(process_state(pid) == 'Z'); /* ours reaps no more */
    CHECK_EXITED(FINISH(id), 4);
    restore_default();
}

/* Were ours installed again, the two would call each other forever. */
TEST(installing_again_leaves_it_below_a_handler_that_chains)
{
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    foreign_install(1);
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK(is_overwritten());
    CHECK(foreign_in_force(1));
    check_one_round(2);
    check_reaping();
    foreign_remove(1);
    CHECK(!is_overwritten());
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(foreign_in_force(0));
    check_one_round(1);
    restore_default();
}

TEST(the_handler_below_a_foreign_one_is_removed_by_a_later_call)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    foreign_install(0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    foreign_remove(0); /* ours is in force again */
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
}

/* The program sets SIG_DFL, a call of the library needs the handler meanwhile, and then
 * the program puts back what it had found. */
TEST(sig_dfl_for_a_moment_does_not_cut_the_chain)
{
    struct sigaction none = { .sa_handler = SIG_DFL }, found;
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    REQUIRE(sigaction(SIGCHLD, &none, &found) == 0);
    CHECK_CALL(chld_set_close(SET_OPEN(CHLD_SET_SIGCHLD)), 0);
    REQUIRE(sigaction(SIGCHLD, &found, NULL) == 0);
    check_one_round(1);
    check_reaping();
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(foreign_in_force(0));
    restore_default();
}

TEST(installing_again_heals_a_handler_that_does_not_chain)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    restore_default();
    CHECK(is_overwritten());
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 4);
    int pid = CALL(chld_pid(id));
    gate_open(&gate);
    AWAIT(process_state(pid) == 'Z');
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK(!process_is_there(pid)); /* what has ended meanwhile is looked for */
    check_reaping();
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* A set, a wait and an exit descriptor each keep the handler in their turn. */
TEST(a_set_keeps_the_handler_when_the_program_removes_it)
{
    chld_event event = { 0 };
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(!is_overwritten());
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    gate_open(&gate);
    CHECK(SET_AWAIT(set, &event) && event.id == id);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
}

/* Whatever else needs the handler keeps it, in whatever order it comes and goes. */

static struct {
    struct gate gate;
    chld_id id;
    chld_set set;
    pthread_t thread;
    atomic_int sleeper;
} holder;

static void start_held(void)
{
    holder.gate = gate_make();
    holder.id = START_AT(&holder.gate, 4);
}

static void finish_held(void)
{
    gate_open(&holder.gate);
    CHECK_EXITED(FINISH(holder.id), 4);
}

static bool hold_by_set(void)
{
    holder.set = SET_OPEN(CHLD_SET_SIGCHLD);
    return true;
}

static void let_go_of_set(void)
{
    CHECK_CALL(chld_set_close(holder.set), 0);
}

static bool hold_by_watch(void)
{
    start_held();
    holder.set = SET_OPEN(0);
    CHECK_CALL(chld_set_add(holder.set, holder.id, CHLD_WATCH_STOPPED), 0);
    return true;
}

static void let_go_of_watch(void)
{
    CHECK_CALL(chld_set_close(holder.set), 0);
    finish_held();
}

static void *sleep_in_wait(void *unused)
{
    atomic_store(&holder.sleeper, own_thread());
    CHECK_CALL(chld_wait_change(holder.id, 0, 60000, NULL), 0);
    return unused;
}

static bool hold_by_wait(void)
{
    start_held();
    atomic_store(&holder.sleeper, 0);
    REQUIRE(pthread_create(&holder.thread, NULL, sleep_in_wait, NULL) == 0);
    AWAIT(atomic_load(&holder.sleeper) && process_state(holder.sleeper) == 'S');
    return true;
}

static void let_go_of_wait(void)
{
    gate_open(&holder.gate);
    pthread_join(holder.thread, NULL);
    CHECK_EXITED(FINISH(holder.id), 4);
}

static bool hold_by_exit_fd(void)
{
    char path[40], what[40] = "";
    start_held();
    int fd = CALL(chld_exit_fd(holder.id));
    CHECK(fd > 2);
    /* A child can have a pidfd from clone() although pidfd_open() is refused. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool known = readlink(path, what, sizeof what - 1) > 0;
    return known ? !strstr(what, "[pidfd]") : CALL(chld_engine()) == CHLD_ENGINE_SIGCHLD;
}

static const struct way_to_hold {
    const char *name;
    bool (*hold)(void); /* whether it needs the handler */
    void (*let_go)(void);
} ways_to_hold[] = {
    { "a set of the SIGCHLD engine", hold_by_set, let_go_of_set },
    { "a set that watches stops", hold_by_watch, let_go_of_watch },
    { "a call that sleeps", hold_by_wait, let_go_of_wait },
    { "an exit descriptor", hold_by_exit_fd, finish_held },
};

static bool ours_in_force(void)
{
    struct sigaction now;
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    return now.sa_handler != SIG_DFL && !foreign_in_force(0) && !foreign_in_force(1);
}

static void install_hold_remove_let_go(const struct way_to_hold *way)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    bool needs = way->hold();
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_INT(ours_in_force(), needs);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    CHECK_INT(ours_in_force(), needs);
    way->let_go();
    CHECK_CALL(chld_sigchld_remove(), needs ? 0 : -ENOENT);
}

static void hold_install_let_go_remove(const struct way_to_hold *way)
{
    way->hold();
    CHECK_CALL(chld_sigchld_install(0), 0);
    way->let_go();
    CHECK(ours_in_force());
    CHECK_CALL(chld_sigchld_remove(), 0);
}

static void hold_remove_let_go(const struct way_to_hold *way)
{
    bool needs = way->hold();
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    CHECK_INT(ours_in_force(), needs);
    way->let_go();
    CHECK_CALL(chld_sigchld_remove(), needs ? 0 : -ENOENT);
}

static void hold_cover_remove_let_go_uncover(const struct way_to_hold *way)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    way->hold();
    foreign_install(1);
    CHECK_CALL(chld_sigchld_remove(), 0);
    check_one_round(2);
    way->let_go();
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    foreign_remove(1);
    CHECK(ours_in_force());
    CHECK_CALL(chld_sigchld_remove(), 0);
}

static void hold_cover_let_go_uncover_remove(const struct way_to_hold *way)
{
    bool needs = way->hold();
    foreign_install(1);
    way->let_go();
    foreign_remove(1);
    CHECK_INT(ours_in_force(), needs);
    CHECK_CALL(chld_sigchld_remove(), needs ? 0 : -ENOENT);
}

static void check_order(void (*order)(const struct way_to_hold *))
{
    for (size_t i = 0; i < sizeof ways_to_hold / sizeof *ways_to_hold; i++) {
        int before = failures();
        foreign_install(0);
        order(&ways_to_hold[i]);
        CHECK(foreign_in_force(0));
        check_one_round(1);
        CHECK_CALL(chld_sigchld_remove(), -ENOENT);
        restore_default();
        if (failures() > before) {
            fail(__FILE__, __LINE__, "with %s", ways_to_hold[i].name);
        }
    }
}

TEST(removed_while_it_is_needed_the_handler_goes_with_a_later_call)
{
    check_order(install_hold_remove_let_go);
    check_order(hold_remove_let_go);
}

TEST(removed_after_it_was_needed_the_handler_goes_at_once)
{
    check_order(hold_install_let_go_remove);
}

TEST(removed_while_it_is_needed_below_a_foreign_handler_it_goes_with_a_later_call)
{
    check_order(hold_cover_remove_let_go_uncover);
    check_order(hold_cover_let_go_uncover_remove);
}

/* A handler that replaces ours and does not chain: a set does not depend on it. */
TEST(a_set_wait_looks_although_a_foreign_handler_does_not_chain)
{
    chld_event event = { 0 };
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    foreign_install(0);
    below[0].sa_flags = 0; /* one that forgets to chain */
    below[0].sa_handler = SIG_DFL;
    CHECK(is_overwritten());
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_set_wait(set, 10000, &event), 0);
    CHECK(event.id == id);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_set_close(set), 0);
    restore_default();
}

/* Handlers that leave in the order of coming leave nothing behind. */
TEST(foreign_handlers_that_go_away_again_do_not_count)
{
    for (int i = 0; i < 8 && !failures(); i++) {
        CHECK_CALL(chld_sigchld_install(0), 0);
        foreign_install(0);
        CHECK_CALL(chld_sigchld_remove(), 0);
        foreign_remove(0);
        CHECK_CALL(chld_sigchld_install(0), 0);
        check_reaping();
        CHECK_CALL(chld_sigchld_remove(), 0);
        CHECK(!is_overwritten());
    }
    restore_default();
}

/* A forked copy */

static chld_id of_the_original;

static void check_copy_only_chains(void)
{
    CHECK_CALL(chld_peek(of_the_original, NULL), -EBADF);
    CHECK_CALL(chld_sigchld_pending(), -ENOENT);
    CHECK_CALL(chld_sigchld_fd(), -ENOENT);
    check_one_round(1);
    pid_t foreign = foreign_zombie(9);
    raise(SIGCHLD);
    FOREIGN_REAP(foreign, 9);
    CHECK_CALL(chld_reap(), 0);
    CHECK_CALL(chld_sigchld_remove(), 0); /* the copy has inherited the handler */
    CHECK(foreign_in_force(0));
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
}

TEST(a_forked_copy_only_chains)
{
    struct gate gate = gate_make();
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    of_the_original = START_AT(&gate, 4);
    IN_COPY(check_copy_only_chains);
    gate_open(&gate);
    CHECK_EXITED(FINISH(of_the_original), 4);
    CHECK_CALL(chld_sigchld_remove(), 0);
    foreign_remove(0);
}

/* The copy shares the original's pipe, as an open file. */
TEST(a_forked_copy_does_not_poke_the_original)
{
    int told[2];
    struct gate gate = gate_make();
    REQUIRE(pipe(told) == 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    pid_t copy = fork();
    if (copy == 0) {
        char byte = 0;
        arm_alarm();
        close(gate.hold_end);
        raise(SIGCHLD);
        REQUIRE(write(told[1], &byte, 1) == 1);
        REQUIRE(read(gate.wait_end, &byte, 1) == 0);
        _exit(failures() > 0);
    }
    char byte;
    REQUIRE(read(told[0], &byte, 1) == 1);
    CHECK(!is_readable(CALL(chld_sigchld_fd())));
    CHECK_CALL(chld_sigchld_pending(), 0);
    gate_open(&gate);
    FOREIGN_REAP(copy, 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    close(told[0]);
    close(told[1]);
}

static void use_the_library_in_the_copy(void)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    check_reaping();
    check_one_round(1);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK(foreign_in_force(0));
}

TEST(a_forked_copy_can_install_anew)
{
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    IN_COPY(use_the_library_in_the_copy);
    check_reaping();
    CHECK_CALL(chld_sigchld_remove(), 0);
    foreign_remove(0);
}

/* In another process that shares the memory, such as a child of vfork(), the handler only
 * chains: what it found there would be taken for the truth in the original. */
TEST(a_child_of_vfork_only_chains)
{
    struct gate gate = gate_make();
    chld_status status = { -1, -1, -1, -1 };
    foreign_install(0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START_AT(&gate, 4), exited = START(ACT("exit", "6"), NULL);
    await_exit(exited);
    pid_t pid = vfork();
    if (pid == 0) {
        calls[0] = 0;
        kill(getpid(), SIGCHLD);
        _exit(calls[0] != 1); /* the memory is shared */
    }
    FOREIGN_REAP(pid, 0);
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_RUNNING, -1);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_EXITED(FINISH(exited), 6);
    CHECK_CALL(chld_sigchld_remove(), 0);
    foreign_remove(0);
}

/* Taking over children that were started by other means. */
#include "exits.h"
#include "namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_with(void *code)
{
    _exit(*(int *) code);
}

/* A child that raises `signal` when it exits, or none. */
static pid_t clone_one(int signal, int code)
{
    static char stack[65536] __attribute__((aligned(16)));
    static int given;
    given = code;
    pid_t pid = clone(exit_with, stack + sizeof stack, signal, &given);
    REQUIRE(pid > 1);
    return pid;
}

static void await_zombie(pid_t pid)
{
    AWAIT(process_state(pid) == 'Z');
}

TEST(a_child_that_raises_another_signal_or_none_is_adopted)
{
    static const int signals[] = { 0, SIGURG, SIGCHLD };
    for (int i = 0; i < 3; i++) {
        chld_id id;
        pid_t pid = clone_one(signals[i], 7);
        CHECK_CALL(chld_adopt(&id, pid), 0);
        CHECK_CALL(chld_adopt(&id, pid), -EEXIST);
        CHECK_EXITED(FINISH(id), 7);
    }
}

static int reaped_pid, reaped_code;

static void note(int pid, const chld_status *status, void *unused)
{
    (void) unused;
    reaped_pid = pid;
    reaped_code = status->code;
}

TEST(foreign_children_are_reaped_whatever_signal_they_raise)
{
    static const int signals[] = { 0, SIGURG };
    for (int i = 0; i < 2; i++) {
        pid_t pid = clone_one(signals[i], 8);
        await_zombie(pid);
        CHECK_CALL(chld_reap_foreign(note, NULL), 1);
        CHECK_INT(reaped_pid, pid);
        CHECK_INT(reaped_code, 8);
        CHECK(waitpid(pid, NULL, __WALL) < 0 && errno == ECHILD);
    }
}

TEST(what_is_no_child_is_not_adopted)
{
    static const int pids[] = { 0, -1, 1, INT32_MAX, INT32_MIN };
    chld_id id;
    CHECK_CALL(chld_adopt(NULL, 2), -EINVAL);
    for (int i = 0; i < 5; i++) {
        CHECK_CALL(chld_adopt(&id, pids[i]), -ECHILD);
    }
    CHECK_CALL(chld_adopt(&id, getpid()), -ECHILD);
    pid_t pid = foreign_zombie(9);
    CHECK_CALL(chld_adopt(&id, pid), 0); /* a zombie is one, too */
    CHECK_EXITED(FINISH(id), 9);
    CHECK_CALL(chld_adopt(&id, pid), -ECHILD);
}

/* Pids that are used again: a child of the library that other code has reaped, and a
 * foreign child that has its pid by now. Only the pidfd distinguishes them. */

enum { STOLEN_CODE = 7, FOREIGN_CODE = 9 };

/* Without pidfds the number is all that the library has. */
static void need_pidfds(void)
{
    if (CALL(chld_engine()) != CHLD_ENGINE_PIDFD || !waitid_takes_pidfds()) {
        SKIP_TEST("there are no pidfds that waitid() takes");
    }
}

static void choose_next_pid(pid_t pid)
{
    char text[12];
    int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    decimal(text, pid - 1);
    if (getpid() > 100 || last < 0 || write(last, text, strlen(text)) < 0) {
        _exit(NOT_HERE); /* in no namespace of its own, or not root there */
    }
    close(last);
}

static chld_id start_and_steal(pid_t *pid)
{
    chld_id id = START(ACT("exit", DECIMAL(STOLEN_CODE)), NULL);
    *pid = CALL(chld_pid(id));
    REQUIRE(*pid > 1 && waitpid(*pid, NULL, 0) == *pid);
    return id;
}

/* A foreign child with the pid of a stolen one; it exits once the gate is opened. */
static pid_t recycle(pid_t pid, const struct gate *gate)
{
    choose_next_pid(pid);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(gate->hold_end);
        _exit(read(gate->wait_end, &byte, 1) == 0 ? FOREIGN_CODE : 1);
    }
    REQUIRE(child == pid);
    return child;
}

static void check_stolen(chld_id id)
{
    chld_status status = { -1, -1, -1, -1 };
    CHECK_CALL(chld_wait(id, 10000, &status), 0);
    CHECK(status.state == CHLD_STATE_LOST
          || (status.state == CHLD_STATE_EXITED && status.code == STOLEN_CODE));
    CHECK_CALL(chld_close(id), 0);
}

static void adopt_a_recycled_pid(void)
{
    pid_t pid;
    chld_id adopted = CHLD_NONE;
    struct gate gate = gate_make();
    chld_id stolen = start_and_steal(&pid);
    recycle(pid, &gate);
    CHECK_CALL(chld_adopt(&adopted, pid), 0);
    CHECK_CALL(chld_adopt(&adopted, pid), -EEXIST);
    gate_open(&gate);
    CHECK_EXITED(FINISH(adopted), FOREIGN_CODE);
    check_stolen(stolen);
}

TEST(a_child_with_the_pid_of_a_stolen_one_is_adopted)
{
    need_pidfds();
    IN_NAMESPACE(adopt_a_recycled_pid);
}

static void reap_a_recycled_pid(void)
{
    pid_t pid;
    struct gate gate = gate_make();
    chld_id stolen = start_and_steal(&pid);
    recycle(pid, &gate);
    gate_open(&gate);
    await_zombie(pid);
    CHECK_CALL(chld_reap_foreign(note, NULL), 1);
    CHECK_INT(reaped_pid, pid);
    CHECK_INT(reaped_code, FOREIGN_CODE);
    check_stolen(stolen);
}

TEST(a_foreign_child_with_the_pid_of_a_stolen_one_is_reaped)
{
    need_pidfds();
    IN_NAMESPACE(reap_a_recycled_pid);
}

/* Where the handler stands in for "SIGCHLD ignored". */
static void ignore_a_recycled_pid(void)
{
    pid_t pid;
    struct gate gate = gate_make();
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    chld_id stolen = start_and_steal(&pid);
    REQUIRE(sigaction(SIGCHLD, &ignore, NULL) == 0);
    CHECK_CALL(chld_set_close(SET_OPEN(CHLD_SET_SIGCHLD)), 0);
    recycle(pid, &gate);
    gate_open(&gate);
    AWAIT(!process_is_there(pid));
    check_stolen(stolen);
}

TEST(a_foreign_child_with_the_pid_of_a_stolen_one_leaves_no_zombie)
{
    need_pidfds();
    IN_NAMESPACE(ignore_a_recycled_pid);
}

static void act_on_a_recycled_pid(void)
{
    pid_t pid;
    struct gate gate = gate_make();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_NEW;
    chld_id stolen = START(ACT("exit", DECIMAL(STOLEN_CODE)), &options);
    pid = CALL(chld_pid(stolen));
    REQUIRE(pid > 1 && waitpid(pid, NULL, 0) == pid);
    recycle(pid, &gate);
    CHECK_CALL(chld_kill(stolen, SIGKILL), -ESRCH);
    CHECK_CALL(chld_kill_group(stolen, SIGKILL), -ESRCH);
    CHECK_CALL(chld_stop(stolen, NULL, NULL), 0);
    gate_open(&gate);
    FOREIGN_REAP(pid, FOREIGN_CODE);
    check_stolen(stolen);
}

TEST(what_is_sent_to_a_stolen_child_reaches_nobody_who_has_its_pid)
{
    need_pidfds();
    IN_NAMESPACE(act_on_a_recycled_pid);
}

/* Both are the library's. */
static void start_with_a_recycled_pid(void)
{
    pid_t pid;
    chld_event event = { 0 };
    chld_id stolen = start_and_steal(&pid);
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    choose_next_pid(pid);
    chld_id started = START(ACT("exit", "11"), NULL);
    CHECK_INT(CALL(chld_pid(started)), pid);
    CHECK_CALL(chld_set_add(set, started, 0), 0);
    CHECK(SET_AWAIT(set, &event) && event.id == started);
    CHECK_EXITED(event.status, 11);
    CHECK_EXITED(FINISH(started), 11);
    check_stolen(stolen);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(a_child_with_the_pid_of_a_stolen_one_is_started)
{
    need_pidfds();
    IN_NAMESPACE(start_with_a_recycled_pid);
}

/* Children are found by their pids in a table of BUCKETS places: these share one. */
static void find_pids_of_one_place(void)
{
    enum { BUCKETS = 2048, COUNT = 4 };
    struct gate gates[COUNT];
    chld_id ids[COUNT], found;
    int pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        gates[i] = gate_make();
        if (i > 0) {
            choose_next_pid(pids[0] + i * BUCKETS);
        }
        ids[i] = START_AT(&gates[i], 10 + i);
        pids[i] = CALL(chld_pid(ids[i]));
        REQUIRE(pids[i] == pids[0] + i * BUCKETS);
    }
    static const int order[COUNT] = { 1, 0, 3, 2 }; /* between two, at an end, at the front */
    for (int i = 0; i < COUNT; i++) {
        for (int left = i; left < COUNT; left++) {
            CHECK_CALL(chld_find(pids[order[left]], &found), 0);
            CHECK(found == ids[order[left]]);
        }
        CHECK_CALL(chld_find(pids[0] + COUNT * BUCKETS, &found), -ECHILD);
        gate_open(&gates[order[i]]);
        CHECK_EXITED(FINISH(ids[order[i]]), 10 + order[i]);
        CHECK_CALL(chld_find(pids[order[i]], &found), -ECHILD);
    }
}

TEST(children_whose_pids_share_a_place_are_found)
{
    IN_NAMESPACE(find_pids_of_one_place);
}

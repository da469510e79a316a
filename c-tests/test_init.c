/* The duty of pid 1 and of subreapers: orphans are reaped and reported, own
 * children keep their statuses. */
#include "exits.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ORPHANS = 6, PARENT_CODE = 77 };

/* Foreign children that were reported. */
struct told {
    int pid;
    chld_status status;
};
static struct told told[32];
static int told_count;

static void note(int pid, const chld_status *status, void *argument)
{
    CHECK(argument == &told_count);
    REQUIRE(told_count < 32);
    told[told_count++] = (struct told) { pid, *status };
}

static const struct told *find(int pid)
{
    for (int i = 0; i < told_count; i++) {
        if (told[i].pid == pid) {
            return &told[i];
        }
    }
    return NULL;
}

/* The parent of the orphans reports their pids, and goes. The odd ones end by a
 * signal. */
static _Noreturn void leave_orphans(int to, const struct gate *gate)
{
    for (int i = 0; i < ORPHANS; i++) {
        pid_t pid = fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            char byte;
            close(gate->hold_end);
            REQUIRE(read(gate->wait_end, &byte, 1) == 0);
            if (i % 2) {
                raise(SIGKILL);
            }
            _exit(20 + i);
        }
        REQUIRE(write(to, &pid, sizeof pid) == sizeof pid);
    }
    _exit(PARENT_CODE);
}

/* Returns the pid of their parent, which is a foreign child itself. */
static pid_t make_orphans(pid_t pids[ORPHANS], const struct gate *gate)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    pid_t parent = fork();
    REQUIRE(parent >= 0);
    if (parent == 0) {
        leave_orphans(ends[1], gate);
    }
    for (int i = 0; i < ORPHANS; i++) {
        REQUIRE(read(ends[0], &pids[i], sizeof *pids) == sizeof *pids);
    }
    close(ends[0]);
    close(ends[1]);
    return parent;
}

/* Reaps until this number has been reported in all. */
static void reap_until(int count)
{
    int sum = told_count;
    AWAIT((sum += CALL(chld_reap_foreign(note, &told_count))) >= count);
    CHECK_INT(sum, count);
    CHECK_INT(told_count, count);
}

static void check_orphans_are_reaped(void)
{
    struct gate gate = gate_make(), later = gate_make();
    pid_t pids[ORPHANS];
    chld_id own = START_AT(&gate, 5), living = START_AT(&later, 6);
    pid_t parent = make_orphans(pids, &gate);
    reap_until(1);
    CHECK(find(parent) != NULL);
    CHECK_CALL(chld_reap_foreign(note, &told_count), 0);
    gate_open(&gate);
    reap_until(1 + ORPHANS);
    CHECK_EXITED(find(parent)->status, PARENT_CODE);
    for (int i = 0; i < ORPHANS; i++) {
        const struct told *one = find(pids[i]);
        if (CHECK(one != NULL)) {
            CHECK_STATUS(one->status, i % 2 ? CHLD_STATE_KILLED : CHLD_STATE_EXITED,
                         i % 2 ? SIGKILL : 20 + i);
        }
    }
    CHECK_EXITED(FINISH(own), 5);
    CHECK_CALL(chld_wait(living, 0, NULL), -ETIMEDOUT);
    gate_open(&later);
    CHECK_EXITED(FINISH(living), 6);
}

/* As pid 1 */

enum { NO_NAMESPACE = 200, HANGS = 201 };

/* An alarm does not end pid 1 of a namespace; a signal from outside does. */
static int watch(pid_t init)
{
    int word = 0;
    long long until = now_ms() + 15000;
    while (waitpid(init, &word, WNOHANG) == 0) {
        if (now_ms() > until) {
            kill(init, SIGKILL);
            waitpid(init, &word, 0);
            return HANGS;
        }
        poll(NULL, 0, 1);
    }
    return WIFEXITED(word) ? WEXITSTATUS(word) : 1;
}

/* Runs `part` as pid 1 of a namespace of its own. */
static void as_pid_1(void (*part)(void))
{
    pid_t outside = fork();
    REQUIRE(outside >= 0);
    if (outside == 0) {
        if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
            _exit(NO_NAMESPACE);
        }
        pid_t init = fork();
        if (init == 0) {
            REQUIRE(getpid() == 1);
            part();
            _exit(failures() > 0);
        }
        _exit(init > 1 ? watch(init) : NO_NAMESPACE);
    }
    int word;
    REQUIRE(waitpid(outside, &word, 0) == outside);
    if (WIFEXITED(word) && WEXITSTATUS(word) == NO_NAMESPACE) {
        SKIP_TEST("no pid namespace may be made here");
    }
    CHECK_INT(WIFEXITED(word) ? WEXITSTATUS(word) : -1, 0);
}

TEST(as_pid_1_orphans_are_reaped_and_reported)
{
    as_pid_1(check_orphans_are_reaped);
}

static void reap_in_reap_mode(void)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    check_orphans_are_reaped();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(as_pid_1_in_reap_mode)
{
    as_pid_1(reap_in_reap_mode);
}

static void end_many_at_once(void)
{
    enum { OWN = 30 };
    struct gate gate = gate_make();
    pid_t pids[ORPHANS];
    chld_id own[OWN];
    for (int i = 0; i < OWN; i++) {
        own[i] = START_AT(&gate, i);
    }
    pid_t parent = make_orphans(pids, &gate);
    gate_open(&gate);
    reap_until(1 + ORPHANS);
    CHECK(find(parent) != NULL);
    for (int i = 0; i < OWN; i++) {
        CHECK_EXITED(FINISH(own[i]), i);
    }
}

TEST(as_pid_1_own_children_that_exit_meanwhile_keep_theirs)
{
    as_pid_1(end_many_at_once);
}

/* As a subreaper */

static int is_subreaper(void)
{
    int on = -1;
    REQUIRE(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0);
    return on;
}

TEST(a_subreaper_gets_the_orphans)
{
    CHECK_CALL(chld_subreaper(1), 0);
    CHECK_INT(is_subreaper(), 1);
    check_orphans_are_reaped();
    CHECK_CALL(chld_subreaper(0), 0);
    CHECK_INT(is_subreaper(), 0);
}

TEST(a_subreaper_is_on_or_off)
{
    CHECK_CALL(chld_subreaper(2), -EINVAL);
    CHECK_CALL(chld_subreaper(-1), -EINVAL);
    CHECK_INT(is_subreaper(), 0);
}

TEST(with_no_foreign_child_nothing_is_reaped)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 0);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_reap_foreign(note, &told_count), 0);
    gate_open(&gate);
    await_exit(id);
    CHECK_CALL(chld_reap_foreign(note, &told_count), 0);
    chld_status status;
    CHECK_CALL(chld_peek(id, &status), 0); /* reaped on the way */
    CHECK_EXITED(status, 5);
    CHECK_CALL(chld_close(id), 0);
}

struct fifo_start {
    const char *fifo;
    atomic_int thread;
};

static void *start_with_fifo(void *argument)
{
    struct fifo_start *with = argument;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PATH;
    options.in.path = with->fifo;
    atomic_store(&with->thread, own_thread());
    CHECK_EXITED(RUN(ACT("exit", "4"), &options), 4);
    return NULL;
}

/* Opening a stream may take as long as it likes. */
TEST(a_start_that_waits_for_a_stream_holds_up_nobody)
{
    struct fifo_start start = { .fifo = scratch("fifo") };
    pthread_t thread;
    REQUIRE(mkfifo(start.fifo, 0600) == 0);
    REQUIRE(pthread_create(&thread, NULL, start_with_fifo, &start) == 0);
    AWAIT(atomic_load(&start.thread) && process_state(start.thread) == 'S');
    foreign_zombie(8);
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 1);
    int end = open(start.fifo, O_WRONLY | O_CLOEXEC);
    REQUIRE(end >= 0);
    pthread_join(thread, NULL);
    close(end);
}

TEST(the_callback_may_be_null)
{
    foreign_zombie(8);
    foreign_zombie(9);
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 2);
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 0);
}

/* From a signal handler */

static void reap_in_handler(int signal)
{
    (void) signal;
    chld_reap_foreign(note, &told_count);
}

TEST(a_handler_may_reap_foreign)
{
    struct sigaction action = { .sa_handler = reap_in_handler }, before;
    pid_t pid = foreign_zombie(8);
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    raise(SIGUSR1);
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
    CHECK_INT(told_count, 1);
    CHECK_INT(told[0].pid, pid);
    CHECK_EXITED(told[0].status, 8);
}

/* A child that exits before chld_spawn() has returned is no foreign child. */

static void reap_foreign(void)
{
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 0);
}

TEST(a_child_that_is_being_started_is_no_foreign_child)
{
    start_against(reap_foreign);
}

/* The program closes every descriptor, also those that the library has opened, as daemons
 * do. No call hangs, and each exit is still reported. If the numbers are the program's
 * own by then, nothing is read from them, and no pidfd is closed there. */
#include "look.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 3, LAST = 60, AMPLE_MS = 10000, CODE = 7 };

/* Not that to which the test reports, which is above. */
static void close_all(void)
{
    for (int fd = FIRST; fd <= LAST; fd++) {
        close(fd);
    }
}

/* A FIFO that is open for reading and writing: a read would wait forever, and what was
 * written stays in it. */
static struct stat fifo_about;

static void take_all_numbers(void)
{
    const char *path = scratch("fifo");
    REQUIRE(mkfifo(path, 0600) == 0);
    int fifo = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(fifo >= 0 && fstat(fifo, &fifo_about) == 0);
    for (int fd = FIRST; fd <= LAST; fd++) {
        REQUIRE(fd == fifo || dup2(fifo, fd) == fd);
    }
}

static void check_all_numbers(void)
{
    int unread = -1;
    REQUIRE(ioctl(FIRST, FIONREAD, &unread) == 0);
    CHECK_INT(unread, 0);
    for (int fd = FIRST; fd <= LAST; fd++) {
        struct stat about = { 0 };
        CHECK(fstat(fd, &about) == 0 && about.st_ino == fifo_about.st_ino);
    }
    close_all();
}

/* Children with no end of theirs in this process, so that closing leaves them alone. */
static chld_id start_one(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_NEW;
    return START(ARGV("/bin/sleep", "600"), &options);
}

static chld_id running;
static pid_t pid_of_running;

/* Each part begins with a child that runs, and closes its handle. */
static void run_part(void (*part)(void), bool takes_numbers)
{
    if (CALL(chld_engine()) == CHLD_ENGINE_PIDFD && !waitid_takes_pidfds()) {
        SKIP_TEST("nothing tells whose a number is where waitid() takes no pidfds");
    }
    need_proc(); /* before there is a child that a skipped test would leave */
    running = start_one();
    pid_of_running = CALL(chld_pid(running));
    close_all();
    if (takes_numbers) {
        take_all_numbers();
    }
    part();
    CHECK_CALL(chld_close(running), 0);
    if (takes_numbers) {
        check_all_numbers();
    }
}

#define TEST_EACH_WAY(name) \
    static void each_##name(void); \
    TEST(name##_closed) \
    { \
        run_part(each_##name, false); \
    } \
    TEST(name##_taken) \
    { \
        run_part(each_##name, true); \
    } \
    static void each_##name(void)

static void *kill_later(void *thread)
{
    AWAIT(process_state(*(int *) thread) == 'S');
    REQUIRE(pid_of_running > 1 && kill(pid_of_running, SIGKILL) == 0);
    return NULL;
}

/* Runs a call that sleeps, while the child is killed. */
static void check_sleep(int (*call)(void))
{
    pthread_t killer;
    int sleeper = own_thread();
    chld_status status = { -1, -1, -1, -1 };
    REQUIRE(pthread_create(&killer, NULL, kill_later, &sleeper) == 0);
    CHECK_INT(call(), 0);
    pthread_join(killer, NULL);
    CHECK_CALL(chld_peek(running, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGKILL);
}

static void kill_now(void)
{
    REQUIRE(pid_of_running > 1 && kill(pid_of_running, SIGKILL) == 0);
    AWAIT(has_ended(pid_of_running));
}

static int wait_without_timeout(void)
{
    return CALL(chld_wait(running, -1, NULL));
}

TEST_EACH_WAY(a_wait_without_timeout)
{
    check_sleep(wait_without_timeout);
}

static int wait_with_timeout(void)
{
    return CALL(chld_wait(running, AMPLE_MS, NULL));
}

TEST_EACH_WAY(a_wait_with_a_timeout)
{
    check_sleep(wait_with_timeout);
}

TEST_EACH_WAY(a_short_wait)
{
    CHECK_CALL(chld_wait(running, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait(running, 20, NULL), -ETIMEDOUT);
    kill_now();
    CHECK_CALL(chld_wait(running, 20, NULL), 0);
}

TEST_EACH_WAY(a_short_wait_for_what_has_exited)
{
    kill_now();
    CHECK_CALL(chld_wait(running, 20, NULL), 0);
}

TEST_EACH_WAY(a_look)
{
    kill_now();
    CHECK_CALL(chld_wait(running, 0, NULL), 0);
}

static int wait_any(void)
{
    return CALL(chld_wait_any(&running, 1, AMPLE_MS, NULL));
}

TEST_EACH_WAY(a_wait_for_any)
{
    check_sleep(wait_any);
}

static int wait_any_of_many(void)
{
    chld_id ids[40];
    for (int i = 0; i < 40; i++) {
        ids[i] = running;
    }
    return CALL(chld_wait_any(ids, 40, -1, NULL));
}

TEST_EACH_WAY(a_wait_for_any_of_many)
{
    check_sleep(wait_any_of_many);
}

static int wait_change(void)
{
    return CALL(chld_wait_change(running, 0, AMPLE_MS, NULL));
}

TEST_EACH_WAY(a_wait_for_a_change)
{
    check_sleep(wait_change);
}

static int stop(void)
{
    const chld_stop_step wait = { 0, AMPLE_MS };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = &wait;
    plan.steps_count = 1;
    return CALL(chld_stop(running, &plan, NULL));
}

TEST_EACH_WAY(a_stop)
{
    check_sleep(stop);
}

static int capture(void)
{
    return CALL(chld_capture(running, NULL, NULL));
}

TEST_EACH_WAY(a_capture_without_streams)
{
    check_sleep(capture);
}

TEST_EACH_WAY(signals)
{
    CHECK_CALL(chld_kill(running, SIGCONT), 0);
    CHECK_CALL(chld_kill_group(running, SIGCONT), 0);
    CHECK_CALL(chld_kill_tree(running, SIGKILL, NULL), 0);
    AWAIT(has_ended(pid_of_running));
    CHECK_CALL(chld_kill(running, SIGKILL), -ESRCH);
    CHECK_CALL(chld_wait(running, -1, NULL), 0);
}

TEST_EACH_WAY(a_reap)
{
    kill_now();
    CHECK_CALL(chld_reap(), 1);
    CHECK(!process_is_there(pid_of_running));
}

TEST_EACH_WAY(closing_a_running_child)
{
    CHECK_CALL(chld_close(running), 0);
    kill_now();
    CHECK_CALL(chld_reap(), 1);
    CHECK(!process_is_there(pid_of_running));
    running = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_wait(running, -1, NULL), 0);
}

/* It is the child's own, and becomes readable. */
TEST_EACH_WAY(an_exit_descriptor)
{
    int fd = CALL(chld_exit_fd(running));
    CHECK(fd > LAST || fd >= FIRST);
    struct pollfd one = { .fd = fd, .events = POLLIN };
    CHECK_INT(poll(&one, 1, 0), 0);
    kill_now();
    AWAIT(poll(&one, 1, 100) == 1);
    CHECK_INT(one.revents, POLLIN);
}

TEST_EACH_WAY(a_set_that_is_opened_later)
{
    chld_set set;
    chld_event event = { 0 };
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_add(set, running, 0), 0);
    kill_now();
    CHECK_CALL(chld_set_wait(set, AMPLE_MS, &event), 0);
    CHECK(event.id == running);
    CHECK_STATUS(event.status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_WAY(new_children)
{
    for (int i = 0; i < 5; i++) {
        CHECK_EXITED(RUN(ACT("exit", DECIMAL(CODE)), NULL), CODE);
    }
    CHECK_CALL(chld_stop(running, NULL, NULL), 0);
}

/* What depends on a descriptor that is gone fails, and does not hang. */

TEST(a_set_whose_descriptor_is_closed_fails)
{
    static const uint32_t engines[] = { 0, CHLD_SET_SIGCHLD };
    for (int i = 0; i < 2; i++) {
        chld_set set;
        chld_id id = start_one();
        CHECK_CALL(chld_set_open(engines[i], &set), 0);
        CHECK_CALL(chld_set_add(set, id, 0), 0);
        close_all();
        CHECK_CALL(chld_set_next(set, NULL), -EBADF);
        CHECK_CALL(chld_set_wait(set, AMPLE_MS, NULL), -EBADF);
        CHECK_CALL(chld_set_close(set), 0);
        CHECK_CALL(chld_stop(id, NULL, NULL), 0);
        CHECK_CALL(chld_close(id), 0);
    }
    (void) CALL(chld_sigchld_remove());
}

TEST(a_set_whose_number_is_taken_fails)
{
    chld_set set;
    chld_id id = start_one();
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    close_all();
    take_all_numbers();
    CHECK(CALL(chld_set_next(set, NULL)) < 0);
    CHECK(CALL(chld_set_wait(set, AMPLE_MS, NULL)) < 0);
    close_all();
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_stop(id, NULL, NULL), 0);
    CHECK_CALL(chld_close(id), 0);
}

static void poll_sigchld(void)
{
    chld_id id = START(ACT("exit", DECIMAL(CODE)), NULL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    AWAIT(CALL(chld_sigchld_pending()) == 1);
    CHECK_CALL(chld_sigchld_pending(), 0);
    CHECK_EXITED(FINISH(id), CODE);
}

TEST(the_self_pipe_is_closed)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    close_all();
    poll_sigchld();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(the_numbers_of_the_self_pipe_are_taken)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    close_all();
    take_all_numbers();
    poll_sigchld();
    check_all_numbers();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(a_capture_whose_pipes_are_closed_fails)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("/bin/sleep", "0.2"), &options);
    close_all();
    capture.out.mode = CHLD_SINK_GROW;
    capture.out.size = 1000;
    capture.timeout_ms = AMPLE_MS;
    CHECK_CALL(chld_capture(id, &capture, NULL), -EBADF);
    CHECK_EXITED(FINISH(id), 0);
}

/* Stop signals, and others, that come while a child is started: from the clone to
 * the exec nobody has its pid, so nobody can send it SIGCONT. */
#include "look.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Every part has a caller, a forked copy in a group of its own, that starts
 * children, and this process, which sends the signals. */

static void on_signal(int number)
{
    (void) number;
}

static void handle(int number)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

static void block(int number)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    REQUIRE(sigprocmask(SIG_BLOCK, &one, NULL) == 0);
}

static void leave_alone(int number)
{
    (void) number;
}

/* The caller's terminal; the signalling side has the other end. */
static int master = -1;

static void open_terminal(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        SKIP_TEST("there are no pseudo-terminals here: %s", strerror(errno));
    }
}

static void own_the_terminal(void)
{
    struct termios modes;
    REQUIRE(setsid() == getpid());
    int terminal = open(ptsname(master), O_RDWR | O_CLOEXEC);
    REQUIRE(terminal > 2 && ioctl(terminal, TIOCSCTTY, 0) == 0);
    REQUIRE(tcgetattr(terminal, &modes) == 0);
    modes.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK | ECHONL);
    REQUIRE(tcsetattr(terminal, TCSANOW, &modes) == 0);
}

/* How a child is started. */
struct mode {
    uint32_t group_mode;
    uint64_t flags;
    /* What the caller does about SIGTSTP. */
    void (*prepare)(int);
    /* A stop is meant for the child too: it stops once it is its program. */
    bool stops;
};

static const struct mode same_group_blocked = { CHLD_GROUP_INHERIT, 0, block, true };
static const struct mode same_group_handled = { CHLD_GROUP_INHERIT, 0, handle, true };
static const struct mode new_group = { CHLD_GROUP_NEW, 0, handle, false };
static const struct mode new_session = { CHLD_GROUP_INHERIT, CHLD_SPAWN_SESSION, handle, false };
static const struct mode foreground = { CHLD_GROUP_NEW, CHLD_SPAWN_FOREGROUND, handle, true };

static const struct mode other_group = { CHLD_GROUP_JOIN, 0, leave_alone, true };

/* The leader of the group that is joined, which takes no notice of the signals. */
static pid_t leader;

static void begin_group(void)
{
    need_real_kernel(); /* else a skipped test would leave it */
    leader = fork();
    REQUIRE(leader >= 0);
    if (leader == 0) {
        signal(SIGTSTP, SIG_IGN);
        for (;;) {
            pause();
        }
    }
    REQUIRE(setpgid(leader, leader) == 0);
}

static void end_group(void)
{
    kill(leader, SIGKILL);
    REQUIRE(waitpid(leader, NULL, 0) == leader);
}

static chld_spawn_options options_of(const struct mode *mode)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = mode->group_mode;
    options.group = leader;
    options.flags = mode->flags;
    return options;
}

static pid_t fork_caller(const struct mode *mode)
{
    pid_t caller = fork();
    REQUIRE(caller >= 0);
    if (caller == 0) {
        arm_alarm();
        mode->prepare(SIGTSTP);
        if (mode->flags & CHLD_SPAWN_FOREGROUND) {
            own_the_terminal();
        } else {
            REQUIRE(setpgid(0, 0) == 0);
        }
    }
    return caller;
}

struct progress {
    volatile int starts;
    volatile bool is_ready;
};

static struct progress *prepare(const struct mode *mode)
{
    need_real_kernel();
    if (mode->flags & CHLD_SPAWN_FOREGROUND) {
        open_terminal();
    }
    struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(progress != MAP_FAILED);
    return progress;
}

static void clean_up(struct progress *progress)
{
    munmap(progress, sizeof *progress);
    if (master >= 0) {
        close(master);
        master = -1;
    }
}

/* A storm */

enum { STARTS = 2000, MOST_MS = 8000, HANG_MS = 4000 };

static _Noreturn void start_many(const struct mode *mode, struct progress *progress)
{
    chld_spawn_options options = options_of(mode);
    long long until = now_ms() + MOST_MS;
    progress->is_ready = true;
    while (progress->starts < scaled(STARTS) && now_ms() < until && !failures()) {
        chld_id id = START(ARGV("true"), &options);
        int killed = CALL(chld_kill(id, SIGKILL));
        CHECK(killed == 0 || killed == -ESRCH);
        FINISH(id);
        progress->starts++;
    }
    _exit(failures() != 0);
}

static void stop(const struct mode *mode, pid_t caller)
{
    if (mode->flags & CHLD_SPAWN_FOREGROUND) {
        REQUIRE(write(master, "\032", 1) == 1); /* ^Z */
    } else {
        kill(mode->group_mode == CHLD_GROUP_JOIN ? -leader : -caller, SIGTSTP);
    }
}

static void kill_all(pid_t caller)
{
    char path[64], pids[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", caller, caller);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    read_all(file, pids, sizeof pids);
    close(file);
    kill(caller, SIGKILL);
    for (char *next = pids, *end; *next; next = end) {
        int pid = (int) strtol(next, &end, 10);
        if (end == next) {
            break;
        }
        if (pid > 1) {
            kill(pid, SIGKILL);
        }
    }
}

static void storm(const struct mode *mode)
{
    struct progress *progress = prepare(mode);
    pid_t caller = fork_caller(mode);
    if (caller == 0) {
        start_many(mode, progress);
    }
    AWAIT(progress->is_ready);
    unsigned random = 1;
    int seen = 0, status = 0;
    long long moved = now_ms();
    while (waitpid(caller, &status, WNOHANG) == 0) {
        stop(mode, caller);
        random = random * 1103515245 + 12345;
        usleep(300 + (random >> 16) % 700);
        if (progress->starts != seen) {
            seen = progress->starts;
            moved = now_ms();
        } else if (now_ms() - moved > HANG_MS) {
            fail(__FILE__, __LINE__, "start number %d hangs", seen + 1);
            kill_all(caller);
            REQUIRE(waitpid(caller, &status, 0) == caller);
            status = 0;
            break;
        }
    }
    CHECK_INT(status, 0);
    CHECK(seen > 0);
    clean_up(progress);
}

TEST(a_storm_in_the_callers_group_which_blocks_it)
{
    storm(&same_group_blocked);
}

TEST(a_storm_in_the_callers_group_which_handles_it)
{
    storm(&same_group_handled);
}

TEST(a_storm_before_the_childs_own_group)
{
    storm(&new_group);
}

TEST(a_storm_before_the_childs_own_session)
{
    storm(&new_session);
}

TEST(a_storm_in_another_group_which_the_child_joins)
{
    begin_group();
    storm(&other_group);
    end_group();
}

TEST(a_storm_on_the_terminal)
{
    storm(&foreground);
}

/* One signal at a known moment: the child searches for its program. */

static _Noreturn void start_one(const struct mode *mode, struct progress *progress,
                                void (*expect)(const struct mode *, chld_id))
{
    char directory[PATH_MAX];
    strcpy(directory, helper("act"));
    *strrchr(directory, '/') = 0;
    /* So that the library knows by then how to make a process here. */
    CHECK_EXITED(RUN(ACT("exit", "5"), NULL), 5);
    search_for_long(directory);
    progress->is_ready = true;
    chld_spawn_options options = options_of(mode);
    options.env = ARGV("PATH=/nowhere");
    options.in.mode = CHLD_STDIO_PIPE;
    expect(mode, START(ARGV("act", "block", "5"), &options));
    _exit(failures() != 0);
}

/* Whether the signal came early enough: the child has not executed its program. */
static bool signal_one(const struct mode *mode, int number,
                       void (*expect)(const struct mode *, chld_id))
{
    struct progress *progress = prepare(mode);
    pid_t caller = fork_caller(mode);
    if (caller == 0) {
        start_one(mode, progress, expect);
    }
    AWAIT(progress->is_ready);
    int pid = await_child_of(caller), status;
    bool is_early = !has_executed(pid);
    kill(pid, number);
    is_early = is_early && (number == SIGKILL || !has_executed(pid));
    if (!is_early && !mode->stops) {
        kill(pid, SIGCONT);
    }
    REQUIRE(waitpid(caller, &status, 0) == caller);
    CHECK_INT(status, 0);
    clean_up(progress);
    return is_early;
}

static void signalled(const struct mode *mode, int number,
                      void (*expect)(const struct mode *, chld_id))
{
    bool is_early = false;
    for (int i = 0; i < 20 && !is_early && !failures(); i++) {
        is_early = signal_one(mode, number, expect);
    }
    CHECK(is_early);
}

static void check_stopped(const struct mode *mode, chld_id id)
{
    if (mode->stops) {
        chld_status status = { 0 };
        CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, 10000, &status), 0);
        CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGTSTP);
        CHECK_CALL(chld_kill(id, SIGCONT), 0);
    }
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(a_stop_of_the_callers_group_stops_the_program)
{
    signalled(&same_group_blocked, SIGTSTP, check_stopped);
    signalled(&same_group_handled, SIGTSTP, check_stopped);
}

TEST(a_stop_of_the_foreground_stops_the_program)
{
    signalled(&foreground, SIGTSTP, check_stopped);
}

TEST(a_stop_is_not_for_a_group_or_session_of_its_own)
{
    signalled(&new_group, SIGTSTP, check_stopped);
    signalled(&new_session, SIGTSTP, check_stopped);
}

static void check_killed(const struct mode *mode, chld_id id)
{
    (void) mode;
    chld_status status = FINISH(id);
    CHECK_INT(status.state, CHLD_STATE_KILLED);
    CHECK(status.code == SIGTERM || status.code == SIGKILL);
}

/* The start has not failed: there is a child, and its status is true. */
TEST(a_child_killed_before_its_exec_has_a_status)
{
    signalled(&new_group, SIGTERM, check_killed);
    signalled(&new_group, SIGKILL, check_killed);
}

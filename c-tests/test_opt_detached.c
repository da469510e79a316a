/* Children that nobody waits for. */
#include "look.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A detached child talks through pipes of the test's own. */
struct line {
    int to[2], from[2];
};

static struct line line_make(void)
{
    struct line line;
    REQUIRE(pipe2(line.to, O_CLOEXEC) == 0 && pipe2(line.from, O_CLOEXEC) == 0);
    return line;
}

static void line_close(struct line *line)
{
    for (int i = 0; i < 2; i++) {
        close(line->to[i]);
        close(line->from[i]);
    }
}

static chld_spawn_options detached(const struct line *line)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_DETACHED;
    if (line) {
        options.in.mode = options.out.mode = CHLD_STDIO_FD;
        options.in.fd = line->to[0];
        options.out.fd = line->from[1];
    }
    return options;
}

static const char *const tell_pid[] = { "/bin/sh", "-c", "echo $$; read line; exit 6", NULL };

/* The pid that it has reported; it goes on when the other pipe is closed. */
static int read_pid(struct line *line)
{
    char text[32] = "";
    REQUIRE(read(line->from[0], text, sizeof text - 1) > 0);
    int pid = atoi(text);
    REQUIRE(pid > 1);
    return pid;
}

static void check_no_child(void)
{
    errno = 0;
    CHECK_INT(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    CHECK_INT(errno, ECHILD);
}

/* Until its output is closed everywhere: it is about to end. */
static void await_end_of(struct line *line)
{
    char byte;
    close(line->from[1]);
    line->from[1] = -1;
    close(line->to[1]);
    line->to[1] = -1;
    while (read(line->from[0], &byte, 1) > 0) {
    }
}

TEST(it_is_no_child_of_the_callers)
{
    need_statuses_of_detached_children();
    struct line line = line_make();
    chld_spawn_options options = detached(&line);
    chld_id id = 77;
    CHECK_CALL(chld_spawn(&id, tell_pid, &options, NULL), 0);
    CHECK_INT((long long) id, CHLD_NONE);
    check_no_child();
    int pid = read_pid(&line);
    int parent = (int) proc_stat(pid, STAT_PARENT);
    CHECK(parent != getpid() && process_is_there(parent));
    CHECK_INT(proc_stat(pid, STAT_SESSION), getsid(0));
    await_end_of(&line);
    AWAIT(has_ended(pid));
    check_no_child();
    CHECK_CALL(chld_reap(), 0);
    line_close(&line);
}

TEST(it_needs_no_place_for_a_handle)
{
    need_statuses_of_detached_children();
    CHECK_INT(RUN_DETACHED(ACT("exit", "5")), 5 << 8);
    check_no_child();
}

/* A descendant's subreaper gets exactly its status. */
static struct line shared_line;

static void detach_below_a_subreaper(void)
{
    int subreaper = getppid();
    chld_spawn_options options = detached(&shared_line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
    check_no_child();
    CHECK_INT(proc_stat(read_pid(&shared_line), STAT_PARENT), subreaper);
}

TEST(it_is_the_nearest_subreapers)
{
    need_statuses_of_detached_children();
    shared_line = line_make();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    IN_COPY(detach_below_a_subreaper);
    line_close(&shared_line);
    int status = -1;
    REQUIRE(waitpid(-1, &status, 0) > 1);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    check_no_child();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
}

/* The nearest subreaper may be the caller: then it is a foreign child, reaped as
 * the others are. */
TEST(a_caller_that_is_subreaper_reaps_it_as_a_foreign_child)
{
    need_statuses_of_detached_children();
    struct line line = line_make();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    chld_spawn_options options = detached(&line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
    int pid = read_pid(&line);
    CHECK_INT(proc_stat(pid, STAT_PARENT), getpid());
    await_end_of(&line);
    siginfo_t info;
    REQUIRE(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 1);
    check_no_child();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
    line_close(&line);
}

/* The library's SIGCHLD handler has nothing to report. */
TEST(its_exit_is_not_reported)
{
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    struct line line = line_make();
    chld_spawn_options options = detached(&line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
    (void) CALL(chld_sigchld_pending()); /* the process in between may be seen */
    int pid = read_pid(&line);
    await_end_of(&line);
    AWAIT(has_ended(pid));
    CHECK_CALL(chld_sigchld_pending(), 0);
    line_close(&line);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(all_other_options_go_with_it)
{
    const char *report = scratch("report");
    int hold[2];
    REQUIRE(pipe2(hold, O_CLOEXEC) == 0);
    chld_spawn_options options = detached(NULL);
    options.flags |= CHLD_SPAWN_SESSION | CHLD_SPAWN_UMASK;
    options.umask = 0;
    options.cwd = "/usr";
    options.env = ARGV("A=b");
    options.mask_mode = CHLD_MASK_BLOCKED;
    options.blocked = 0x80;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = 0x100000;
    options.fds = (const chld_fd_map[]) { { hold[1], 9 } };
    options.fds_count = 1;
    CHECK_CALL(chld_spawn(NULL, ARGV(helper("probe"), report), &options, NULL), 0);
    close(hold[1]);
    char text[4096];
    CHECK_STR(read_all(hold[0], text, sizeof text), ""); /* it has exited */
    AWAIT(waitpid(-1, NULL, WNOHANG | __WALL) < 0); /* and is gone, if it is our child */
    close(hold[0]);
    int file = open(report, O_RDONLY | O_CLOEXEC);
    struct probe seen = { text, (size_t) read(file, text, sizeof text) };
    close(file);
    CHECK_STR(PROBED(&seen, "session"), PROBED(&seen, "pid"));
    CHECK_STR(PROBED(&seen, "umask"), "000");
    CHECK_STR(PROBED(&seen, "cwd"), "/usr");
    CHECK_STR(PROBED(&seen, "env"), "A=b");
    CHECK_STR(PROBED(&seen, "mask"), "0000000000000080");
    CHECK_STR(PROBED(&seen, "ignored"), "0000000000100000");
    CHECK_INT(probe_count(&seen, "env"), 1);
    CHECK_INT(probe_count(&seen, "fd"), 4);
}

/* Failures */

TEST(failures_are_reported_as_for_any_child)
{
    const char *script = scratch_file("script", "#!/no/shell\n", 0755);
    chld_spawn_options options = detached(NULL);
    for (int round = 0; round < 2; round++) {
        chld_error error = CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
        CHECK_STR(error.item, "/nonexistent");
        if (!is_emulated()) { /* valgrind dies of an exec that fails this late */
            CHECK_FAILS(ARGV(script), &options, ENOENT, CHLD_STEP_INTERPRETER, 0);
        }
        CHECK_FAILS(ARGV("no-such-program"), &options, ENOENT, CHLD_STEP_EXEC, 0);
        CHECK_FAILS(ARGV("/usr"), &options, EACCES, CHLD_STEP_EXEC, 0);
        options.cwd = "/nonexistent";
        CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_CHDIR, 0);
        options.cwd = NULL;
        options.in.mode = CHLD_STDIO_PATH;
        options.in.path = "missing";
        CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_OPEN, 0);
        options.in.mode = CHLD_STDIO_INHERIT;
        check_no_child();
    }
}

/* The failed one is an orphan by then, and this process is who orphans go to. */
TEST(a_failure_leaves_no_zombie_to_a_caller_that_is_subreaper)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    chld_spawn_options options = detached(NULL);
    for (int i = 0; i < scaled(100) && !failures(); i++) {
        CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
        check_no_child();
    }
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
    while (waitpid(-1, NULL, 0) > 0) { /* whatever it has left */
    }
}

TEST(contradictions_are_refused)
{
    static const uint32_t modes[] = { CHLD_STDIO_PIPE, CHLD_STDIO_PTY };
    for (int i = 0; i < 6; i++) {
        chld_spawn_options options = detached(NULL);
        chld_stdio *streams[] = { &options.in, &options.out, &options.err };
        streams[i % 3]->mode = modes[i / 3];
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_OPTIONS, 0);
    }
    chld_spawn_options options = detached(NULL);
    options.death_signal = SIGTERM;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_OPTIONS, 0);
}

TEST(a_hundred_leave_nothing)
{
    need_statuses_of_detached_children();
    for (int i = 0; i < scaled(100); i++) {
        CHECK_INT(RUN_DETACHED(ACT("exit", DECIMAL(i))), i << 8);
        check_no_child();
    }
}

/* In a new PID namespace the process in between would be the init, with whose end
 * the kernel kills everybody. */

static void enter_pid_namespace(void)
{
    if (unshare(CLONE_NEWPID) != 0) {
        _exit(1);
    }
}

static void detach_in_a_new_pid_namespace(void)
{
    enter_pid_namespace();
    chld_spawn_options options = detached(NULL);
    chld_error error = CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_CLONE, 0);
    char text[128];
    CHECK(CALL(chld_error_text(&error, text, sizeof text)) > 0);
    CHECK_STR(text, "clone: the new PID namespace has no init yet; start one before a "
                    "detached child");
    /* The namespace can still be used. */
    struct line line = line_make();
    chld_spawn_options plain = CHLD_SPAWN_OPTIONS_INIT;
    plain.in.mode = CHLD_STDIO_PIPE;
    chld_id init = START(ARGV("/bin/cat"), &plain);
    options = detached(&line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
    char told[32] = "";
    CHECK(read(line.from[0], told, sizeof told - 1) > 0 && atoi(told) > 1);
    line_close(&line);
    CHECK_CALL(chld_close_fd(init, CHLD_STDIN), 0);
    CHECK_EXITED(FINISH(init), 0);
}

TEST(a_new_pid_namespace_needs_its_init_first)
{
    need_statuses_of_detached_children();
    need_real_kernel();
    if (in_copy(enter_pid_namespace) != 0) {
        SKIP_TEST("there are no new pid namespaces here");
    }
    IN_COPY(detach_in_a_new_pid_namespace);
}

/* Where the kernel reaps it, no process is needed in between. */

static void need_no_process_in_between(void)
{
    if (!kernel_reaps_detached_children()) {
        SKIP_TEST("the kernel reaps no children by itself (Linux 7.1)");
    }
}

TEST(it_is_a_child_of_the_callers_that_leaves_no_zombie)
{
    need_no_process_in_between();
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    struct line line = line_make();
    chld_spawn_options options = detached(&line);
    int before = open_descriptors();
    chld_id id = 77;
    CHECK_CALL(chld_spawn(&id, tell_pid, &options, NULL), 0);
    CHECK_INT((long long) id, CHLD_NONE);
    CHECK_INT(open_descriptors(), before);
    int pid = read_pid(&line);
    CHECK_INT(proc_stat(pid, STAT_PARENT), getpid());
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    await_end_of(&line);
    AWAIT(!process_is_there(pid));
    check_no_child();
    CHECK_CALL(chld_sigchld_pending(), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    line_close(&line);
}

static void detach_and_exit(void)
{
    chld_spawn_options options = detached(&shared_line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
}

TEST(it_outlives_the_caller_and_leaves_no_zombie_to_a_subreaper)
{
    need_no_process_in_between();
    shared_line = line_make();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    IN_COPY(detach_and_exit);
    int pid = read_pid(&shared_line);
    CHECK_INT(proc_stat(pid, STAT_PARENT), getpid());
    await_end_of(&shared_line);
    AWAIT(!process_is_there(pid));
    check_no_child();
    line_close(&shared_line);
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
}

static void be_the_init(void)
{
    enter_pid_namespace();
    struct line line = line_make();
    chld_spawn_options options = detached(&line);
    CHECK_CALL(chld_spawn(NULL, tell_pid, &options, NULL), 0);
    char told[32] = "";
    CHECK(read(line.from[0], told, sizeof told - 1) > 0 && atoi(told) == 1);
    line_close(&line);
}

TEST(it_can_be_the_init_of_a_new_pid_namespace)
{
    need_no_process_in_between();
    if (in_copy(enter_pid_namespace) != 0) {
        SKIP_TEST("there are no new pid namespaces here");
    }
    IN_COPY(be_the_init);
}

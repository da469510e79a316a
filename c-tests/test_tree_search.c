/* Trees that are hard to kill: the number of survivors must be true. */
#include "look.h"

#include "namespace.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* The name of all processes of this test's trees. */
static const char *crowd_name(void)
{
    static char name[16];
    snprintf(name, sizeof name, "crowd%d", getpid());
    return name;
}

static chld_id start_crowd(const char *kind, const char *argument, uint64_t flags)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.flags = flags;
    chld_id id = START(ARGV(helper("crowd"), crowd_name(), kind, argument), &spawn);
    char byte;
    REQUIRE(read(CALL(chld_stdout_fd(id)), &byte, 1) == 1);
    return id;
}

/* Whether a line of /proc/PID/stat is that of a process with this name that has a
 * thread left: a zombie may have others than its main one. */
static bool is_living(const char *line, const char *name)
{
    const char *begin = strchr(line, '('), *end = strrchr(line, ')');
    char state;
    long threads;
    if (!begin || !end || (size_t) (end - begin - 1) != strlen(name)
        || strncmp(begin + 1, name, strlen(name)) != 0) {
        return false;
    }
    REQUIRE(sscanf(end + 2, "%c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                   "%*s %ld", &state, &threads) == 2);
    return (state != 'Z' && state != 'X') || threads > 1;
}

/* Their number, before they are visited. */
static int each_living(void (*visit)(int pid))
{
    int count = 0;
    DIR *processes = opendir("/proc");
    REQUIRE(processes != NULL);
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        char path[300], line[512] = "";
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int file = atoi(entry->d_name) > 1 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (file < 0) {
            continue;
        }
        if (read(file, line, sizeof line - 1) > 0 && is_living(line, crowd_name())) {
            count++;
            if (visit) {
                visit(atoi(entry->d_name));
            }
        }
        close(file);
    }
    closedir(processes);
    return count;
}

static int living(void)
{
    return each_living(NULL);
}

static void kill_one(int pid)
{
    REQUIRE(pid > 1);
    kill(pid, SIGKILL);
}

/* On a slow machine the search may not be complete before the timeout. The call then
 * returns that, and another tree is tried. `delay_us`: how long the tree is left alone
 * first. */
static void check_killed(const char *kind, const char *argument, uint64_t flags, long delay_us)
{
    int result = -ETIMEDOUT;
    for (int i = 0; i < 5 && result == -ETIMEDOUT; i++) {
        struct timespec delay = { 0, delay_us * 1000 };
        uint32_t left = 99;
        chld_id id = start_crowd(kind, argument, flags);
        nanosleep(&delay, NULL);
        long long begin = now_ms();
        result = CALL(chld_kill_tree(id, SIGKILL, &left));
        long long took = now_ms() - begin;
        CHECK(took < 30000 && (took >= 1000 || (result == 0 && left == 0)));
        CHECK(result != 0 || living() <= (int) left);
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
        AWAIT(each_living(kill_one) == 0);
    }
    CHECK_INT(result, 0);
}

static void kill_headless(void)
{
    check_killed("headless", NULL, 0, 0);
    check_killed("headless-parent", NULL, 0, 0);
}

TEST(a_process_lives_without_its_main_thread)
{
    IN_NAMESPACE(kill_headless);
}

static void kill_those_led_by_zombies(void)
{
    check_killed("zombie-session", NULL, 0, 0);
    check_killed("zombie-group", NULL, 0, 0);
}

TEST(a_zombie_of_the_tree_can_lead_a_group_or_a_session)
{
    IN_NAMESPACE(kill_those_led_by_zombies);
}

/* Since Linux 4.19 SIGSTOP does not abort a fork. The new process appears after its
 * parent was sent the signal, with a pid that the search has passed by then. */
static void kill_forkers(void)
{
    enum { FILLERS = 300 }; /* they make a round slower than a fork */
    pid_t fillers[FILLERS];
    int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    CHECK(geteuid() != 0 || last < 0 || write(last, "1000", 4) == 4);
    close(last);
    for (int i = 0; i < FILLERS; i++) {
        fillers[i] = fork();
        REQUIRE(fillers[i] >= 0);
        while (fillers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pause();
        }
    }
    for (int i = 0; i < scaled(16); i++) {
        long delay_us = 100 * (10 + i * 37 % 101); /* any moment of its loop */
        check_killed(i % 2 ? "forking-thread" : "forker", "24", 0, delay_us);
    }
    for (int i = 0; i < FILLERS; i++) {
        REQUIRE(fillers[i] > 1 && kill(fillers[i], SIGKILL) == 0);
        REQUIRE(waitpid(fillers[i], NULL, 0) == fillers[i]);
    }
}

TEST(a_fork_in_flight_is_waited_for)
{
    IN_NAMESPACE(kill_forkers);
}

static void kill_vfork(void)
{
    check_killed("vfork", NULL, 0, 0);
}

TEST(the_parent_in_a_vfork_does_not_hold_up_the_search)
{
    IN_NAMESPACE(kill_vfork);
}

static void kill_waker(void)
{
    for (int i = 0; i < 5; i++) {
        check_killed("waker", NULL, 0, 0);
    }
}

TEST(a_member_that_continues_others_is_stopped_too)
{
    IN_NAMESPACE(kill_waker);
}

static void kill_orphans(void)
{
    for (int i = 0; i < 3; i++) {
        check_killed("orphans", DECIMAL(scaled(200)), CHLD_SPAWN_SESSION, 0);
    }
}

TEST(no_member_is_continued_by_the_exit_of_another)
{
    IN_NAMESPACE(kill_orphans);
}

static void kill_many(void)
{
    check_killed("many", DECIMAL(scaled(1500)), 0, 0);
    check_killed("burst", DECIMAL(scaled(250)), 0, 0);
}

TEST(any_number_of_processes_is_found)
{
    IN_NAMESPACE(kill_many);
}

/* The search needs two descriptors. */
static void kill_with_few_descriptors(int available, int signal)
{
    enum { MOST = 256 };
    struct rlimit before, few;
    int taken[MOST], count = 0;
    uint32_t left = 99;
    chld_id id = start_crowd("many", "3", 0);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = MOST;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (count < MOST && (taken[count] = dup(0)) >= 0) {
        count++;
    }
    for (int i = 0; i < available; i++) {
        close(taken[--count]);
    }
    int result = CALL(chld_kill_tree(id, signal, &left));
    while (count > 0) {
        close(taken[--count]);
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    /* Of those that were not found, nobody is hit. */
    int others = signal == SIGKILL ? 3 : 4;
    if (available < 2) {
        CHECK(result == -EMFILE && left == 99);
        AWAIT(living() == others);
    } else {
        CHECK(result == 0 || result == -ETIMEDOUT);
        CHECK(result != 0 || (signal == SIGKILL ? living() <= (int) left : left == 4));
    }
    AWAIT(each_living(kill_one) == 0);
    FINISH(id);
}

static void kill_with_each(void)
{
    for (int available = 0; available < 4; available++) {
        kill_with_few_descriptors(available, SIGKILL);
        kill_with_few_descriptors(available, SIGWINCH);
    }
}

TEST(without_descriptors_nobody_is_taken_for_gone)
{
    IN_NAMESPACE(kill_with_each);
}

/* The child's stop interrupts the search, for longer than the search may take. */
static void outlast_the_timeout(int signal)
{
    struct timespec longer = { 1, 300000000 };
    (void) signal;
    nanosleep(&longer, NULL);
}

static void kill_too_late(void)
{
    struct sigaction action = { .sa_handler = outlast_the_timeout, .sa_flags = SA_RESETHAND };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.group_mode = CHLD_GROUP_NEW;
    int result = 0;
    /* The child may stop when the search is all but over. */
    for (int i = 0; i < 5 && result == 0; i++) {
        uint32_t left = 99;
        char byte;
        chld_id id = START(ARGV(helper("crowd"), crowd_name(), "many", "50"), &spawn);
        REQUIRE(read(CALL(chld_stdout_fd(id)), &byte, 1) == 1);
        REQUIRE(sigaction(SIGCHLD, &action, NULL) == 0);
        result = CALL(chld_kill_tree(id, SIGKILL, &left));
        CHECK(result == -ETIMEDOUT || (result == 0 && left == 0));
        CHECK(left <= 51);
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
        AWAIT(living() == 0);
    }
    CHECK_INT(result, -ETIMEDOUT);
}

TEST(the_timeout_ends_the_search_and_what_was_found_is_killed)
{
    IN_NAMESPACE(kill_too_late);
}

/* A member that cannot be signalled: a set-user-id program, with a caller that is
 * nobody. */
static const char *other_program, *proc_options;
static int wanted_result;

static void kill_another_users(void)
{
    uint32_t left = 99;
    /* Not where this is the /proc of others, and nobody would end who survives. */
    if (getppid() != 1) {
        _exit(NO_PROC);
    }
    if (proc_options && mount("proc", "/proc", "proc", MS_REMOUNT, proc_options) != 0) {
        _exit(NO_PROC);
    }
    become_nobody();
    chld_id id = start_crowd("suid", other_program, 0);
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), wanted_result);
    CHECK_INT(left, wanted_result == 0 ? 1 : 99);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

static void check_another_users(const char *options, int result)
{
    char copy[3 * PATH_MAX];
    struct statvfs about;
    need_root();
    const char *program = scratch_file("crowd", "", 0755);
    REQUIRE(statvfs(program, &about) == 0);
    if ((about.f_flag & ST_NOSUID) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        REQUIRE(remove(program) == 0 && remove(scratch("")) == 0);
        SKIP_TEST("the set-user-ID bit has no effect here");
    }
    snprintf(copy, sizeof copy, "p=%s; chmod 711 ${p%%/*} && cp %s $p && chmod 4755 $p", program,
             helper("crowd"));
    REQUIRE(system(copy) == 0);
    other_program = program;
    proc_options = options;
    wanted_result = result;
    IN_NAMESPACE(kill_another_users);
}

TEST(what_cannot_be_signalled_is_counted)
{
    check_another_users(NULL, 0);
}

TEST(what_proc_hides_cannot_be_counted)
{
    check_another_users("hidepid=2", -EPERM);
}

TEST(what_proc_shows_but_closes_cannot_be_counted)
{
    check_another_users("hidepid=1", -EPERM);
}

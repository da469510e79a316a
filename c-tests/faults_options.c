/* All options of a start except streams and maps, one option after the other,
 * while system calls of the parent's and of the child's half fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, "exit=42", NULL })
#define ONLY_STANDARD "fds=0,1,2"
#define NOBODY 65534
#define BIT(signal) (1ull << ((signal) - 1))

static void check(const char *const *argv, const chld_spawn_options *options)
{
    check_start(&(struct want){ .argv = argv, .options = options, .code = 42 });
}

static bool nobody_can_run(const char *program)
{
    int word = 1;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(setgid(NOBODY) == 0 && setuid(NOBODY) == 0 && access(program, X_OK) == 0 ? 0 : 1);
    }
    return pid > 1 && waitpid(pid, &word, 0) == pid && word == 0;
}

static void ids(void)
{
    static const uint32_t groups[] = { 1, 2, 3 };
    if (geteuid() != 0) {
        skip("this is not root");
    }
    if (!nobody_can_run(child_program)) {
        skip("nobody cannot run the program");
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_GROUPS | CHLD_SPAWN_GID | CHLD_SPAWN_UID;
    options.groups = groups;
    options.groups_count = 3;
    options.gid = options.uid = NOBODY;
    check(ARGV("ids=65534:65534:3"), &options);
}

static void limits(void)
{
    static const chld_limit two[] = { { RLIMIT_NOFILE, 0, 100, 200 }, { RLIMIT_CORE, 0, 0, 0 } };
    char files[32], core[32];
    snprintf(files, sizeof files, "limit=%d:100:200", (int)RLIMIT_NOFILE);
    snprintf(core, sizeof core, "limit=%d:0:0", (int)RLIMIT_CORE);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.limits = two;
    options.limits_count = 2;
    check(ARGV(ONLY_STANDARD, files, core), &options);
}

/* Less urgent, on one processor. */
static void scheduling(void)
{
    char nice[32], cpu[32];
    cpu_set_t allowed, one;
    int first = 0, now = getpriority(PRIO_PROCESS, 0);
    require(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
    while (first < CPU_SETSIZE - 1 && !CPU_ISSET(first, &allowed)) {
        first++;
    }
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    snprintf(nice, sizeof nice, "nice=%d", now + 2 > 19 ? 19 : now + 2);
    snprintf(cpu, sizeof cpu, "cpu=%d", first);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.nice = 2;
    options.cpus = &one;
    options.cpus_size = sizeof one;
    check(ARGV(ONLY_STANDARD, nice, cpu), &options);
}

static void by_descriptor(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_CWD_FD | CHLD_SPAWN_PROGRAM_FD | CHLD_SPAWN_UMASK;
    options.cwd_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    options.program_fd = open(child_program, O_RDONLY | O_CLOEXEC);
    options.umask = 027;
    require(options.cwd_fd > 2 && options.program_fd > 2, "open");
    check(ARGV(ONLY_STANDARD, "cwd=/proc", "umask=027"), &options);
    close(options.cwd_fd);
    close(options.program_fd);
}

/* Descriptors that the child's own targets would overwrite are moved away. */
static void by_descriptor_in_the_way(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_CWD_FD | CHLD_SPAWN_PROGRAM_FD;
    options.cwd_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    options.program_fd = open(child_program, O_RDONLY | O_CLOEXEC);
    chld_fd_map map[] = { { 1, options.cwd_fd }, { 2, options.program_fd } };
    char fds[64];
    snprintf(fds, sizeof fds, "fds=0,1,2,%d,%d", options.cwd_fd, options.program_fd);
    options.fds = map;
    options.fds_count = 2;
    check(ARGV(fds, "cwd=/proc"), &options);
    close(options.cwd_fd);
    close(options.program_fd);
}

static void check_terminal(uint64_t flags, uint16_t rows, const char *what)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || unlockpt(master) != 0) {
        skip("there are no pseudo-terminals here");
    }
    close(master);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PTY;
    options.rows = rows;
    options.columns = 80;
    options.flags = flags;
    check(ARGV(ONLY_STANDARD, "session", what), &options);
}

static void terminal(void)
{
    check_terminal(0, 24, "terminal");
}

static void foreground(void)
{
    check_terminal(CHLD_SPAWN_SESSION | CHLD_SPAWN_FOREGROUND, 24, "foreground");
}

/* As large as the caller's, which has none, and without echo. */
static void terminal_like_ours(void)
{
    check_terminal(CHLD_SPAWN_PTY_NO_ECHO, 0, "terminal");
}

static void safety(void)
{
    char signal[32];
    snprintf(signal, sizeof signal, "deathsignal=%d", SIGTERM);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_NO_NEW_PRIVS | CHLD_SPAWN_SUBREAPER;
    options.death_signal = SIGTERM;
    check(ARGV(ONLY_STANDARD, signal, "nonewprivs"), &options);
}

static void signals_chosen(void)
{
    char blocked[64], ignored[32];
    snprintf(blocked, sizeof blocked, "blocked=%llx", BIT(SIGUSR2) | BIT(SIGTERM));
    snprintf(ignored, sizeof ignored, "ignored=%d", SIGUSR1);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = BIT(SIGUSR1);
    options.mask_mode = CHLD_MASK_BLOCKED;
    options.blocked = BIT(SIGUSR2) | BIT(SIGTERM);
    check(ARGV(blocked, ignored), &options);
}

static void signals_reset(void)
{
    char reset[32];
    snprintf(reset, sizeof reset, "default=%d", SIGHUP);
    signal(SIGHUP, SIG_IGN);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.reset = BIT(SIGHUP) | BIT(SIGUSR1);
    check(ARGV(reset), &options);
    signal(SIGHUP, SIG_DFL);
}

static void stdout_as_stderr(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out.mode = CHLD_STDIO_STDERR;
    options.err.mode = CHLD_STDIO_NULL;
    check(ARGV(ONLY_STANDARD, "same=1:2"), &options);
}

static void signals_inherited(void)
{
    sigset_t some;
    char blocked[64], ignored[32];
    snprintf(blocked, sizeof blocked, "blocked=%llx", BIT(SIGUSR2));
    snprintf(ignored, sizeof ignored, "ignored=%d", SIGHUP);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGHUP, SIG_IGN);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.signals_mode = CHLD_SIGNALS_INHERIT;
    options.mask_mode = CHLD_MASK_INHERIT;
    check(ARGV(blocked, ignored), &options);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    signal(SIGHUP, SIG_DFL);
}

/* Reaps what the detached start has left to this process, which is a subreaper
 * meanwhile; returns how many became the program. What did not has exited with
 * 127, and exists only where it was a plain fork whose report nobody could read. */
static int reap_detached(void)
{
    int programs = 0, word;
    while (waitpid(-1, &word, 0) > 0) {
        int code = WIFEXITED(word) ? WEXITSTATUS(word) : -1;
        require(code == 42 || code == 127, "the detached child ended with %#x", word);
        programs += code == 42;
    }
    return programs;
}

static void check_detached(const char *program, int error)
{
    static struct state before;
    chld_id id = 4711;
    chld_error why = { 0 };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_DETACHED;
    options.program = program;
    struct want want = { .argv = ARGV(ONLY_STANDARD), .options = &options };
    want.refused.step = error != 0 ? CHLD_STEP_EXEC : CHLD_STEP_NONE;
    want.refused.error = error;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    state_take(&before);
    window_open();
    int result = chld_spawn(&id, want.argv, &options, &why);
    struct seen seen = window_close();
    bool started = judge_start(&want, result, &why, &seen);
    require(id == (started ? CHLD_NONE : 4711), "the handle is %llx", (unsigned long long)id);
    int programs = reap_detached();
    /* Of a plain fork's child nobody knows, if the report cannot be read. */
    require(programs == (started ? 1 : 0) || (!started && seen.call == SYS_read),
            "%d programs run", programs);
    state_require(&before, "after a detached start");
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void detached(void)
{
    check_detached(child_program, 0);
}

static void detached_missing(void)
{
    check_detached("/nonexistent/program", ENOENT);
}

static void warm_up(void)
{
    finish(start(ARGV(ONLY_STANDARD), NULL), CHLD_STATE_EXITED, 42);
}

static void ids_later(void)
{
    warm_up();
    ids();
}

static void detached_later(void)
{
    warm_up();
    detached();
}

static void detached_missing_later(void)
{
    warm_up();
    detached_missing();
}

static void check_in_cgroup(uint64_t flags)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = flags;
    options.cgroup_fd = make_cgroup();
    require(options.cgroup_fd > 2, "the cgroup cannot be opened");
    check(ARGV(ONLY_STANDARD, "cgroup=/chld-faults-"), &options);
    close(options.cgroup_fd);
}

static void in_cgroup(void)
{
    check_in_cgroup(CHLD_SPAWN_CGROUP);
}

static void in_cgroup_own(void)
{
    check_in_cgroup(CHLD_SPAWN_CGROUP | CHLD_SPAWN_CGROUP_OWN);
}

/* A script without a first line that names its interpreter. */
static void shell(void)
{
    static const char script[] = "exit 42\n";
    char name[64];
    int fd = memfd_create("script", 0);
    require(fd >= 0 && write(fd, script, sizeof script - 1) > 0 && fchmod(fd, 0755) == 0, "memfd");
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)getpid(), fd);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_SHELL;
    check((const char *[]){ name, NULL }, &options);
    close(fd);
}

static const struct scenario scenarios[] = {
    { "ids", ids },
    { "ids_later", ids_later },
    { "limits", limits },
    { "scheduling", scheduling },
    { "by_descriptor", by_descriptor },
    { "by_descriptor_in_the_way", by_descriptor_in_the_way },
    { "terminal", terminal },
    { "foreground", foreground },
    { "terminal_like_ours", terminal_like_ours },
    { "safety", safety },
    { "signals_chosen", signals_chosen },
    { "signals_inherited", signals_inherited },
    { "signals_reset", signals_reset },
    { "stdout_as_stderr", stdout_as_stderr },
    { "detached", detached },
    { "detached_later", detached_later },
    { "detached_missing", detached_missing },
    { "detached_missing_later", detached_missing_later },
    { "in_cgroup", in_cgroup },
    { "in_cgroup_own", in_cgroup_own },
    { "shell", shell },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

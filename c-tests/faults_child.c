/*
 * faults_child CHECK...
 *
 * What the scenarios start: looks at what it was given, and exits as its arguments ask.
 * The checks are made one after the other; where one fails it prints that and exits
 * with 100, else with 0 unless one of them asks for another code.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "in the child: %s does not hold\n", what);
        exit(100);
    }
}

static bool has_disposition(int signal, void (*handler)(int))
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && now.sa_handler == handler;
}

static uint64_t blocked(void)
{
    uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
    return mask;
}

/* What every child may rely on, whatever its parent was like. */
static void check_signals(bool may_block)
{
    require(may_block || blocked() == 0, "an empty signal mask");
    require(has_disposition(SIGPIPE, SIG_DFL), "the default for SIGPIPE");
    require(has_disposition(SIGCHLD, SIG_DFL), "the default for SIGCHLD");
}

/* "0,1,2": these descriptors are open and no others. */
static void check_fds(const char *list)
{
    bool wanted[256] = { false };
    for (char *rest = (char *)list; *rest != '\0'; rest += *rest == ',') {
        wanted[strtol(rest, &rest, 10) & 255] = true;
    }
    DIR *directory = opendir("/proc/self/fd");
    require(directory != NULL, "/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(directory)) {
            continue;
        }
        char text[64];
        snprintf(text, sizeof text, "that descriptor %d is closed", fd);
        require(fd < 256 && wanted[fd], text);
        wanted[fd] = false;
    }
    closedir(directory);
    for (int fd = 0; fd < 256; fd++) {
        require(!wanted[fd], "that all descriptors asked for are open");
    }
}

/* "3:b": the next byte of descriptor 3 is 'b'. */
static void check_byte(const char *text)
{
    char *rest, got = 0;
    int fd = (int)strtol(text, &rest, 10);
    require(read(fd, &got, 1) == 1 && got == rest[1], text);
}

/* "1:2": both are the same open file. */
static void check_same(const char *text)
{
    char *rest;
    struct stat one, other;
    int first = (int)strtol(text, &rest, 10);
    require(fstat(first, &one) == 0 && fstat(atoi(rest + 1), &other) == 0, text);
    require(one.st_dev == other.st_dev && one.st_ino == other.st_ino, text);
}

static void check_environment(const char *entry)
{
    char name[256];
    const char *equals = strchr(entry, '=');
    snprintf(name, sizeof name, "%.*s", (int)(equals - entry), entry);
    const char *value = getenv(name);
    require(value != NULL && strcmp(value, equals + 1) == 0, entry);
}

static void check_cwd(const char *path)
{
    char buffer[4096];
    require(getcwd(buffer, sizeof buffer) != NULL && strcmp(buffer, path) == 0, path);
}

/* "1000:100:3": the user, the group, and how many supplementary groups. */
static void check_ids(const char *text)
{
    char *rest;
    unsigned long uid = strtoul(text, &rest, 10);
    unsigned long gid = strtoul(rest + 1, &rest, 10);
    require(getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid, text);
    require(getgroups(0, NULL) == atoi(rest + 1), text);
}

/* "7:100:200": this resource has these limits. */
static void check_limit(const char *text)
{
    char *rest;
    struct rlimit now;
    int resource = (int)strtol(text, &rest, 10);
    require(getrlimit(resource, &now) == 0, text);
    require(now.rlim_cur == strtoul(rest + 1, &rest, 10), text);
    require(now.rlim_max == strtoul(rest + 1, &rest, 10), text);
}

static void check_cpu(const char *number)
{
    cpu_set_t cpus;
    require(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1
                && CPU_ISSET(atoi(number), &cpus), "the processor asked for");
}

/* All three streams are the terminal of this session. */
static void check_terminal(bool in_foreground)
{
    require(isatty(0) && isatty(1) && isatty(2), "terminals");
    require(tcgetsid(0) == getpid(), "a controlling terminal");
    require(!in_foreground || tcgetpgrp(0) == getpgrp(), "the foreground");
}

static void check_death_signal(const char *number)
{
    int now = 0;
    require(prctl(PR_GET_PDEATHSIG, &now) == 0 && now == atoi(number), "the death signal");
}

static void check_cgroup(const char *name)
{
    char text[4096] = "";
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    require(fd >= 0 && read(fd, text, sizeof text - 1) > 0, "/proc/self/cgroup");
    close(fd);
    require(strstr(text, name) != NULL, name);
}

/* Copies stdin to stdout up to its end; writes "err" to stderr. */
static void copy(void)
{
    char buffer[4096];
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0) {
        require(write(1, buffer, (size_t)got) == got, "that stdout can be written");
    }
    require(got == 0 && write(2, "err", 3) == 3, "that stderr can be written");
}

/* Reads stdin until somebody closes it. */
static void gate(void)
{
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
}

#define IS(word) (length == sizeof(word) - 1 && memcmp(check, word, length) == 0)

/* What an option of the start asks for. Returns whether it is such a check. */
static bool check_option(const char *check, size_t length, const char *value)
{
    if (IS("ids")) {
        check_ids(value);
    } else if (IS("limit")) {
        check_limit(value);
    } else if (IS("cpu")) {
        check_cpu(value);
    } else if (IS("nice")) {
        require(getpriority(PRIO_PROCESS, 0) == atoi(value), "the niceness");
    } else if (IS("umask")) {
        require(umask(0) == (mode_t)strtol(value, NULL, 8), "the umask");
    } else if (IS("terminal")) {
        check_terminal(false);
    } else if (IS("foreground")) {
        check_terminal(true);
    } else if (IS("deathsignal")) {
        check_death_signal(value);
    } else if (IS("nonewprivs")) {
        require(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new privileges");
    } else if (IS("subreaper")) {
        int is = 0;
        require(prctl(PR_GET_CHILD_SUBREAPER, &is) == 0 && is != 0, "a subreaper");
    } else if (IS("cgroup")) {
        check_cgroup(value);
    } else if (IS("blocked")) {
        require(blocked() == strtoull(value, NULL, 16), "the signal mask");
    } else {
        return false;
    }
    return true;
}

/* A process more, which lives until it is killed; then prints that. */
static void spawn(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        pause();
        _exit(0);
    }
    require(pid > 0 && write(1, "x", 1) == 1, "a process more");
}

/* Three processes more, each the child of the one before, and of other kinds: one in the
 * group, one with a session of its own, one that no session or group ties to the first.
 * Writes their pids. */
static void scatter(void)
{
    pid_t pids[3] = { 0 };
    int ends[2];
    require(pipe(ends) == 0, "a pipe");
    for (int i = 0; i < 3 && fork() == 0; i++) {
        require(i == 0 || setsid() > 0, "a session");
        pids[i] = getpid();
        require(write(ends[1], &pids[i], sizeof pids[i]) > 0, "a pid");
    }
    if (pids[0] != 0) {
        alarm(60);
        pause();
        _exit(0);
    }
    for (int i = 0; i < 3; i++) {
        require(read(ends[0], &pids[i], sizeof pids[i]) == sizeof pids[i], "a pid");
    }
    require(write(1, pids, sizeof pids) == sizeof pids, "its reader");
}

static void obey(const char *check)
{
    const char *equals = strchr(check, '=');
    size_t length = equals == NULL ? strlen(check) : (size_t)(equals - check);
    const char *value = equals == NULL ? "" : equals + 1;
    if (check_option(check, length, value)) {
        return;
    }
    if (IS("fds")) {
        check_fds(value);
    } else if (IS("byte")) {
        check_byte(value);
    } else if (IS("same")) {
        check_same(value);
    } else if (IS("env")) {
        check_environment(value);
    } else if (IS("noenv")) {
        require(getenv(value) == NULL, value);
    } else if (IS("cwd")) {
        check_cwd(value);
    } else if (IS("session")) {
        require(getsid(0) == getpid(), "a session of its own");
    } else if (IS("leader")) {
        require(getpgrp() == getpid(), "a group of its own");
    } else if (IS("group")) {
        require(getpgrp() == atoi(value), "the group asked for");
    } else if (IS("ignored")) {
        require(has_disposition(atoi(value), SIG_IGN), "that a signal stays ignored");
    } else if (IS("default")) {
        require(has_disposition(atoi(value), SIG_DFL), "that a handler is gone");
    } else if (IS("copy")) {
        copy();
    } else if (IS("spawn")) {
        spawn();
    } else if (IS("scatter")) {
        scatter();
    } else if (IS("gate")) {
        gate();
    } else if (IS("die")) {
        raise(atoi(value));
    } else if (IS("exit")) {
        exit(atoi(value));
    } else {
        require(false, check);
    }
}

int main(int argc, char **argv)
{
    alarm(60);
    check_signals(argc > 1 && strncmp(argv[1], "blocked=", 8) == 0);
    for (int i = 1; i < argc; i++) {
        obey(argv[i]);
    }
    return 0;
}

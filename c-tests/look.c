/* See look.h. */
#include "look.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children that stay */

chld_id stay(const char *file, int line, const char *const *argv,
             const chld_spawn_options *options)
{
    chld_spawn_options piped = CHLD_SPAWN_OPTIONS_INIT;
    if (options) {
        piped = *options;
    }
    piped.in.mode = piped.in.mode ? piped.in.mode : CHLD_STDIO_PIPE;
    piped.out.mode = piped.out.mode ? piped.out.mode : CHLD_STDIO_PIPE;
    chld_id id = start(file, line, argv, &piped);
    char byte = 0;
    REQUIRE(write(chld_stdin_fd(id), "x", 1) == 1);
    check_int(file, line, "the first byte", read(chld_stdout_fd(id), &byte, 1), 1);
    check_int(file, line, "what came back", byte, 'x');
    return id;
}

void leave(const char *file, int line, chld_id id)
{
    check_result(file, line, "chld_close_fd", CALL(chld_close_fd(id, CHLD_STDIN)), 0);
    check_status(file, line, finish(file, line, id), CHLD_STATE_EXITED, 0);
}

char *output(const char *file, int line, const char *const *argv,
             const chld_spawn_options *options, char *buffer, size_t size)
{
    chld_spawn_options piped = CHLD_SPAWN_OPTIONS_INIT;
    if (options) {
        piped = *options;
    }
    piped.out.mode = CHLD_STDIO_PIPE;
    chld_id id = start(file, line, argv, &piped);
    read_all(CALL(chld_stdout_fd(id)), buffer, size);
    check_status(file, line, finish(file, line, id), CHLD_STATE_EXITED, 0);
    return buffer;
}

bool kernel_reaps_detached_children(void)
{
    return CALL(chld_supports(CHLD_SPAWN_PRIVATE)) == 0;
}

void need_statuses_of_detached_children(void)
{
    if (kernel_reaps_detached_children()) {
        SKIP_TEST("the kernel reaps detached children by itself");
    }
}

int run_detached(const char *file, int line, const char *const *argv)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_DETACHED;
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    check_result(file, line, "chld_spawn", CALL(chld_spawn(NULL, argv, &options, NULL)), 0);
    int status = -1;
    REQUIRE(waitpid(-1, &status, 0) > 1);
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
    return status;
}

void search_for_long(const char *directory)
{
    enum { ENTRIES = 200000 };
    char *path = malloc(2 * ENTRIES + PATH_MAX);
    REQUIRE(path != NULL && strlen(directory) < PATH_MAX);
    for (int i = 0; i < ENTRIES; i++) {
        memcpy(path + 2 * i, "x:", 2);
    }
    strcpy(path + 2 * ENTRIES, directory);
    setenv("PATH", path, 1);
    free(path);
}

int await_child_of(int caller)
{
    char path[64], pids[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", caller, caller);
    for (long long until = now_ms() + 10000; !*pids && now_ms() < until;) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            SKIP_TEST("%s: %s", path, strerror(errno));
        }
        read_all(file, pids, sizeof pids);
        close(file);
    }
    REQUIRE(atoi(pids) > 1);
    return atoi(pids);
}

bool has_executed(int pid)
{
    char link[64], its[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    return readlink(link, its, sizeof its - 1) <= 0
        || strcmp(its, proc_link(getpid(), "exe")) != 0;
}

/* /proc */

static char *next_text(void)
{
    static char texts[16][PATH_MAX];
    static int next;
    return texts[next++ % 16];
}

static char *proc_read(int pid, const char *file, char *buffer, size_t size)
{
    char path[128];
    REQUIRE(pid > 0);
    need_proc();
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    int input = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(input >= 0);
    read_all(input, buffer, size);
    close(input);
    return buffer;
}

const char *proc_text(int pid, const char *file, const char *key)
{
    char text[8192], *next = text;
    proc_read(pid, file, text, sizeof text);
    for (char *line; (line = strsep(&next, "\n"));) {
        if (strncmp(line, key, strlen(key)) != 0 || line[strlen(key)] != ':') {
            continue;
        }
        line += strlen(key) + 1;
        line += strspn(line, " \t");
        for (size_t size = strlen(line); size && strchr(" \t", line[size - 1]); size--) {
            line[size - 1] = 0;
        }
        return strcpy(next_text(), line);
    }
    return NULL;
}

long long proc_number(int pid, const char *key)
{
    const char *text = proc_text(pid, "status", key);
    REQUIRE(text != NULL);
    return strtoll(text, NULL, 10);
}

unsigned long long proc_signals(int pid, const char *key)
{
    const char *text = proc_text(pid, "status", key);
    REQUIRE(text != NULL);
    return strtoull(text, NULL, 16);
}

/* The second field is the name in parentheses, which may have anything in it. */
long long proc_stat(int pid, int field)
{
    char text[4096];
    char *at = strrchr(proc_read(pid, "stat", text, sizeof text), ')');
    REQUIRE(at != NULL && field > 2);
    for (int i = 2; i < field; i++) {
        at = strchr(at + 1, ' ');
        REQUIRE(at != NULL);
    }
    return strtoll(at, NULL, 10);
}

const char *proc_link(int pid, const char *name)
{
    char path[128], *target = next_text();
    need_proc();
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t size = readlink(path, target, PATH_MAX - 1);
    REQUIRE(size > 0);
    target[size] = 0;
    return target;
}

unsigned long long signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

/* Rights */

static void try_to_become_nobody(void)
{
    _exit(setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0
          || setresuid(NOBODY, NOBODY, NOBODY) != 0);
}

void need_root(void)
{
    if (geteuid() != 0) {
        SKIP_TEST("this needs root");
    }
    need_nobody();
}

void need_nobody(void)
{
    if (geteuid() == 0 && in_copy(try_to_become_nobody) != 0) {
        SKIP_TEST("this root may not become another user");
    }
}

/* A process that changed its ids is no more dumpable, and /proc is closed to it. */
void become_nobody(void)
{
    if (geteuid() == 0) {
        REQUIRE(setgroups(0, NULL) == 0);
        REQUIRE(setresgid(NOBODY, NOBODY, NOBODY) == 0);
        REQUIRE(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    }
    REQUIRE(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static void try_to_be_less_nice(void)
{
    errno = 0;
    _exit(nice(-1) == -1 && errno != 0);
}

bool may_be_less_nice(void)
{
    return in_copy(try_to_be_less_nice) == 0;
}

/* valgrind is preloaded, and qemu-user is what really runs. */
bool is_emulated(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return getenv("CHLD_TEST_EMULATED") || (preloaded && strstr(preloaded, "vgpreload"));
}

void need_real_kernel(void)
{
    if (is_emulated()) {
        SKIP_TEST("an emulator has signals, limits and memory of its own");
    }
}

/* Running one scenario, under an alarm and with an audit afterwards. */
#define _GNU_SOURCE
#include "faults.h"

#include "inject.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANNOT_RUN 77
#define SECONDS 15
#define ERRNO_MARK 4711

char child_program[PATH_MAX];
char child_directory[PATH_MAX];

static const char *running = "";
static int complaints = 2; /* stderr, also while a scenario has closed its own */

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    dprintf(complaints, "%s: ", running);
    va_start(arguments, format);
    vdprintf(complaints, format, arguments);
    va_end(arguments);
    dprintf(complaints, "\n");
    exit(1);
}

_Noreturn void skip(const char *why)
{
    fprintf(stderr, "%s skipped: %s\n", running, why);
    exit(CANNOT_RUN);
}

void need_few_processes(void)
{
    int count = 0;
    DIR *directory = opendir("/proc");
    require(directory != NULL, "/proc");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    }
    closedir(directory);
    if (count > 40) {
        skip("too many processes: this needs a pid namespace of its own");
    }
}

void window_open(void)
{
    inject_begin();
    errno = ERRNO_MARK;
}

struct seen window_close(void)
{
    int errno_now = errno;
    inject_end();
    require(errno_now == ERRNO_MARK, "errno became %d", errno_now);
    struct seen seen = { .error = inject_ask(INJECT_ERROR) };
    if (seen.error != 0) {
        seen.call = inject_ask(INJECT_CALL);
        seen.in_child = inject_ask(INJECT_IN_CHILD) != 0;
        for (int i = 0; i < 3; i++) {
            seen.arguments[i] = inject_ask(INJECT_ARGUMENT + i);
        }
    }
    return seen;
}

static void find_child_program(void)
{
    ssize_t length = readlink("/proc/self/exe", child_directory, sizeof child_directory - 1);
    char *slash = length > 0 ? strrchr(child_directory, '/') : NULL;
    require(slash != NULL, "/proc/self/exe cannot be read");
    *slash = '\0';
    size_t room = sizeof child_program;
    require((size_t)snprintf(child_program, room, "%s/faults_child", child_directory) < room,
            "a path too long");
    require(access(child_program, X_OK) == 0, "%s cannot be run", child_program);
}

/* Whatever the caller ignores, blocks or has open, a scenario begins the same
 * way. */
static void begin_clean(void)
{
    sigset_t none;
    for (int number = 1; number < 32; number++) {
        signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (long fd = 3; fd < 256; fd++) {
        INJECT_UNHEARD(SYS_fcntl, fd, (long)F_SETFD, (long)FD_CLOEXEC, 0L);
    }
    complaints = fcntl(2, F_DUPFD_CLOEXEC, 200);
}

static void run(const struct scenario *scenario)
{
    static struct state before;
    running = scenario->name;
    begin_clean();
    alarm(SECONDS);
    find_child_program();
    state_take(&before);
    scenario->run();
    state_require_reaped();
    chld_sigchld_remove(); /* a set or a wait may have installed it; it stays */
    state_require(&before, "at the end");
}

int frame(int argc, char **argv, const struct scenario *scenarios, size_t count)
{
    for (size_t i = 0; i < count && argc == 2; i++) {
        if (strcmp(argv[1], "--list") == 0) {
            puts(scenarios[i].name);
        } else if (strcmp(argv[1], scenarios[i].name) == 0) {
            run(&scenarios[i]);
            return 0;
        }
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return 0;
    }
    fprintf(stderr, "usage: %s --list | NAME\n", argv[0]);
    return 2;
}

/*
 * zombie.c - a dead child stays in the process list as a zombie until it is reaped.
 *
 * chld_exit_fd() shows that it is dead without reaping it; chld_wait() reaps it.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static chld_id start(const char *const *argv)
{
    chld_id child;
    chld_error error;
    char text[128];
    if (chld_spawn(&child, argv, NULL, &error) == 0)
        return child;
    require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
    printf("(cannot be shown: %s)\n", text);
    return CHLD_NONE;
}

/* 'Z' for a zombie, 'R' or 'S' for one that lives; 0 if there is no such process. */
static char state_of(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    /* The state is the field after the name, which is in parentheses. */
    char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && end[1] ? end[2] : 0;
}

static void show_in_process_list(int pid)
{
    char number[16];
    snprintf(number, sizeof number, "%d", pid);
    const char *argv[] = {"ps", "-o", "pid,ppid,stat,comm", "-p", number, NULL};
    chld_id ps = start(argv);
    if (ps != CHLD_NONE)
        require(chld_wait(ps, -1, NULL) == 0 && chld_close(ps) == 0, "ps");
}

int main(void)
{
    const char *argv[] = {"sh", "-c", "exit 7", NULL};
    signal(SIGCHLD, SIG_DFL);         /* were it ignored, no zombie would stay */
    setvbuf(stdout, NULL, _IOLBF, 0); /* keeps our lines and those of ps in order */
    chld_id child = start(argv);
    require(child != CHLD_NONE, "chld_spawn");

    int pid = chld_pid(child);
    struct pollfd exit_fd = {.fd = chld_exit_fd(child), .events = POLLIN};
    require(exit_fd.fd >= 0 && poll(&exit_fd, 1, 10000) == 1, "chld_exit_fd");
    printf("dead, not reaped:  /proc/%d/stat says %c\n", pid, state_of(pid));
    require(state_of(pid) == 'Z', "a dead child is a zombie");
    show_in_process_list(pid);

    chld_status status;
    require(chld_wait(child, 0, &status) == 0 && status.code == 7, "chld_wait");
    require(state_of(pid) == 0, "a reaped child is gone");
    printf("reaped:            exit code %d, and /proc/%d is gone\n", status.code, pid);
    return chld_close(child) < 0;
}

/*
 * wait_family.c - waiting: without limit, with one, for any of several, for a change,
 * for the next of many.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

/* The child's stdin is a pipe; `cat` lives until chld_close_fd() closes it. */
static chld_id start(const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    chld_error error;
    chld_id child;
    char text[256];
    if (chld_spawn(&child, argv, &options, &error) < 0) {
        require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
        require(0, text);
    }
    return child;
}

static void show(const char *call, const chld_status *status, int state, int code)
{
    char text[128];
    require(chld_status_text(status, text, sizeof text) > 0, call);
    printf("%-30s %s\n", call, text);
    require(status->state == state && status->code == code, call);
}

int main(void)
{
    chld_status status;
    chld_id child = start("i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done; exit 3");
    require(chld_wait(child, -1, &status) == 0, "chld_wait");
    show("chld_wait, no limit:", &status, CHLD_STATE_EXITED, 3);
    chld_resources used;
    require(chld_usage(child, &used) == 0, "chld_usage");
    double milliseconds = (double)(used.user_us + used.system_us) / 1000;
    printf("%-30s %.1f ms of CPU time, at most %.1f MiB of memory\n", "chld_usage:",
           milliseconds, (double)used.max_resident_kib / 1024);
    require(milliseconds > 0 && chld_close(child) == 0, "the CPU time");

    chld_id three[] = {start("exec cat"), start("exec cat"), start("exec cat")};
    chld_event event;
    int result = chld_wait(three[0], 50, &status);
    printf("%-30s %s\n", "chld_wait, 50 ms:", result == -ETIMEDOUT ? "not yet" : "?");
    require(result == -ETIMEDOUT, "cat lives as long as its input");
    require(chld_close_fd(three[1], CHLD_STDIN) == 0, "chld_close_fd");
    require(chld_wait_any(three, 3, -1, &event) == 0 && event.index == 1, "chld_wait_any");
    show("chld_wait_any, the second:", &event.status, CHLD_STATE_EXITED, 0);
    require(chld_close(event.id) == 0, "chld_close");
    three[1] = CHLD_NONE; /* struck out: the list can be used again */

    require(chld_kill(three[0], SIGSTOP) == 0, "SIGSTOP");
    require(chld_wait_change(three[0], 0, -1, &status) == 0, "chld_wait_change");
    show("chld_wait_change, SIGSTOP:", &status, CHLD_STATE_STOPPED, SIGSTOP);
    require(chld_kill(three[0], SIGCONT) == 0, "SIGCONT");
    require(chld_wait_change(three[0], 0, -1, &status) == 0, "chld_wait_change");
    show("chld_wait_change, SIGCONT:", &status, CHLD_STATE_CONTINUED, SIGCONT);
    require(chld_kill(three[0], SIGTERM) == 0, "SIGTERM");
    require(chld_wait_any(three, 3, -1, &event) == 0 && event.index == 0, "chld_wait_any");
    show("chld_wait_any, the first:", &event.status, CHLD_STATE_KILLED, SIGTERM);
    require(chld_close(three[0]) == 0, "chld_close");

    chld_set set; /* costs the same however many children are in it */
    require(chld_set_open(0, &set) == 0 && chld_set_add(set, three[2], 0) == 0, "a set");
    require(chld_set_wait(set, 50, &event) == -ETIMEDOUT, "chld_set_wait");
    require(chld_close_fd(three[2], CHLD_STDIN) == 0, "chld_close_fd");
    require(chld_set_wait(set, -1, &event) == 0 && event.id == three[2], "chld_set_wait");
    show("chld_set_wait, the third:", &event.status, CHLD_STATE_EXITED, 0);
    return chld_close(three[2]) < 0 || chld_set_close(set) < 0;
}

/*
 * background.c - three children end while the program computes, and it never calls wait.
 *
 * The classic SIGCHLD handler waits once and keeps one status, in one variable:
 * of children that end together, the others are lost. The library's handler
 * reaps each of them and keeps each status, for chld_peek() at any later time.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 3

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static chld_id start(const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_error error;
    chld_id child;
    char text[256];
    if (chld_spawn(&child, argv, NULL, &error) < 0) {
        require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
        require(0, text);
    }
    return child;
}

static chld_status peek(chld_id child)
{
    chld_status status;
    require(chld_peek(child, &status) == 0, "chld_peek");
    return status;
}

static int running(const chld_id *children)
{
    int count = 0;
    for (int i = 0; i < CHILDREN; i++)
        count += peek(children[i]).state == CHLD_STATE_RUNNING;
    return count;
}

int main(void)
{
    /* The first two end as nearly at once as can be. */
    const char *scripts[CHILDREN] = {"sleep 0.2; exit 1", "sleep 0.2; exit 2", "exit 3"};
    chld_id children[CHILDREN];
    require(chld_sigchld_install(0) == 0, "chld_sigchld_install");
    for (int i = 0; i < CHILDREN; i++)
        children[i] = start(scripts[i]);

    double x = 0.5;
    long steps = 0;
    for (time_t limit = time(NULL) + 30; running(children) > 0 && time(NULL) < limit; steps++)
        x = 2 - x * x;
    printf("computed %ld steps, to x = %.3f; meanwhile:\n", steps, x);

    for (int i = 0; i < CHILDREN; i++) {
        chld_status status = peek(children[i]);
        char text[64], path[32];
        require(chld_status_text(&status, text, sizeof text) > 0, "chld_status_text");
        snprintf(path, sizeof path, "/proc/%d", chld_pid(children[i]));
        int zombie = access(path, F_OK) == 0;
        printf("sh -c '%s' %s; %s is %s\n", scripts[i], text, path, zombie ? "there" : "gone");
        require(status.state == CHLD_STATE_EXITED && status.code == i + 1, scripts[i]);
        require(!zombie && chld_close(children[i]) == 0, "no zombie stays");
    }
    return chld_sigchld_remove() < 0;
}

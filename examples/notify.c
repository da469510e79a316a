/*
 * notify.c - the SIGCHLD handler only notifies; the program reaps when it likes.
 *
 * A signal means "look", never "one": children that end together may raise one
 * signal, so every look is at all of them. chld_reap() is that look.
 */
#include <chld.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define CHILDREN 4

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

int main(void)
{
    const char *scripts[CHILDREN] = {"sleep 0.2; exit 1", "sleep 0.1; exit 2",
                                     "sleep 0.1; exit 3", "sleep 0.1; exit 4"};
    chld_id children[CHILDREN];
    chld_status status;
    require(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY) == 0, "chld_sigchld_install");
    for (int i = 0; i < CHILDREN; i++)
        children[i] = start(scripts[i]);

    struct pollfd noticed = {.fd = chld_sigchld_fd(), .events = POLLIN};
    require(noticed.fd >= 0, "chld_sigchld_fd");
    for (int left = CHILDREN; left > 0;) {
        int ready = poll(&noticed, 1, 10000);
        require(ready == 1 || (ready < 0 && errno == EINTR), "poll");
        /* First what came is taken, then all are looked at: what comes later comes again. */
        if (chld_sigchld_pending() != 1)
            continue;
        int found = chld_reap();
        require(found >= 0, "chld_reap");
        left -= found;
        printf("noticed: %d have ended, %d left\n", found, left);
    }
    for (int i = 0; i < CHILDREN; i++) {
        char text[64];
        require(chld_peek(children[i], &status) == 0, "chld_peek");
        require(chld_status_text(&status, text, sizeof text) > 0, "chld_status_text");
        printf("sh -c '%s' %s\n", scripts[i], text);
        require(status.state == CHLD_STATE_EXITED && status.code == i + 1, scripts[i]);
        require(chld_close(children[i]) == 0, "chld_close");
    }
    return chld_sigchld_remove() < 0;
}

/*
 * chld_sigchld_install.c - what chld_sigchld_install(3) shows. Prints:
 *   the handler has reaped it: exited with code 1
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"false", NULL};
    struct pollfd ready = {-1, POLLIN, 0};
    chld_status status = {CHLD_STATE_RUNNING, -1, 0, -1};
    chld_id child;
    char text[80];

    if (chld_sigchld_install(0) < 0 || chld_spawn(&child, argv, NULL, NULL) < 0)
        return 1;
    ready.fd = chld_sigchld_fd();
    while (status.state == CHLD_STATE_RUNNING) {
        poll(&ready, 1, -1);
        if (chld_sigchld_pending() == 1 && chld_peek(child, &status) < 0)
            return 1;
    }
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("the handler has reaped it: %s\n", text);
    return chld_close(child) < 0 || chld_sigchld_remove() < 0;
}

/*
 * chld_exit_fd.c - what chld_exit_fd(3) shows. Prints:
 *   exited with code 0
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"sleep", "0.1", NULL};
    struct pollfd ready = {-1, POLLIN, 0};
    chld_status status;
    chld_id child;
    char text[80];

    if (chld_spawn(&child, argv, NULL, NULL) < 0)
        return 1;
    ready.fd = chld_exit_fd(child);
    if (poll(&ready, 1, 10000) != 1) /* and any other descriptors */
        return 1;
    if (chld_wait(child, 0, &status) < 0 || chld_close(child) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("%s\n", text);
    return 0;
}

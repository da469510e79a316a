/*
 * chld_close.c - what chld_close(3) shows. Prints:
 *   closing the handle has killed the child
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    const char *argv[] = {"sleep", "60", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    struct pollfd ready = {-1, POLLIN, 0};
    chld_id child;

    options.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    if (chld_spawn(&child, argv, &options, NULL) < 0)
        return 1;
    ready.fd = dup(chld_exit_fd(child));
    if (chld_close(child) < 0 || poll(&ready, 1, 10000) != 1)
        return 1;
    printf("closing the handle has killed the child\n");
    return close(ready.fd);
}

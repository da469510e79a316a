/*
 * chld_reap.c - what chld_reap(3) shows. Prints:
 *   1 child has exited
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"true", NULL};
    chld_id child;
    int count = 0;

    if (chld_spawn(&child, argv, NULL, NULL) < 0)
        return 1;
    /* Work; look from time to time. */
    for (int i = 0; i < 1000 && count == 0; i++) {
        poll(NULL, 0, 10);
        count = chld_reap();
    }
    printf("%d child has exited\n", count);
    return chld_close(child) < 0;
}

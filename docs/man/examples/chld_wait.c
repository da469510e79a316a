/*
 * chld_wait.c - what chld_wait(3) shows. Prints:
 *   child 1 exited with code 2
 *   child 0 still runs after 50 ms
 */
#include <chld.h>
#include <errno.h>
#include <stdio.h>

int main(void)
{
    const char *first[] = {"sleep", "60", NULL};
    const char *second[] = {"sh", "-c", "exit 2", NULL};
    chld_id children[2];
    chld_event event;
    char text[80];

    if (chld_spawn(&children[0], first, NULL, NULL) < 0 ||
        chld_spawn(&children[1], second, NULL, NULL) < 0)
        return 1;
    if (chld_wait_any(children, 2, 10000, &event) < 0)
        return 1;
    if (chld_status_text(&event.status, text, sizeof text) > 0)
        printf("child %zu %s\n", event.index, text);
    if (chld_wait(children[0], 50, NULL) == -ETIMEDOUT)
        printf("child 0 still runs after 50 ms\n");
    if (chld_stop(children[0], NULL, NULL) < 0)
        return 1;
    return chld_close(children[0]) < 0 || chld_close(children[1]) < 0;
}

/*
 * chld_subreaper.c - what chld_subreaper(3) shows. Prints:
 *   an orphan exited with code 5
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>

static void show(int pid, const chld_status *status, void *argument)
{
    char text[80];

    (void)pid, (void)argument;
    if (chld_status_text(status, text, sizeof text) > 0)
        printf("an orphan %s\n", text);
}

int main(void)
{
    /* The shell exits at once. What it has started becomes a child of this process. */
    const char *argv[] = {"sh", "-c", "(sleep 0.1; exit 5) &", NULL};
    chld_id child;
    int reaped = 0;

    if (chld_subreaper(1) < 0 || chld_spawn(&child, argv, NULL, NULL) < 0 ||
        chld_wait(child, -1, NULL) < 0 || chld_close(child) < 0)
        return 1;
    for (int i = 0; i < 1000 && reaped == 0; i++) {
        poll(NULL, 0, 10);
        reaped = chld_reap_foreign(show, NULL);
    }
    return reaped != 1;
}

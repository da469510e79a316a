/*
 * chld_kill.c - what chld_kill(3) shows. Prints:
 *   it runs
 *   0 processes of the tree are left
 *   killed by SIGKILL
 */
#include <chld.h>
#include <signal.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"sh", "-c", "sleep 60 & sleep 60 & wait", NULL};
    uint32_t survivors;
    chld_status status;
    chld_id child;
    char text[80];

    if (chld_spawn(&child, argv, NULL, NULL) < 0)
        return 1;
    if (chld_kill(child, 0) == 0)
        printf("it runs\n");
    if (chld_kill_tree(child, SIGKILL, &survivors) < 0)
        return 1;
    printf("%u processes of the tree are left\n", (unsigned)survivors);
    if (chld_wait(child, -1, &status) < 0 || chld_close(child) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("%s\n", text);
    return 0;
}

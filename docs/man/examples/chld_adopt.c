/*
 * chld_adopt.c - what chld_adopt(3) shows. Prints:
 *   exited with code 4
 */
#include <chld.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

int main(void)
{
    pid_t pid = fork();
    chld_id child, found;
    chld_status status;
    char text[80];

    if (pid == 0)
        _exit(4);
    if (pid < 0 || chld_adopt(&child, pid) < 0)
        return 1;
    if (chld_find(pid, &found) < 0 || found != child)
        return 1;
    if (chld_wait(child, -1, &status) < 0 || chld_close(child) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("%s\n", text);
    return 0;
}

/*
 * chld_after_fork.c - what chld_after_fork(3) shows. Prints:
 *   cat has seen the end of its input, although a copy of this process lives
 */
#include <chld.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

int main(void)
{
    const char *argv[] = {"cat", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_id child, copy;
    pid_t pid;

    options.in.mode = CHLD_STDIO_PIPE;
    if (chld_spawn(&child, argv, &options, NULL) < 0)
        return 1;
    pid = fork();
    if (pid == 0) {
        chld_after_fork();
        pause();
        _exit(0);
    }
    if (pid < 0 || chld_adopt(&copy, pid) < 0)
        return 1;
    if (chld_close_fd(child, CHLD_STDIN) < 0 || chld_wait(child, 10000, NULL) < 0)
        return 1;
    printf("cat has seen the end of its input, although a copy of this process lives\n");
    return chld_stop(copy, NULL, NULL) < 0 || chld_close(copy) < 0 || chld_close(child) < 0;
}

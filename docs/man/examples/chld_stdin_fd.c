/*
 * chld_stdin_fd.c - what chld_stdin_fd(3) shows. Prints:
 *   apple
 *   pear
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    const char *argv[] = {"sort", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_id child;
    char line[80];
    FILE *output;

    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    if (chld_spawn(&child, argv, &options, NULL) < 0)
        return 1;
    if (write(chld_stdin_fd(child), "pear\napple\n", 11) != 11)
        return 1;
    if (chld_close_fd(child, CHLD_STDIN) < 0) /* the end of its input */
        return 1;
    output = fdopen(chld_take_fd(child, CHLD_STDOUT), "r");
    while (output && fgets(line, sizeof line, output))
        fputs(line, stdout);
    if (!output || fclose(output) != 0)
        return 1;
    return chld_wait(child, -1, NULL) < 0 || chld_close(child) < 0;
}

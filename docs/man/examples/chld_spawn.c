/*
 * chld_spawn.c - what chld_spawn(3) shows. Prints:
 *   HELLO
 *   tr exited with code 0
 *   chdir /nowhere: No such file or directory
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <stdio.h>

static int shout(const char *directory, const char *words)
{
    const char *argv[] = {"tr", "a-z", "A-Z", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    chld_status status;
    chld_id tr;
    char text[160];

    options.cwd = directory;
    options.in.mode = CHLD_STDIO_PIPE;
    if (chld_spawn(&tr, argv, &options, &error) < 0) {
        if (chld_error_text(&error, text, sizeof text) > 0)
            printf("%s\n", text);
        return -1;
    }
    dprintf(chld_stdin_fd(tr), "%s\n", words);
    chld_close_fd(tr, CHLD_STDIN); /* the end of its input */
    chld_wait(tr, -1, &status);
    chld_close(tr);
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("tr %s\n", text);
    return chld_status_shell_code(&status);
}

int main(void)
{
    return shout("/", "hello") != 0 || shout("/nowhere", "hello") != -1;
}

/*
 * first.c - a program is started, waited for, and its end put into words.
 */
#include <chld.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"ls", "-l", "/", NULL};
    char text[160];
    chld_error error;
    chld_status status;
    chld_id ls;

    if (chld_spawn(&ls, argv, NULL, &error) < 0) {
        if (chld_error_text(&error, text, sizeof text) > 0)
            fprintf(stderr, "%s\n", text);
        return 1;
    }
    if (chld_wait(ls, -1, &status) < 0 || chld_close(ls) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("ls %s\n", text);
    return chld_status_shell_code(&status);
}

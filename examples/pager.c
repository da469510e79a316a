/*
 * pager.c - shows its output through $PAGER, as git does, if stdout is a terminal.
 *
 *     pager [FILE]...        numbers the lines of files, or of stdin
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From here on stdout leads to the pager. CHLD_NONE: it leads where it did. */
static chld_id begin_pager(void)
{
    const char *name = getenv("PAGER"), *set[] = {"LESS=FRX", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    chld_id pager;
    char why[256] = "";

    if (!isatty(STDOUT_FILENO))
        return CHLD_NONE;
    if (!name || !*name)
        name = "less";
    /* Several words, or more than words, are for a shell. */
    int is_plain = strcspn(name, " \t\n\"'\\$&;|<>()`*?[~") == strlen(name);
    const char *plain[] = {name, NULL}, *shell[] = {"sh", "-c", name, NULL};
    options.in.mode = CHLD_STDIO_PIPE;
    options.env_set = getenv("LESS") ? NULL : set;
    options.signals_mode = CHLD_SIGNALS_IGNORING; /* none, unlike this program */
    signal(SIGINT, SIG_IGN);                      /* the key is for the pager, in the same group */
    if (chld_spawn(&pager, is_plain ? plain : shell, &options, &error) < 0) {
        chld_error_text(&error, why, sizeof why);
        fprintf(stderr, "pager: %s\n", why);
        signal(SIGINT, SIG_DFL);
        return CHLD_NONE;
    }
    dup2(chld_stdin_fd(pager), STDOUT_FILENO);
    chld_close_fd(pager, CHLD_STDIN); /* stdout is the only end now */
    signal(SIGPIPE, SIG_IGN);         /* the user may quit the pager at any time */
    return pager;
}

/* The pager sees the end of its input, and stays as long as the user reads. */
static void end_pager(chld_id pager)
{
    fclose(stdout);
    chld_wait(pager, -1, NULL);
    chld_close(pager);
}

/* Returns 0 when nobody reads any more. */
static int number_lines(FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    long number = 0;
    while (!ferror(stdout) && getline(&line, &size, file) > 0)
        printf("%6ld  %s", ++number, line);
    free(line);
    return fflush(stdout) == 0 && !ferror(stdout);
}

int main(int argc, char **argv)
{
    int code = 0, goes_on = 1;
    chld_id pager = begin_pager();
    if (argc < 2)
        goes_on = number_lines(stdin);
    for (int i = 1; i < argc && goes_on; i++) {
        FILE *file = fopen(argv[i], "re");
        if (!file) {
            fprintf(stderr, "pager: %s: %s\n", argv[i], strerror(errno));
            code = 1;
            continue;
        }
        goes_on = number_lines(file);
        fclose(file);
    }
    if (pager != CHLD_NONE)
        end_pager(pager);
    else if (!goes_on)
        code = 1; /* for example, the disk is full */
    return code;
}

/*
 * failures.c - a start that fails reports which step failed, on what, and why.
 *
 * No child is left behind, and no exit code 127 has to be guessed at: a
 * program that cannot be run is an error of chld_spawn() itself.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static void make_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "w");
    require(file && fputs(text, file) >= 0 && fclose(file) == 0, name);
    require(chmod(name, mode) == 0, name);
}

static void try(const char *what, const char *program, const char *cwd, const char *input,
                int step, int code)
{
    const char *argv[] = {program, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = cwd;
    if (input) {
        options.in.mode = CHLD_STDIO_PATH;
        options.in.path = input;
        options.in.open_flags = O_RDONLY;
    }
    chld_id child;
    chld_error error;
    char text[256];
    require(chld_spawn(&child, argv, &options, &error) == -code, what);
    require(chld_error_text(&error, text, sizeof text) > 0, what);
    printf("%-38s %s\n", what, text);
    require(error.step == step && error.code == code, what);
}

int main(void)
{
    const char *parent = getenv("TMPDIR");
    char directory[4096];
    int length = snprintf(directory, sizeof directory, "%s/chld.XXXXXX", parent ? parent : "/tmp");
    require(length > 0 && (size_t)length < sizeof directory, "TMPDIR");
    require(mkdtemp(directory) && chdir(directory) == 0, directory);
    make_file("plain", "#!/bin/sh\n", 0644);
    make_file("script", "#!/no/such/interpreter\n", 0755);

    try("a program that is not there", "/bin/no-such-program", NULL, NULL,
        CHLD_STEP_EXEC, ENOENT);
    try("a program without the x bit", "./plain", NULL, NULL, CHLD_STEP_EXEC, EACCES);
    try("a script without its interpreter", "./script", NULL, NULL,
        CHLD_STEP_INTERPRETER, ENOENT);
    try("a working directory that is not there", "true", "/no/such/place", NULL,
        CHLD_STEP_CHDIR, ENOENT);
    try("a file for stdin that is not there", "cat", NULL, "no-such-input",
        CHLD_STEP_OPEN, ENOENT);

    require(unlink("plain") == 0 && unlink("script") == 0 && rmdir(directory) == 0, directory);
    return 0;
}

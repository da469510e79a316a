/*
 * redirect.c - files, pipes, an environment and a directory for the child.
 *
 * Two children, one after the other. The first writes a file, the second reads
 * it, and the output of the second is read here through a pipe.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *set[] = {"GREETING=hello from the child", NULL}, *unset[] = {"HOME", NULL};
static const char *talk[] = {"sh", "-c", "echo \"2 stdout: $GREETING\"; "
                             "echo '3 stderr: into the same file' >&2; "
                             "echo \"1 HOME is ${HOME-unset}, the directory is $(pwd)\"", NULL};
static const char *sort[] = {"sort", NULL};
static const char *expected = "1 HOME is unset, the directory is /\n"
                              "2 stdout: hello from the child\n"
                              "3 stderr: into the same file\n";

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static chld_id start(const char *const *argv, const chld_spawn_options *options)
{
    chld_id child;
    chld_error error;
    char text[256];
    if (chld_spawn(&child, argv, options, &error) == 0)
        return child;
    require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
    require(0, text);
    return CHLD_NONE;
}

static void finish(chld_id child)
{
    chld_status status;
    require(chld_wait(child, -1, &status) == 0 && chld_close(child) == 0, "chld_wait");
    require(chld_status_shell_code(&status) == 0, "the child's exit code is 0");
}

int main(void)
{
    char path[] = "/tmp/chld.XXXXXX", output[512];
    int file = mkstemp(path);
    require(file >= 0 && close(file) == 0, path);

    chld_spawn_options writer = CHLD_SPAWN_OPTIONS_INIT, reader = CHLD_SPAWN_OPTIONS_INIT;
    writer.env_set = set;
    writer.env_unset = unset;
    writer.cwd = "/";
    writer.out = (chld_stdio){.mode = CHLD_STDIO_PATH, .path = path,
                              .open_flags = O_WRONLY | O_CREAT | O_TRUNC, .open_mode = 0600};
    writer.err.mode = CHLD_STDIO_STDOUT;
    finish(start(talk, &writer));

    reader.in = (chld_stdio){.mode = CHLD_STDIO_PATH, .path = path, .open_flags = O_RDONLY};
    reader.out.mode = CHLD_STDIO_PIPE;
    chld_id sorting = start(sort, &reader);
    ssize_t count = 1, length = 0;
    while (count > 0 && length < (ssize_t)sizeof output - 1) {
        count = read(chld_stdout_fd(sorting), output + length, sizeof output - 1 - (size_t)length);
        require(count >= 0, "read");
        length += count;
    }
    output[length] = '\0';
    finish(sorting);
    fputs(output, stdout);
    require(strcmp(output, expected) == 0, "what the children said");
    return unlink(path) != 0;
}

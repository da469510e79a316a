/*
 * expect.c - answers the questions that a program asks on its terminal.
 *
 *     expect [QUESTION ANSWER]... -- COMMAND [ARGUMENT]...
 *
 * Waits for each QUESTION in turn in what the command writes, then types ANSWER and the
 * return key. Shows everything. A question that does not come within ten seconds ends
 * the command, and is exit code 124.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_MS = 10000, TIMED_OUT = 124, FAILED = 125 };

/* What has come and was not passed over. Of more than it holds, the last part. */
static char text[65536];
static size_t length;

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static void keep(const char *bytes, size_t count)
{
    if (length + count > sizeof text)
        memmove(text, text + sizeof text / 2, length -= sizeof text / 2);
    memcpy(text + length, bytes, count);
    length += count;
}

/* Reads until `question` has come, or all if it is NULL. Returns 1 if it has, 0 at the
 * end of everything, -ETIMEDOUT. */
static int read_to(int fd, const char *question)
{
    long until = now_ms() + MOST_MS;
    for (;;) {
        char bytes[4096];
        const char *found = question ? memmem(text, length, question, strlen(question)) : NULL;
        if (found) {
            found += strlen(question);
            length -= (size_t)(found - text);
            memmove(text, found, length);
            return 1;
        }
        long left = until - now_ms();
        struct pollfd one = {fd, POLLIN, 0};
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(&one, 1, (int)left) <= 0)
            continue;
        ssize_t count = read(fd, bytes, sizeof bytes);
        if (count <= 0) /* EIO: nobody has the terminal open any more */
            return 0;
        fwrite(bytes, 1, (size_t)count, stdout);
        fflush(stdout);
        keep(bytes, (size_t)count);
    }
}

static int converse(chld_id command, char **words)
{
    int fd = chld_stdout_fd(command);
    for (; strcmp(words[0], "--") != 0; words += 2) {
        int came = read_to(fd, words[0]);
        if (came <= 0) {
            fprintf(stderr, "\nexpect: '%s' %s\n", words[0],
                    came < 0 ? "has not come in time" : "has not come");
            return came < 0 ? TIMED_OUT : FAILED;
        }
        dprintf(fd, "%s\r", words[1]);
    }
    return read_to(fd, NULL) < 0 ? TIMED_OUT : 0;
}

int main(int argc, char **argv)
{
    int first = 1;
    while (first < argc && strcmp(argv[first], "--") != 0)
        first += 2;
    if (first + 1 >= argc) {
        fprintf(stderr, "usage: expect [QUESTION ANSWER]... -- COMMAND [ARGUMENT]...\n");
        return FAILED;
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    chld_status status;
    chld_id command;
    char why[256] = "";
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PTY;
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    if (chld_spawn(&command, argv + first + 1, &options, &error) < 0) {
        chld_error_text(&error, why, sizeof why);
        fprintf(stderr, "expect: %s\n", why);
        return FAILED;
    }
    int code = converse(command, argv + 1);
    if (code == 0 && chld_wait(command, MOST_MS, &status) < 0)
        code = TIMED_OUT;
    if (code == 0)
        code = chld_status_shell_code(&status);
    chld_close(command); /* kills it, if it still runs */
    return code;
}

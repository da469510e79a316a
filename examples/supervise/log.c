/*
 * log.c - the log of supervise: a file that can be opened anew, or stderr.
 */
#define _GNU_SOURCE
#include "supervise.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int log_fd = STDERR_FILENO;

int log_open(const char *path)
{
    if (!path)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    if (log_fd != STDERR_FILENO)
        close(log_fd);
    log_fd = fd;
    return 0;
}

/* In one write: lines of a file that is appended to are never mixed. */
void log_line(const char *about, const char *format, ...)
{
    char stamp[32], text[1024];
    time_t now = time(NULL);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    dprintf(log_fd, "%s %s: %s\n", stamp, about, text);
}

/*
 * popen(), pclose() and system() by chld_spawn() and chld_wait().
 *
 * A stream of popen() is close-on-exec, with or without "e".
 */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int start(chld_id *ret, const char *command, const chld_spawn_options *options)
{
    const char *const argv[] = { "sh", "-c", "--", command, NULL };
    return chld_spawn(ret, argv, options, NULL);
}

/* Returns the status as waitpid() does, or -1 with errno. */
static int finish(chld_id id)
{
    chld_status status = { .wait_word = -1 };
    int result = chld_wait(id, -1, &status);
    chld_close(id);
    if (status.wait_word == -1) {
        errno = result < 0 ? -result : ECHILD;
    }
    return status.wait_word;
}

struct stream {
    FILE *file;
    chld_id id;
    struct stream *next;
};

static struct stream *streams;

/* Returns 0 or an errno. */
static int open_stream(struct stream *stream, const char *command, bool reads)
{
    chld_spawn_options options = usual();
    options.program = "/bin/sh";
    *(reads ? &options.out : &options.in) = (chld_stdio){ .mode = CHLD_STDIO_PIPE };
    int result = start(&stream->id, command, &options);
    if (result < 0) {
        return -result;
    }
    int fd = chld_take_fd(stream->id, reads ? CHLD_STDOUT : CHLD_STDIN);
    stream->file = fdopen(fd, reads ? "r" : "w");
    if (stream->file == NULL) {
        close(fd);
        chld_close(stream->id);
        return ENOMEM;
    }
    return 0;
}

FILE *popen(const char *command, const char *mode)
{
    struct stream *stream = malloc(sizeof *stream);
    int error = stream == NULL ? ENOMEM
        : mode[0] != 'r' && mode[0] != 'w' ? EINVAL
        : open_stream(stream, command, mode[0] == 'r');
    if (error != 0) {
        free(stream);
        errno = error;
        return NULL;
    }
    pthread_mutex_lock(&lock);
    stream->next = streams;
    streams = stream;
    pthread_mutex_unlock(&lock);
    return stream->file;
}

int pclose(FILE *file)
{
    pthread_mutex_lock(&lock);
    struct stream **place = &streams, *found;
    while (*place != NULL && (*place)->file != file) {
        place = &(*place)->next;
    }
    found = *place;
    if (found != NULL) {
        *place = found->next;
    }
    pthread_mutex_unlock(&lock);
    if (found == NULL) {
        errno = EINVAL;
        return -1;
    }
    chld_id id = found->id;
    free(found);
    fclose(file);
    return finish(id);
}

/* While commands of system() run, the program ignores ^C and ^\, which are for them. */
static int running;
static struct sigaction before_int, before_quit;

static void ignore_keys(void)
{
    static const struct sigaction ignore = { .sa_handler = SIG_IGN };
    pthread_mutex_lock(&lock);
    if (running++ == 0) {
        sigaction(SIGINT, &ignore, &before_int);
        sigaction(SIGQUIT, &ignore, &before_quit);
    }
    pthread_mutex_unlock(&lock);
}

static void heed_keys(void)
{
    pthread_mutex_lock(&lock);
    if (--running == 0) {
        sigaction(SIGINT, &before_int, NULL);
        sigaction(SIGQUIT, &before_quit, NULL);
    }
    pthread_mutex_unlock(&lock);
}

static uint64_t bit_unless_ignored(int number, const struct sigaction *before)
{
    return before->sa_handler == SIG_IGN ? 0 : 1ull << (number - 1);
}

int system(const char *command)
{
    chld_spawn_options options = usual();
    sigset_t blocked, before;
    chld_id id;
    if (command == NULL) {
        return 1;
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    ignore_keys();
    options.program = "/bin/sh";
    options.mask_mode = CHLD_MASK_BLOCKED;
    chld_sigset_decode(&before, &options.blocked);
    options.reset = bit_unless_ignored(SIGINT, &before_int)
        | bit_unless_ignored(SIGQUIT, &before_quit);
    int result = start(&id, command, &options);
    int word = result == 0 ? finish(id) : -1;
    heed_keys();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result < 0) {
        errno = -result;
    }
    return word;
}

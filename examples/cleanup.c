/*
 * cleanup.c - a child that catches SIGUSR1, cleans up, and exits with 123.
 *
 * It is captured step by step, in an event loop of the program's own: as soon
 * as it has reported that it is ready, it gets the signal.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

struct output {
    chld_id child;
    char text[256];
    size_t length;
};

static int take(void *argument, const char *data, size_t size)
{
    struct output *output = argument;
    int was_ready = strchr(output->text, '\n') != NULL;
    if (size >= sizeof output->text - output->length)
        return 1; /* too much: end it */
    memcpy(output->text + output->length, data, size);
    output->length += size;
    if (!was_ready && strchr(output->text, '\n'))
        require(chld_kill(output->child, chld_signal_number("USR1")) == 0, "chld_kill");
    return 0;
}

int main(void)
{
    const char *script = "f=$(mktemp) || exit 1\n"
                         "trap 'echo signal received; rm \"$f\"; exit 123' USR1\n"
                         "echo \"ready: $f\"; while :; do sleep 0.05; done";
    const char *argv[] = {"sh", "-c", script, NULL};
    struct output output = {0};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_id capturing;
    chld_capture_wait wait;
    chld_capture_result result;
    char text[128];
    int done;

    spawn.out.mode = CHLD_STDIO_PIPE;
    require(chld_spawn(&output.child, argv, &spawn, NULL) == 0, "chld_spawn");
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = take;
    options.out.argument = &output;
    options.timeout_ms = 10000;
    require(chld_capture_open(output.child, &options, &capturing) == 0, "chld_capture_open");
    while ((done = chld_capture_step(capturing, &wait)) == 0) {
        struct pollfd fds[CHLD_CAPTURE_FDS];
        for (unsigned i = 0; i < wait.count; i++)
            fds[i] = (struct pollfd){wait.fds[i].fd, wait.fds[i].events, 0};
        require(poll(fds, wait.count, wait.timeout_ms) >= 0, "poll");
    }
    require(done == 1, "chld_capture_step");
    require(chld_capture_close(capturing, &result) == 0, "chld_capture_close");
    require(chld_close(output.child) == 0, "chld_close");
    require(chld_status_text(&result.status, text, sizeof text) > 0, "chld_status_text");
    printf("%sstatus: %s\n", output.text, text);

    char *path = strchr(output.text, '/'), *end = strchr(output.text, '\n');
    require(end && !strcmp(end, "\nsignal received\n"), "the output");
    require(result.status.state == CHLD_STATE_EXITED && result.status.code == 123, "the code");
    *end = 0;
    require(path && access(path, F_OK) < 0, "the file is removed");
    return 0;
}

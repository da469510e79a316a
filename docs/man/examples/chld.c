/*
 * chld.c - what chld(7) shows. Prints:
 *   exec no-such-program: No such file or directory
 *   sh -c 'exit 3' exited with code 3
 *   sh -c 'kill -SEGV $$' killed by SIGSEGV (segmentation fault)
 *   sh -c 'exec sleep 60' killed by SIGTERM (terminated)
 */
#include <chld.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* No core file: the status text would mention it. */
static const chld_limit no_core = {RLIMIT_CORE, 0, 0, 0};

static chld_id start(const char *const *argv)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    chld_id child;
    char text[160];

    options.limits = &no_core;
    options.limits_count = 1;
    if (chld_spawn(&child, argv, &options, &error) == 0)
        return child;
    if (chld_error_text(&error, text, sizeof text) > 0)
        printf("%s\n", text);
    return CHLD_NONE;
}

/* So much time for a script, then SIGTERM; SIGKILL if that does not help. */
static void run(const char *script, int timeout_ms)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_id child = start(argv);
    chld_status status;
    char text[80];

    if (child == CHLD_NONE)
        exit(1);
    if (chld_wait(child, timeout_ms, &status) < 0 &&
        chld_stop(child, NULL, &status) < 0)
        exit(1);
    if (chld_status_text(&status, text, sizeof text) < 0 || chld_close(child) < 0)
        exit(1);
    printf("sh -c '%s' %s\n", script, text);
}

int main(void)
{
    const char *argv[] = {"no-such-program", NULL};

    if (start(argv) != CHLD_NONE)
        return 1;
    run("exit 3", 10000);
    run("kill -SEGV $$", 10000);
    run("exec sleep 60", 100);
    return 0;
}

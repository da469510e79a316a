/*
 * chld_signal_name.c - what chld_signal_name(3) shows. Prints:
 *   SIGHUP is 1: hangup
 *   SIGUSR1 is blocked in the child
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <signal.h>
#include <stdio.h>

int main(void)
{
    const char *script = "kill -USR1 $$; echo SIGUSR1 is blocked in the child";
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    int number = chld_signal_number("hup");
    sigset_t set;
    chld_id child;

    printf("%s is %d: %s\n", chld_signal_name(number), number, chld_signal_text(number));
    fflush(stdout);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    options.mask_mode = CHLD_MASK_BLOCKED;
    if (chld_sigset_decode(&set, &options.blocked) < 0 ||
        chld_spawn(&child, argv, &options, NULL) < 0)
        return 1;
    return chld_wait(child, -1, NULL) < 0 || chld_close(child) < 0;
}

/*
 * chld_engine.c - what chld_engine(3) shows. Prints:
 *   libchld 0.1.0
 *   exits are detected
 *   SIGCHLD is not ignored
 */
#include <chld.h>
#include <stdio.h>

int main(void)
{
    int engine = chld_engine();
    uint32_t found;

    printf("libchld %s\n", chld_version());
    if (engine == CHLD_ENGINE_PIDFD || engine == CHLD_ENGINE_SIGCHLD)
        printf("exits are detected\n");
    if (chld_environment(&found) < 0)
        return 1;
    printf("SIGCHLD is %s\n", found & CHLD_ENV_SIGCHLD_IGNORED ? "ignored" : "not ignored");
    if (chld_supports(CHLD_SPAWN_PRIVATE) > 0)
        return 1; /* 0, or why not: -ENOSYS before Linux 7.1 */
    return 0;
}

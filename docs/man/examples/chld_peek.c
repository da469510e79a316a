/*
 * chld_peek.c - what chld_peek(3) shows. Prints:
 *   "the job": exited with code 0, has used CPU time: yes
 */
#include <chld.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    char name[] = "the job", text[80];
    chld_resources used;
    chld_status status;
    chld_id child;
    void *user;

    options.user = name;
    if (chld_spawn(&child, argv, &options, NULL) < 0 || chld_wait(child, -1, NULL) < 0)
        return 1;
    /* As often as you like, until chld_close(). */
    if (chld_peek(child, &status) < 0 || chld_usage(child, &used) < 0 ||
        chld_user(child, &user) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("\"%s\": %s, has used CPU time: %s\n", (char *)user, text,
               used.user_us + used.system_us > 0 ? "yes" : "no");
    return chld_close(child) < 0;
}

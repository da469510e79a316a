/*
 * chld_error_text.c - what chld_error_text(3) shows. Prints:
 *   exec no-such-program: No such file or directory
 *   chdir /no/such/place: No such file or directory
 *   options: size is 0; initialize with CHLD_SPAWN_OPTIONS_INIT
 */
#include <chld.h>
#include <stdio.h>

static void start(const char *program, const chld_spawn_options *options)
{
    const char *argv[] = {program, NULL};
    chld_error error;
    chld_id child;
    char text[200];

    if (chld_spawn(&child, argv, options, &error) < 0 &&
        chld_error_text(&error, text, sizeof text) > 0)
        printf("%s\n", text);
}

int main(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;

    start("no-such-program", &options);
    options.cwd = "/no/such/place";
    start("true", &options);
    options.size = 0;
    start("true", &options);
    return 0;
}

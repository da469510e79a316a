/*
 * exit_codes.c - exit codes, signals, and the one number that a shell makes of both.
 *
 * A shell's $? is 143 for a child that SIGTERM ended, and for one that called
 * exit(143). The status distinguishes the two.
 */
#include <chld.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *script;
    int state, code, shell_code;
} cases[] = {
    {"exit 0", CHLD_STATE_EXITED, 0, 0},
    {"exit 1", CHLD_STATE_EXITED, 1, 1},
    {"exit 42", CHLD_STATE_EXITED, 42, 42},
    {"exit 255", CHLD_STATE_EXITED, 255, 255},
    {"kill -TERM $$", CHLD_STATE_KILLED, 15, 143},
    {"exit 143", CHLD_STATE_EXITED, 143, 143},
    {"kill -KILL $$", CHLD_STATE_KILLED, 9, 137},
};

static void fail(const char *what)
{
    fprintf(stderr, "not as it should be: %s\n", what);
    exit(1);
}

static chld_status run(const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_error error;
    chld_status status;
    chld_id child;
    if (chld_spawn(&child, argv, NULL, &error) < 0) {
        char text[256];
        fail(chld_error_text(&error, text, sizeof text) > 0 ? text : "chld_error_text");
    }
    if (chld_wait(child, -1, &status) < 0 || chld_close(child) < 0)
        fail(script);
    return status;
}

int main(void)
{
    printf("%-22s%-34s%s\n", "sh -c", "how it ended", "$?");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        chld_status status = run(cases[i].script);
        int shell_code = chld_status_shell_code(&status);
        char text[64];
        if (chld_status_text(&status, text, sizeof text) < 0)
            fail(cases[i].script);
        printf("%-22s%-34s%d\n", cases[i].script, text, shell_code);
        if (status.state != cases[i].state || status.code != cases[i].code ||
            shell_code != cases[i].shell_code)
            fail(cases[i].script);
    }
    return 0;
}

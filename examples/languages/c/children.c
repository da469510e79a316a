/*
 * children.c - the ten children of children.txt, in C: what the programs in the
 * other languages are compared with.
 *
 *     cc children.c -lchld && ./a.out ../children.txt
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { BESIDE = 40 };

extern char **environ;

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static void print_status(const chld_status *status)
{
    char text[128];
    require(chld_status_text(status, text, sizeof text) > 0, "chld_status_text");
    printf(" %s (state %d, code %d, word 0x%04x, $? %d)", text, status->state, status->code,
           (unsigned)status->wait_word, chld_status_shell_code(status));
}

static void print_error(const chld_error *error)
{
    char text[256];
    require(chld_error_text(error, text, sizeof text) > 0, "chld_error_text");
    printf(" %s (step %s, index %d, errno %d)", text, chld_step_name(error->step), error->index,
           error->code);
}

static void await(const char *const *argv)
{
    chld_id child;
    chld_error error;
    chld_status status;
    if (chld_spawn(&child, argv, NULL, &error) < 0) {
        print_error(&error);
        return;
    }
    require(chld_wait(child, -1, &status) == 0, "chld_wait");
    require(chld_close(child) == 0, "chld_close");
    print_status(&status);
}

static void run(const char *const *argv, const char *name)
{
    char variable[64];
    const char *const env[] = {variable, NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    snprintf(variable, sizeof variable, "CHILD=%s", name);
    spawn.cwd = "/";
    spawn.env_set = env;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = name;
    options.in.size = strlen(name);
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    require(chld_run(argv, &spawn, &options, &result, NULL) == 0, "chld_run");
    print_status(&result.status);
    printf(" out: %.*s", (int)strcspn(result.out.data, "\n"), result.out.data);
    printf(" err: %zu bytes", (size_t)result.err.kept);
    require(chld_buffer_free(result.out.data) == 0, "chld_buffer_free");
    require(chld_buffer_free(result.err.data) == 0, "chld_buffer_free");
}

static void limit(const char *const *argv)
{
    const chld_stop_step kill_it = {9, -1};
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    plan.steps = &kill_it;
    plan.steps_count = 1;
    options.stop = &plan;
    options.timeout_ms = 200;
    require(chld_run(argv, NULL, &options, &result, NULL) == 0, "chld_run");
    print_status(&result.status);
    printf(" %s", result.timed_out ? "at the limit" : "by itself");
}

static void stop(const char *const *argv)
{
    chld_id child;
    chld_status status;
    require(chld_spawn(&child, argv, NULL, NULL) == 0, "chld_spawn");
    require(chld_wait_change(child, CHLD_WATCH_STOPPED, -1, &status) == 0, "chld_wait_change");
    print_status(&status);
    require(chld_kill(child, chld_signal_number("TERM")) == 0, "SIGTERM");
    require(chld_kill(child, chld_signal_number("CONT")) == 0, "SIGCONT");
    require(chld_wait(child, -1, &status) == 0, "chld_wait");
    require(chld_close(child) == 0, "chld_close");
    print_status(&status);
}

static void child(const char *name, const char *way, const char *what)
{
    const char *argv[] = {"sh", "-c", what, NULL};
    const char *program[] = {what, NULL};
    printf("%s:", name);
    if (!strcmp(way, "run"))
        run(argv, name);
    else if (!strcmp(way, "limit"))
        limit(argv);
    else if (!strcmp(way, "stop"))
        stop(argv);
    else
        await(strcmp(way, "exec") ? argv : program);
    putchar('\n');
}

/* Its own children by posix_spawn() and waitpid(), and the library's, at once. */
static void beside(void)
{
    int own_right = 0, ours_right = 0, word;
    pid_t own[BESIDE];
    chld_id ours[BESIDE];
    chld_status status;
    for (int i = 0; i < BESIDE; i++) {
        char script[] = "sleep 0.1; exit $0", number[12];
        char *argv[] = {"sh", "-c", script, number, NULL};
        snprintf(number, sizeof number, "%d", i);
        require(posix_spawnp(&own[i], "sh", NULL, NULL, argv, environ) == 0, "posix_spawnp");
        snprintf(number, sizeof number, "%d", 100 + i);
        require(chld_spawn(&ours[i], (const char *const *)argv, NULL, NULL) == 0, "chld_spawn");
    }
    for (int i = 0; i < BESIDE; i++) {
        own_right += waitpid(own[i], &word, 0) == own[i] && WIFEXITED(word) &&
                     WEXITSTATUS(word) == i;
        ours_right += chld_wait(ours[i], -1, &status) == 0 && chld_close(ours[i]) == 0 &&
                      status.code == 100 + i;
    }
    printf("beside: %d of %d of its own, %d of %d of chld\n", own_right, BESIDE, ours_right,
           BESIDE);
}

int main(int argc, char **argv)
{
    char line[256], name[32], way[32], what[192];
    FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
    require(list != NULL, "the list of children");
    while (fgets(line, sizeof line, list))
        if (line[0] != '#' && sscanf(line, "%31s %31s %191[^\n]", name, way, what) == 3)
            child(name, way, what);
    fclose(list);
    beside();
    printf("engine: %s\n", chld_engine() == CHLD_ENGINE_PIDFD ? "pidfd" : "sigchld");
    return 0;
}

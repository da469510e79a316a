/*
 * programs.c - what becomes of one program: started, ended, started again after a
 * pause that doubles each time, stopped by degrees.
 */
#define _GNU_SOURCE
#include "supervise.h"
#include <stdio.h>
#include <string.h>

/* How long SIGKILL may take. */
static const double KILL_TAKES = 5;

static void wait_for_start(struct program *program, const char *why)
{
    program->state = WAITING;
    program->since = tool_now();
    program->due = program->since + program->backoff;
    log_line(program->name, "%s; again in %g s", why, program->backoff);
    program->backoff *= 2;
    if (program->backoff > program->most)
        program->backoff = program->most;
}

static void start(struct program *program)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    char text[256];
    options.group_mode = CHLD_GROUP_NEW;
    options.in.mode = CHLD_STDIO_NULL;
    options.cwd = program->directory;
    options.death_signal = program->stop_signal; /* if this process is killed */
    program->starts++;
    program->killed = 0;
    if (chld_spawn(&program->child, (const char *const *)program->command, &options, &error) < 0) {
        chld_error_text(&error, text, sizeof text);
        wait_for_start(program, text);
        return;
    }
    program->state = RUNNING;
    program->since = tool_now();
    program->due = 0;
    log_line(program->name, "started, pid %d", chld_pid(program->child));
}

/* Whether this end is one to start it again after. */
static int shall_restart(const struct program *program, const chld_status *status)
{
    int good = status->state == CHLD_STATE_EXITED && status->code == 0;
    return program->restart == ALWAYS || (program->restart == ON_FAILURE && !good);
}

static void ended(struct program *program, const chld_status *status)
{
    char words[128], text[192];
    double ran = tool_now() - program->since;
    chld_close(program->child);
    if (chld_status_text(status, words, sizeof words) < 0)
        words[0] = 0;
    snprintf(text, sizeof text, "%s after %.1f s", words, ran);
    if (ran >= program->reset)
        program->backoff = program->delay;
    if (program->state == RUNNING && shall_restart(program, status)) {
        wait_for_start(program, text);
        return;
    }
    log_line(program->name, "%s", text);
    program->state = FINISHED;
}

/* When its end is told, what it has left in its group is gone, and it can be started
 * again without finding that in its way. */
void program_look(struct program *program)
{
    chld_status status;
    if ((program->state != RUNNING && program->state != STOPPING) ||
        !tool_has_ended(program->child))
        return;
    chld_kill_tree(program->child, SIGKILL, NULL);
    if (chld_wait(program->child, 0, &status) == 0)
        ended(program, &status);
}

void program_stop(struct program *program)
{
    if (program->state == WAITING)
        program->state = FINISHED;
    if (program->state != RUNNING)
        return;
    program->state = STOPPING;
    program->due = program->grace > 0 ? tool_now() + program->grace : 0;
    log_line(program->name, "sent SIG%s", tool_signal_name(program->stop_signal));
    chld_kill_group(program->child, program->stop_signal);
    chld_kill_group(program->child, SIGCONT); /* a stopped one shall act on it */
}

/* SIGKILL to all its descendants, also those in other groups. */
static int take_last_step(struct program *program)
{
    if (program->killed) {
        log_line(program->name, "cannot be ended, left alone");
        chld_close(program->child);
        program->state = FINISHED;
        return -1;
    }
    log_line(program->name, "sent SIGKILL");
    chld_kill_tree(program->child, SIGKILL, NULL);
    program->killed = 1;
    program->due = tool_now() + KILL_TAKES;
    return 0;
}

int program_step(struct program *program)
{
    if (program->due <= 0 || tool_ms_left(program->due) > 0)
        return 0;
    if (program->state == WAITING)
        start(program);
    else if (program->state == STOPPING)
        return take_last_step(program);
    return 0;
}

void program_tell(const struct program *program)
{
    double since = tool_now() - program->since;
    int times = program->starts;
    switch (program->state) {
    case WAITING:
        log_line(program->name, "waits for its start in %.1f s; starts so far: %d",
                 program->due - tool_now(), times);
        break;
    case RUNNING:
        log_line(program->name, "runs since %.1f s, pid %d; starts so far: %d", since,
                 chld_pid(program->child), times);
        break;
    case STOPPING:
        log_line(program->name, "is being stopped, pid %d", chld_pid(program->child));
        break;
    case FINISHED: log_line(program->name, "is finished; starts so far: %d", times); break;
    }
}

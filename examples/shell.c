/*
 * shell.c - a shell: pipelines, jobs in the background, Ctrl-Z, fg and bg (of the latest job), $?.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { JOBS = 32, STAGES = 16, WORDS = 256 };

static struct job {
    size_t count, done; /* stages, 0 if the place is free; the first ones, which have exited */
    int in_background;
    chld_stage stages[STAGES];
    const char *words[WORDS];
    char line[1024];
} jobs[JOBS], *latest = jobs;
static struct termios modes;
static int has_terminal, code; /* $? */

/* For one stage after the other. Returns $?, or -1 if one has stopped or still runs. */
static int wait_for(struct job *job, int timeout_ms)
{
    for (; job->done < job->count; job->done++) {
        chld_stage *stage = &job->stages[job->done];
        if (chld_wait_change(stage->id, CHLD_WATCH_STOPPED, timeout_ms, &stage->status) < 0 ||
            stage->status.state == CHLD_STATE_STOPPED)
            return -1;
        chld_close(stage->id);
    }
    return chld_status_shell_code(&job->stages[job->count - 1].status);
}

/* Until it has exited or stopped. Then the terminal is the shell's again. */
static void stay_in_foreground(struct job *job)
{
    int ended = wait_for(job, -1);
    chld_terminal_take(STDIN_FILENO, &modes);
    if ((job->in_background = ended < 0))
        printf("stopped: %s\n", (latest = job)->words[0]);
    code = ended < 0 ? 128 + SIGTSTP : ended;
}

/* Returns a free place. */
static struct job *look_at_jobs(void)
{
    struct job *free = NULL;
    for (struct job *job = jobs; job < jobs + JOBS; job++) {
        int ended = job->count > 0 ? wait_for(job, 0) : 0;
        if (ended >= 0 && job->count > 0 && job->in_background)
            printf("exited with %d: %s\n", ended, job->words[0]);
        if (ended >= 0)
            *(free = job) = (struct job){0};
    }
    return free;
}

/* Words are separated by blanks; | stands between stages, & at the end. Counts the stages. */
static size_t read_words(struct job *job)
{
    static char before[16], *word;
    size_t count = 0, stages = 1;
    snprintf(before, sizeof before, "%d", code);
    job->stages[0].argv = job->words;
    for (char *line = job->line; (word = strtok(line, " \t\n")) && count < WORDS - 2; line = NULL) {
        if (!strcmp(word, "|") && stages < STAGES)
            job->stages[stages++].argv = &job->words[++count]; /* after a NULL */
        else if (!(job->in_background = !strcmp(word, "&")))
            job->words[count++] = strcmp(word, "$?") ? word : before;
    }
    return job->words[0] ? stages : 0;
}

static void start(struct job *job, size_t count)
{
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT, later;
    chld_error error;
    first.signals_mode = CHLD_SIGNALS_IGNORING; /* none, unlike the shell */
    later = first;
    first.group_mode = CHLD_GROUP_NEW;
    first.flags = has_terminal && !job->in_background ? CHLD_SPAWN_FOREGROUND : 0;
    for (size_t i = 0; i < count; i++)
        job->stages[i].options = i == 0 ? &first : &later;
    if (chld_pipeline(job->stages, count, &error) < 0) {
        fprintf(stderr, "%s: %s\n", error.item, strerror(error.code));
        code = 127;
        return;
    }
    job->count = count;
    latest = job->in_background ? job : latest;
    if (!job->in_background)
        stay_in_foreground(job);
}

int main(void)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    has_terminal = tcgetattr(STDIN_FILENO, &modes) == 0;
    for (size_t i = 0; has_terminal && i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    for (struct job *job; (job = look_at_jobs()) != NULL;) {
        fputs(has_terminal ? "$ " : "", stdout);
        if (fflush(stdout) != 0 || !fgets(job->line, sizeof job->line, stdin))
            break;
        size_t count = read_words(job);
        int is_fg = count && !strcmp(job->words[0], "fg"), pid = latest->stages[0].pid;
        if (count && !is_fg && strcmp(job->words[0], "bg")) {
            start(job, count);
        } else if (count && latest->count) {
            tcsetpgrp(STDIN_FILENO, is_fg ? pid : getpgrp());
            killpg(pid, SIGCONT); /* the group has members, so the number is theirs */
            if (is_fg)
                stay_in_foreground(latest);
        }
    }
    return code;
}

/*
 * list.c - the list of supervise. A line of it is
 *
 *     NAME [OPTION=VALUE]...: COMMAND [ARGUMENT]...
 *
 * Words are separated by blanks; quotes and backslashes are as in a shell, and
 * nothing else is. An empty line, and one that begins with #, is passed over.
 */
#define _GNU_SOURCE
#include "supervise.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *got(void *memory)
{
    if (!memory)
        tool_give_up("no memory");
    return memory;
}

/* Takes the next word off `*rest`, in place, without its quotes. NULL: there is none.
 * A quote that is not closed sets `*wrong`. */
static char *next_word(char **rest, int *wrong)
{
    char *from = *rest + strspn(*rest, " \t"), *word = from, *to = from, quote = 0;
    if (!*from)
        return NULL;
    for (; *from && (quote || !isblank((unsigned char)*from)); from++) {
        if (!quote && (*from == '"' || *from == '\''))
            quote = *from;
        else if (quote && *from == quote)
            quote = 0;
        else if (*from == '\\' && quote != '\'' && from[1])
            *to++ = *++from;
        else
            *to++ = *from;
    }
    *wrong |= quote != 0;
    *rest = from + (*from != 0);
    *to = 0;
    return word;
}

static const char *set_restart(struct program *program, const char *value)
{
    static const char *const names[] = {"always", "failure", "never"};
    for (int i = 0; i < 3; i++) {
        if (!strcmp(value, names[i])) {
            program->restart = (enum restart)i;
            return NULL;
        }
    }
    return "restart is always, failure or never";
}

static const char *set_signal(struct program *program, const char *value)
{
    program->stop_signal = chld_signal_number(value);
    return program->stop_signal < 0 ? "no such signal" : NULL;
}

/* Returns what is wrong with it, or NULL. */
static const char *set_option(struct program *program, char *option)
{
    char *value = strchr(option, '=');
    if (!value)
        return "an option without a value";
    *value++ = 0;
    struct { const char *name; double *to; } durations[] = {{"delay", &program->delay},
                                                            {"most", &program->most},
                                                            {"reset", &program->reset},
                                                            {"grace", &program->grace}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        if (!strcmp(option, durations[i].name)) {
            *durations[i].to = tool_duration(value);
            return *durations[i].to < 0 ? "no such duration" : NULL;
        }
    }
    if (!strcmp(option, "restart"))
        return set_restart(program, value);
    if (!strcmp(option, "stop"))
        return set_signal(program, value);
    if (strcmp(option, "directory"))
        return "no such option";
    free(program->directory);
    program->directory = got(strdup(value));
    return NULL;
}

/* The colon that ends a word, and with it the part before the command. */
static char *end_of_head(char *line)
{
    for (char *colon = strchr(line, ':'); colon; colon = strchr(colon + 1, ':'))
        if (!colon[1] || isblank((unsigned char)colon[1]))
            return colon;
    return NULL;
}

static const char *read_command(struct program *program, char *rest)
{
    int wrong = 0;
    size_t count = 0;
    program->command = got(calloc(strlen(rest) / 2 + 2, sizeof *program->command));
    for (char *word; (word = next_word(&rest, &wrong)) != NULL;)
        program->command[count++] = got(strdup(word));
    return wrong ? "a quote is not closed" : count == 0 ? "there is no command" : NULL;
}

static const char *read_line(struct program *program, char *text)
{
    int wrong = 0;
    const char *why = NULL;
    char *colon = end_of_head(text), *word;
    if (!colon)
        return "no colon after the name";
    *colon = 0;
    if (!(word = next_word(&text, &wrong)) || strchr(word, '='))
        return "there is no name";
    program->name = got(strdup(word));
    while (!why && (word = next_word(&text, &wrong)) != NULL)
        why = set_option(program, word);
    if (!why && program->most < program->delay)
        why = "most is less than delay";
    program->backoff = program->delay;
    return why ? why : wrong ? "a quote is not closed" : read_command(program, colon + 1);
}

void program_free(struct program *program)
{
    for (char **word = program->command; word && *word; word++)
        free(*word);
    free(program->command);
    free(program->directory);
    free(program->name);
    free(program->line);
    free(program);
}

static void free_all(struct program *list)
{
    for (struct program *next; list; list = next) {
        next = list->next;
        program_free(list);
    }
}

static const char *add(struct program **list, const char *line)
{
    struct program **end = list, *program = got(calloc(1, sizeof *program));
    *program = (struct program){.line = got(strdup(line)), .stop_signal = SIGTERM,
                                .delay = 1, .most = 60, .reset = 10, .grace = 5};
    program->since = program->due = tool_now();
    char *text = got(strdup(line));
    const char *why = read_line(program, text);
    free(text);
    for (; *end; end = &(*end)->next)
        if (program->name && !strcmp((*end)->name, program->name))
            why = why ? why : "this name was there before";
    if (why)
        program_free(program);
    else
        *end = program;
    return why;
}

int list_read(const char *path, struct program **ret)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    const char *why = NULL;
    int number = 0;
    *ret = NULL;
    if (!file) {
        log_line("supervise", "%s: %s", path, strerror(errno));
        return -1;
    }
    while (!why && getline(&line, &size, file) > 0) {
        number++;
        line[strcspn(line, "\n")] = 0;
        const char *begin = line + strspn(line, " \t");
        if (*begin && *begin != '#' && (why = add(ret, begin)) != NULL)
            log_line("supervise", "%s:%d: %s", path, number, why);
    }
    free(line);
    fclose(file);
    if (why) {
        free_all(*ret);
        *ret = NULL;
    }
    return why ? -1 : 0;
}

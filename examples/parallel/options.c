/*
 * options.c - what parallel is told.
 */
#define _GNU_SOURCE
#include "parallel.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1000 };

struct wanted wanted = {.separator = '\n', .grace = 2};

static const char help[] =
    "Usage: chld-parallel [OPTION]... COMMAND [ARGUMENT]... [::: ITEM...]\n"
    "Runs COMMAND once for each ITEM, or each line of stdin, several at a time. {} in\n"
    "the arguments stands for the item, which comes last where there is no {}.\n\n"
    "  -j, --jobs=N            so many at once; as many as there are processors by\n"
    "                          default\n"
    "  -k, --keep-order        print in the order of the items\n"
    "  -t, --timeout=DURATION  end a job that takes longer\n"
    "  -g, --grace=DURATION    between TERM and KILL; 2 s by default\n"
    "  -r, --retries=N         start a failed job again, so often at most\n"
    "      --halt[=WHEN]       when a job fails, start no more (soon), and also stop\n"
    "                          those that run (now, the default)\n"
    "      --tag               put the item before each line of output\n"
    "  -0, --null              items end with NUL, not with newline\n"
    "  -v, --verbose           count the endings on stderr, in words\n"
    "      --help              show this text\n"
    "      --version           show the version\n\n"
    "DURATION is a number, with a fraction if need be, and a unit: s, m, h or d; s by\n"
    "default. 0 is no limit.\n\n"
    "Exits with the number of jobs that failed, with 101 if there were more than 100,\n"
    "and with 125 if it fails itself.\n";

static int number(const char *text, long least, long most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < least || value > most)
        tool_give_up("'%s' is no number from %ld to %ld", text, least, most);
    return (int)value;
}

static void set_halt(const char *when)
{
    wanted.halt_now = !when || !strcmp(when, "now");
    wanted.halt_soon = !wanted.halt_now;
    if (wanted.halt_soon && strcmp(when, "soon"))
        tool_give_up("--halt: '%s' is neither now nor soon", when);
}

/* The words up to ":::" are the command, those behind it the items. */
static void divide(char **words)
{
    if (!*words || !strcmp(*words, ":::"))
        tool_give_up("a command is needed; see --help");
    wanted.command = words;
    for (; *words; words++) {
        if (!strcmp(*words, ":::")) {
            *words = NULL;
            wanted.items = words + 1;
            return;
        }
    }
}

void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"jobs", required_argument, NULL, 'j'},    {"keep-order", no_argument, NULL, 'k'},
        {"timeout", required_argument, NULL, 't'}, {"grace", required_argument, NULL, 'g'},
        {"retries", required_argument, NULL, 'r'}, {"halt", optional_argument, NULL, 'H'},
        {"tag", no_argument, NULL, 'T'},           {"null", no_argument, NULL, '0'},
        {"verbose", no_argument, NULL, 'v'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0}};
    int option;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    wanted.at_once = processors < 1 ? 1 : processors > MOST ? MOST : (int)processors;
    while ((option = getopt_long(argc, argv, "+j:kt:g:r:0v", options, NULL)) != -1) {
        switch (option) {
        case 'j': wanted.at_once = number(optarg, 1, MOST); break;
        case 'k': wanted.keep_order = 1; break;
        case 't': wanted.limit = tool_limit(optarg); break;
        case 'g': wanted.grace = tool_limit(optarg); break;
        case 'r': wanted.retries = number(optarg, 0, INT_MAX - 1); break;
        case 'H': set_halt(optarg); break;
        case 'T': wanted.tag = 1; break;
        case '0': wanted.separator = 0; break;
        case 'v': wanted.verbose = 1; break;
        case 'h': tool_help(help);
        case 'V': tool_version();
        default: tool_usage();
        }
    }
    divide(argv + optind);
}

/* What the kernel or a file gives: /proc/PID/stat, the beginning of a program. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

/* src/ffi/fuzz.rs */
struct process {
    int32_t parent, group, session;
    uint32_t threads;
    uint64_t start;
    uint8_t state;
};
int chld_fuzz_stat(const char *data, size_t size, struct process *ret);
int chld_fuzz_interpreter(const char *data, size_t size);

/* The same as sscanf() reads it, of a line that is as the kernel's. */
static void check_line(const struct process *process, char name, const char *numbers)
{
    char line[512];
    int parent, group, session;
    unsigned threads;
    unsigned long long start;
    if (sscanf(numbers, "%9d %9d %9d %9u %9llu", &parent, &group, &session, &threads, &start) != 5
        || parent < 0 || group < 0 || session < 0) {
        return;
    }
    int size = snprintf(line, sizeof line, "7 (a) %c) %c %d %d %d 1 2 3 4 5 6 7 8 9 10 11 12 13 %u 0 "
                        "%llu 99", name, name == ')' ? 'S' : name, parent, group, session, threads,
                        start);
    struct process read = *process;
    MUST(chld_fuzz_stat(line, (size_t)size, &read) == 1);
    MUST(read.parent == parent && read.group == group && read.session == session);
    MUST(read.threads == threads && read.start == start);
}

static void run_stat(struct input *input)
{
    struct process process = { 0 };
    size_t size;
    char name = (char)byte(input), *numbers = string(input), *line = rest(input, &size);
    int is_one = chld_fuzz_stat(line, size, &process);
    MUST(is_one == 0 || is_one == 1);
    MUST(is_one == 0 || memchr(line, ')', size) != NULL);
    check_line(&process, name == ' ' || name == '\0' ? 'S' : name, numbers);
}

static const char *const stat_words[] = { ") S 1 2 3 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 5 0 77 1", " ",
                                          "1 (x) R ", "18446744073709551616", "-1", NULL };
const struct target target_stat = { "stat", run_stat, stat_words };

static void run_interpreter(struct input *input)
{
    size_t size;
    char *file = rest(input, &size);
    int length = chld_fuzz_interpreter(file, size);
    MUST(length >= -1 && (length < 0 || (size_t)length <= size));
    if (length >= 0) {
        MUST((size >= 2 && memcmp(file, "#!", 2) == 0)
             || (size >= 4 && memcmp(file, "\x7f" "ELF", 4) == 0));
    }
}

static const char *const program_words[] = { "#!", "\x7f" "ELF\x02", "\x7f" "ELF\x01", "/bin/sh",
                                             "\n", "\x03", NULL };
const struct target target_interpreter = { "interpreter", run_interpreter, program_words };

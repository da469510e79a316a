/*
 * fuzz TARGET CORPUS SECONDS [SEED]
 *
 * Runs a target with the inputs of its corpus and then, for some seconds, with changes of
 * these. An input that reaches code which no other has reached joins them: the library is
 * built with a counter in each branch. Prints the new ones as lines for the corpus file: an
 * input per line, in hexadecimal. With SECONDS 0, prints those of the corpus that reach
 * something which those before them do not.
 *
 * The same seed makes the same inputs. A fault ends the run, and its input is printed:
 * add it to the corpus when it is mended. Exits 0 if none was found, else 1.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_INPUTS = 4096, MOST_COUNTERS = 1 << 17, MOST_MODULES = 16, PAGE = 4096,
       MOST_GUARDED = 64, SECONDS_OF_ONE = 20 };

struct bytes {
    size_t size;
    unsigned char data[MOST_BYTES];
};

/* Shared with the parent, which outlives a crash. */
static struct {
    struct bytes input;
    long runs;
    int inputs, from_corpus;
} *shared;

static const struct target *const targets[] = {
    &target_signals, &target_sigsets, &target_status, &target_durations, &target_stat,
    &target_interpreter, &target_environment, &target_options, &target_captures,
};

static const struct target *target;
/* What children write goes to /dev/null. */
static FILE *results, *messages;
static struct bytes inputs[MOST_INPUTS];
static int inputs_count;

/* Coverage */

static struct {
    uint8_t *start, *stop;
} modules[MOST_MODULES];
static int modules_count;
static uint8_t seen[MOST_COUNTERS]; /* a bit per order of magnitude */

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
    for (int i = 0; i < modules_count; i++) {
        if (modules[i].start == start) {
            return;
        }
    }
    if (start != stop && modules_count < MOST_MODULES) {
        modules[modules_count].start = start;
        modules[modules_count++].stop = stop;
    }
}

/* Whether the last run has reached something new; clears the counters. */
static bool is_new(void)
{
    bool found = false;
    size_t place = 0;
    for (int i = 0; i < modules_count; i++) {
        for (uint8_t *at = modules[i].start; at < modules[i].stop; at++, place++) {
            uint8_t bit = *at == 0 ? 0 : (uint8_t)(1 << (31 - __builtin_clz(*at)));
            if (place < MOST_COUNTERS && (bit & ~seen[place]) != 0) {
                seen[place] |= bit;
                found = true;
            }
            *at = 0;
        }
    }
    return found;
}

/* Inputs */

uint8_t byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

uint32_t word32(struct input *input)
{
    uint32_t word = 0;
    for (int i = 0; i < 4; i++) {
        word = word << 8 | byte(input);
    }
    return word;
}

uint64_t word64(struct input *input)
{
    uint64_t high = word32(input);
    return high << 32 | word32(input);
}

size_t pick(struct input *input, size_t count)
{
    return byte(input) % count;
}

static unsigned char *guard_area;
static int guarded_count;

void *guarded(size_t size)
{
    MUST(size <= PAGE && guarded_count < MOST_GUARDED);
    unsigned char *page = guard_area + 2 * PAGE * guarded_count++;
    return memset(page + PAGE - size, 0, size);
}

static char *copied(const unsigned char *from, size_t size, size_t room)
{
    char *copy = guarded(room);
    memcpy(copy, from, size);
    return copy;
}

char *string(struct input *input)
{
    const unsigned char *from = input->at;
    while (input->at < input->end && *input->at != '\0' && *input->at != '\n') {
        input->at++;
    }
    size_t size = (size_t)(input->at - from);
    input->at += input->at < input->end;
    return copied(from, size, size + 1);
}

char *rest(struct input *input, size_t *ret_size)
{
    const unsigned char *from = input->at;
    *ret_size = (size_t)(input->end - from);
    input->at = input->end;
    return copied(from, *ret_size, *ret_size);
}

static void prepare_guards(void)
{
    guard_area = mmap(NULL, 2 * PAGE * MOST_GUARDED, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < MOST_GUARDED && guard_area != MAP_FAILED; i++) {
        mprotect(guard_area + PAGE + 2 * PAGE * i, PAGE, PROT_NONE);
    }
}

/* Changing inputs */

static uint64_t random_state;

static size_t at_random(size_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return below == 0 ? 0 : (size_t)(random_state >> 11) % below;
}

static void insert(struct bytes *bytes, const void *data, size_t size)
{
    size_t at = at_random(bytes->size + 1);
    if (bytes->size + size <= MOST_BYTES) {
        memmove(&bytes->data[at + size], &bytes->data[at], bytes->size - at);
        memcpy(&bytes->data[at], data, size);
        bytes->size += size;
    }
}

static void cut(struct bytes *bytes)
{
    size_t at = at_random(bytes->size), size = 1 + at_random(bytes->size - at);
    if (bytes->size > 0) {
        memmove(&bytes->data[at], &bytes->data[at + size], bytes->size - at - size);
        bytes->size -= size;
    }
}

static void change(struct bytes *bytes)
{
    static const unsigned char special[] = { 0, 1, 2, 3, '0', '9', '-', '+', '=', ' ', '\n', ')',
                                             31, 32, 63, 64, 65, 127, 128, 254, 255 };
    const struct bytes *other = &inputs[at_random((size_t)inputs_count)];
    unsigned char any = (unsigned char)at_random(256);
    size_t words = 0, at = at_random(bytes->size);
    while (target->words != NULL && target->words[words] != NULL) {
        words++;
    }
    switch (at_random(8)) {
    case 0:
        insert(bytes, &any, 1);
        return;
    case 1:
        insert(bytes, &special[at_random(sizeof special)], 1);
        return;
    case 2:
        cut(bytes);
        return;
    case 3:
        if (words > 0) {
            const char *word = target->words[at_random(words)];
            insert(bytes, word, strlen(word));
        }
        return;
    case 4:
        insert(bytes, other->data, at_random(other->size + 1));
        return;
    default:
        if (bytes->size > 0) {
            bytes->data[at] = at_random(2) == 0 ? special[at_random(sizeof special)]
                            : at_random(2) == 0 ? any
                            : bytes->data[at] ^ (unsigned char)(1 << at_random(8));
        }
    }
}

/* Running */

_Noreturn void found(const char *file, int line, const char *what)
{
    fprintf(messages, "%s:%d: %s does not hold\n", file, line, what);
    fflush(messages);
    _exit(1);
}

static void print_hex(FILE *file, const struct bytes *bytes)
{
    for (size_t i = 0; i < bytes->size; i++) {
        fprintf(file, "%02x", bytes->data[i]);
    }
    fprintf(file, "\n");
}

static void keep(const struct bytes *bytes)
{
    if (inputs_count < MOST_INPUTS) {
        inputs[inputs_count++] = *bytes;
        shared->inputs = inputs_count;
    }
}

/* Returns whether it has reached something new. */
static bool run(const struct bytes *bytes)
{
    struct input input = { shared->input.data, shared->input.data + bytes->size };
    shared->input = *bytes;
    shared->runs++;
    guarded_count = 0;
    alarm(SECONDS_OF_ONE);
    target->run(&input);
    alarm(0);
    return is_new();
}

static void read_corpus(const char *path, bool prints_all)
{
    static struct bytes bytes;
    char line[2 * MOST_BYTES + 2];
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned value;
        bytes.size = 0;
        for (char *at = line; bytes.size < MOST_BYTES && sscanf(at, "%2x", &value) == 1; at += 2) {
            bytes.data[bytes.size++] = (unsigned char)value;
        }
        if (run(&bytes)) {
            keep(&bytes);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    for (int i = 0; i < inputs_count && prints_all; i++) {
        print_hex(results, &inputs[i]);
    }
    shared->from_corpus = inputs_count;
    while (inputs_count < 16) {
        bytes.size = at_random(MOST_BYTES);
        for (size_t i = 0; i < bytes.size; i++) {
            bytes.data[i] = (unsigned char)at_random(256);
        }
        keep(&bytes);
    }
}

static void work(const char *corpus, long seconds)
{
    struct timespec now, begin;
    static struct bytes bytes;
    setsid(); /* no terminal */
    prepare_guards();
    read_corpus(corpus, seconds == 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    now = begin;
    while (now.tv_sec - begin.tv_sec < seconds) {
        bytes = inputs[at_random((size_t)inputs_count)];
        for (size_t changes = 1 + at_random(6); changes > 0; changes--) {
            change(&bytes);
        }
        if (run(&bytes)) {
            keep(&bytes);
            print_hex(results, &bytes);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    fflush(results);
    _exit(0);
}

static FILE *moved(int fd)
{
    FILE *file = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 100), "w");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (file == NULL || null < 0 || dup2(null, fd) != fd) {
        exit(2);
    }
    close(null);
    return file;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 3 && i < sizeof targets / sizeof targets[0]; i++) {
        target = strcmp(targets[i]->name, argv[1]) == 0 ? targets[i] : target;
    }
    if (target == NULL) {
        fprintf(stderr, "usage: fuzz TARGET CORPUS SECONDS [SEED]\n");
        return 2;
    }
    random_state = 0x9e3779b97f4a7c15u ^ (argc > 4 ? strtoull(argv[4], NULL, 10) << 20 : 0);
    results = moved(STDOUT_FILENO);
    messages = moved(STDERR_FILENO);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(argv[2], strtol(argv[3], NULL, 10));
    }
    int word = 0;
    while (waitpid(pid, &word, 0) < 0 && errno == EINTR) {
    }
    fprintf(messages, "%s: %ld runs, %d inputs, %d of them new\n", target->name, shared->runs,
            shared->inputs, shared->inputs - shared->from_corpus);
    if (word == 0) {
        return 0;
    }
    fprintf(messages, "%s: %s %d with the input\n", target->name,
            WIFEXITED(word) ? "exit" : "killed by signal",
            WIFEXITED(word) ? WEXITSTATUS(word) : WTERMSIG(word));
    print_hex(messages, &shared->input);
    return 1;
}

/* Signals, statuses and durations: numbers and texts, both ways. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <chld.h>
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* The functions of the tools end the process where a value is wrong. */
static jmp_buf wrong_value;
#define exit(code) longjmp(wrong_value, 1 + (code))
#define dprintf(fd, ...) snprintf(NULL, 0, __VA_ARGS__)
#include "../../tools/common.h"
#undef exit
#undef dprintf

static bool is_signal(int number)
{
    return number >= 1 && number <= 64;
}

static void check_name_of(int number)
{
    const char *name = chld_signal_name(number), *text = chld_signal_text(number);
    MUST((name == NULL) == (text == NULL));
    if (name != NULL) {
        MUST(is_signal(number));
        MUST(strncmp(name, "SIG", 3) == 0 && strlen(text) > 0);
        MUST(chld_signal_number(name) == number && chld_signal_number(name + 3) == number);
    } else {
        MUST(!is_signal(number) || (number >= 32 && number < SIGRTMIN) || number > SIGRTMAX);
    }
}

static bool is_decimal(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

static void run_signals(struct input *input)
{
    check_name_of((int)word32(input));
    check_name_of((int)byte(input));
    char *name = string(input);
    int number = chld_signal_number(name);
    MUST(number == -EINVAL || is_signal(number));
    if (number > 0) {
        for (char *at = name; *at != '\0'; at++) {
            *at = (char)(isupper((unsigned char)*at) ? tolower((unsigned char)*at)
                                                     : toupper((unsigned char)*at));
        }
        MUST(chld_signal_number(name) == number); /* in either case */
        MUST(chld_signal_name(number) != NULL || is_decimal(name));
    }
    if (is_decimal(name) && strlen(name) < 9 && chld_signal_name(atoi(name)) != NULL) {
        MUST(number == atoi(name));
    }
}

static const char *const signal_words[] = { "SIG", "RTMIN", "RTMAX", "KILL", "TERM", "sigchld",
                                            "RTMIN+", "RTMAX-", "CLD", "POLL", "IOT", NULL };
const struct target target_signals = { "signals", run_signals, signal_words };

static void run_sigsets(struct input *input)
{
    uint64_t bits = word64(input), back = 0, again = 0;
    sigset_t *set = guarded(sizeof *set);
    MUST(chld_sigset_encode(bits, set) == 0 && chld_sigset_decode(set, &back) == 0);
    MUST((back & ~bits) == 0); /* less those of the C library */
    for (int number = 1; number <= 64; number++) {
        bool is_there = chld_signal_name(number) != NULL && (bits >> (number - 1) & 1) != 0;
        MUST(is_there == (sigismember(set, number) == 1));
        MUST(is_there == ((back >> (number - 1) & 1) != 0));
    }
    MUST(chld_sigset_encode(back, set) == 0 && chld_sigset_decode(set, &again) == 0);
    MUST(again == back);
}

const struct target target_sigsets = { "sigsets", run_sigsets, NULL };

/* As much of the text as fits, always with a NUL, and nothing behind it. */
static void check_text(const chld_status *status, size_t size)
{
    int length = chld_status_text(status, NULL, 0);
    char *whole = guarded(512), *part = guarded(size);
    MUST(length == -EINVAL || (length > 0 && length < 512));
    MUST(chld_status_text(status, whole, 512) == length);
    MUST(chld_status_text(status, part, size) == length);
    if (length > 0) {
        MUST(strlen(whole) == (size_t)length);
        size_t fits = size == 0 ? 0 : strlen(part);
        MUST(size == 0 || fits == ((size_t)length < size ? (size_t)length : size - 1));
        MUST(memcmp(part, whole, fits) == 0);
    }
}

static void check_word(int word)
{
    chld_status status = { 0 };
    int decoded = chld_status_decode(word, &status);
    MUST(decoded == 0 || decoded == -EINVAL);
    if (decoded != 0) {
        MUST((unsigned)word > 0xffff || !(WIFEXITED(word) || WIFCONTINUED(word)));
        return;
    }
    int same = status.wait_word; /* without the bits that no macro looks at */
    MUST(WIFEXITED(same) == WIFEXITED(word) && WIFSIGNALED(same) == WIFSIGNALED(word));
    MUST(WIFSTOPPED(same) == WIFSTOPPED(word));
    MUST((status.state == CHLD_STATE_EXITED) == WIFEXITED(word));
    MUST(status.state != CHLD_STATE_EXITED || status.code == WEXITSTATUS(word));
    if (status.state == CHLD_STATE_KILLED) {
        MUST(WIFSIGNALED(word) && status.code == WTERMSIG(word));
        MUST(status.core == !!WCOREDUMP(word));
    }
    MUST(status.state != CHLD_STATE_STOPPED || status.code == WSTOPSIG(word));
    MUST((status.state == CHLD_STATE_CONTINUED) == WIFCONTINUED(word));
}

static void run_status(struct input *input)
{
    chld_status *status = guarded(sizeof *status), back = { 0 };
    check_word((int)word32(input));
    check_word((int)(word32(input) >> 16));
    size_t size = pick(input, 100);
    status->state = byte(input) < 200 ? byte(input) % 20 : (int32_t)word32(input);
    status->code = byte(input) < 200 ? byte(input) : (int32_t)word32(input);
    status->core = byte(input);
    status->wait_word = (int32_t)word32(input);
    check_text(status, size);
    int word = chld_status_encode(status), code = chld_status_shell_code(status);
    MUST(word == -EINVAL || (word >= 0 && word <= 0xffff));
    MUST(code == -EINVAL || code == -ENODATA || (code >= 0 && code <= 128 + 255));
    if (word >= 0) {
        MUST(chld_status_decode(word, &back) == 0);
        MUST(back.state == status->state && back.code == status->code);
        MUST(code >= 0 || status->state == CHLD_STATE_CONTINUED);
    }
}

const struct target target_status = { "status", run_status, NULL };

static void run_durations(struct input *input)
{
    char *text = string(input);
    if (setjmp(wrong_value) == 0) {
        double seconds = duration(text, "--option");
        MUST(seconds >= 0);
        bool is_plain = strspn(text, "0123456789") == strlen(text);
        MUST(!is_plain || seconds == strtod(text, NULL));
    }
    if (setjmp(wrong_value) == 0) {
        int number = signal_option(text, "--option");
        MUST(number >= 0 && number <= 64);
    }
}

static const char *const duration_words[] = { "1", "0.5", "s", "m", "h", "d", "e9", "inf", "nan",
                                              "0x1p-4", ".", "EXIT", NULL };
const struct target target_durations = { "durations", run_durations, duration_words };

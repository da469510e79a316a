/* Statuses: out of wait status words and into them, into words and exits. */
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the macros of <sys/wait.h> return. */
static int decode_by_macros(int word, chld_status *status)
{
    *status = (chld_status) { 0, 0, 0, word };
    if (WIFCONTINUED(word)) {
        status->state = CHLD_STATE_CONTINUED;
        status->code = SIGCONT;
    } else if (WIFEXITED(word)) {
        status->state = CHLD_STATE_EXITED;
        status->code = WEXITSTATUS(word);
    } else if (WIFSTOPPED(word)) {
        status->state = CHLD_STATE_STOPPED;
        status->code = WSTOPSIG(word);
    } else if (WIFSIGNALED(word)) {
        status->core = WCOREDUMP(word) != 0;
        status->state = status->core ? CHLD_STATE_DUMPED : CHLD_STATE_KILLED;
        status->code = WTERMSIG(word);
    } else {
        return -EINVAL;
    }
    return 0;
}

#ifndef __GLIBC__
/* About other words the libcs disagree. The library follows glibc. */
static bool is_of_the_kernel(int word)
{
    int low = word & 0xff, high = word >> 8;
    bool is_end = low == 0 || (high == 0 && (low & 0x7f) != 0x7f);
    bool is_stop = low == 0x7f && high != 0;
    return word >= 0 && high <= 0xff && (is_end || is_stop || word == 0xffff);
}
#endif

static void check_word(int word)
{
#ifndef __GLIBC__
    if (!is_of_the_kernel(word)) {
        return;
    }
#endif
    chld_status want, got = { -7, -7, -7, -7 };
    int result = decode_by_macros(word, &want);
    if (chld_status_decode(word, &got) != result) {
        fail(__FILE__, __LINE__, "decoding %#x does not give %d", (unsigned) word, result);
    } else if (result == 0 && (got.state != want.state || got.code != want.code
                               || got.core != want.core)) {
        fail(__FILE__, __LINE__, "%#x decodes to state %d, code %d, core %d", (unsigned) word,
             got.state, got.code, got.core);
    } else if (result != 0 && got.state != -7) {
        fail(__FILE__, __LINE__, "%#x was written though it is none", (unsigned) word);
    }
}

TEST(words_decode_as_the_macros_do)
{
    for (int word = 0; word <= 0xffff; word++) {
        check_word(word);
    }
    uint32_t number = 2463534242u; /* xorshift */
    for (int i = 0; i < scaled(100000); i++) {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        check_word((int) number);
    }
    check_word(INT_MAX);
    check_word(INT_MIN);
    check_word(-1);
    CHECK_CALL(chld_status_decode(0, NULL), 0);
    CHECK_CALL(chld_status_decode(0x7fff7f80 | 0x7f, NULL), -EINVAL);
}

/* The words that the kernel makes: an exit, a signal with or without a core, a
 * stop, a continuation. */
TEST(words_of_the_kernel_survive_decoding_and_encoding)
{
    chld_status status;
    for (int code = 0; code < 256; code++) {
        CHECK_CALL(chld_status_decode(code << 8, &status), 0);
        CHECK_INT(status.wait_word, code << 8);
        CHECK_CALL(chld_status_encode(&status), code << 8);
    }
    for (int signal = 1; signal <= 64; signal++) {
        const int words[] = { signal, signal | 0x80, signal << 8 | 0x7f };
        for (int i = 0; i < 3; i++) {
            CHECK_CALL(chld_status_decode(words[i], &status), 0);
            CHECK_INT(status.wait_word, words[i]);
            CHECK_CALL(chld_status_encode(&status), words[i]);
        }
    }
    CHECK_CALL(chld_status_decode(0xffff, &status), 0);
    CHECK_CALL(chld_status_encode(&status), 0xffff);
}

static const struct row {
    int state, code, encoded, shell;
    const char *text;
} rows[] = {
    { CHLD_STATE_EXITED, 0, 0, 0, "exited with code 0" },
    { CHLD_STATE_EXITED, 42, 42 << 8, 42, "exited with code 42" },
    { CHLD_STATE_EXITED, 255, 255 << 8, 255, "exited with code 255" },
    { CHLD_STATE_KILLED, SIGTERM, 15, 143, "killed by SIGTERM (terminated)" },
    { CHLD_STATE_KILLED, SIGKILL, 9, 137, "killed by SIGKILL" },
    { CHLD_STATE_KILLED, SIGSEGV, 11, 139, "killed by SIGSEGV (segmentation fault)" },
    { CHLD_STATE_KILLED, 32, 32, 160, "killed by signal 32" }, /* one of the C library's */
    { CHLD_STATE_DUMPED, SIGSEGV, 11 | 0x80, 139,
      "killed by SIGSEGV (segmentation fault), core dumped" },
    { CHLD_STATE_DUMPED, SIGABRT, 6 | 0x80, 134, "killed by SIGABRT (aborted), core dumped" },
    { CHLD_STATE_STOPPED, SIGSTOP, 19 << 8 | 0x7f, 147, "stopped by SIGSTOP" },
    { CHLD_STATE_CONTINUED, SIGCONT, 0xffff, -EINVAL, "continued" },
    { CHLD_STATE_RUNNING, 0, -EINVAL, -EINVAL, "running" },
    { CHLD_STATE_LOST, 0, -EINVAL, -ENODATA, "exited, status unknown (reaped by other code)" },
};

TEST(statuses_have_words_shell_codes_and_texts)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const chld_status status = { rows[i].state, rows[i].code, -1, -77 };
        char text[128];
        CHECK_CALL(chld_status_encode(&status), rows[i].encoded);
        CHECK_CALL(chld_status_shell_code(&status), rows[i].shell);
        CHECK_CALL(chld_status_text(&status, text, sizeof text), (int) strlen(rows[i].text));
        CHECK_STR(text, rows[i].text);
    }
}

TEST(what_is_no_status_is_refused)
{
    static const chld_status none[] = {
        { 4, 1, 0, 0 }, { 7, 0, 0, 0 }, { -1, 0, 0, 0 }, { 16, 0, 0, 0 },
        { INT_MAX, 0, 0, 0 }, { INT_MIN, 0, 0, 0 },
    };
    char text[32];
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_CALL(chld_status_encode(&none[i]), -EINVAL);
        CHECK_CALL(chld_status_shell_code(&none[i]), -EINVAL);
        CHECK_CALL(chld_status_text(&none[i], text, sizeof text), -EINVAL);
        CHECK_CALL(chld_status_raise(&none[i]), -EINVAL);
    }
    CHECK_CALL(chld_status_encode(NULL), -EINVAL);
    CHECK_CALL(chld_status_shell_code(NULL), -EINVAL);
    CHECK_CALL(chld_status_text(NULL, text, sizeof text), -EINVAL);
    CHECK_CALL(chld_status_raise(NULL), -EINVAL);
}

TEST(codes_out_of_range_are_refused)
{
    static const chld_status none[] = {
        { CHLD_STATE_EXITED, 256, 0, 0 }, { CHLD_STATE_EXITED, -1, 0, 0 },
        { CHLD_STATE_KILLED, 0, 0, 0 },   { CHLD_STATE_KILLED, 127, 0, 0 },
        { CHLD_STATE_KILLED, -9, 0, 0 },  { CHLD_STATE_DUMPED, 0, 0, 0 },
        { CHLD_STATE_DUMPED, 128, 0, 0 }, { CHLD_STATE_STOPPED, 256, 0, 0 },
        { CHLD_STATE_STOPPED, -1, 0, 0 },
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char text[64];
        CHECK_CALL(chld_status_encode(&none[i]), -EINVAL);
        CHECK_CALL(chld_status_shell_code(&none[i]), -EINVAL);
        CHECK_CALL(chld_status_text(&none[i], text, sizeof text), -EINVAL);
        CHECK_CALL(chld_status_raise(&none[i]), -EINVAL);
    }
}

TEST(the_text_is_cut_to_the_buffer)
{
    static const char want[] = "killed by SIGTERM (terminated)";
    const int length = sizeof want - 1;
    const chld_status status = { CHLD_STATE_KILLED, SIGTERM, 0, 0 };
    CHECK_CALL(chld_status_text(&status, NULL, 0), length);
    for (int size = 1; size <= length + 2; size++) {
        char buffer[64];
        memset(buffer, 'x', sizeof buffer);
        CHECK_CALL(chld_status_text(&status, buffer, (size_t) size), length);
        int kept = size - 1 < length ? size - 1 : length;
        CHECK_INT((long long) strnlen(buffer, sizeof buffer), kept);
        CHECK(strncmp(buffer, want, (size_t) kept) == 0);
        CHECK(buffer[size > length ? length + 1 : size] == 'x');
    }
}

/* Signals */

TEST(signals_have_names_texts_and_numbers)
{
    const struct {
        int number;
        const char *name, *bare;
    } known[] = {
        { SIGHUP, "SIGHUP", "hup" },     { SIGINT, "SIGINT", "INT" },
        { SIGKILL, "SIGKILL", "Kill" },  { SIGSEGV, "SIGSEGV", "SEGV" },
        { SIGTERM, "SIGTERM", "term" },  { SIGCHLD, "SIGCHLD", "CHLD" },
        { SIGSTOP, "SIGSTOP", "STOP" },  { SIGRTMIN, "SIGRTMIN", "rtmin" },
        { SIGRTMAX, "SIGRTMAX", "RTMAX" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_STR(chld_signal_name(known[i].number), known[i].name);
        CHECK_CALL(chld_signal_number(known[i].name), known[i].number);
        CHECK_CALL(chld_signal_number(known[i].bare), known[i].number);
        CHECK_CALL(chld_signal_number(DECIMAL(known[i].number)), known[i].number);
    }
    CHECK_STR(chld_signal_text(SIGSEGV), "segmentation fault");
    CHECK_STR(chld_signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
    CHECK_CALL(chld_signal_number("RTMIN+3"), SIGRTMIN + 3);
    CHECK_CALL(chld_signal_number("SIGRTMAX-1"), SIGRTMAX - 1);
}

TEST(every_signal_has_a_name_that_leads_back)
{
    for (int number = 1; number <= SIGRTMAX; number++) {
        const char *name = chld_signal_name(number);
        if (number > 31 && number < SIGRTMIN) { /* libc's own */
            CHECK(name == NULL && chld_signal_text(number) == NULL);
        } else if (CHECK(name != NULL && chld_signal_text(number) != NULL)) {
            CHECK_CALL(chld_signal_number(name), number);
        }
    }
}

TEST(what_is_no_signal_has_no_name_and_no_number)
{
    static const int numbers[] = { 0, -1, 65, 9999, INT_MAX, INT_MIN };
    static const char *const names[] = { "",           "SIG",        "0",        "-1",
                                         "65",         "KILLER",     " KILL",    "9 ",
                                         "SIGRTMIN-1", "SIGRTMAX+1", "RTMIN+99", "99999999999" };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        CHECK(chld_signal_name(numbers[i]) == NULL);
        CHECK(chld_signal_text(numbers[i]) == NULL);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_CALL(chld_signal_number(names[i]), -EINVAL);
    }
    CHECK_CALL(chld_signal_number(NULL), -EINVAL);
}

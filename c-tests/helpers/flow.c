/* A child with much output:
 *   flow echo ROUNDS       reads 4 KiB, writes it to stdout, inverted to stderr
 *   flow late ROUNDS       writes that much alternately, then reads as much;
 *                          exits with 0 if the input was the pattern
 *   flow leave BYTES KEEP  reads BYTES of its input and closes it, then writes
 *                          KEEP rounds alternately; exits with 4
 *   flow pour KIB          writes the pattern to stdout
 *   flow child HOW         leaves a child behind that holds the pipes until the
 *                          end of descriptor 3 ("same" or "session"); exits 5
 *   flow deaf              ignores SIGTERM, writes "start", and stays
 *   flow usr1              writes "start"; at SIGUSR1 "signal received", exits 123
 *   flow term              the same at SIGTERM
 *   flow stop              writes "start" and stops
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 4096 };

static unsigned char block[BLOCK], inverted[BLOCK];

/* The pattern: every block differs from its neighbours, and all bytes occur. */
static void make(long round)
{
    for (int i = 0; i < BLOCK; i++) {
        block[i] = (unsigned char) (i * 7 + round * 31 + (i >> 8));
    }
}

static void put(int fd, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        ssize_t count = write(fd, next, size);
        if (count <= 0) {
            _exit(90);
        }
        next += count;
        size -= (size_t) count;
    }
}

static void get(void *bytes, size_t size)
{
    char *next = bytes;
    while (size > 0) {
        ssize_t count = read(0, next, size);
        if (count <= 0) {
            _exit(91);
        }
        next += count;
        size -= (size_t) count;
    }
}

static void put_both(void)
{
    for (int i = 0; i < BLOCK; i++) {
        inverted[i] = (unsigned char) ~block[i];
    }
    put(1, block, BLOCK);
    put(2, inverted, BLOCK);
}

static int late(long rounds)
{
    for (long round = 0; round < rounds; round++) {
        make(round);
        put_both();
    }
    for (long round = 0; round < rounds; round++) {
        unsigned char given[BLOCK];
        make(round);
        get(given, BLOCK);
        if (memcmp(given, block, BLOCK) != 0) {
            return 92;
        }
    }
    return 0;
}

/* The pattern comes again after 256 blocks. */
static void pour(long long size)
{
    static unsigned char all[256 * BLOCK];
    for (long round = 0; round < 256; round++) {
        make(round);
        memcpy(all + round * BLOCK, block, BLOCK);
    }
    for (; size > 0; size -= (long long) sizeof all) {
        put(1, all, size < (long long) sizeof all ? (size_t) size : sizeof all);
    }
}

static void leave_a_child(const char *how)
{
    if (fork() == 0) {
        if (strcmp(how, "session") == 0) {
            setsid();
        }
        while (read(3, block, 1) > 0) {
        }
        _exit(0);
    }
}

static void receive(int signal)
{
    (void) signal;
    put(1, "signal received\n", 16);
    _exit(123);
}

static void stay(void)
{
    put(1, "start\n", 6);
    for (;;) {
        pause();
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *how = argc > 2 ? argv[2] : "0";
    long first = atol(how), second = argc > 3 ? atol(argv[3]) : 0;
    alarm(300);
    if (strcmp(what, "echo") == 0) {
        for (long round = 0; round < first; round++) {
            get(block, BLOCK);
            put_both();
        }
        return 0;
    } else if (strcmp(what, "late") == 0) {
        return late(first);
    } else if (strcmp(what, "leave") == 0) {
        get(block, (size_t) first);
        close(0);
        for (long round = 0; round < second; round++) {
            make(round);
            put_both();
        }
        return 4;
    } else if (strcmp(what, "pour") == 0) {
        pour(first * 1024);
        return 0;
    } else if (strcmp(what, "child") == 0) {
        put(1, "here\n", 5);
        leave_a_child(how);
        return 5;
    } else if (strcmp(what, "deaf") == 0) {
        signal(SIGTERM, SIG_IGN);
        stay();
    } else if (strcmp(what, "usr1") == 0 || strcmp(what, "term") == 0) {
        signal(*what == 'u' ? SIGUSR1 : SIGTERM, receive);
        stay();
    } else if (strcmp(what, "stop") == 0) {
        put(1, "start\n", 6);
        raise(SIGSTOP);
        return 6;
    }
    return 99;
}

/*
 * polling.c - three children are cleaned up by looks between pieces of other work.
 *
 * chld_wait() with 0 looks and does not wait: a program with a loop of its own
 * can call it there. Each child is asked about by name, so the children of
 * another part of the program are left alone.
 */
#include <chld.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN 3

static void fail(const char *what)
{
    fprintf(stderr, "not as it should be: %s\n", what);
    exit(1);
}

static chld_id start(const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_error error;
    chld_id child;
    if (chld_spawn(&child, argv, NULL, &error) < 0) {
        char text[256];
        fail(chld_error_text(&error, text, sizeof text) > 0 ? text : "chld_error_text");
    }
    return child;
}

/* A piece of the other work: counts the primes in the next thousand numbers. */
static int primes_after(int start)
{
    int count = 0;
    for (int number = start + 1; number <= start + 1000; number++) {
        int divisor = 2;
        while (divisor < number && number % divisor != 0)
            divisor++;
        count += divisor == number;
    }
    return count;
}

int main(void)
{
    const char *scripts[CHILDREN] = {"sleep 0.3; exit 3", "sleep 0.1; exit 1", "sleep 0.2; exit 2"};
    const int codes[CHILDREN] = {3, 1, 2};
    chld_id children[CHILDREN];
    int left = CHILDREN, numbers = 0, primes = 0;
    for (int i = 0; i < CHILDREN; i++)
        children[i] = start(scripts[i]);

    while (left > 0) {
        primes += primes_after(numbers % 20000);
        numbers += 1000;
        for (int i = 0; i < CHILDREN; i++) {
            if (children[i] == CHLD_NONE)
                continue;
            chld_status status;
            int result = chld_wait(children[i], 0, &status);
            if (result == -ETIMEDOUT)
                continue;
            char text[64];
            if (result < 0 || chld_status_text(&status, text, sizeof text) < 0)
                fail(strerror(-result));
            printf("%8d numbers tried: sh -c '%s' %s\n", numbers, scripts[i], text);
            if (status.state != CHLD_STATE_EXITED || status.code != codes[i])
                fail(scripts[i]);
            if (chld_close(children[i]) < 0)
                fail("chld_close");
            children[i] = CHLD_NONE;
            left--;
        }
    }
    printf("%8d primes found meanwhile\n", primes);
    return primes == 0;
}

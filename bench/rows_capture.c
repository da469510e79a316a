/*
 * The rows about all that a child writes.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void capture_by(void (*form)(struct capture *), struct capture *given)
{
    double walls[16];
    size_t done = 0;
    if (!form) {
        fprintf(stderr, "no such form here\n");
        exit(1);
    }
    for (int64_t began = now_ns(); done < 1 || (done < 16 && now_ns() - began < row_budget_ns);
         done++) {
        struct capture capture = *given;
        int64_t start = now_ns();
        form(&capture);
        walls[done] = (double)(now_ns() - start);
        if (capture.got != capture.size || capture.code != 7) {
            fprintf(stderr, "%zu bytes and code %d\n", capture.got, capture.code);
            exit(1);
        }
    }
    report("wall", typical(walls, done));
}

/* MIB FORM KIB */
void row_capture(char **arguments)
{
    char *argv[] = {(char *)child_path, "w", arguments[0], arguments[2], NULL};
    struct capture capture = {.argv = argv, .size = (size_t)atoi(arguments[0]) << 20, .fd = -1};
    const char *form = arguments[1];
    if (strcmp(form, "into") == 0) {
        capture.buffer = mmap(NULL, capture.size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (capture.buffer == MAP_FAILED)
            die("mmap");
        capture_by(contender.into, &capture);
    } else if (strcmp(form, "growing") == 0) {
        capture_by(contender.growing, &capture);
    } else if (strcmp(form, "pieces") == 0) {
        capture_by(contender.pieces, &capture);
    } else {
        capture.fd = (int)must(open("/dev/null", O_WRONLY | O_CLOEXEC), "open");
        capture_by(contender.splice, &capture);
    }
}

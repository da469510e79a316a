/*
 * The row about all that a child writes.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* MIB FORM: into the caller's "buffer", or into memory that "grows". */
void row_capture(char **arguments)
{
    size_t size = (size_t)atoi(arguments[0]) << 20;
    int grows = strcmp(arguments[1], "grows") == 0;
    char *argv[] = {(char *)child_path, "w", arguments[0], NULL};
    char *buffer = NULL;
    if (!grows) {
        buffer = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (buffer == MAP_FAILED)
            die("mmap");
    }
    double walls[16];
    size_t done = 0;
    for (int64_t began = now_ns(); done < 1 || (done < 16 && now_ns() - began < row_budget_ns);
         done++) {
        struct capture capture = {.argv = argv, .buffer = buffer, .size = size};
        int64_t start = now_ns();
        contender.capture(&capture);
        walls[done] = (double)(now_ns() - start);
        if (capture.got != size || capture.code != 7) {
            fprintf(stderr, "%zu bytes and code %d\n", capture.got, capture.code);
            exit(1);
        }
    }
    report("wall", typical(walls, done));
}

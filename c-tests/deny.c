/*
 * deny RULE[,RULE...] -- PROGRAM ARGS
 *
 * Runs PROGRAM as if on an older kernel or in a container: the system calls
 * that the rules name fail, in it and in all that it starts. A rule is
 * NAME=ERRNO; `deny --list` prints the names. Exits 77 where the kernel offers
 * no seccomp filters, or a rule is unknown.
 */
#include "faults_deny.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CANNOT_RUN 77

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        deny_list();
        return 0;
    }
    if (argc < 4 || strcmp(argv[2], "--") != 0) {
        fprintf(stderr, "usage: deny RULE[,RULE...] -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    int result = deny_install(argv[1]);
    if (result < 0) {
        fprintf(stderr, "deny: not installed: %s\n", strerror(-result));
        return CANNOT_RUN;
    }
    execvp(argv[3], &argv[3]);
    perror(argv[3]);
    return 126;
}

/*
 * `steps PROGRAM ARGUMENTS...` counts the instructions that a program executes
 * in user space, by stepping through it. Its children are not counted. Unlike
 * an emulator this leaves the kernel's newest system calls as they are, and
 * unlike a counter of the processor it works in a virtual machine.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static _Noreturn void become(char **argv)
{
    /* The same addresses each time, and so the same number of steps. */
    personality(ADDR_NO_RANDOMIZE);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        die("PTRACE_TRACEME");
    execv(argv[0], argv);
    die(argv[0]);
}

int main(int argc, char **argv)
{
    int word;
    unsigned long steps = 0;
    if (argc < 2)
        return 2;
    pid_t pid = fork();
    if (pid == 0)
        become(argv + 1);
    while (waitpid(pid, &word, 0) == pid && WIFSTOPPED(word)) {
        /* Other signals than that of a step are the program's own. */
        int signal = WSTOPSIG(word) == SIGTRAP ? 0 : WSTOPSIG(word);
        steps += signal == 0;
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)signal) < 0)
            die("PTRACE_SINGLESTEP");
    }
    if (!WIFEXITED(word) || WEXITSTATUS(word))
        return 1;
    fprintf(stderr, "%lu\n", steps);
    return 0;
}

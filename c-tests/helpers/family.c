/* A tree of processes: family COUNT [strays]. The root and its descendants, COUNT
 * in all, write their pids to descriptor 3 as they come, then wait for the end
 * of descriptor 4. Some are deep, some have groups or sessions of their own, some
 * have lost their parents; with "strays", some have lost their parents and have
 * a session of their own as well.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void announce(void)
{
    int pid = getpid();
    if (write(3, &pid, sizeof pid) != sizeof pid) {
        _exit(1);
    }
}

static void stay(void)
{
    char byte;
    while (read(4, &byte, 1) > 0) {
    }
    _exit(0);
}

/* A member of its own session or group, or neither. */
static void grow(int kind)
{
    if (fork() != 0) {
        return;
    }
    if (kind == 1) {
        setsid();
    } else if (kind == 2) {
        setpgid(0, 0);
    }
    announce();
    stay();
}

/* A member whose parent ends at once. */
static void orphan(int in_own_session)
{
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            if (in_own_session) {
                setsid();
            }
            announce();
            stay();
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
}

/* Two members: a child in a session of its own, and its child. */
static void chain(void)
{
    if (fork() == 0) {
        setsid();
        announce();
        grow(2);
        stay();
    }
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;
    int strays = argc > 2 && strcmp(argv[2], "strays") == 0;
    alarm(120);
    announce();
    for (int made = 1, i = 0; made < count; i++) {
        int kind = i % 5;
        if (kind == 4 && made + 2 <= count) {
            chain();
            made += 2;
            continue;
        }
        if (kind == 3) {
            orphan(strays);
        } else {
            grow(kind);
        }
        made++;
    }
    stay();
}

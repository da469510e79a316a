/* Terminals of the test's own. */
#ifndef TERMINALS_H
#define TERMINALS_H

#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/** A pseudo-terminal. */
struct pair {
    int master, slave;
};

static inline struct pair open_pair(void)
{
    struct pair pair = { posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), -1 };
    if (pair.master >= 0 && grantpt(pair.master) == 0 && unlockpt(pair.master) == 0) {
        pair.slave = open(ptsname(pair.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (pair.slave < 0) {
        SKIP_TEST("there are no pseudo-terminals here: %s", strerror(errno));
    }
    return pair;
}

static inline void close_pair(struct pair pair)
{
    close(pair.slave);
    close(pair.master);
}

static inline void need_terminals(void)
{
    close_pair(open_pair());
}

/** Reads until `want` is the end of what came. */
static inline void expect_end(int fd, const char *want)
{
    char text[4096] = "";
    size_t used = 0, length = strlen(want);
    while (used < length || strcmp(text + used - length, want) != 0) {
        ssize_t size = read(fd, text + used, sizeof text - 1 - used);
        if (size <= 0) {
            fail(__FILE__, __LINE__, "\"%s\" and then the end, not \"%s\"", text, want);
            return;
        }
        used += (size_t) size;
        text[used] = 0;
    }
}

/** Makes this process the leader of a session with a terminal, `ours`. For copies of the
 * test. */
static struct pair ours;

static inline void own_a_terminal(void)
{
    REQUIRE(setsid() == getpid());
    ours = open_pair();
    REQUIRE(ioctl(ours.slave, TIOCSCTTY, 0) == 0);
    REQUIRE(tcgetpgrp(ours.slave) == getpgrp());
}

#endif

/*
 * How a program under `inject` marks the calls that may be made to fail, and
 * finds what happened to them: by prctl() with an option that no kernel has.
 * Without a supervisor the kernel answers EINVAL, and all of this does nothing.
 */
#ifndef INJECT_H
#define INJECT_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INJECT_OPTION 0x43484c44 /* "CHLD" */

enum {
    INJECT_BEGIN,       /* from here on, calls are counted and may fail */
    INJECT_END,         /* up to here */
    INJECT_ERROR,       /* asks: the errno given to a call since BEGIN; 0 if none */
    INJECT_CALL,        /* asks: that call's number */
    INJECT_IN_CHILD,    /* asks: whether it was a child's, before its exec */
    INJECT_ARGUMENT,    /* asks: its first argument; + 1 its second, … + 5 */
};

/* Leaves errno alone. 0 without a supervisor. */
static inline int inject_ask(int what)
{
    int kept = errno;
    long answer = syscall(SYS_prctl, INJECT_OPTION, what, 0, 0, 0);
    errno = kept;
    return answer < 0 ? 0 : (int)answer;
}

/* A system call that the supervisor does not see: the kernel ignores the
 * sixth argument of a call that has fewer, the filter knows it. For audits,
 * which make many calls. */
#define INJECT_UNHEARD(number, a, b, c, d) syscall(number, a, b, c, d, 0L, (long)INJECT_OPTION)

static inline void inject_begin(void)
{
    inject_ask(INJECT_BEGIN);
}

static inline void inject_end(void)
{
    inject_ask(INJECT_END);
}

#endif

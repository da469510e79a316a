/* For the library and the tests under ThreadSanitizer.
 *
 * Its runtime keeps a signal back until the thread calls an intercepted function of libc.
 * Were that one which the library calls under its lock, the handler would run there, which
 * cannot happen otherwise, and would wait for the lock forever. So one is called while the
 * signals are blocked already and the lock is not taken yet. */
#include "hooks.h"

void chld_test_hook(int point);
void chld_test_hook(int point)
{
    if (point == BLOCKED) {
        sigset_t pending;
        sigpending(&pending);
    }
}

/* What newer compilers than gcc 12 call instead of these functions. */

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size)
{
    return memset(to, byte, size);
}

#include "faults_errno.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define NAMED(name) { #name, name }
static const struct {
    const char *name;
    int number;
} known[] = {
    NAMED(E2BIG),   NAMED(EACCES), NAMED(EAGAIN),  NAMED(EBADF),   NAMED(EBUSY),  NAMED(ECHILD),
    NAMED(EFAULT),  NAMED(EINTR),  NAMED(EINVAL),  NAMED(EIO),     NAMED(EMFILE), NAMED(ENFILE),
    NAMED(ENODATA), NAMED(ENOENT), NAMED(ENOEXEC), NAMED(ENOMEM),  NAMED(ENOSPC), NAMED(ENOSYS),
    NAMED(ENOTDIR), NAMED(ENOTTY), NAMED(EPERM),   NAMED(EPIPE),   NAMED(ESRCH),
};

int errno_number(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].number;
        }
    }
    return 0;
}

const char *errno_name(int number)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].number == number) {
            return known[i].name;
        }
    }
    return "?";
}

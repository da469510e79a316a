/*
 * System calls that an older kernel does not have, or a container's profile
 * refuses: a seccomp filter answers them with ENOSYS. It costs every system
 * call a little, so all contenders of such a row run under it.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE_CALL(number) IF_EQUAL((number), 0, 1), REFUSE

static void install(struct sock_filter *filter, size_t size)
{
    struct sock_fprog program = {(unsigned short)(size / sizeof *filter), filter};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "PR_SET_SECCOMP");
}

void deny(const char *what)
{
    struct sock_filter clone3[] = {LOAD(nr), REFUSE_CALL(SYS_clone3), ALLOW};
    struct sock_filter close_range[] = {LOAD(nr), REFUSE_CALL(SYS_close_range), ALLOW};
    /* clone3's flags cannot be seen by a filter, so all of it goes. */
    struct sock_filter pidfd[] = {
        LOAD(nr),
        REFUSE_CALL(SYS_clone3),
        REFUSE_CALL(SYS_pidfd_open),
        REFUSE_CALL(SYS_pidfd_send_signal),
        IF_EQUAL(SYS_clone, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_PIDFD, 0, 1),
        REFUSE,
        ALLOW,
    };
    if (!what)
        return;
    if (strcmp(what, "clone3") == 0)
        install(clone3, sizeof clone3);
    else if (strcmp(what, "close_range") == 0)
        install(close_range, sizeof close_range);
    else if (strcmp(what, "pidfd") == 0)
        install(pidfd, sizeof pidfd);
    else
        must(-1, what);
}

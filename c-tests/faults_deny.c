#define _GNU_SOURCE
#include "faults_deny.h"

#include "faults_errno.h"
#include "faults_seccomp.h"

#include <fcntl.h>
#include <stdbool.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#define WAITID_PIDFD 3 /* P_PIDFD, which older C libraries lack */

/* The call is refused if (argument & mask) == value; mask 0: always. */
struct rule {
    const char *name;
    int call;
    int argument;
    unsigned mask;
    unsigned value;
};

/*
 * clone3 is glibc's own too: pthread_create and posix_spawn try it first, and
 * turn to clone only after ENOSYS. To refuse it with EPERM or EINVAL would
 * break the threads of the program under test. "clone3:library" distinguishes the two
 * apart by the size of their structs: libchld passes the first version of
 * clone_args, 64 bytes, glibc a later one, 88. In the same way "clone:vm" is a
 * child in borrowed memory (CLONE_VM, CLONE_VFORK), not a thread.
 */
#define BORROWS (CLONE_VM | CLONE_VFORK)
static const struct rule known[] = {
    { "clone", SYS_clone, 0, 0, 0 },
    { "clone:pidfd", SYS_clone, 0, CLONE_PIDFD, CLONE_PIDFD },
    { "clone:vm", SYS_clone, 0, BORROWS | CLONE_THREAD, BORROWS },
    { "clone3", SYS_clone3, 0, 0, 0 },
    { "clone3:library", SYS_clone3, 1, ~0u, 64 },
    { "close_range", SYS_close_range, 0, 0, 0 },
    { "close_range:unshare", SYS_close_range, 2, 2, 2 },
    { "close_range:cloexec", SYS_close_range, 2, 4, 4 },
    { "epoll_create1", SYS_epoll_create1, 0, 0, 0 },
    { "eventfd2", SYS_eventfd2, 0, 0, 0 },
    { "execve", SYS_execve, 0, 0, 0 },
    { "getdents64", SYS_getdents64, 0, 0, 0 },
    { "ioctl:pidfd", SYS_ioctl, 1, 0xff00, 0xff00 }, /* PIDFD_GET_INFO and its kin */
    { "madvise:wipeonfork", SYS_madvise, 2, ~0u, MADV_WIPEONFORK },
    { "pidfd_open", SYS_pidfd_open, 0, 0, 0 },
    { "pidfd_send_signal", SYS_pidfd_send_signal, 0, 0, 0 },
    { "pwritev2", SYS_pwritev2, 0, 0, 0 }, /* RWF_NOWAIT, which most files do not know */
    { "signalfd4", SYS_signalfd4, 0, 0, 0 },
    { "unshare", SYS_unshare, 0, 0, 0 },
    { "waitid:pidfd", SYS_waitid, 0, ~0u, WAITID_PIDFD },
};
#define KNOWN (sizeof known / sizeof known[0])

#define PER_RULE 6
#define MOST_RULES 40

void deny_list(void)
{
    for (size_t i = 0; i < KNOWN; i++) {
        puts(known[i].name);
    }
}

static const struct rule *find(const char *name)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

static void add(struct sock_filter *to, const struct rule *rule, unsigned answer)
{
    struct sock_filter code[PER_RULE] = {
        LOAD(nr),
        UNLESS_EQUAL((unsigned)rule->call, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(rule->argument)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->mask),
        UNLESS_EQUAL(rule->value, 1),
        ANSWER(answer),
    };
    memcpy(to, code, sizeof code);
}

/* Turns "NAME=ERRNO" into instructions, or "NAME=KILL" for a sandbox that ends
 * who so much as tries. */
static int compile(char *text, struct sock_filter *to)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        fprintf(stderr, "deny: no errno in rule '%s'\n", text);
        return -EINVAL;
    }
    *equals = '\0';
    const struct rule *rule = find(text);
    int error = errno_number(equals + 1);
    bool kill = strcmp(equals + 1, "KILL") == 0;
    if (rule == NULL || (error == 0 && !kill)) {
        fprintf(stderr, "deny: there is no rule '%s=%s'\n", text, equals + 1);
        return -EINVAL;
    }
    add(to, rule, kill ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (unsigned)error);
    return 0;
}

int deny_install(const char *rules)
{
    struct sock_filter filter[4 + PER_RULE * MOST_RULES] = { ALLOW_OTHER_ARCHITECTURES };
    size_t count = 3;
    char copy[1024];
    if (FAULTS_ARCH == 0) {
        return -ENOSYS;
    }
    if ((size_t)snprintf(copy, sizeof copy, "%s", rules) >= sizeof copy) {
        return -EINVAL;
    }
    char *rest = copy;
    for (char *one; (one = strtok_r(rest, ",", &rest)) != NULL; count += PER_RULE) {
        if (count + PER_RULE > sizeof filter / sizeof filter[0] - 1) {
            return -EINVAL;
        }
        int result = compile(one, &filter[count]);
        if (result < 0) {
            return result;
        }
    }
    filter[count++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    int result = seccomp_install(filter, count, 0);
    return result < 0 ? -ENOSYS : 0;
}

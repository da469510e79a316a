/*
 * What both tools need to put a seccomp filter in front of a program: the
 * number that the kernel gives this architecture, and the installing call.
 */
#ifndef FAULTS_SECCOMP_H
#define FAULTS_SECCOMP_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0: an architecture that nobody has tried; the tools then report that. */
#if defined __x86_64__ && !defined __ILP32__
#define FAULTS_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__ && defined AUDIT_ARCH_AARCH64
#define FAULTS_ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64 && defined AUDIT_ARCH_RISCV64
#define FAULTS_ARCH AUDIT_ARCH_RISCV64
#elif defined __arm__ && defined AUDIT_ARCH_ARM
#define FAULTS_ARCH AUDIT_ARCH_ARM
#else
#define FAULTS_ARCH 0
#endif

/* Calls that have one number everywhere, and may be younger than the headers. */
#if !defined SYS_fcntl && defined SYS_fcntl64
#define SYS_fcntl SYS_fcntl64
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))
/* Goes on with the next instruction if equal, else passes over `others` more. */
#define UNLESS_EQUAL(value, others) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (others))

/* Three instructions: a program of another architecture goes unfiltered. */
#define ALLOW_OTHER_ARCHITECTURES \
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FAULTS_ARCH, 1, 0), ANSWER(SECCOMP_RET_ALLOW)

/* The low half of a system call's argument: all that a filter here looks at. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF(argument) (offsetof(struct seccomp_data, args) + 8 * (argument))
#else
#define LOW_HALF(argument) (offsetof(struct seccomp_data, args) + 8 * (argument) + 4)
#endif

/*
 * Installs the filter for this process and all that it will start. Needs no
 * privilege, because from here on exec gives none. Returns what the kernel
 * returns: 0, or a descriptor if `flags` asks for a listener, or -errno.
 */
static inline int seccomp_install(struct sock_filter *filter, size_t count, unsigned flags)
{
    struct sock_fprog program = { .len = (unsigned short)count, .filter = filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -errno;
    }
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return result < 0 ? -errno : (int)result;
}

#endif

/*
 * The child: a static program without libc, so that a row measures the start
 * and the end of a process and not those of a C library. What it does is the
 * first letter of its argument:
 *
 *   x          ends at once
 *   r          reads stdin to its end first
 *   h          the same, and writes a byte to stdout when it begins
 *   t MS       sleeps, then writes the monotonic time to stdout as its last act
 *   w MIB KIB  writes that many MiB to stdout, in blocks of that many KiB
 *   k          writes 4 KiB to stdout
 *   p          passes stdin on to stdout
 *
 * It exits with code 7.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long a, long b, long c)
{
#if defined __x86_64__
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
#error "no system call instruction for this machine yet"
#endif
}

#if defined __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call run\n");
#else
__asm__(".globl _start\n_start: mov x0, sp\n bl run\n");
#endif

static char block[1 << 17];

static long number(const char *text)
{
    long value = 0;
    while (text && *text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

static void stamp_after(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    call(SYS_nanosleep, (long)&time, 0, 0);
    call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0);
    call(SYS_write, 1, (long)&time, sizeof time);
}

/* Text, and not the kernel's page of zeros: some contenders take only text. */
static void write_all(long bytes, long at_once)
{
    if (at_once <= 0 || at_once > (long)sizeof block)
        call(SYS_exit_group, 2, 0, 0);
    for (long i = 0; i < at_once; i++)
        block[i] = 'x';
    while (bytes > 0) {
        long most = bytes < at_once ? bytes : at_once;
        long wrote = call(SYS_write, 1, (long)block, most);
        if (wrote < 0)
            call(SYS_exit_group, 1, 0, 0);
        bytes -= wrote;
    }
}

static void pass_on(void)
{
    long got;
    while ((got = call(SYS_read, 0, (long)block, sizeof block)) > 0) {
        for (long wrote = 0; wrote < got;) {
            long result = call(SYS_write, 1, (long)block + wrote, got - wrote);
            if (result < 0)
                call(SYS_exit_group, 1, 0, 0);
            wrote += result;
        }
    }
}

__attribute__((used)) void run(long *stack)
{
    const char *mode = stack[0] > 1 ? (const char *)stack[2] : "x";
    const char *argument = stack[0] > 2 ? (const char *)stack[3] : NULL;
    const char *second = stack[0] > 3 ? (const char *)stack[4] : NULL;
    if (mode[0] == 'h')
        call(SYS_write, 1, (long)block, 1);
    if (mode[0] == 'r' || mode[0] == 'h')
        while (call(SYS_read, 0, (long)block, 1) > 0)
            ;
    else if (mode[0] == 't')
        stamp_after(number(argument));
    else if (mode[0] == 'w')
        write_all(number(argument) << 20, number(second) << 10);
    else if (mode[0] == 'k')
        write_all(4096, 4096);
    else if (mode[0] == 'p')
        pass_on();
    call(SYS_exit_group, 7, 0, 0);
}

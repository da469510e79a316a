/*
 * chld.h - child processes: start them, wait for them, get their statuses.
 *
 * Conventions for all functions:
 *   - A function that returns an int returns 0 or more on success, and a negative
 *     errno on failure. It leaves errno itself, the signal mask and the descriptors
 *     of the program as they were, even on failure.
 *   - Outputs are called ret or reterr. They are written on success only (reterr on
 *     failure only). They may be NULL if the comment allows it.
 *   - Zero is the default in every member of every struct.
 *   - A handle (chld_id) is a number. A wrong or closed one is -EBADF, or -EINVAL if
 *     another argument is wrong as well. It never reaches another child.
 *   - After fork() without exec, the library of the copy is empty: handles of the
 *     original are -EBADF there.
 *   - "Stack" is the most that a call needs of the stack on x86-64. A signal handler
 *     that interrupts the call comes on top.
 *
 * Generated from src/ffi by `make header`; do not edit.
 */
#ifndef CHLD_H
#define CHLD_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. chld_version() returns that of the library. */
#define CHLD_VERSION_MAJOR 0
#define CHLD_VERSION_MINOR 1
#define CHLD_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The arguments of a program, NULL at the end: char *argv[], as main() has it, or
 * const char *argv[]. In C++ both convert to one pointer. In C they do not, but gcc
 * and clang pass either of them as it is. Tools that call C functions from another
 * language need the pointer in C as well: define CHLD_PLAIN_ARGV before you include
 * this header.
 */
#if defined(__GNUC__) && !defined(__cplusplus) && !defined(CHLD_PLAIN_ARGV)
/* gcc's -Wpedantic objects to each such call, except to functions from here on. */
#pragma GCC system_header
typedef union {
    const char *const *constant;
    char *const *variable;
} chld_argv __attribute__((__transparent_union__));
#else
typedef const char *const *chld_argv;
#endif

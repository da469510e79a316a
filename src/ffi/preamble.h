/*
 * chld.h - child processes: start them, wait for them, say how they ended.
 *
 * Conventions, for all functions:
 *   - They return an int: >= 0 is success, < 0 is a negative errno (but for a few
 *     that return a name, or NULL). They leave errno itself, the signal mask and
 *     every descriptor that is not theirs as they found them, also when they fail.
 *   - Outputs are called ret or reterr. They are written on success only
 *     (reterr on failure only), and may be NULL where it says so.
 *   - Zero is the default in every member of every struct.
 *   - A handle (chld_id) is a number. A wrong or closed one is -EBADF, always, or
 *     -EINVAL if another argument is wrong as well: never another child.
 *   - After fork() without exec the library of the copy is empty: handles of
 *     the original are -EBADF there.
 *
 * Generated from src/ffi by `make header`; do not edit.
 */
#ifndef CHLD_H
#define CHLD_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; chld_version() is that of the library. */
#define CHLD_VERSION_MAJOR 0
#define CHLD_VERSION_MINOR 1
#define CHLD_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The arguments of a program, NULL at the end: char *argv[], as main() has it, or
 * const char *argv[]. In C++ both convert to one pointer. In C they do not, but gcc
 * and clang pass either of them as it is. Define CHLD_PLAIN_ARGV before you include
 * this header to have the pointer in C, too, as tools do that call C functions from
 * another language.
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

/*
 * posix_spawn(), posix_spawnp(), popen(), pclose() and system() for a program that does not
 * know libchld, made of libchld's calls:
 *
 *     LD_PRELOAD=build/examples/preload.so ninja
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <chld.h>

/* What a program expects that calls fork() and exec(). */
__attribute__((visibility("hidden"))) chld_spawn_options usual(void);

#endif

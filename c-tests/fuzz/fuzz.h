/*
 * Fuzz targets: functions that give the library what a program, the kernel or a file may
 * give it, and check what it makes of that. driver.c makes up the inputs.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_BYTES = 512 };

/* What is left of an input. At its end, everything is 0. */
struct input {
    const unsigned char *at, *end;
};

struct target {
    const char *name;
    void (*run)(struct input *input);
    const char *const *words; /* that inputs are made of, NULL at the end */
};

extern const struct target target_signals, target_sigsets, target_status, target_durations,
    target_stat, target_interpreter, target_environment, target_options, target_captures;

uint8_t byte(struct input *input);
uint32_t word32(struct input *input);
uint64_t word64(struct input *input);
/* A number below `count`. */
size_t pick(struct input *input, size_t count);
/* The next bytes up to a NUL or a newline, as a string that ends where its memory does. */
char *string(struct input *input);
/* All that is left, in memory that ends there. */
char *rest(struct input *input, size_t *ret_size);
/* Memory of this size that ends where nothing may be read or written. It is zeroed; all of
 * it is given back when the target returns. At most 4096 bytes. */
void *guarded(size_t size);

/* The input has found a fault. */
#define MUST(condition) \
    ((condition) ? (void)0 : found(__FILE__, __LINE__, #condition))
_Noreturn void found(const char *file, int line, const char *what);

#endif

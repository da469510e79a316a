/*
 * What every test program is made of. `test_x --list` names its tests;
 * `test_x NAME` runs one of them in this process, under an alarm, and audits
 * afterwards that the process is as it was. It exits with 0 if the test passed,
 * with 77 if it could not be run here ("skipped: why" on stdout), and with
 * anything else if it failed.
 *
 * Include it first: it asks the system headers for all that they have.
 */
#ifndef HARNESS_H
#define HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/** TEST(name) { ... } */
#define TEST(name) \
    static void run_##name(void); \
    __attribute__((constructor)) static void add_##name(void) \
    { \
        static struct test test = { #name, run_##name, NULL }; \
        test_add(&test); \
    } \
    static void run_##name(void)

/** These count a failure, print where and what, and go on. They are true if all
 * is well, and can be used in any thread, and in a forked copy of the test. */
#define CHECK(condition) check(__FILE__, __LINE__, #condition, (condition))
#define CHECK_INT(got, want) check_int(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, #got, (got), (want))

/** Ends the test at once, failed, if the condition does not hold. */
#define REQUIRE(condition) \
    ((condition) ? (void) 0 : require_failed(__FILE__, __LINE__, #condition))

/** Ends the test, neither passed nor failed: its exit code. In a forked copy, the
 * test itself ends with the copy (in_copy() in support.h). */
enum { TEST_SKIPPED = 77 };
#define SKIP_TEST(...) skip_test(__VA_ARGS__)

/** The result of a library call, which must leave errno as it was. */
#define CALL(call) \
    __extension__({ \
        errno = ERRNO_CANARY; \
        int call_result = (call); \
        check_errno(__FILE__, __LINE__, #call); \
        call_result; \
    })

/** A library call that must return this. */
#define CHECK_CALL(call, want) check_result(__FILE__, __LINE__, #call, CALL(call), (want))

/** No errno that anything sets. */
#define ERRNO_CANARY 12345

/** Called after the test and before the audit; a program may define its own. */
void before_audit(void);

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_add(struct test *test);

bool check(const char *file, int line, const char *what, bool holds);
bool check_int(const char *file, int line, const char *what, long long got, long long want);
bool check_str(const char *file, int line, const char *what, const char *got, const char *want);
bool check_result(const char *file, int line, const char *what, int got, int want);
void check_errno(const char *file, int line, const char *what);
_Noreturn void require_failed(const char *file, int line, const char *what);
_Noreturn void skip_test(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Counts a failure and prints it: "file:line: " and the text. */
void fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** How many checks have failed so far. */
int failures(void);

/** Sets the alarm again: a forked copy does not have its parent's. */
void arm_alarm(void);

/** `count`, or less in a lane where everything is slow. */
int scaled(int count);

/** A limit in ms that a child has done its part by, or more in a lane where everything is slow. */
int patient(int ms);

#endif

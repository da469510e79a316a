/* What the tests of SIGCHLD, of sets and of the tasks of an init have in common:
 * both engines, conditions that come true by themselves, children of the
 * program's own, and a signal that interrupts everything. */
#ifndef EXITS_H
#define EXITS_H

#include "support.h"

#include <pthread.h>

/** A test that is run with a set of either engine: `flags` is for
 * chld_set_open(). */
#define TEST_EACH_ENGINE(name) \
    static void each_##name(uint32_t flags); \
    TEST(name##_default) \
    { \
        each_##name(0); \
    } \
    TEST(name##_sigchld) \
    { \
        each_##name(CHLD_SET_SIGCHLD); \
    } \
    static void each_##name(uint32_t flags)

/** A set; the test ends if there is none. */
#define SET_OPEN(flags) set_open(__FILE__, __LINE__, (flags))
chld_set set_open(const char *file, int line, uint32_t flags);

/** Whether a descriptor is readable now. */
bool is_readable(int fd);

/** Waits, on the set's descriptor, for its next event; false if none comes within
 * a time that is beyond doubt. */
#define SET_AWAIT(set, event) set_await(__FILE__, __LINE__, (set), (event))
bool set_await(const char *file, int line, chld_set set, chld_event *event);

/** A child that the library knows nothing of, started by fork; it has exited,
 * nobody has waited for it. */
pid_t foreign_zombie(int code);

/** Waits for it as a program waits for its own: it must still be there. */
#define FOREIGN_REAP(pid, code) foreign_reap(__FILE__, __LINE__, (pid), (code))
void foreign_reap(const char *file, int line, pid_t pid, int code);

/** Sends a child a signal from another thread, once the thread that asks for it
 * sleeps: in the call under test. */
struct later {
    chld_id id;
    int signal;
    int sleeper;
    pthread_t thread;
};
void later_kill(struct later *later, chld_id id, int signal);
void later_join(struct later *later);

/** From here on SIGALRM interrupts the process a thousand times a second, and
 * no system call is restarted after it. To be called before a child is started:
 * under valgrind the test is passed over. */
void storm_begin(void);

/** No longer; returns how often it has. */
int storm_end(void);

/** Leaves this process one processor: a thread with priority then keeps the others from
 * running, and a child runs only while its parent does not. */
void stay_on_one_cpu(void);

/** Blocks or unblocks a signal in the calling thread. */
void block_signal(int signal);
void unblock_signal(int signal);

#endif

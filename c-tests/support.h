/* What the tests have in common beyond the harness: child programs, ways to
 * hold a child and to let it go, and ways to see what a child sees. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "harness.h"

#include <chld.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* Starting and ending */

/** A list of arguments with its NULL. */
#define ARGV(...) ((const char *const[]) { __VA_ARGS__, NULL })

/** The absolute path of a child program, see c-tests/helpers: "act", "probe". */
const char *helper(const char *name);

/** A number as an argument; it lasts as long as the block that it is in. */
#define DECIMAL(number) decimal((char[12]) { 0 }, (number))
const char *decimal(char buffer[12], int number);

/** ARGV for the helper that does what its arguments ask for. */
#define ACT(...) ARGV(helper("act"), __VA_ARGS__)

/** Starts a child; the test ends if that fails. */
#define START(argv, options) start(__FILE__, __LINE__, (argv), (options))
chld_id start(const char *file, int line, const char *const *argv,
              const chld_spawn_options *options);

/** Waits for the end of a child and closes its handle. */
#define FINISH(id) finish(__FILE__, __LINE__, (id))
chld_status finish(const char *file, int line, chld_id id);

/** Both: the status of a child that was started for nothing else. */
#define RUN(argv, options) FINISH(START((argv), (options)))

/** A status must be this. */
#define CHECK_STATUS(status, state, code) \
    check_status(__FILE__, __LINE__, (status), (state), (code))
#define CHECK_EXITED(status, code) CHECK_STATUS((status), CHLD_STATE_EXITED, (code))
bool check_status(const char *file, int line, chld_status status, int state, int code);

/** A start must fail in this way. */
#define CHECK_FAILS(argv, options, code, step, index) \
    check_fails(__FILE__, __LINE__, (argv), (options), (code), (step), (index))
chld_error check_fails(const char *file, int line, const char *const *argv,
                       const chld_spawn_options *options, int code, int step, int index);

/** A pipe at whose end children wait: all of them go on once it is opened. */
struct gate {
    int wait_end;
    int hold_end;
};
struct gate gate_make(void);
void gate_open(struct gate *gate);

/** Starts a child that lives until the gate is opened, then exits with `code`. */
#define START_AT(gate, code) start_at(__FILE__, __LINE__, (gate), (code), NULL)
chld_id start_at(const char *file, int line, const struct gate *gate, int code, void *user);

/** Sleeps until a child has exited, without the library's waiting functions. */
void await_exit(chld_id id);

/** Starts children that end at once, many of them, one after the other, while two
 * threads do nothing but `reap`, which must not take them for foreign children. */
void start_against(void (*reap)(void));

/** Calls the library until it has reaped all children whose handle was closed
 * while they ran; the gates they wait at must be open. */
void reap_closed_children(void);

/** Waits until the condition holds; a check that fails if it does not become
 * true within a time that is beyond doubt. */
#define AWAIT(condition) \
    do { \
        long long await_until = now_ms() + 10000; \
        bool await_holds; \
        while (!(await_holds = (condition)) && now_ms() < await_until) { \
            poll(NULL, 0, 1); \
        } \
        check(__FILE__, __LINE__, #condition, await_holds); \
    } while (0)

/** The calling thread's number. */
int own_thread(void);

/** Ends the test, neither passed nor failed, where /proc is not mounted, or where
 * /dev is empty. The functions here that need these call them. */
void need_proc(void);
void need_dev(void);

/** The letter that /proc has for the state of a process or thread, 'S' if it
 * sleeps, 'Z' for a zombie (not while other threads of it have yet to exit); 0 if there is no
 * such process. */
char process_state(int pid);

/** Whether a process is a zombie, or gone. */
bool has_ended(int pid);

/** Whether there is this process, a zombie included. */
bool process_is_there(int pid);

/** Whether this runs under valgrind, which has limits of its own. */
bool under_valgrind(void);

/** Whether the kernel has the status of a process that was reaped already. */
bool ends_can_be_recovered(void);

/** Whether waitid() takes pidfds: P_PIDFD, since Linux 5.4. */
bool waitid_takes_pidfds(void);

/** Runs `part` in a forked copy of the test, where checks count as well. */
#define IN_COPY(part) check_int(__FILE__, __LINE__, "the exit of " #part, in_copy(part), 0)
int in_copy(void (*part)(void));

/** How many descriptors are open; below 0, 1, 2 and so on up to `highest`. */
int open_descriptors(void);

/** The byte at this offset of what the helper "flow" writes. */
unsigned char pattern_at(long long offset);

/** The CLOCK_MONOTONIC, in milliseconds. */
long long now_ms(void);

/** All that can be read from `fd`, cut to the buffer, with a NUL. */
char *read_all(int fd, char *buffer, size_t size);

/** Files */

/** A path in a directory that is this test's own, and removed with it. */
const char *scratch(const char *name);

/** Makes a file with this text and these permissions in the scratch directory;
 * returns its path. */
const char *scratch_file(const char *name, const char *text, mode_t mode);

/* Seeing what a child sees: probing.c */

/** What the helper "probe" wrote down: "key=value" entries. */
struct probe {
    char *text;
    size_t size;
};

/** Runs the helper with these arguments after its own; `name` is its argv[0],
 * or NULL. The options may name no program of their own. */
#define PROBE(options, ...) probe_run(__FILE__, __LINE__, NULL, (options), ARGV(__VA_ARGS__))
struct probe probe_run(const char *file, int line, const char *name,
                       const chld_spawn_options *options, const char *const *arguments);

/** The value of the entry number `position` with this key, or NULL. */
const char *probe_nth(const struct probe *probe, const char *key, int position);
#define PROBED(probe, key) probe_nth((probe), (key), 0)
int probe_count(const struct probe *probe, const char *key);

/** What descriptor `fd` of the child is, as "rw /path", or NULL. */
const char *probe_fd(const struct probe *probe, int fd);

/** The same for a descriptor of this process. The string is overwritten by the
 * next call. */
const char *own_fd(int fd);

void probe_free(struct probe *probe);

#endif

/* Detecting exits, and acting on children, while system calls fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MANY 34 /* more than the library has room for without asking for pages */

/* Whatever came of a wait under faults, afterwards there is the right answer. */
static void require_end(chld_id id, bool known, const chld_status *status, int state, int code)
{
    if (known) {
        require_status(status, state, code);
    }
    finish(id, state, code);
}

static void ended(void)
{
    chld_status status = { 0 };
    chld_id id = start((const char *[]){ child_program, "exit=42", NULL }, NULL);
    bool known = try_wait(id, -1, &status);
    require_end(id, known, &status, CHLD_STATE_EXITED, 42);
}

/* The timeout passes, then the child exits. */
static void limit(void)
{
    chld_status status = { 0 };
    chld_id id = start_gated();
    try_in_vain(id, 20);
    open_gate(id);
    bool known = try_wait(id, 10000, &status);
    require_end(id, known, &status, CHLD_STATE_EXITED, 42);
}

static void look(void)
{
    chld_id id = start_gated();
    try_in_vain(id, 0);
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
}

/* The second answer is the first; so are those of the calls that only ask. */
static void twice(void)
{
    chld_status status = { 0 };
    chld_resources resources;
    chld_id id = start((const char *[]){ child_program, "exit=42", NULL }, NULL);
    window_open();
    int first = chld_wait(id, -1, &status);
    int second = chld_wait(id, -1, &status);
    struct seen seen = window_close();
    bool known = judge("the first chld_wait", first, &seen);
    known = judge("the second chld_wait", second, &seen) || known;
    require_end(id, second == 0, &status, CHLD_STATE_EXITED, 42);
    require(chld_usage(id, &resources) == -EBADF, "a closed handle has figures");
}

static void usage(void)
{
    chld_status status = { 0 };
    chld_resources resources = { 0 };
    chld_id id = start((const char *[]){ child_program, "exit=42", NULL }, NULL);
    try_wait(id, -1, &status);
    require(chld_wait(id, -1, &status) == 0, "chld_wait without a fault");
    require(chld_usage(id, &resources) == 0 && resources.max_resident_kib > 0, "no figures");
    finish(id, CHLD_STATE_EXITED, 42);
}

static void kill_and_wait(void)
{
    chld_status status = { 0 };
    chld_id id = start_gated();
    window_open();
    int killed = chld_kill(id, SIGTERM);
    int waited = killed == 0 ? chld_wait(id, -1, &status) : -ENODATA;
    int again = waited == 0 ? chld_kill(id, SIGTERM) : -ESRCH;
    struct seen seen = window_close();
    require(again == -ESRCH, "a second kill returned -%s", errno_name(-again));
    if (!judge("chld_kill", killed, &seen)) {
        require(chld_kill(id, SIGTERM) == 0, "chld_kill without a fault");
    } else if (!judge("chld_wait", waited, &seen)) {
        waited = -ENODATA;
    }
    require_end(id, waited == 0, &status, CHLD_STATE_KILLED, SIGTERM);
}

/* Stopped, continued, killed: each is reported, and in this order. */
static void changes(void)
{
    static const struct {
        int signal, state, code;
    } steps[] = { { SIGSTOP, CHLD_STATE_STOPPED, SIGSTOP },
                  { SIGCONT, CHLD_STATE_CONTINUED, SIGCONT },
                  { SIGKILL, CHLD_STATE_KILLED, SIGKILL } };
    chld_id id = start_gated();
    for (int i = 0; i < 3; i++) {
        chld_status status = { 0 };
        require(chld_kill(id, steps[i].signal) == 0, "chld_kill without a fault");
        window_open();
        int waited = chld_wait_change(id, 0, -1, &status);
        struct seen seen = window_close();
        if (!judge("chld_wait_change", waited, &seen)) {
            require(chld_wait_change(id, 0, -1, &status) == 0, "again, without a fault");
        }
        require_status(&status, steps[i].state, steps[i].code);
    }
    finish(id, CHLD_STATE_KILLED, SIGKILL);
}

static void start_many(chld_id ids[MANY])
{
    for (int i = 0; i < MANY; i++) {
        ids[i] = start_gated();
    }
}

static void finish_many(chld_id ids[MANY], int but)
{
    for (int i = 0; i < MANY; i++) {
        if (i != but) {
            open_gate(ids[i]);
        }
    }
    for (int i = 0; i < MANY; i++) {
        if (i != but) {
            finish(ids[i], CHLD_STATE_EXITED, 42);
        }
    }
}

static void require_event(const chld_event *event, const chld_id ids[MANY], size_t index)
{
    require(event->index == index && event->id == ids[index], "child %d instead of %d",
            (int)event->index, (int)index);
    require_status(&event->status, CHLD_STATE_KILLED, SIGKILL);
}

/* None exits before the timeout; then one of many does, and it is that one. */
static void any(void)
{
    chld_id ids[MANY];
    chld_event event = { 0 };
    start_many(ids);
    window_open();
    int early = chld_wait_any(ids, MANY, 20, &event);
    struct seen seen = window_close();
    require(early == -ETIMEDOUT || !judge("chld_wait_any", early, &seen), "nobody has ended");
    require(chld_kill(ids[27], SIGKILL) == 0, "chld_kill without a fault");
    await_zombie(chld_pid(ids[27]));
    window_open();
    int found = chld_wait_any(ids, MANY, 10000, &event);
    seen = window_close();
    if (!judge("chld_wait_any", found, &seen)) {
        require(chld_wait_any(ids, MANY, -1, &event) == 0, "again, without a fault");
    }
    require_event(&event, ids, 27);
    finish(ids[27], CHLD_STATE_KILLED, SIGKILL);
    finish_many(ids, 27);
}

/* A list longer than the process may have descriptors, most of it struck out. */
static void any_of_struck_out(void)
{
    chld_id ids[400] = { CHLD_NONE };
    chld_event event = { 0 };
    struct rlimit limit;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = 256;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    ids[399] = start_gated();
    window_open();
    int early = chld_wait_any(ids, 400, 20, &event);
    struct seen seen = window_close();
    require(early == -ETIMEDOUT || !judge("chld_wait_any", early, &seen), "nobody has ended");
    open_gate(ids[399]);
    finish(ids[399], CHLD_STATE_EXITED, 42);
}

/* chld_exit_fd() becomes readable at the end, in a poll of the caller's. Where
 * a fault kept the child from having a descriptor, that is the answer. */
static void exit_fd(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    struct want want = { .argv = (const char *[]){ child_program, "gate", "exit=42", NULL },
                         .options = &options };
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    window_open();
    int result = chld_spawn(&id, want.argv, &options, &error);
    int fd = result == 0 ? chld_exit_fd(id) : -ENOSYS;
    struct seen seen = window_close();
    if (!judge_start(&want, result, &error, &seen)) {
        id = start_gated();
    }
    if (fd < 0) {
        require(seen.error != 0 && (fd == -ENOSYS || fd == -seen.error),
                "chld_exit_fd returned -%s", errno_name(-fd));
        open_gate(id);
    } else {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        require(poll(&one, 1, 0) == 0, "readable before the end");
        open_gate(id);
        int ready;
        do { /* where there is no pidfd, a handler of the library's interrupts */
            ready = poll(&one, 1, 10000);
        } while (ready < 0 && errno == EINTR);
        require(ready == 1 && (one.revents & POLLIN), "not readable at the end");
    }
    finish(id, CHLD_STATE_EXITED, 42);
}

static const struct scenario scenarios[] = {
    { "ended", ended },
    { "limit", limit },
    { "look", look },
    { "twice", twice },
    { "usage", usage },
    { "kill", kill_and_wait },
    { "changes", changes },
    { "any", any },
    { "any_of_struck_out", any_of_struck_out },
    { "exit_fd", exit_fd },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

/* Sets on both engines, the SIGCHLD handler, and the children of others, while
 * system calls fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"
#include "inject.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 3

/* A set, opened under faults if they allow it. */
static chld_set open_set(uint32_t flags)
{
    static struct state before;
    chld_set set = 0;
    state_take(&before);
    window_open();
    int opened = chld_set_open(flags, &set);
    struct seen seen = window_close();
    if (opened != 0 && seen.error == 0) {
        skip("without epoll there are no sets");
    }
    if (!judge("chld_set_open", opened, &seen)) {
        require(set == 0, "a set that was not opened");
        state_require(&before, "after a failed chld_set_open");
        require(chld_set_open(flags, &set) == 0, "chld_set_open without a fault");
    }
    return set;
}

/* A failed chld_set_add has not added: the next one does, the one after not. */
static void add(chld_set set, chld_id id)
{
    window_open();
    int added = chld_set_add(set, id, 0);
    struct seen seen = window_close();
    if (!judge("chld_set_add", added, &seen)) {
        added = chld_set_add(set, id, 0);
        require(added == 0, "chld_set_add again returned -%s", errno_name(-added));
    }
    require(chld_set_add(set, id, 0) == -EEXIST, "a child is in a set twice");
}

static void await_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int ready;
    do { /* a handler of the library's may interrupt */
        ready = poll(&one, 1, 10000);
    } while (ready < 0 && errno == EINTR);
    require(ready == 1, "the descriptor does not become readable");
}

/* The next end, at last without a fault: it must not get lost. By a poll and a
 * look, or by one call that waits. */
static bool by_waiting;

static void next(chld_set set, chld_event *ret)
{
    for (int tries = 0; tries < 20; tries++) {
        if (!by_waiting) {
            await_readable(chld_set_fd(set));
        }
        window_open();
        int taken = by_waiting ? chld_set_wait(set, 10000, ret) : chld_set_next(set, ret);
        struct seen seen = window_close();
        if (taken == 0) {
            return;
        }
        if (by_waiting || taken != -EAGAIN) {
            judge(by_waiting ? "chld_set_wait" : "chld_set_next", taken, &seen);
        }
    }
    fail("the set is readable and has nothing to tell");
}

/* All but the last exit; each is reported once. */
static void check_set(uint32_t flags)
{
    chld_id ids[COUNT];
    bool told[COUNT] = { false };
    chld_set set = open_set(flags);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = start_gated();
        add(set, ids[i]);
    }
    window_open();
    int early = chld_set_next(set, NULL);
    struct seen seen = window_close();
    require(early == -EAGAIN || !judge("chld_set_next", early, &seen), "nobody has ended");
    for (int i = 0; i < COUNT - 1; i++) {
        open_gate(ids[i]);
    }
    for (int i = 0; i < COUNT - 1; i++) {
        chld_event event = { 0 };
        next(set, &event);
        require_status(&event.status, CHLD_STATE_EXITED, 42);
        int which = event.id == ids[0] ? 0 : 1;
        require(event.id == ids[which] && !told[which], "another child, or the same again");
        told[which] = true;
    }
    require(chld_set_next(set, NULL) == -EAGAIN, "an end is told twice");
    window_open();
    int closed = chld_set_close(set);
    window_close();
    require(closed == 0, "chld_set_close returned -%s", errno_name(-closed));
    require(chld_set_next(set, NULL) == -EBADF, "the set is still good");
    open_gate(ids[COUNT - 1]);
    for (int i = 0; i < COUNT; i++) {
        finish(ids[i], CHLD_STATE_EXITED, 42);
    }
}

static void set(void)
{
    check_set(0);
}

static void set_sigchld(void)
{
    check_set(CHLD_SET_SIGCHLD);
}

static void set_wait(void)
{
    by_waiting = true;
    check_set(0);
}

static void set_wait_sigchld(void)
{
    by_waiting = true;
    check_set(CHLD_SET_SIGCHLD);
}

static void install(uint32_t flags)
{
    static struct state before;
    state_take(&before);
    window_open();
    int installed = chld_sigchld_install(flags);
    struct seen seen = window_close();
    if (!judge("chld_sigchld_install", installed, &seen)) {
        state_require(&before, "after a failed chld_sigchld_install");
        require(chld_sigchld_remove() == -ENOENT, "a failed chld_sigchld_install has installed");
        require(chld_sigchld_install(flags) == 0, "chld_sigchld_install without a fault");
    }
}

static void require_removed(void)
{
    window_open();
    int removed = chld_sigchld_remove();
    window_close();
    require(removed == 0, "chld_sigchld_remove returned -%s", errno_name(-removed));
    require(chld_sigchld_remove() == -ENOENT, "it is still installed");
}

/* The handler reaps the child; nobody asks before it has. */
static void handler(void)
{
    chld_status status = { 0 };
    install(0);
    chld_id id = start_gated();
    open_gate(id);
    await_readable(chld_sigchld_fd());
    window_open();
    int pending = chld_sigchld_pending();
    int waited = chld_wait(id, -1, &status);
    struct seen seen = window_close();
    require(pending == 1, "chld_sigchld_pending returned %d", pending);
    if (judge("chld_wait", waited, &seen)) {
        require_status(&status, CHLD_STATE_EXITED, 42);
    }
    finish(id, CHLD_STATE_EXITED, 42);
    require_removed();
}

/* The child exits, and the handler runs, while calls fail. */
static void handler_under_faults(void)
{
    chld_status status = { 0 };
    install(0);
    chld_id id = start_gated();
    window_open();
    int opened = chld_close_fd(id, CHLD_STDIN);
    int waited = chld_wait(id, -1, &status);
    struct seen seen = window_close();
    require(opened == 0, "chld_close_fd returned -%s", errno_name(-opened));
    if (judge("chld_wait", waited, &seen)) {
        require_status(&status, CHLD_STATE_EXITED, 42);
    }
    finish(id, CHLD_STATE_EXITED, 42);
    require_removed();
}

/* The handler only notifies, and chld_reap() reaps; at last without a fault. */
static void notify_and_reap(void)
{
    chld_status status = { 0 };
    install(CHLD_SIGCHLD_NOTIFY);
    chld_id id = start_gated();
    int pid = chld_pid(id);
    open_gate(id);
    await_readable(chld_sigchld_fd());
    await_zombie(pid);
    window_open();
    int reaped = chld_reap();
    struct seen seen = window_close();
    require(reaped == 1 || (reaped == 0 && seen.error != 0), "chld_reap returned %d", reaped);
    require(chld_reap() == 1 - reaped, "chld_reap counts wrongly");
    require(chld_peek(id, &status) == 0, "chld_peek");
    require_status(&status, CHLD_STATE_EXITED, 42);
    finish(id, CHLD_STATE_EXITED, 42);
    require_removed();
}

static int heard;

static void hear(int pid, const chld_status *status, void *argument)
{
    heard += pid == *(pid_t *)argument && status->state == CHLD_STATE_EXITED && status->code == 9;
}

/* One child of the library and one foreign child have exited. */
static void foreign_children(void)
{
    chld_status status = { 0 };
    chld_id id = start((const char *[]){ child_program, "exit=42", NULL }, NULL);
    pid_t foreign = fork();
    if (foreign == 0) {
        _exit(9);
    }
    await_zombie(chld_pid(id));
    await_zombie(foreign);
    window_open();
    int reaped = chld_reap_foreign(hear, &foreign);
    struct seen seen = window_close();
    require(reaped == 1 || (reaped == 0 && seen.error != 0), "%d foreign children", reaped);
    require(chld_reap_foreign(hear, &foreign) == 1 - reaped, "foreign children are counted wrongly");
    require(heard == 1, "of the foreign child was told %d times", heard);
    require(chld_peek(id, &status) == 0, "chld_peek");
    require_status(&status, CHLD_STATE_EXITED, 42);
    finish(id, CHLD_STATE_EXITED, 42);
}

static void adopt(void)
{
    int ends[2];
    chld_id id = CHLD_NONE;
    require(pipe(ends) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        /* It is a copy of this process still: its calls are not to fail. */
        char byte;
        close(ends[1]);
        _exit(INJECT_UNHEARD(SYS_read, (long)ends[0], &byte, 1L, 0L) == 0 ? 42 : 1);
    }
    window_open();
    int adopted = chld_adopt(&id, pid);
    struct seen seen = window_close();
    if (!judge("chld_adopt", adopted, &seen)) {
        require(id == CHLD_NONE, "a failed chld_adopt has written a handle");
        adopted = chld_adopt(&id, pid);
        require(adopted == 0, "chld_adopt again returned -%s", errno_name(-adopted));
    }
    require(chld_adopt(&id, pid) == -EEXIST && chld_pid(id) == pid, "another child");
    close(ends[0]);
    close(ends[1]);
    finish(id, CHLD_STATE_EXITED, 42);
}

static const struct scenario scenarios[] = {
    { "set", set },
    { "set_sigchld", set_sigchld },
    { "set_wait", set_wait },
    { "set_wait_sigchld", set_wait_sigchld },
    { "handler", handler },
    { "handler_under_faults", handler_under_faults },
    { "notify_and_reap", notify_and_reap },
    { "foreign_children", foreign_children },
    { "adopt", adopt },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}

/* Children that are not the library's, copies of the process, and thieves: see stress.h. */
#include "stress.h"
#include "../look.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first one that reaps it gets this code. */
static void reap_foreign_child(pid_t pid)
{
    int word;
    pid_t reaped = waitpid(pid, &word, 0);
    if (reaped == pid) {
        CHECK(WIFEXITED(word) && WEXITSTATUS(word) == FOREIGN_CODE);
    } else {
        CHECK_INT(errno, ECHILD);
        AWAIT(may_be_stolen(pid)); /* its callback comes after the reaping */
    }
}

/* Ends a forked copy. At an exit valgrind looks for leaks, and what the other threads and
 * the wiped memory of the library pointed to is lost in a copy. */
static _Noreturn void end_copy(int code)
{
    if (under_valgrind()) {
        char text[12];
        snprintf(text, sizeof text, "%d", code);
        execl(helper("act"), "act", "exit", text, (char *) NULL);
    }
    _exit(code);
}

static pid_t start_foreign_child(void)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        end_copy(FOREIGN_CODE);
    }
    return pid;
}

static void act_fork(struct dice *dice)
{
    (void) dice;
    reap_foreign_child(start_foreign_child());
}

static void act_adopt(struct dice *dice)
{
    chld_id id = CHLD_NONE;
    (void) dice;
    pid_t pid = start_foreign_child();
    int result = CALL(chld_adopt(&id, pid));
    if (result != 0) {
        CHECK_INT(result, -ECHILD);
        AWAIT(may_be_stolen(pid));
    } else if (!keep_child(id, pid, FOREIGN_CODE)) {
        CHECK_CALL(chld_close(id), 0);
    }
}

/* A copy of the process, which has none of these children. ThreadSanitizer keeps a signal
 * back until the thread calls a function such as sigpending(). It must not come in the copy,
 * where the handler's calls would come before chld_after_fork(). */
static void act_copy(struct dice *dice)
{
    struct record *record = some_child(dice);
    sigset_t pending;
    if (is_emulated()) {
        return; /* it wipes no memory in a copy */
    }
    block_signal(SIGUSR1);
    sigpending(&pending);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        int before = failures();
        alarm(60);
        if (throw(dice, 2)) {
            CHECK_CALL(chld_after_fork(), 0);
        }
        unblock_signal(SIGUSR1);
        if (record) {
            CHECK_CALL(chld_peek(record->id, NULL), -EBADF);
        }
        CHECK_EXITED(RUN(ACT("exit", "5"), NULL), 5);
        end_copy(failures() > before ? 1 : FOREIGN_CODE);
    }
    unblock_signal(SIGUSR1);
    reap_foreign_child(pid);
}

static void note_reaped(int pid, const chld_status *status, void *unused)
{
    (void) unused;
    (void) status;
    note_theft(pid);
}

static void act_reap_foreign(struct dice *dice)
{
    (void) dice;
    CHECK(CALL(chld_reap_foreign(note_reaped, NULL)) >= 0);
}

/* Takes the status of a child of the library, or of the process that has its pid. */
static void act_steal(struct dice *dice)
{
    struct record *record = some_child(dice);
    if (may_steal && record && record->pid > 1) {
        note_theft(record->pid);
        (void) waitpid(record->pid, NULL, WNOHANG);
    }
}

const struct action foreign_children[] = {
    { "fork", 3, act_fork },
    { "chld_adopt", 4, act_adopt },
    { "a copy", 1, act_copy },
    { "chld_reap_foreign", 2, act_reap_foreign },
    { "theft", 3, act_steal },
    { NULL, 0, NULL },
};

/* GLib in the same process: it has children of its own, a SIGCHLD handler where
 * it knows no pidfds, and everybody gets exactly theirs. Built where GLib is
 * installed. */
#include "loops.h"

#ifdef HAVE_LOOP
#include <glib-unix.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static guint watcher, keeper;
static pid_t kept;
static struct gate keepers_gate;
static bool keeper_is_gone;

/* As long as one of its children lives, GLib leaves its handler, and so ours,
 * in force; with the last one it sets SIGCHLD to SIG_DFL. */
static void on_keeper_exit(GPid pid, gint word, gpointer unused)
{
    CHECK(pid == kept && word == 0 && unused == NULL);
    keeper_is_gone = true;
}

static void begin(void)
{
    keepers_gate = gate_make();
    kept = fork();
    REQUIRE(kept >= 0);
    if (kept == 0) {
        char byte;
        close(keepers_gate.hold_end);
        _exit(read(keepers_gate.wait_end, &byte, 1) != 0);
    }
    keeper = g_child_watch_add(kept, on_keeper_exit, NULL);
    g_main_context_iteration(NULL, FALSE); /* opens what it needs */
}

static void end(void)
{
    gate_open(&keepers_gate);
    while (!keeper_is_gone) {
        g_main_context_iteration(NULL, TRUE);
    }
}

static gboolean on_set(gint fd, GIOCondition condition, gpointer unused)
{
    CHECK(fd >= 0 && condition & G_IO_IN && unused == NULL);
    crowd_take();
    return G_SOURCE_CONTINUE;
}

static void watch(int fd)
{
    watcher = g_unix_fd_add(fd, G_IO_IN, on_set, NULL);
}

static void unwatch(void)
{
    g_source_remove(watcher);
}

/* The source of a capture: its descriptors and its time, new after each step. */
struct capture_source {
    GSource source;
    struct job *job;
    gpointer tags[CHLD_CAPTURE_FDS];
};

static gboolean dispatch(GSource *source, GSourceFunc function, gpointer data)
{
    CHECK(function == NULL && data == NULL);
    job_step(((struct capture_source *) source)->job);
    return G_SOURCE_CONTINUE;
}

static struct capture_source *source_of(struct job *job)
{
    static GSourceFuncs functions = { NULL, NULL, dispatch, NULL, NULL, NULL };
    if (job->glue == NULL) {
        job->glue = g_source_new(&functions, sizeof(struct capture_source));
        ((struct capture_source *) job->glue)->job = job;
        g_source_attach(job->glue, NULL);
        g_source_unref(job->glue); /* the context keeps it */
    }
    return job->glue;
}

static void arm(struct job *job)
{
    struct capture_source *ours = source_of(job);
    for (uint32_t i = 0; i < job->wait.count; i++) {
        GIOCondition what = job->wait.fds[i].events == POLLIN ? G_IO_IN : G_IO_OUT;
        ours->tags[i] = g_source_add_unix_fd(&ours->source, job->wait.fds[i].fd, what);
    }
    gint64 late = g_get_monotonic_time() + job->wait.timeout_ms * 1000ll;
    g_source_set_ready_time(&ours->source, job->wait.timeout_ms < 0 ? -1 : late);
}

static void disarm(struct job *job)
{
    struct capture_source *ours = job->glue;
    for (uint32_t i = 0; i < job->wait.count; i++) {
        g_source_remove_unix_fd(&ours->source, ours->tags[i]);
    }
    g_source_set_ready_time(&ours->source, -1);
}

static void on_own_exit(GPid pid, gint word, gpointer number)
{
    g_spawn_close_pid(pid);
    own_ended(GPOINTER_TO_INT(number), word);
}

static void start_own(int number, const char *const *argv)
{
    GPid pid;
    REQUIRE(g_spawn_async(NULL, (char **) (uintptr_t) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                          NULL, &pid, NULL));
    g_child_watch_add(pid, on_own_exit, GINT_TO_POINTER(number));
}

static void turn(void)
{
    g_main_context_iteration(NULL, TRUE);
}

static const struct loop with_glib = {
    .begin = begin, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = start_own, .turn = turn,
};

/* GLib keeps threads, descriptors and handlers to the end of the process, so it
 * runs in a copy, and the audit stays strict. */
static uint32_t engine_flags;
static bool our_handler;

static void part(void)
{
    loop_run(&with_glib, engine_flags, our_handler);
}

static void need_what_glib_needs(void)
{
    const char *refused = getenv("CHLD_TEST_FALLBACK");
    if (refused && (!strcmp(refused, "waitid_pidfd") || !strcmp(refused, "no-probes"))) {
        SKIP_TEST("GLib waits by pidfd wherever there are any");
    }
}

TEST_EACH_ENGINE(beside_glib_everybody_gets_their_own)
{
    need_what_glib_needs();
    engine_flags = flags;
    IN_COPY(part);
}

TEST(beside_glib_in_reap_mode)
{
    need_what_glib_needs();
    our_handler = true;
    IN_COPY(part);
}

/* What the keeper is for: without pidfds GLib has a handler that calls no other.
 * With them it leaves SIGCHLD alone. */
static void watch_one(void)
{
    uint32_t around = 0;
    int pidfd = (int) syscall(SYS_pidfd_open, getpid(), 0);
    bool leaves_alone = pidfd >= 0;
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    begin();
    CHECK_CALL(chld_environment(&around), 0);
    CHECK_INT(!(around & CHLD_ENV_HANDLER_OVERWRITTEN), leaves_alone);
    CHECK_CALL(chld_sigchld_install(0), 0); /* on top again, and calls GLib's */
    end();
    CHECK_CALL(chld_environment(&around), 0);
    CHECK_INT(!(around & CHLD_ENV_HANDLER_OVERWRITTEN), leaves_alone);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(glib_covers_our_handler_only_where_it_has_no_pidfds)
{
    need_what_glib_needs();
    if (glib_check_version(2, 74, 0) != NULL) {
        SKIP_TEST("this GLib is older than its pidfds, or nearly");
    }
    IN_COPY(watch_one);
}
#else
TEST(beside_glib_everybody_gets_their_own)
{
    SKIP_TEST("GLib is not installed");
}
#endif

/* GLib in the same process: it has a SIGCHLD handler and children of its own,
 * and everybody gets exactly theirs. Built where GLib is installed. */
#include "ends.h"

#ifdef HAVE_GLIB
#include <glib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 20 };

static GMainLoop *loop;
static int our_ends, their_ends;

static void stop_if_all_are_there(void)
{
    if (our_ends == COUNT && their_ends == COUNT) {
        g_main_loop_quit(loop);
    }
}

static void on_their_exit(GPid pid, gint word, gpointer code)
{
    CHECK(WIFEXITED(word) && WEXITSTATUS(word) == GPOINTER_TO_INT(code));
    their_ends++;
    g_spawn_close_pid(pid);
    stop_if_all_are_there();
}

/* As long as one of its children lives, GLib leaves its handler, and so ours,
 * in force; with the last one it sets SIGCHLD to SIG_DFL. */
static void on_keeper_exit(GPid pid, gint word, gpointer unused)
{
    CHECK(pid > 1 && WIFEXITED(word) && unused == NULL);
    g_main_loop_quit(loop);
}

static void start_keeper(const struct gate *gate)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        char byte;
        close(gate->hold_end);
        _exit(read(gate->wait_end, &byte, 1) != 0);
    }
    g_child_watch_add(pid, on_keeper_exit, NULL);
}

static void start_theirs(int number)
{
    char code[12];
    char *argv[] = { (char *) (uintptr_t) helper("act"), "exit", code, NULL };
    GPid pid;
    decimal(code, 100 + number);
    REQUIRE(g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL));
    g_child_watch_add(pid, on_their_exit, GINT_TO_POINTER(100 + number));
}

static gboolean on_our_set(gint fd, GIOCondition condition, gpointer data)
{
    chld_set set = *(chld_set *) data;
    chld_event event;
    (void) condition;
    CHECK_INT(fd, CALL(chld_set_fd(set)));
    while (CALL(chld_set_next(set, &event)) == 0) {
        CHECK_EXITED(event.status, *(int *) event.user);
        our_ends++;
    }
    stop_if_all_are_there();
    return our_ends < COUNT;
}

/* The glue that a GLib program needs: one source for the set's descriptor. */
struct set_source {
    GSource source;
    gpointer tag;
    int fd;
};

static gboolean dispatch(GSource *source, GSourceFunc function, gpointer data)
{
    struct set_source *ours = (struct set_source *) source;
    (void) function;
    return g_source_query_unix_fd(source, ours->tag) ? on_our_set(ours->fd, G_IO_IN, data) : TRUE;
}

static gboolean is_ready(GSource *source)
{
    struct set_source *ours = (struct set_source *) source;
    return g_source_query_unix_fd(source, ours->tag) != 0;
}

static void watch(chld_set *set)
{
    static GSourceFuncs functions = { NULL, is_ready, dispatch, NULL, NULL, NULL };
    GSource *source = g_source_new(&functions, sizeof(struct set_source));
    struct set_source *ours = (struct set_source *) source;
    ours->fd = CALL(chld_set_fd(*set));
    ours->tag = g_source_add_unix_fd(source, ours->fd, G_IO_IN);
    g_source_set_callback(source, NULL, set, NULL);
    g_source_attach(source, NULL);
    g_source_unref(source);
}

static void share_the_process(uint32_t flags, bool with_our_handler)
{
    static int codes[COUNT];
    static chld_set set;
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    loop = g_main_loop_new(NULL, FALSE);
    start_keeper(&gate);
    CHECK_CALL(with_our_handler ? chld_sigchld_install(0) : 0, 0);
    set = SET_OPEN(flags);
    watch(&set);
    for (int i = 0; i < COUNT; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        codes[i] = i;
        options.user = &codes[i];
        start_theirs(i);
        ids[i] = START(ACT("exit", DECIMAL(i)), &options);
        CHECK_CALL(chld_set_add(set, ids[i]), 0);
    }
    g_main_loop_run(loop);
    CHECK_INT(our_ends, COUNT);
    CHECK_INT(their_ends, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(with_our_handler ? chld_sigchld_remove() : 0, 0);
    gate_open(&gate);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
}

/* GLib keeps threads, descriptors and handlers to the end of the process, so it
 * runs in a copy, and the audit stays strict. */
static uint32_t engine_flags;
static bool our_handler;

static void part(void)
{
    share_the_process(engine_flags, our_handler);
}

TEST_EACH_ENGINE(beside_glib_everybody_gets_their_own)
{
    engine_flags = flags;
    IN_COPY(part);
}

TEST(beside_glib_in_reap_mode)
{
    our_handler = true;
    IN_COPY(part);
}
#else
TEST(beside_glib_everybody_gets_their_own)
{
    SKIP_TEST("GLib is not installed");
}
#endif

/*
 * GLib: g_spawn_async_with_pipes, g_child_watch in a main context, g_spawn_sync.
 */
#include "bench.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/wait.h>

struct loop {
    GMainContext *context;
    GQueue ended;
};

struct glib_task {
    struct task task;
    struct loop *loop;
};

static struct loop *single;

static void *open_loop(void)
{
    struct loop *loop = g_new0(struct loop, 1);
    loop->context = g_main_context_new();
    g_queue_init(&loop->ended);
    return loop;
}

static void setup(void)
{
    single = open_loop();
}

static void spawn(struct task *task, char *const argv[], int pipes)
{
    GError *error = NULL;
    int *ends = task->ends;
    ends[0] = ends[1] = ends[2] = -1;
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
                                  NULL, &task->pid, pipes ? &ends[0] : NULL,
                                  pipes ? &ends[1] : NULL, pipes ? &ends[2] : NULL, &error))
        die(error->message);
}

/* On Unix the GPid is the pid, and waitpid may be used on it. */
static void wait_long(struct task *task)
{
    int word;
    must(waitpid(task->pid, &word, 0), "waitpid");
    task->code = code_of(word);
    close_ends(task->ends);
}

static void on_end(GPid pid, int word, gpointer data)
{
    struct glib_task *own = data;
    (void)pid;
    own->task.code = code_of(word);
    g_queue_push_tail(&own->loop->ended, own);
}

static void watch(struct loop *loop, struct task *task)
{
    struct glib_task *own = (struct glib_task *)task;
    own->loop = loop;
    GSource *source = g_child_watch_source_new(task->pid);
    g_source_set_callback(source, (GSourceFunc)(void (*)(void))on_end, own, NULL);
    g_source_attach(source, loop->context);
    g_source_unref(source);
}

static void start(void *loop, struct task *task, char *const argv[])
{
    spawn(task, argv, 0);
    watch(loop, task);
}

static struct task *next(void *argument)
{
    struct loop *loop = argument;
    while (g_queue_is_empty(&loop->ended))
        g_main_context_iteration(loop->context, TRUE);
    return g_queue_pop_head(&loop->ended);
}

static void close_loop(void *argument)
{
    struct loop *loop = argument;
    g_main_context_unref(loop->context);
    g_free(loop);
}

static gboolean on_time(gpointer data)
{
    *(int *)data = 1;
    return G_SOURCE_CONTINUE;
}

static int wait_for(struct task *task, int ms)
{
    int passed = 0;
    GSource *timer = g_timeout_source_new((guint)ms);
    g_source_set_callback(timer, on_time, &passed, NULL);
    g_source_attach(timer, single->context);
    GSource *child = g_child_watch_source_new(task->pid);
    ((struct glib_task *)task)->loop = single;
    g_source_set_callback(child, (GSourceFunc)(void (*)(void))on_end, task, NULL);
    g_source_attach(child, single->context);
    while (g_queue_is_empty(&single->ended) && !passed)
        g_main_context_iteration(single->context, TRUE);
    g_source_destroy(timer);
    g_source_unref(timer);
    g_source_destroy(child);
    g_source_unref(child);
    return g_queue_pop_head(&single->ended) != NULL;
}

static void into(struct capture *capture)
{
    GError *error = NULL;
    struct task task = {.ends = {-1, -1, -1}};
    int fd;
    if (!g_spawn_async_with_pipes(NULL, (char **)capture->argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                  NULL, NULL, &task.pid, NULL, &fd, NULL, &error))
        die(error->message);
    read_into(fd, capture);
    close_ends((int[]){fd, -1, -1});
    wait_long(&task);
    capture->code = task.code;
}

static void growing(struct capture *capture)
{
    GError *error = NULL;
    char *text;
    int word;
    if (!g_spawn_sync(NULL, (char **)capture->argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text,
                      NULL, &word, &error))
        die(error->message);
    /* It returns no length except that of a text, which takes time to ask for. */
    static int asked;
    capture->got = asked++ ? capture->size : strlen(text);
    capture->code = code_of(word);
    g_free(text);
}

const struct contender contender = {
    .task_size = sizeof(struct glib_task),
    .setup = setup,
    .spawn = spawn,
    .wait = wait_long,
    .wait_for = wait_for,
    .open = open_loop,
    .start = start,
    .next = next,
    .close = close_loop,
    .threads = 1,
    .into = into,
    .growing = growing,
};

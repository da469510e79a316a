/* chld-glib.h. Built where GLib is installed. */
#include "adapters.h"

#ifdef HAVE_LOOP
#include <chld-glib.h>

static guint source;

static void on_event(const chld_event *event, gpointer data)
{
    CHECK(data == &source);
    adapter_told(event);
}

static void begin(void)
{
    g_main_context_default(); /* opens what it needs */
}

static void end(void)
{
    CHECK(!g_main_context_iteration(NULL, FALSE));
}

static int attach(chld_set set)
{
    source = chld_glib_source(set, on_event, &source);
    return source > 0 ? 0 : -1;
}

static void detach(void)
{
    CHECK(g_source_remove(source));
}

static void turn(bool may_wait)
{
    g_main_context_iteration(NULL, may_wait);
}

static const struct adapter with_glib = {
    .begin = begin, .end = end, .attach = attach, .detach = detach, .turn = turn,
};

/* GLib keeps memory and descriptors to the end of the process, so it runs in a copy, and the
 * audit stays strict. */
static uint32_t engine_flags;

static void each_event(void)
{
    adapter_tells_each_event(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_of_a_set_tells_each_event)
{
    engine_flags = flags;
    IN_COPY(each_event);
}

static void turns(void)
{
    adapter_leaves_turns(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_of_a_set_leaves_others_their_turns)
{
    engine_flags = flags;
    IN_COPY(turns);
}

static void closing(void)
{
    adapter_may_close(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_may_be_removed_and_the_set_closed_when_an_event_is_told)
{
    engine_flags = flags;
    IN_COPY(closing);
}

static void others(void)
{
    adapter_refuses_other_sets(&with_glib);
    CHECK(chld_glib_source_new(CHLD_NONE, on_event, NULL) == NULL);
}

TEST(there_is_no_source_of_a_set_that_is_not_valid)
{
    IN_COPY(others);
}

/* A context, a priority and a notification of the program's own. */
static int told, destroyed;

static void count(const chld_event *event, gpointer data)
{
    CHECK(data == &told);
    CHECK_EXITED(event->status, 3);
    told++;
}

static void on_destroy(gpointer data)
{
    CHECK(data == &told);
    destroyed++;
}

static void own_context(void)
{
    chld_set set = SET_OPEN(0);
    chld_id id = START(ACT("exit", "3"), NULL);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    GMainContext *context = g_main_context_new();
    GSource *ours = chld_glib_source_new(set, count, NULL);
    REQUIRE(ours != NULL);
    g_source_set_callback(ours, (GSourceFunc) (void (*)(void)) count, &told, on_destroy);
    g_source_set_priority(ours, G_PRIORITY_HIGH);
    g_source_attach(ours, context);
    while (told == 0) {
        g_main_context_iteration(context, TRUE);
    }
    CHECK_INT(told, 1);
    CHECK_INT(destroyed, 0);
    g_source_destroy(ours);
    CHECK_INT(destroyed, 1);
    g_source_unref(ours);
    g_main_context_unref(context);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(the_source_of_a_set_goes_into_any_context)
{
    IN_COPY(own_context);
}

/* As a program does that forgets it. */
static void forgotten(void)
{
    chld_set set = SET_OPEN(0);
    guint number = chld_glib_source(set, count, NULL);
    CHECK_CALL(chld_set_close(set), 0);
    for (int i = 0; i < 3; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
    CHECK(g_main_context_find_source_by_id(NULL, number) == NULL);
}

TEST(the_source_of_a_set_that_is_closed_goes)
{
    IN_COPY(forgotten);
}
#else
TEST(the_source_of_a_set_tells_each_event)
{
    SKIP_TEST("GLib is not installed");
}
#endif

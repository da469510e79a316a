/* chld-glib.h. Built where GLib is installed. */
#include "adapters.h"

#ifdef HAVE_LOOP
#include <chld-glib.h>

static guint source;

static void on_event(const chld_event *event, gpointer data)
{
    CHECK(data == &source);
    adapter_report(event);
}

static void begin(void)
{
    g_main_context_default(); /* opens its descriptors before they are counted */
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

/* GLib does not free its memory and descriptors: it runs in a forked copy, because the audit
 * of the test would complain. */
static uint32_t engine_flags;

static void each_event(void)
{
    adapter_reports_each_event(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_of_a_set_reports_each_event)
{
    engine_flags = flags;
    IN_COPY(each_event);
}

static void turns(void)
{
    adapter_lets_others_run(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_of_a_set_lets_other_sources_run)
{
    engine_flags = flags;
    IN_COPY(turns);
}

static void closing(void)
{
    adapter_may_close(&with_glib, engine_flags);
}

TEST_EACH_ENGINE(the_source_may_be_removed_and_the_set_closed_in_the_callback)
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

/* With another context and priority, and a destroy notification. */
static int seen, destroyed;

static void count(const chld_event *event, gpointer data)
{
    CHECK(data == &seen);
    CHECK_EXITED(event->status, 3);
    seen++;
}

static void on_destroy(gpointer data)
{
    CHECK(data == &seen);
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
    g_source_set_callback(ours, (GSourceFunc) (void (*)(void)) count, &seen, on_destroy);
    g_source_set_priority(ours, G_PRIORITY_HIGH);
    g_source_attach(ours, context);
    while (seen == 0) {
        g_main_context_iteration(context, TRUE);
    }
    CHECK_INT(seen, 1);
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

/* A program must not do that, but the loop must not spin. */
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

TEST(the_source_of_a_closed_set_is_removed)
{
    IN_COPY(forgotten);
}
#else
TEST(the_source_of_a_set_reports_each_event)
{
    SKIP_TEST("GLib is not installed");
}
#endif

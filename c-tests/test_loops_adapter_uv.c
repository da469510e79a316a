/* chld-uv.h. Built where libuv is installed. */
#include "adapters.h"

#ifdef HAVE_LOOP
#include <chld-uv.h>

static uv_loop_t loop;
static uv_idle_t idle; /* while it is active, the loop does not wait */
static chld_uv watcher;
static int closed;

static void on_event(chld_uv *who, const chld_event *event)
{
    CHECK(who == &watcher && who->poll.data == &closed);
    adapter_report(event);
}

static void nothing(uv_idle_t *handle)
{
    CHECK(handle == &idle);
}

static void begin(void)
{
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(uv_idle_init(&loop, &idle) == 0);
}

static void end(void)
{
    uv_close((uv_handle_t *) &idle, NULL);
    CHECK_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
    CHECK_INT(closed, 1);
    CHECK_INT(uv_loop_close(&loop), 0);
}

static int attach(chld_set set)
{
    watcher.poll.data = &closed;
    return chld_uv_init(&watcher, &loop, set, on_event);
}

static void on_closed(uv_handle_t *handle)
{
    CHECK(handle == (uv_handle_t *) &watcher);
    closed++;
}

static void detach(void)
{
    chld_uv_close(&watcher, on_closed);
}

static void turn(bool may_wait)
{
    if (!may_wait) {
        uv_idle_start(&idle, nothing);
    }
    uv_run(&loop, UV_RUN_ONCE);
    uv_idle_stop(&idle);
}

static const struct adapter with_uv = {
    .begin = begin, .end = end, .attach = attach, .detach = detach, .turn = turn,
};

/* libuv does not close all its descriptors: it runs in a forked copy, because the audit of
 * the test would complain. */
static uint32_t engine_flags;

static void each_event(void)
{
    adapter_reports_each_event(&with_uv, engine_flags);
}

TEST_EACH_ENGINE(a_watcher_reports_each_event_of_its_set)
{
    engine_flags = flags;
    IN_COPY(each_event);
}

static void turns(void)
{
    adapter_lets_others_run(&with_uv, engine_flags);
}

TEST_EACH_ENGINE(a_watcher_lets_other_handles_run)
{
    engine_flags = flags;
    IN_COPY(turns);
}

static void closing(void)
{
    adapter_may_close(&with_uv, engine_flags);
}

TEST_EACH_ENGINE(a_watcher_and_its_set_may_be_closed_in_the_callback)
{
    engine_flags = flags;
    IN_COPY(closing);
}

static void others(void)
{
    adapter_refuses_other_sets(&with_uv);
    CHECK_INT(chld_uv_init(&watcher, &loop, CHLD_NONE, on_event), UV_EBADF);
}

TEST(there_is_no_watcher_of_a_set_that_is_not_valid)
{
    IN_COPY(others);
}

static void unreferenced(void)
{
    chld_uv second;
    chld_set set = SET_OPEN(0);
    begin();
    CHECK_INT(attach(set), 0);
    CHECK_INT(chld_uv_init(&second, &loop, set, on_event), UV_EEXIST);
    CHECK(uv_is_active((uv_handle_t *) &watcher.poll));
    uv_unref((uv_handle_t *) &watcher.poll);
    CHECK_INT(uv_run(&loop, UV_RUN_DEFAULT), 0); /* does not wait for it */
    detach();
    CHECK_CALL(chld_set_close(set), 0);
    end();
}

TEST(a_watcher_is_a_handle_like_any_other)
{
    IN_COPY(unreferenced);
}
#else
TEST(a_watcher_reports_each_event_of_its_set)
{
    SKIP_TEST("libuv is not installed");
}
#endif

/* See adapters.h. */
#include "adapters.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 200, FED = 1 << 20 };

static const struct adapter *adapter;
static chld_set set;
static void (*on_event)(const chld_event *event);

void adapter_report(const chld_event *event)
{
    on_event(event);
}

static void begin(const struct adapter *with, uint32_t flags,
                  void (*called)(const chld_event *event))
{
    adapter = with;
    on_event = called;
    adapter->begin();
    set = SET_OPEN(flags);
    CHECK_INT(adapter->attach(set), 0);
}

/* Each kind of event. Each exit in the crowd starts another child, until all are started. */
static int crowd_codes[MOST], crowd_started, crowd_seen, crowd_count;
static chld_id fed, late, piped, halting, stubborn, surviving;
static int fed_seen, late_seen, piped_seen, woken, halts, continued, halting_seen, killed, survived;
static char input[FED];

static void crowd_start(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    int number = crowd_started++;
    crowd_codes[number] = number % 256;
    options.user = &crowd_codes[number];
    chld_id id = START(ACT("exit", DECIMAL(number % 256)), &options);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
}

static void crowd_end(const chld_event *event)
{
    int *code = event->user;
    CHECK_INT(event->kind, CHLD_EVENT_EXITED);
    CHECK(code >= crowd_codes && code < crowd_codes + crowd_started);
    CHECK_EXITED(event->status, *code);
    *code = -1; /* a second event would fail */
    crowd_seen++;
    if (crowd_started < crowd_count) {
        crowd_start();
    }
}

static void capture_end(const chld_event *event)
{
    CHECK_INT(event->kind, CHLD_EVENT_CAPTURED);
    REQUIRE(event->capture != NULL);
    CHECK((event->pipeline != NULL) == (event->id == piped));
    CHECK(event->id != piped || event->pipeline->count == 3);
    if (event->id == late) {
        late_seen++;
        CHECK(event->capture->timed_out);
        CHECK_STR(event->capture->out.data, "begun");
        CHECK_STATUS(event->status, CHLD_STATE_KILLED, SIGTERM);
        return;
    }
    *(event->id == fed ? &fed_seen : &piped_seen) += 1;
    CHECK_EXITED(event->status, 0);
    REQUIRE(event->capture->out.kept == FED);
    CHECK(memcmp(event->capture->out.data, input, FED) == 0);
}

static void halting_event(const chld_event *event)
{
    if (event->kind == CHLD_EVENT_STOPPED) {
        halts++;
        CHECK_INT(event->status.code, SIGSTOP);
        CHECK_CALL(chld_kill(halting, SIGCONT), 0);
    } else if (event->kind == CHLD_EVENT_CONTINUED) {
        continued++;
        CHECK_CALL(chld_kill(halting, SIGTERM), 0);
    } else {
        halting_seen++;
        CHECK_STATUS(event->status, CHLD_STATE_KILLED, SIGTERM);
    }
}

static void each_event(const chld_event *event)
{
    if (event->kind == CHLD_EVENT_WOKEN) {
        woken++;
        return;
    }
    if (event->id == halting) {
        halting_event(event);
    } else if (event->id == stubborn) {
        killed++;
        CHECK_STATUS(event->status, CHLD_STATE_KILLED, SIGKILL);
    } else if (event->id == surviving) {
        survived++;
        CHECK_INT(event->kind, CHLD_EVENT_SURVIVED);
        CHECK_CALL(chld_kill(surviving, SIGKILL), 0);
    } else if (event->id == fed || event->id == late || event->id == piped) {
        capture_end(event);
    } else {
        crowd_end(event);
    }
    if (event->last || event->id == surviving) {
        CHECK_CALL(chld_close(event->id), 0);
    }
}

static chld_id ignores_term(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = 1ull << (SIGTERM - 1);
    return START(ARGV("sleep", "600"), &options);
}

static void start_captures(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stage stages[] = { { .argv = ARGV("cat") }, { .argv = ARGV("cat") },
                            { .argv = ARGV("cat") } };
    for (int i = 0; i < FED; i++) {
        input[i] = (char) pattern_at(i);
    }
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = FED;
    options.out.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_set_run(set, ARGV("cat"), NULL, &options, &fed, NULL), 0);
    CHECK_CALL(chld_set_run_pipeline(set, stages, 3, &options, &piped, NULL), 0);
    options.in.mode = CHLD_FEED_NONE;
    options.timeout_ms = patient(300);
    CHECK_CALL(chld_set_run(set, ARGV("sh", "-c", "printf begun; exec sleep 600"), NULL, &options,
                            &late, NULL), 0);
}

static void start_others(void)
{
    chld_stop_step term = { SIGTERM, 20 }, both[] = { term, { SIGKILL, -1 } };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    halting = START(ARGV("sh", "-c", "kill -STOP $$; exec sleep 600"), NULL);
    CHECK_CALL(chld_set_add(set, halting, CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED), 0);
    plan.steps = both;
    plan.steps_count = 2;
    stubborn = ignores_term();
    CHECK_CALL(chld_set_stop(set, stubborn, 10, &plan), 0);
    plan.steps = &term;
    plan.steps_count = 1;
    surviving = ignores_term();
    CHECK_CALL(chld_set_stop(set, surviving, 0, &plan), 0);
}

void adapter_reports_each_event(const struct adapter *with, uint32_t flags)
{
    begin(with, flags, each_event);
    crowd_count = scaled(MOST);
    start_captures();
    start_others();
    while (crowd_started < (crowd_count + 1) / 2) {
        crowd_start();
    }
    CHECK_CALL(chld_set_wake(set), 0);
    while (CALL(chld_set_count(set)) > 0 || woken == 0) {
        adapter->turn(true); /* until the alarm, if an event does not come */
    }
    adapter->detach();
    CHECK_INT(crowd_seen, crowd_count);
    CHECK_INT(fed_seen, 1);
    CHECK_INT(late_seen, 1);
    CHECK_INT(piped_seen, 1);
    CHECK_INT(woken, 1);
    CHECK_INT(halts, 1);
    CHECK_INT(continued, 1);
    CHECK_INT(halting_seen, 1);
    CHECK_INT(killed, 1);
    CHECK_INT(survived, 1);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_CALL(chld_set_close(set), 0);
    reap_closed_children(); /* the one that survived */
    adapter->end();
}

static void wake_again(const chld_event *event)
{
    CHECK_INT(event->kind, CHLD_EVENT_WOKEN);
    woken++;
    CHECK_CALL(chld_set_wake(set), 0);
}

void adapter_lets_others_run(const struct adapter *with, uint32_t flags)
{
    begin(with, flags, wake_again);
    CHECK_CALL(chld_set_wake(set), 0);
    for (int turns = 1; turns <= 20; turns++) {
        adapter->turn(true);
        CHECK(woken <= turns);
    }
    CHECK(woken > 0);
    adapter->detach();
    CHECK_CALL(chld_set_close(set), 0);
    adapter->end();
}

static void close_all(const chld_event *event)
{
    CHECK_INT(event->kind, CHLD_EVENT_EXITED);
    crowd_seen++;
    adapter->detach();
    CHECK_CALL(chld_set_close(set), 0);
}

void adapter_may_close(const struct adapter *with, uint32_t flags)
{
    chld_id ids[3];
    begin(with, flags, close_all);
    for (int i = 0; i < 3; i++) {
        ids[i] = START(ACT("exit", "0"), NULL);
        await_exit(ids[i]);
        CHECK_CALL(chld_set_add(set, ids[i], 0), 0);
    }
    while (crowd_seen == 0) {
        adapter->turn(true);
    }
    for (int i = 0; i < 3; i++) {
        adapter->turn(false);
        CHECK_EXITED(FINISH(ids[i]), 0);
    }
    CHECK_INT(crowd_seen, 1);
    adapter->end();
}

void adapter_refuses_other_sets(const struct adapter *with)
{
    begin(with, 0, close_all);
    adapter->detach();
    CHECK_CALL(chld_set_close(set), 0);
    adapter->turn(false);
    CHECK(adapter->attach(set) < 0);
    CHECK(adapter->attach(CHLD_NONE) < 0);
    adapter->turn(false);
    adapter->end();
}

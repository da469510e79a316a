/* No descriptor left while a set works: RLIMIT_NOFILE is used up at each of the last
 * eight descriptors. A call then works, or returns -EMFILE and leaves nothing behind, and
 * works once there are descriptors again. Events need none: nothing is lost. */
#include "exits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 96, MOST_LEFT = 8 };

/* Descriptors that are open for nothing else than to use up the limit. */
struct filling {
    int fds[LIMIT];
    int count;
    struct rlimit before;
};

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < LIMIT; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* Until `left` more can be opened. */
static void use_up(struct filling *filling, int left)
{
    REQUIRE(getrlimit(RLIMIT_NOFILE, &filling->before) == 0);
    struct rlimit low = { LIMIT, filling->before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    filling->count = 0;
    for (int fd; (fd = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0;) {
        filling->fds[filling->count++] = fd;
    }
    REQUIRE(errno == EMFILE && filling->count >= left);
    while (left-- > 0) {
        close(filling->fds[--filling->count]);
    }
}

static void give_back(struct filling *filling)
{
    while (filling->count > 0) {
        close(filling->fds[--filling->count]);
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &filling->before) == 0);
}

enum { PLAIN, WATCHED, STOPPED, CAPTURED, RUN, CHILDREN };

static const chld_stop_step kill_step = { SIGKILL, 10000 };

struct scene {
    uint32_t flags;
    int left;
    struct gate gate;
    chld_set set;
    chld_id ids[CHILDREN];
    int events[CHILDREN];
};

static struct scene scene;

static chld_spawn_options piped(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    return options;
}

static chld_capture_options kept(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in = (chld_feed) { .mode = CHLD_FEED_BUFFER, .data = "fed", .size = 3 };
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    return options;
}

static int open_set(void)
{
    return chld_set_open(scene.flags, &scene.set);
}

static int start_plain(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = scene.gate.wait_end;
    return chld_spawn(&scene.ids[PLAIN], ACT("block", "5"), &options, NULL);
}

static int add_plain(void)
{
    return chld_set_add(scene.set, scene.ids[PLAIN], 0);
}

static int add_watched(void)
{
    return chld_set_add(scene.set, scene.ids[WATCHED], CHLD_WATCH_STOPPED);
}

static int stop(void)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = &kill_step;
    plan.steps_count = 1;
    return chld_set_stop(scene.set, scene.ids[STOPPED], 0, &plan);
}

static int capture(void)
{
    chld_capture_options options = kept();
    return chld_set_capture(scene.set, scene.ids[CAPTURED], &options);
}

static int run(void)
{
    chld_capture_options options = kept();
    chld_error error = { 0 };
    int result = chld_set_run(scene.set, ACT("cat"), NULL, &options,
                              &scene.ids[RUN], &error);
    CHECK(result == 0 || scene.ids[RUN] == CHLD_NONE);
    return result;
}

/* Returns whether it works with the descriptors that are left. */
static bool try(const char *what, int (*call)(void))
{
    struct filling filling;
    use_up(&filling, scene.left);
    int before = count_descriptors();
    int result = CALL(call());
    int after = count_descriptors();
    give_back(&filling);
    if (result == 0) {
        return true;
    }
    check_result(__FILE__, __LINE__, what, result, -EMFILE);
    check_int(__FILE__, __LINE__, what, after, before);
    check_result(__FILE__, __LINE__, what, CALL(call()), 0);
    return false;
}

#define TRY(call) try(#call, call)

/* A capture or a stop needs two more if the child has no pidfd. */
static void check_need(bool works, int need)
{
    CHECK(works ? scene.left >= need : scene.left < need + 2);
}

static int child_of(const chld_event *event)
{
    for (int i = 0; i < CHILDREN; i++) {
        if (scene.ids[i] == event->id) {
            return i;
        }
    }
    CHECK(!"an event of a known child");
    return PLAIN;
}

static void check_event(const chld_event *event)
{
    int child = child_of(event);
    scene.events[child]++;
    CHECK_INT(event->last, 1);
    if (child < STOPPED) {
        CHECK_INT(event->kind, CHLD_EVENT_EXITED);
        CHECK_EXITED(event->status, 5);
    } else if (child == STOPPED) {
        CHECK_INT(event->kind, CHLD_EVENT_EXITED);
        CHECK_STATUS(event->status, CHLD_STATE_KILLED, SIGKILL);
    } else {
        REQUIRE(event->kind == CHLD_EVENT_CAPTURED && event->capture != NULL);
        CHECK_EXITED(event->status, 0);
        CHECK_STR(event->capture->out.data, "fed");
        CHECK_STR(event->capture->err.data, "");
        CHECK_INT(event->capture->out.error | event->capture->err.error, 0);
    }
}

static bool next_by_poll(chld_event *event)
{
    return SET_AWAIT(scene.set, event);
}

static bool next_by_wait(chld_event *event)
{
    return CHECK_CALL(chld_set_wait(scene.set, 20000, event), 0);
}

/* With as few descriptors left as before. */
static void take_events(bool (*next)(chld_event *))
{
    struct filling filling;
    gate_open(&scene.gate);
    use_up(&filling, scene.left);
    for (int i = 0; i < CHILDREN; i++) {
        chld_event event;
        if (!next(&event)) {
            break;
        }
        check_event(&event);
    }
    CHECK_CALL(chld_set_wait(scene.set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_count(scene.set), 0);
    give_back(&filling);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK_INT(scene.events[i], 1);
        CHECK_CALL(chld_close(scene.ids[i]), 0);
    }
}

static void starve(bool (*next)(chld_event *))
{
    int before = count_descriptors();
    chld_spawn_options options = piped();
    scene.gate = gate_make();
    CHECK_INT(TRY(open_set), scene.left >= 2);
    TRY(start_plain);
    scene.ids[WATCHED] = START_AT(&scene.gate, 5);
    scene.ids[STOPPED] = START(ACT("cat"), &options); /* its pipe stays open */
    scene.ids[CAPTURED] = START(ACT("cat"), &options);
    TRY(add_plain);
    check_need(TRY(stop), 2); /* a timer, and one for the child */
    TRY(add_watched);
    check_need(TRY(capture), 1);
    TRY(run);
    take_events(next);
    CHECK_CALL(chld_set_close(scene.set), 0);
    (void) CALL(chld_sigchld_remove()); /* the set may have installed it */
    CHECK_INT(count_descriptors(), before);
}

static void starve_and_poll(void)
{
    starve(next_by_poll);
}

static void starve_and_wait(void)
{
    starve(next_by_wait);
}

static void starve_at_each(uint32_t flags, void (*part)(void))
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind (3.19) aborts where a process has no descriptor left");
    }
    scene.flags = flags;
    for (scene.left = 0; scene.left <= MOST_LEFT; scene.left++) {
        if (!CHECK_INT(in_copy(part), 0)) {
            fail(__FILE__, __LINE__, "with %d descriptors left", scene.left);
        }
    }
}

TEST_EACH_ENGINE(a_set_that_is_polled_loses_nothing_without_descriptors)
{
    starve_at_each(flags, starve_and_poll);
}

TEST_EACH_ENGINE(a_set_that_waits_loses_nothing_without_descriptors)
{
    starve_at_each(flags, starve_and_wait);
}

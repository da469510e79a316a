/* libuv in the same process: it has a SIGCHLD handler and children of its own,
 * and everybody gets exactly theirs. Built where libuv is installed. */
#include "ends.h"

#ifdef HAVE_LIBUV
#include <uv.h>

enum { COUNT = 20 };

/* libuv's own children: what its exit callback was told. */
static uv_process_t theirs[COUNT];
static int their_code[COUNT];
static int their_ends;
static int our_ends;
static uv_loop_t loop;
static uv_poll_t watcher;

/* Without it libuv would set SIGCHLD to SIG_DFL whenever its last child goes,
 * and take its own handler, or ours, out of force. */
static uv_signal_t keeper;

static void ignore(uv_signal_t *handle, int signal)
{
    (void) handle;
    (void) signal;
}

static void stop_if_all_are_there(void)
{
    if (our_ends == COUNT && their_ends == COUNT) {
        uv_stop(&loop);
    }
}

static void on_their_exit(uv_process_t *process, int64_t code, int signal)
{
    CHECK_INT(signal, 0);
    their_code[process - theirs] = (int) code;
    their_ends++;
    uv_close((uv_handle_t *) process, NULL);
    stop_if_all_are_there();
}

static void start_theirs(int number)
{
    char code[12];
    char *argv[] = { (char *) (uintptr_t) helper("act"), "exit", code, NULL };
    uv_process_options_t options = { .file = argv[0], .args = argv, .exit_cb = on_their_exit };
    decimal(code, 100 + number);
    REQUIRE(uv_spawn(&loop, &theirs[number], &options) == 0);
}

static void on_our_set(uv_poll_t *poll, int status, int events)
{
    chld_set set = *(chld_set *) poll->data;
    chld_event event;
    (void) events;
    CHECK_INT(status, 0);
    while (CALL(chld_set_next(set, &event)) == 0) {
        CHECK_EXITED(event.status, *(int *) event.user);
        our_ends++;
    }
    stop_if_all_are_there();
}

/* Also a third party: nobody's but the other thread's, in a set of its own. */
static void *supervise(void *flags)
{
    chld_set set = SET_OPEN(*(uint32_t *) flags);
    for (int i = 0; i < COUNT; i++) {
        chld_id id = START(ACT("exit", DECIMAL(200 + i)), NULL);
        chld_event event = { 0 };
        CHECK_CALL(chld_set_add(set, id), 0);
        CHECK(SET_AWAIT(set, &event) && event.id == id);
        CHECK_EXITED(event.status, 200 + i);
        CHECK_CALL(chld_close(id), 0);
    }
    CHECK_CALL(chld_set_close(set), 0);
    return NULL;
}

static void begin_libuv(void)
{
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(uv_signal_init(&loop, &keeper) == 0);
    REQUIRE(uv_signal_start(&keeper, ignore, SIGCHLD) == 0);
}

static void end_libuv(void)
{
    uv_close((uv_handle_t *) &keeper, NULL);
    uv_close((uv_handle_t *) &watcher, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(uv_loop_close(&loop) == 0);
}

static void watch(chld_set *set)
{
    REQUIRE(uv_poll_init(&loop, &watcher, CALL(chld_set_fd(*set))) == 0);
    watcher.data = set;
    REQUIRE(uv_poll_start(&watcher, UV_READABLE, on_our_set) == 0);
}

static void share_the_process(uint32_t flags, bool with_our_handler)
{
    static int codes[COUNT];
    chld_id ids[COUNT];
    pthread_t thread;
    begin_libuv();
    CHECK_CALL(with_our_handler ? chld_sigchld_install(0) : 0, 0);
    chld_set set = SET_OPEN(flags);
    watch(&set);
    REQUIRE(pthread_create(&thread, NULL, supervise, &flags) == 0);
    for (int i = 0; i < COUNT; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        codes[i] = i;
        options.user = &codes[i];
        start_theirs(i);
        ids[i] = START(ACT("exit", DECIMAL(i)), &options);
        CHECK_CALL(chld_set_add(set, ids[i]), 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    CHECK_INT(our_ends, COUNT);
    CHECK_INT(their_ends, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(their_code[i], 100 + i);
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    uv_poll_stop(&watcher);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(with_our_handler ? chld_sigchld_remove() : 0, 0);
    end_libuv();
}

/* libuv keeps descriptors and handlers to the end of the process, so it runs in
 * a copy, and the audit stays strict. */
static uint32_t engine_flags;
static bool our_handler;

static void part(void)
{
    share_the_process(engine_flags, our_handler);
}

TEST_EACH_ENGINE(beside_libuv_everybody_gets_their_own)
{
    engine_flags = flags;
    IN_COPY(part);
}

TEST(beside_libuv_in_reap_mode)
{
    our_handler = true;
    IN_COPY(part);
}
#else
TEST(beside_libuv_everybody_gets_their_own)
{
    SKIP_TEST("libuv is not installed");
}
#endif

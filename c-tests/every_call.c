/* See every_call.h. */
#include "every_call.h"

#include <sys/wait.h>
#include <unistd.h>

enum { SHORT_MS = 20, CODE = 7 };

struct scene scene_make(void)
{
    struct scene scene;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    options.group_mode = CHLD_GROUP_NEW;
    scene.running = START(ACT("cat"), &options);
    scene.exited = START(ACT("exit", DECIMAL(CODE)), NULL);
    await_exit(scene.exited);
    const chld_id ids[2] = { scene.running, scene.exited };
    REQUIRE(chld_set_open(0, &scene.set) == 0);
    REQUIRE(chld_set_open(CHLD_SET_SIGCHLD, &scene.sigchld_set) == 0);
    for (int i = 0; i < 2; i++) {
        REQUIRE(chld_set_add(scene.set, ids[i], 0) == 0);
        REQUIRE(chld_set_add(scene.sigchld_set, ids[i], 0) == 0);
    }
    return scene;
}

void scene_end(const struct scene *scene)
{
    chld_set_close(scene->set);
    chld_set_close(scene->sigchld_set);
    chld_stop(scene->running, NULL, NULL);
    chld_close(scene->running);
    chld_close(scene->exited);
}

/* Starting */

static chld_spawn_options three_pipes(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    return options;
}

static int call_spawn(const struct scene *scene)
{
    chld_id id;
    chld_spawn_options options = three_pipes();
    (void) scene;
    int result = chld_spawn(&id, ACT("exit", "3"), &options, NULL);
    if (result == 0) {
        chld_wait(id, -1, NULL);
        chld_close(id);
    }
    return result;
}

static int call_spawn_private(const struct scene *scene)
{
    chld_id id;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    (void) scene;
    options.flags = CHLD_SPAWN_PRIVATE;
    int result = chld_spawn(&id, ACT("exit", "3"), &options, NULL);
    if (result == 0) {
        chld_wait(id, -1, NULL);
        chld_close(id);
    }
    return result;
}

static int call_spawn_in_vain(const struct scene *scene)
{
    chld_id id;
    chld_error error;
    char text[64];
    (void) scene;
    int result = chld_spawn(&id, ARGV("/nonexistent"), NULL, &error);
    chld_error_text(&error, text, sizeof text);
    return result == -ENOENT ? 0 : result;
}

static int call_adopt(const struct scene *scene)
{
    chld_id id;
    (void) scene;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    int result = chld_adopt(&id, pid);
    if (result == 0) {
        chld_wait(id, -1, NULL);
        chld_close(id);
    } else {
        waitpid(pid, NULL, 0);
    }
    return result;
}

/* Pipelines */

static struct chld_stage stages[2];

static void prepare_pipeline(void)
{
    static const char *cat[3];
    cat[0] = helper("act");
    cat[1] = "cat";
    for (int i = 0; i < 2; i++) {
        stages[i] = (chld_stage) { .argv = cat };
    }
}

static int call_pipeline(const struct scene *scene)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    (void) scene;
    options.in.mode = CHLD_STDIO_NULL;
    prepare_pipeline();
    stages[0].options = &options;
    int result = chld_pipeline(stages, 2, NULL);
    for (int i = 0; i < 2 && result == 0; i++) {
        chld_wait(stages[i].id, -1, NULL);
        chld_close(stages[i].id);
    }
    return result;
}

static chld_capture_options some_capture(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in = (chld_feed) { .mode = CHLD_FEED_BUFFER, .data = "text", .size = 4 };
    options.out = (chld_sink) { .mode = CHLD_SINK_GROW, .size = 1000 };
    options.timeout_ms = 10000;
    return options;
}

static int call_run_pipeline(const struct scene *scene)
{
    chld_capture_options options = some_capture();
    (void) scene;
    prepare_pipeline();
    return chld_run_pipeline(stages, 2, &options, NULL, NULL);
}

static int call_set_run_pipeline(const struct scene *scene)
{
    chld_capture_options options = some_capture();
    chld_id id;
    prepare_pipeline();
    int result = chld_set_run_pipeline(scene->set, stages, 2, &options, &id, NULL);
    for (int i = 0; i < 2 && result == 0; i++) { /* that of the exited child, too */
        chld_set_wait(scene->set, 10000, NULL);
    }
    return result == 0 ? chld_close(id) : result;
}

/* Waiting */

static int call_wait_exited(const struct scene *scene)
{
    return chld_wait(scene->exited, -1, NULL);
}

static int call_wait_running(const struct scene *scene)
{
    return chld_wait(scene->running, SHORT_MS, NULL);
}

static int call_wait_now(const struct scene *scene)
{
    return chld_wait(scene->running, 0, NULL);
}

static int call_wait_any(const struct scene *scene)
{
    const chld_id ids[] = { scene->running, scene->exited };
    return chld_wait_any(ids, 2, -1, NULL);
}

static int call_wait_any_running(const struct scene *scene)
{
    return chld_wait_any(&scene->running, 1, SHORT_MS, NULL);
}

static int call_wait_change(const struct scene *scene)
{
    return chld_wait_change(scene->exited, 0, -1, NULL);
}

static int call_wait_change_running(const struct scene *scene)
{
    return chld_wait_change(scene->running, 0, SHORT_MS, NULL);
}

/* Asking */

static int call_peek(const struct scene *scene)
{
    return chld_peek(scene->running, NULL);
}

static int call_usage(const struct scene *scene)
{
    chld_wait(scene->exited, -1, NULL);
    return chld_usage(scene->exited, NULL);
}

static int call_pid(const struct scene *scene)
{
    return chld_pid(scene->running);
}

static int call_user(const struct scene *scene)
{
    return chld_user(scene->running, NULL);
}

static int call_exit_fd(const struct scene *scene)
{
    return chld_exit_fd(scene->running);
}

static int call_find(const struct scene *scene)
{
    return chld_find(chld_pid(scene->running), NULL);
}

static int call_pty_resize(const struct scene *scene)
{
    return chld_pty_resize(scene->running, 24, 80);
}

static int call_terminal_take(const struct scene *scene)
{
    (void) scene;
    return chld_terminal_take(0, NULL);
}

static int call_stream_fds(const struct scene *scene)
{
    chld_stdin_fd(scene->running);
    chld_stdout_fd(scene->running);
    return chld_stderr_fd(scene->running);
}

static int call_close_fd(const struct scene *scene)
{
    return chld_close_fd(scene->running, CHLD_STDERR);
}

static int call_take_fd(const struct scene *scene)
{
    int fd = chld_take_fd(scene->running, CHLD_STDERR);
    return fd < 0 ? fd : close(fd);
}

static int call_engine(const struct scene *scene)
{
    (void) scene;
    return chld_engine();
}

static int call_supports(const struct scene *scene)
{
    (void) scene;
    return chld_supports(CHLD_SPAWN_PRIVATE);
}

static int call_environment(const struct scene *scene)
{
    uint32_t found;
    (void) scene;
    return chld_environment(&found);
}

/* Acting */

static int call_kill(const struct scene *scene)
{
    return chld_kill(scene->running, SIGCONT);
}

static int call_kill_exited(const struct scene *scene)
{
    return chld_kill(scene->exited, SIGCONT);
}

static int call_kill_group(const struct scene *scene)
{
    return chld_kill_group(scene->running, SIGCONT);
}

static int call_kill_tree(const struct scene *scene)
{
    return chld_kill_tree(scene->running, SIGKILL, NULL);
}

static int call_stop(const struct scene *scene)
{
    return chld_stop(scene->running, NULL, NULL);
}

static int call_reap(const struct scene *scene)
{
    (void) scene;
    return chld_reap();
}

static int call_reap_foreign(const struct scene *scene)
{
    (void) scene;
    return chld_reap_foreign(NULL, NULL);
}

static int call_subreaper(const struct scene *scene)
{
    (void) scene;
    return chld_subreaper(0);
}

/* Letting go */

static int call_close_running(const struct scene *scene)
{
    int pid = chld_pid(scene->running);
    int result = chld_close(scene->running); /* its input ends */
    AWAIT(pid < 2 || has_ended(pid));
    chld_reap();
    return result;
}

static int call_release(const struct scene *scene)
{
    int pid, result = chld_release(scene->running, &pid); /* its input ends */
    if (result == 0) {
        waitpid(pid, NULL, 0);
    }
    return result;
}

/* Only in a copy that has not used the library. */
static int call_after_fork(const struct scene *scene)
{
    (void) scene;
    return chld_after_fork();
}

static int call_close_exited(const struct scene *scene)
{
    return chld_close(scene->exited);
}

/* SIGCHLD */

static int call_sigchld_install(const struct scene *scene)
{
    (void) scene;
    return chld_sigchld_install(0);
}

static int call_sigchld_notify(const struct scene *scene)
{
    (void) scene;
    int result = chld_sigchld_install(CHLD_SIGCHLD_NOTIFY);
    chld_sigchld_install(0);
    return result;
}

static int call_sigchld_pending(const struct scene *scene)
{
    (void) scene;
    chld_sigchld_fd();
    return chld_sigchld_pending();
}

static int call_sigchld_remove(const struct scene *scene)
{
    (void) scene;
    int result = chld_sigchld_remove();
    chld_sigchld_install(0);
    return result;
}

/* Capturing */

static int call_capture(const struct scene *scene)
{
    chld_capture_options options = some_capture();
    return chld_capture(scene->running, &options, NULL);
}

static int call_run(const struct scene *scene)
{
    chld_capture_options options = some_capture();
    (void) scene;
    return chld_run(ACT("cat"), NULL, &options, NULL, NULL);
}

static int call_capture_open(const struct scene *scene)
{
    chld_capture_id capture;
    chld_capture_options options = some_capture();
    int result = chld_capture_open(scene->running, &options, &capture);
    if (result == 0) {
        chld_capture_step(capture, NULL);
        chld_capture_close(capture, NULL);
    }
    return result;
}

/* Sets */

static int call_set_open(const struct scene *scene)
{
    chld_set set;
    int result = chld_set_open(0, &set);
    if (result == 0) {
        chld_set_add(set, scene->running, CHLD_WATCH_STOPPED);
        chld_set_close(set);
    }
    return result;
}

static int call_set_open_sigchld(const struct scene *scene)
{
    chld_set set;
    int result = chld_set_open(CHLD_SET_SIGCHLD, &set);
    if (result == 0) {
        chld_set_add(set, scene->running, 0);
        chld_set_close(set);
    }
    return result;
}

static int call_set_remove(const struct scene *scene)
{
    return chld_set_remove(scene->set, scene->running);
}

static int call_set_ask(const struct scene *scene)
{
    chld_set_fd(scene->set);
    return chld_set_count(scene->set);
}

static int call_set_next(const struct scene *scene)
{
    return chld_set_next(scene->set, NULL);
}

static int call_set_wait(const struct scene *scene)
{
    chld_set_wait(scene->set, 10000, NULL);
    return chld_set_wait(scene->set, SHORT_MS, NULL);
}

static int call_set_wait_sigchld(const struct scene *scene)
{
    chld_set_wait(scene->sigchld_set, 10000, NULL);
    return chld_set_wait(scene->sigchld_set, SHORT_MS, NULL);
}

static int call_set_wake(const struct scene *scene)
{
    chld_set_wake(scene->set);
    return chld_set_wait(scene->set, 10000, NULL);
}

static int call_set_stop(const struct scene *scene)
{
    chld_set_stop(scene->set, scene->running, 0, NULL);
    chld_set_wait(scene->set, 10000, NULL);
    return chld_set_wait(scene->set, 10000, NULL);
}

static int call_set_capture(const struct scene *scene)
{
    chld_capture_options options = some_capture();
    chld_capture_result result;
    int taken = -1;
    chld_set_capture(scene->set, scene->running, &options);
    chld_set_wait(scene->set, 10000, NULL);
    chld_set_wait(scene->set, 10000, NULL);
    taken = chld_capture_take(scene->running, &result);
    return taken == 0 ? chld_buffer_free(result.out.data) : taken;
}

static int call_set_run(const struct scene *scene)
{
    chld_id id;
    chld_capture_options options = some_capture();
    int result = chld_set_run(scene->set, ACT("cat"), NULL, &options, &id, NULL);
    if (result == 0) {
        chld_close(id);
        chld_reap();
    }
    return result;
}

#define CALL_OF(name) { #name, call_##name }
const struct call every_call[] = {
    CALL_OF(spawn), CALL_OF(spawn_private), CALL_OF(spawn_in_vain), CALL_OF(adopt),
    CALL_OF(pipeline), CALL_OF(run_pipeline), CALL_OF(set_run_pipeline),
    CALL_OF(wait_exited), CALL_OF(wait_running), CALL_OF(wait_now),
    CALL_OF(wait_any), CALL_OF(wait_any_running),
    CALL_OF(wait_change), CALL_OF(wait_change_running),
    CALL_OF(peek), CALL_OF(usage), CALL_OF(pid), CALL_OF(user), CALL_OF(exit_fd),
    CALL_OF(find), CALL_OF(pty_resize), CALL_OF(terminal_take), CALL_OF(take_fd),
    CALL_OF(stream_fds), CALL_OF(close_fd), CALL_OF(engine), CALL_OF(supports), CALL_OF(environment),
    CALL_OF(kill), CALL_OF(kill_exited), CALL_OF(kill_group), CALL_OF(kill_tree), CALL_OF(stop),
    CALL_OF(reap), CALL_OF(reap_foreign), CALL_OF(subreaper),
    CALL_OF(close_running), CALL_OF(close_exited), CALL_OF(release), CALL_OF(after_fork),
    CALL_OF(sigchld_install), CALL_OF(sigchld_notify), CALL_OF(sigchld_pending),
    CALL_OF(sigchld_remove),
    CALL_OF(capture), CALL_OF(run), CALL_OF(capture_open),
    CALL_OF(set_open), CALL_OF(set_open_sigchld), CALL_OF(set_remove), CALL_OF(set_ask),
    CALL_OF(set_next), CALL_OF(set_wait), CALL_OF(set_wait_sigchld), CALL_OF(set_wake),
    CALL_OF(set_stop), CALL_OF(set_capture), CALL_OF(set_run),
};
const int every_call_count = sizeof every_call / sizeof *every_call;

/* See loops.h. */
#include "loops.h"

#include "loops_tasks.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 300, MEMBERS_PER_OWN = 5 };

struct member {
    chld_id id;
    int state, code, told;
};

static const struct loop *loop;
static bool may_be_lost;

/* The crowd: the first half ends as it likes, the second all at once when the
 * first has been reported. */
static chld_set set;
static struct member crowd[MOST];
static int crowd_count, crowd_told;
static struct gate gate;

static struct job jobs[TASKS_MOST];
static int jobs_count, jobs_left;

static int own_code[MOST], own_told[MOST], own_started, own_count, own_left;
static pid_t own_pid[MOST];

/* The crowd */

static void check_end(chld_status status, int state, int code)
{
    if (may_be_lost && status.state == CHLD_STATE_LOST) {
        CHECK_STATUS(status, CHLD_STATE_LOST, -1);
    } else {
        CHECK_STATUS(status, state, code);
    }
}

static void crowd_join(int number)
{
    static const int signals[] = { SIGTERM, SIGKILL, SIGUSR1 };
    struct member *member = &crowd[number];
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    bool waits = number >= crowd_count / 2;
    bool dies = number % 4 == 3 && !waits;
    *member = (struct member) {
        .state = dies ? CHLD_STATE_KILLED : CHLD_STATE_EXITED,
        .code = dies ? signals[number / 4 % 3] : number % 256,
    };
    options.user = member;
    member->id = waits ? start_at(__FILE__, __LINE__, &gate, member->code, member)
                       : START(ACT(dies ? "die" : "exit", DECIMAL(member->code)), &options);
    CHECK_CALL(chld_set_add(set, member->id, 0), 0);
}

static void start_own(void)
{
    int number = own_started++;
    bool dies = number % 3 == 2;
    own_code[number] = dies ? SIGKILL : (100 + number) % 256;
    loop->start_own(number, ACT(dies ? "die" : "exit", DECIMAL(own_code[number])));
}

void crowd_take(void)
{
    chld_event event;
    int result;
    while ((result = CALL(chld_set_next(set, &event))) == 0) {
        struct member *member = event.user;
        CHECK(event.id == member->id);
        CHECK_INT(++member->told, 1);
        check_end(event.status, member->state, member->code);
        if (!loop->steals) { /* only the reaper gets that */
            CHECK_CALL(chld_usage(event.id, NULL), 0);
        }
        if ((member - crowd) % 2 == 0) { /* the others stay, and could be reported again */
            CHECK_CALL(chld_close(event.id), 0);
        }
        if (++crowd_told == crowd_count / 2) {
            gate_open(&gate);
        }
        if (own_started < own_count && crowd_told % MEMBERS_PER_OWN == 0) {
            start_own();
        }
    }
    CHECK_INT(result, -EAGAIN);
}

static void crowd_leave(void)
{
    chld_event event;
    CHECK_CALL(chld_set_next(set, &event), -EAGAIN);
    CHECK_INT(crowd_told, crowd_count);
    for (int i = 0; i < crowd_count; i++) {
        CHECK_INT(crowd[i].told, 1);
        if (i % 2) {
            CHECK_CALL(chld_close(crowd[i].id), 0);
        }
    }
    CHECK_CALL(chld_set_close(set), 0);
}

/* The loop's own */

void own_ended(int number, int word)
{
    REQUIRE(number >= 0 && number < own_started);
    CHECK_INT(++own_told[number], 1);
    if (number % 3 == 2) {
        CHECK(WIFSIGNALED(word) && WTERMSIG(word) == own_code[number]);
    } else {
        CHECK(WIFEXITED(word) && WEXITSTATUS(word) == own_code[number]);
    }
    own_left--;
}

void own_fork(int number, const char *const *argv)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(argv[0], (char *const *) (uintptr_t) argv);
        _exit(127);
    }
    own_pid[number] = pid;
}

void own_look(void)
{
    for (int i = 0; i < own_started; i++) {
        int word;
        if (own_pid[i] > 1 && waitpid(own_pid[i], &word, WNOHANG) == own_pid[i]) {
            own_pid[i] = 0;
            own_ended(i, word);
        }
    }
}

/* Captures */

void job_step(struct job *job)
{
    if (job->is_done) {
        return; /* an event that the loop had in hand already */
    }
    /* First, because a step may close a descriptor. */
    if (job->is_armed) {
        loop->disarm(job);
        job->is_armed = false;
    }
    int result = CALL(chld_capture_step(job->capturing, &job->wait));
    if (result == 0) {
        REQUIRE(job->wait.count <= CHLD_CAPTURE_FDS);
        job->due = job->wait.timeout_ms < 0 ? -1 : now_ms() + job->wait.timeout_ms;
        job->is_armed = true;
        loop->arm(job);
        return;
    }
    CHECK_INT(result, 1);
    job->is_done = true;
    jobs_left--;
    task_judge(job->task, job->child, job->capturing, check_end);
}

int jobs_timeout(void)
{
    long long first = -1, now = now_ms();
    for (int i = 0; i < jobs_count; i++) {
        if (!jobs[i].is_done && jobs[i].due >= 0 && (first < 0 || jobs[i].due < first)) {
            first = jobs[i].due;
        }
    }
    return first < 0 ? -1 : first < now ? 0 : (int) (first - now);
}

void jobs_step_due(void)
{
    long long now = now_ms();
    for (int i = 0; i < jobs_count; i++) {
        if (jobs[i].is_armed && jobs[i].due >= 0 && jobs[i].due <= now) {
            job_step(&jobs[i]);
        }
    }
}

/* Nobody's but another thread's, in a set of its own. */
static void *supervise(void *flags)
{
    chld_set own_set = SET_OPEN(*(uint32_t *) flags);
    for (int i = 0; i < 10; i++) {
        chld_id id = START(ACT("exit", DECIMAL(200 + i)), NULL);
        chld_event event = { 0 };
        CHECK_CALL(chld_set_add(own_set, id, 0), 0);
        CHECK(SET_AWAIT(own_set, &event) && event.id == id);
        check_end(event.status, CHLD_STATE_EXITED, 200 + i);
        CHECK_CALL(chld_close(id), 0);
    }
    CHECK_CALL(chld_set_close(own_set), 0);
    return NULL;
}

bool is_by_signal(uint32_t flags)
{
    return flags & CHLD_SET_SIGCHLD || CALL(chld_engine()) == CHLD_ENGINE_SIGCHLD;
}

static void start_all(void)
{
    crowd_count = scaled(MOST);
    own_count = own_left = loop->start_own ? crowd_count / MEMBERS_PER_OWN : 0;
    gate = gate_make();
    for (int i = 0; i < crowd_count; i++) {
        crowd_join(i);
    }
    jobs_count = jobs_left = task_count();
    for (int i = 0; i < jobs_count; i++) {
        jobs[i].task = task_start(i, &jobs[i].child, &jobs[i].capturing);
        job_step(&jobs[i]);
    }
}

void loop_run(const struct loop *with, uint32_t flags, bool reap_mode)
{
    struct sigaction before, after;
    pthread_t thread;
    loop = with;
    may_be_lost = loop->steals && !ends_can_be_recovered();
    loop->begin();
    int descriptors = open_descriptors();
    REQUIRE(sigaction(SIGCHLD, NULL, &before) == 0);
    CHECK_CALL(reap_mode ? chld_sigchld_install(0) : 0, 0);
    set = SET_OPEN(flags);
    loop->watch(CALL(chld_set_fd(set)));
    if (!loop->blocks_sigchld) {
        REQUIRE(pthread_create(&thread, NULL, supervise, &flags) == 0);
    }
    start_all();
    while (crowd_told < crowd_count || jobs_left > 0 || own_left > 0) {
        loop->turn(); /* until the alarm, if something is never reported */
    }
    loop->unwatch();
    if (!loop->blocks_sigchld) {
        pthread_join(thread, NULL);
    }
    crowd_leave();
    int removed = CALL(chld_sigchld_remove()); /* a set or a wait may have installed it */
    CHECK(removed == 0 || (removed == -ENOENT && !reap_mode));
    REQUIRE(sigaction(SIGCHLD, NULL, &after) == 0);
    CHECK(before.sa_sigaction == after.sa_sigaction);
    CHECK_INT(open_descriptors(), descriptors);
    loop->end();
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

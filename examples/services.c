/*
 * services.c - fifty services that ignore SIGTERM are stopped in the time of one.
 *
 * A set captures them all: each reports when it is ready, line by line. Stopping one does
 * not block, so all stop at the same time: SIGTERM, half a second, SIGKILL.
 */
#include <chld.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERVICES = 50, GRACE_MS = 500 };

struct service {
    char name[16];
    chld_id child;
    int is_ready;
};

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int take_line(void *argument, const char *line, size_t length)
{
    struct service *service = argument;
    if (length == 6 && memcmp(line, "ready\n", 6) == 0)
        service->is_ready = 1;
    else
        printf("%s: %.*s", service->name, (int)length, line);
    return 0;
}

static void start(chld_set set, struct service *service, int number)
{
    const char *stubborn = "trap '' TERM; echo ready; while :; do sleep 60; done";
    const char *gentle = "trap 'echo cleaned up; exit 0' TERM; echo ready; sleep 60 & wait";
    const char *argv[] = {"sh", "-c", number == 0 ? gentle : stubborn, NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;

    snprintf(service->name, sizeof service->name, "service %d", number);
    spawn.group_mode = CHLD_GROUP_NEW; /* the shell's sleep is stopped, too */
    spawn.user = service;
    capture.out = (chld_sink){.mode = CHLD_SINK_LINES, .callback = take_line, .argument = service};
    require(chld_set_run(set, argv, &spawn, &capture, &service->child, NULL) == 0, "a start");
}

static int count_ready(const struct service *services)
{
    int count = 0;
    for (int i = 0; i < SERVICES; i++)
        count += services[i].is_ready;
    return count;
}

int main(void)
{
    static struct service services[SERVICES];
    const chld_stop_step steps[] = {{SIGTERM, GRACE_MS}, {SIGKILL, 5000}};
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    int killed = 0, by_themselves = 0;
    chld_event event;
    chld_set set;

    require(chld_set_open(0, &set) == 0, "chld_set_open");
    for (int i = 0; i < SERVICES; i++)
        start(set, &services[i], i);
    for (double until = now() + 30; count_ready(services) < SERVICES && now() < until;)
        chld_set_wait(set, 100, NULL); /* their lines come meanwhile */
    printf("%d services are ready\n", count_ready(services));

    plan.target = CHLD_TARGET_GROUP;
    plan.flags = CHLD_STOP_SWEEP;
    plan.steps = steps;
    plan.steps_count = sizeof steps / sizeof *steps;
    double begun = now();
    for (int i = 0; i < SERVICES; i++)
        require(chld_set_stop(set, services[i].child, 0, &plan) == 0, "chld_set_stop");
    while (chld_set_count(set) > 0 && chld_set_wait(set, 30000, &event) == 0) {
        if (event.status.state == CHLD_STATE_KILLED)
            killed++;
        else
            by_themselves++;
        chld_close(event.id);
    }
    double took = now() - begun;
    printf("%d exited, %d were killed, in %.1f s\n", by_themselves, killed, took);
    require(killed == SERVICES - 1 && by_themselves == 1, "how they were stopped");
    require(took < SERVICES * GRACE_MS / 1e3 / 2, "all at the same time");
    return chld_set_close(set) < 0;
}

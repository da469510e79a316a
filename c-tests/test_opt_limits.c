/* Resource limits, niceness, umask, CPUs. */
#include "look.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What /proc/PID/limits calls them. */
static const struct {
    int resource;
    const char *name, *in_proc;
} resources[] = {
    { RLIMIT_CPU, "RLIMIT_CPU", "Max cpu time" },
    { RLIMIT_FSIZE, "RLIMIT_FSIZE", "Max file size" },
    { RLIMIT_DATA, "RLIMIT_DATA", "Max data size" },
    { RLIMIT_STACK, "RLIMIT_STACK", "Max stack size" },
    { RLIMIT_CORE, "RLIMIT_CORE", "Max core file size" },
    { RLIMIT_RSS, "RLIMIT_RSS", "Max resident set" },
    { RLIMIT_NPROC, "RLIMIT_NPROC", "Max processes" },
    { RLIMIT_NOFILE, "RLIMIT_NOFILE", "Max open files" },
    { RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", "Max locked memory" },
    { RLIMIT_AS, "RLIMIT_AS", "Max address space" },
    { RLIMIT_LOCKS, "RLIMIT_LOCKS", "Max file locks" },
    { RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING", "Max pending signals" },
    { RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", "Max msgqueue size" },
    { RLIMIT_NICE, "RLIMIT_NICE", "Max nice priority" },
    { RLIMIT_RTPRIO, "RLIMIT_RTPRIO", "Max realtime priority" },
    { RLIMIT_RTTIME, "RLIMIT_RTTIME", "Max realtime timeout" },
};
enum { RESOURCES = sizeof resources / sizeof *resources };

static uint64_t amount(const char *text)
{
    return strcmp(text, "unlimited") == 0 ? ~0ull : strtoull(text, NULL, 10);
}

static void check_limit(int pid, const char *name, uint64_t soft, uint64_t hard)
{
    char path[64], line[256], first[32], second[32];
    snprintf(path, sizeof path, "/proc/%d/limits", pid);
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            CHECK_INT(sscanf(line + strlen(name), "%31s %31s", first, second), 2);
            CHECK_INT((long long) amount(first), (long long) soft);
            CHECK_INT((long long) amount(second), (long long) hard);
            fclose(file);
            return;
        }
    }
    fclose(file);
    fail(__FILE__, __LINE__, "%s has no line \"%s\"", path, name);
}

static uint64_t own_limit(int resource, bool hard)
{
    struct rlimit64 now; /* with 32 bit too, as /proc and the kernel have them */
    REQUIRE(getrlimit64(resource, &now) == 0);
    return hard ? now.rlim_max : now.rlim_cur;
}

static uint64_t lower(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static chld_spawn_options with_limits(const chld_limit *limits, size_t count)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.limits = limits;
    options.limits_count = count;
    return options;
}

/* Large enough for a program to start in, and no more than there is. */
enum { ENOUGH = 1 << 30 };

TEST(every_limit_can_be_lowered)
{
    need_real_kernel();
    for (int i = 0; i < RESOURCES; i++) {
        int resource = resources[i].resource;
        uint64_t soft_before = own_limit(resource, false), hard_before = own_limit(resource, true);
        chld_limit limit = { .resource = resource };
        limit.hard = lower(ENOUGH + 8192, hard_before);
        limit.soft = lower(ENOUGH + 4096, hard_before);
        chld_spawn_options options = with_limits(&limit, 1);
        chld_id id = STAY(&options);
        check_limit(CALL(chld_pid(id)), resources[i].in_proc, limit.soft, limit.hard);
        check_limit(getpid(), resources[i].in_proc, soft_before, hard_before);
        LEAVE(id);
    }
}

TEST(all_limits_can_be_given_at_once)
{
    need_real_kernel();
    chld_limit limits[RESOURCES];
    for (int i = 0; i < RESOURCES; i++) {
        uint64_t most = lower(ENOUGH, own_limit(resources[i].resource, true));
        limits[i] = (chld_limit) { resources[i].resource, 0, most, most };
    }
    chld_spawn_options options = with_limits(limits, RESOURCES);
    chld_id id = STAY(&options);
    for (int i = 0; i < RESOURCES; i++) {
        check_limit(CALL(chld_pid(id)), resources[i].in_proc, limits[i].soft, limits[i].hard);
    }
    LEAVE(id);
}

TEST(soft_and_hard_limits_have_their_effects)
{
    need_real_kernel();
    const chld_limit limits[] = { { RLIMIT_NOFILE, 0, 17, 29 }, { RLIMIT_CORE, 0, 0, 0 } };
    chld_spawn_options options = with_limits(limits, 2);
    char text[64];
    CHECK_STR(OUTPUT(ARGV("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c"), &options, text),
              "17\n29\n0\n");
}

/* A limit on descriptors is for the program, not for the maps before it. */
TEST(maps_and_limits_do_not_disturb_each_other)
{
    need_real_kernel();
    const chld_limit limit = { RLIMIT_NOFILE, 0, 4, 4 };
    chld_spawn_options options = with_limits(&limit, 1);
    options.fds = (const chld_fd_map[]) { { 0, 60 } };
    options.fds_count = 1;
    chld_id id = STAY(&options);
    CHECK_STR(proc_link(CALL(chld_pid(id)), "fd/60"), strchr(own_fd(0), ' ') + 1);
    check_limit(CALL(chld_pid(id)), "Max open files", 4, 4);
    LEAVE(id);
}

TEST(a_wrong_limit_is_refused_with_its_index)
{
    const chld_limit good = { RLIMIT_CORE, 0, 0, 0 };
    const chld_limit wrong[] = {
        { 99, 0, 1, 1 },                       /* no resource */
        { -1, 0, 1, 1 },                       /* nor this */
        { RLIMIT_CORE, 0, 2, 1 },              /* soft above hard */
        { RLIMIT_CORE, 0, ~0ull, 0 },          /* the same */
        { RLIMIT_CORE, 1, 0, 0 },              /* reserved */
        { RLIMIT_NOFILE, 0, 1u << 31, 1u << 31 }, /* above fs.nr_open: EPERM */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const chld_limit limits[] = { good, wrong[i], good };
        chld_spawn_options options = with_limits(limits, 3);
        CHECK_FAILS(ACT("exit", "0"), &options, i == 5 ? EPERM : EINVAL, CHLD_STEP_LIMIT, 1);
    }
    chld_spawn_options options = with_limits(NULL, 1);
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_LIMIT, 0);
}

/* Above the hard limit, which is first lowered where it is infinite. */
static void raise_as_nobody(void)
{
    become_nobody();
    for (int i = 0; i < RESOURCES; i++) {
        int resource = resources[i].resource;
        struct rlimit low = { 0, lower(ENOUGH, own_limit(resource, true)) };
        low.rlim_cur = lower(own_limit(resource, false), low.rlim_max);
        REQUIRE(setrlimit(resource, &low) == 0);
        const chld_limit limits[] = { { RLIMIT_CORE, 0, 0, 0 },
                                      { resource, 0, low.rlim_cur, low.rlim_max + 1 } };
        chld_spawn_options options = with_limits(limits, 2);
        chld_error error = CHECK_FAILS(ARGV("/bin/true"), &options, EPERM, CHLD_STEP_LIMIT, 1);
        CHECK_STR(error.item, resources[i].name);
        char text[128], want[128];
        snprintf(want, sizeof want, "limit %s: Operation not permitted", resources[i].name);
        CHECK_CALL(chld_error_text(&error, text, sizeof text), (int) strlen(want));
        CHECK_STR(text, want);
    }
}

TEST(only_root_may_raise_a_hard_limit)
{
    need_nobody();
    IN_COPY(raise_as_nobody);
}

/* The kernel lets the change of user pass, and fails the exec. */
TEST(a_user_with_too_many_processes_fails_at_exec)
{
    need_real_kernel();
    need_root();
    const chld_limit limit = { RLIMIT_NPROC, 0, 0, 0 };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_UID;
    options.uid = 54321;
    chld_id id = STAY(&options);
    options.limits = &limit;
    options.limits_count = 1;
    CHECK_FAILS(ARGV("/bin/true"), &options, EAGAIN, CHLD_STEP_EXEC, 0);
    LEAVE(id);
}

/* Niceness */

static void check_nice(int more, long long want)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.nice = more;
    chld_id id = STAY(&options);
    CHECK_INT(proc_stat(CALL(chld_pid(id)), STAT_NICE), want);
    LEAVE(id);
}

TEST(niceness_is_added_to_the_callers)
{
    long long own = getpriority(PRIO_PROCESS, 0);
    check_nice(0, own);
    check_nice(3, own + 3 > 19 ? 19 : own + 3);
    check_nice(100, 19);
    check_nice(0x7fffffff, 19);
    CHECK_INT(getpriority(PRIO_PROCESS, 0), own);
}

TEST(root_may_be_less_nice)
{
    if (!may_be_less_nice()) {
        SKIP_TEST("niceness may not be lowered here");
    }
    long long own = getpriority(PRIO_PROCESS, 0);
    check_nice(-5, own - 5 < -20 ? -20 : own - 5);
    check_nice(-2147483647 - 1, -20);
}

static void be_less_nice_as_nobody(void)
{
    become_nobody();
    struct rlimit none = { 0, 0 };
    REQUIRE(setrlimit(RLIMIT_NICE, &none) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.nice = -1;
    CHECK_FAILS(ARGV("/bin/true"), &options, EACCES, CHLD_STEP_NICE, 0);
}

TEST(only_root_may_be_less_nice)
{
    need_nobody();
    IN_COPY(be_less_nice_as_nobody);
}

/* Niceness and limits are set before the privileges go. */
TEST(privileges_go_after_they_were_used)
{
    need_root();
    if (!may_be_less_nice()) {
        SKIP_TEST("niceness may not be lowered here");
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_UID;
    options.uid = NOBODY;
    options.nice = -3;
    long long own = getpriority(PRIO_PROCESS, 0);
    chld_id id = STAY(&options);
    CHECK_INT(proc_stat(CALL(chld_pid(id)), STAT_NICE), own - 3 < -20 ? -20 : own - 3);
    CHECK_INT(proc_number(CALL(chld_pid(id)), "Uid"), NOBODY);
    LEAVE(id);
}

/* umask */

TEST(the_umask_is_the_childs_alone)
{
    static const uint32_t masks[] = { 0, 027, 0777 };
    mode_t own = umask(0135);
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = CHLD_SPAWN_UMASK;
        options.umask = masks[i];
        chld_id id = STAY(&options);
        char want[16];
        snprintf(want, sizeof want, "%04o", masks[i]);
        CHECK_STR(proc_text(CALL(chld_pid(id)), "status", "Umask"), want);
        CHECK_STR(proc_text(getpid(), "status", "Umask"), "0135");
        LEAVE(id);
    }
    umask(own);
}

TEST(a_file_for_a_stream_has_the_callers_umask)
{
    const char *path = scratch("made");
    mode_t own = umask(022);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_UMASK;
    options.umask = 0777;
    options.out.mode = CHLD_STDIO_PATH;
    options.out.path = path;
    CHECK_EXITED(RUN(ACT("say", "x", ""), &options), 0);
    struct stat made;
    CHECK(stat(path, &made) == 0 && (made.st_mode & 07777) == 0644);
    umask(own);
}

/* CPUs */

static int allowed_cpu(bool last)
{
    cpu_set_t own;
    REQUIRE(sched_getaffinity(0, sizeof own, &own) == 0);
    int found = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE && (last || found < 0); cpu++) {
        found = CPU_ISSET(cpu, &own) ? cpu : found;
    }
    return found;
}

TEST(the_child_runs_on_the_cpus_it_was_given)
{
    char before[256];
    snprintf(before, sizeof before, "%s", proc_text(getpid(), "status", "Cpus_allowed_list"));
    for (int last = 0; last < 2; last++) {
        int cpu = allowed_cpu(last);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.cpus = &one;
        options.cpus_size = sizeof one;
        chld_id id = STAY(&options);
        CHECK_STR(proc_text(CALL(chld_pid(id)), "status", "Cpus_allowed_list"), DECIMAL(cpu));
        CHECK_STR(proc_text(getpid(), "status", "Cpus_allowed_list"), before);
        LEAVE(id);
    }
}

TEST(an_empty_set_of_cpus_is_refused)
{
    cpu_set_t none;
    CPU_ZERO(&none);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cpus = &none;
    options.cpus_size = sizeof none;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_AFFINITY, 0);
    options.cpus = NULL;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_AFFINITY, 0);
}

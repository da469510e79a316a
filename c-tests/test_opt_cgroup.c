/* The child's cgroup. */
#include "look.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A cgroup of the test's own: its directory, and its name below the mount. */
struct group {
    char path[PATH_MAX], name[64];
    int fd;
};

static bool find_mount(char *path, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    bool found = false;
    for (struct mntent *one; mounts && !found && (one = getmntent(mounts));) {
        if (strcmp(one->mnt_type, "cgroup2") == 0) {
            snprintf(path, size, "%s", one->mnt_dir);
            found = true;
        }
    }
    if (mounts) {
        endmntent(mounts);
    }
    return found;
}

static struct group make_group(void)
{
    struct group group;
    char mount[PATH_MAX / 2];
    if (geteuid() != 0) {
        SKIP_TEST("this needs root");
    }
    if (!find_mount(mount, sizeof mount)) {
        SKIP_TEST("cgroup2 is not mounted");
    }
    snprintf(group.name, sizeof group.name, "/chld-test-%d", getpid());
    snprintf(group.path, sizeof group.path, "%s%s", mount, group.name);
    rmdir(group.path); /* a test that has failed may have left it */
    if (mkdir(group.path, 0755) != 0) {
        SKIP_TEST("mkdir %s: %s", group.path, strerror(errno));
    }
    group.fd = open(group.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(group.fd > 2);
    return group;
}

/* The kernel takes a cgroup for used until the last process of it is reaped
 * and gone; that can be a moment after waiting for it. */
static void remove_group(const struct group *group)
{
    close(group->fd);
    AWAIT(rmdir(group->path) == 0 || errno != EBUSY);
    CHECK(access(group->path, F_OK) != 0);
}

static chld_spawn_options into(int fd)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_CGROUP;
    options.cgroup_fd = fd;
    return options;
}

static bool is_in(int pid, const struct group *group)
{
    const char *path = proc_text(pid, "cgroup", "0:");
    size_t length = strlen(group->name);
    return path && strlen(path) >= length
        && strcmp(path + strlen(path) - length, group->name) == 0;
}

TEST(the_child_is_in_its_cgroup)
{
    struct group group = make_group();
    static const uint64_t ways[] = { 0, CHLD_SPAWN_INHERIT_FDS };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = into(group.fd);
        options.flags |= ways[i];
        chld_id id = STAY(&options), other = STAY(NULL);
        CHECK(is_in(CALL(chld_pid(id)), &group));
        CHECK(!is_in(CALL(chld_pid(other)), &group));
        CHECK(!is_in(getpid(), &group));
        LEAVE(id);
        LEAVE(other);
    }
    remove_group(&group);
}

/* It is there from its first instruction on, not after somebody has looked. */
TEST(the_child_finds_itself_in_its_cgroup)
{
    struct group group = make_group();
    chld_spawn_options options = into(group.fd);
    char text[4096], want[80];
    OUTPUT(ARGV("/bin/cat", "/proc/self/cgroup"), &options, text);
    snprintf(want, sizeof want, "%s\n", group.name);
    CHECK(strstr(text, want) != NULL);
    remove_group(&group);
}

TEST(a_detached_child_is_in_its_cgroup_too)
{
    struct group group = make_group();
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_spawn_options options = into(group.fd);
    options.flags |= CHLD_SPAWN_DETACHED;
    options.out.mode = CHLD_STDIO_FD;
    options.out.fd = ends[1];
    CHECK_CALL(chld_spawn(NULL, ARGV("/bin/cat", "/proc/self/cgroup"), &options, NULL), 0);
    close(ends[1]);
    char text[4096], want[80];
    read_all(ends[0], text, sizeof text);
    snprintf(want, sizeof want, "%s\n", group.name);
    CHECK(strstr(text, want) != NULL);
    close(ends[0]);
    remove_group(&group);
}

TEST(the_cgroups_descriptor_may_be_the_target_of_a_map)
{
    struct group group = make_group();
    chld_spawn_options options = into(group.fd);
    options.fds = (const chld_fd_map[]) { { 0, group.fd }, { group.fd, group.fd + 1 } };
    options.fds_count = 2;
    chld_id id = STAY(&options);
    CHECK(is_in(CALL(chld_pid(id)), &group));
    LEAVE(id);
    remove_group(&group);
}

/* What the directory allows is asked of the caller, not of the new user. */
TEST(a_child_of_another_user_is_placed_with_the_callers_rights)
{
    need_root();
    struct group group = make_group();
    chld_spawn_options options = into(group.fd);
    options.flags |= CHLD_SPAWN_UID;
    options.uid = NOBODY;
    chld_id id = STAY(&options);
    CHECK(is_in(CALL(chld_pid(id)), &group));
    CHECK_INT(proc_number(CALL(chld_pid(id)), "Uid"), NOBODY);
    LEAVE(id);
    remove_group(&group);
}

/* Where the kernel cannot place it at birth, the file "cgroup.procs" is missed
 * instead. */
static void check_refused(int fd, int code)
{
    chld_spawn_options options = into(fd);
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    CHECK(CALL(chld_spawn(&id, ACT("exit", "0"), &options, &error)) < 0);
    CHECK(error.code == code || error.code == ENOENT || error.code == ENOTDIR);
    CHECK_STR(chld_step_name(error.step), "cgroup");
    CHECK_INT(error.index, 0);
    CHECK_STR(error.item, "");
    CHECK_INT((long long) id, CHLD_NONE);
}

TEST(a_descriptor_that_is_no_cgroup_is_refused)
{
    chld_spawn_options options = into(-1);
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_CGROUP, 0);
    options = into(999);
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_CGROUP, 0);
    static const char *const paths[] = { "/", "/proc/self/status", "/dev/null" };
    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        check_refused(fd, EBADF);
        close(fd);
    }
}

TEST(a_cgroup_that_is_gone_is_refused)
{
    struct group group = make_group();
    REQUIRE(rmdir(group.path) == 0);
    check_refused(group.fd, ENODEV);
    close(group.fd);
}

static struct group forbidden;

static void enter_as_nobody(void)
{
    become_nobody();
    chld_spawn_options options = into(forbidden.fd);
    CHECK_FAILS(ARGV("/bin/true"), &options, EACCES, CHLD_STEP_CGROUP, 0);
}

TEST(a_cgroup_that_is_not_the_callers_is_refused)
{
    need_root();
    forbidden = make_group();
    IN_COPY(enter_as_nobody);
    remove_group(&forbidden);
}

enum { MEMBERS = 20 };

/* A family in the cgroup that is open at `fd`; their pids. */
static chld_id start_family(int fd, int pids[MEMBERS], int *hold)
{
    int names[2], gate[2];
    REQUIRE(pipe2(names, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0);
    chld_fd_map map[] = { { names[1], 3 }, { gate[0], 4 } };
    chld_spawn_options options = into(fd);
    options.flags = CHLD_SPAWN_CGROUP_OWN;
    options.fds = map;
    options.fds_count = 2;
    chld_id id = START(ARGV(helper("family"), DECIMAL(MEMBERS), "strays"), &options);
    for (int i = 0; i < MEMBERS; i++) {
        REQUIRE(read(names[0], &pids[i], sizeof(int)) == sizeof(int));
    }
    close(names[0]);
    close(names[1]);
    close(gate[0]);
    *hold = gate[1];
    return id;
}

/* Half of them have left the session and lost their parents: only the cgroup
 * still knows whose they are. */
static void kill_family(const struct group *group, const struct group *below)
{
    int pids[MEMBERS], hold;
    chld_id id = start_family(group->fd, pids, &hold);
    for (int i = 0; i < MEMBERS; i++) {
        CHECK(is_in(pids[i], group));
    }
    if (below) {
        FILE *procs = fdopen(openat(below->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC), "w");
        REQUIRE(procs && fprintf(procs, "%d", pids[MEMBERS - 1]) > 0 && fclose(procs) == 0);
    }
    uint32_t left = 99;
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    for (int i = 0; i < MEMBERS; i++) {
        CHECK(has_ended(pids[i]));
    }
    chld_status status;
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0); /* empty, and still its own */
    CHECK_INT(left, 0);
    CHECK_CALL(chld_close(id), 0);
    close(hold);
}

TEST(a_tree_in_a_cgroup_of_its_own_is_killed_to_the_last)
{
    struct group group = make_group();
    kill_family(&group, NULL);
    remove_group(&group);
}

static struct group below(const struct group *group)
{
    struct group inner = *group;
    strcat(inner.path, "/below");
    REQUIRE(mkdir(inner.path, 0755) == 0);
    inner.fd = open(inner.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(inner.fd > 2);
    return inner;
}

TEST(a_cgroup_below_its_own_is_killed_too)
{
    struct group group = make_group(), inner = below(&group);
    kill_family(&group, &inner);
    remove_group(&inner);
    remove_group(&group);
}

static struct group incapable;

/* In mounts of its own, cgroup.kill is a device that takes nothing: as if the kernel
 * had none. */
static void kill_one_after_the_other(void)
{
    char top[PATH_MAX], file[PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/cgroup.kill", incapable.path);
    REQUIRE(find_mount(top, sizeof top) && unshare(CLONE_NEWNS) == 0);
    REQUIRE(mount("none", top, "none", MS_PRIVATE, NULL) == 0);
    REQUIRE(mount("/dev/full", file, "none", MS_BIND, NULL) == 0 || errno == ENOENT);
    incapable.fd = open(incapable.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(incapable.fd > 2);
    struct group inner = below(&incapable);
    kill_family(&incapable, &inner);
    kill_family(&incapable, NULL); /* it is not frozen any more */
    remove_group(&inner);
}

TEST(a_cgroup_without_cgroup_kill_is_killed_one_after_the_other)
{
    incapable = make_group();
    IN_COPY(kill_one_after_the_other);
    remove_group(&incapable);
}

/* A frozen process does not stop. */
TEST(a_frozen_tree_can_be_killed)
{
    struct group group = make_group();
    chld_spawn_options options = into(group.fd);
    chld_id id = START(ARGV("sleep", "60"), &options);
    int freeze = openat(group.fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
    if (freeze >= 0) {
        REQUIRE(write(freeze, "1", 1) == 1);
    }
    uint32_t left = 99;
    CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0);
    CHECK_INT(left, 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    close(freeze);
    remove_group(&group);
}

/* A cgroup that once had cgroup.kill kills what is born there (Linux 6.18). */

static bool kill_group(const struct group *group)
{
    int file = openat(group->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    bool written = file >= 0 && write(file, "1", 1) == 1;
    close(file);
    return written;
}

static struct group make_killed_group(void)
{
    struct group group = make_group();
    if (!kill_group(&group)) {
        remove_group(&group);
        SKIP_TEST("this kernel has no cgroup.kill");
    }
    return group;
}

static void start_in(const struct group *group, uint64_t flag)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = flag;
    options.cgroup_fd = group->fd;
    chld_id id = STAY(&options);
    CHECK(is_in(CALL(chld_pid(id)), group));
    LEAVE(id);
}

TEST(a_cgroup_can_be_used_again_after_cgroup_kill)
{
    struct group group = make_killed_group();
    for (int i = 0; i < 3; i++) {
        start_in(&group, CHLD_SPAWN_CGROUP);
        start_in(&group, CHLD_SPAWN_CGROUP_OWN);
        REQUIRE(kill_group(&group));
    }
    start_in(&group, CHLD_SPAWN_CGROUP | CHLD_SPAWN_INHERIT_FDS);
    remove_group(&group);
}

static struct group killed;

static void start_there_first(void)
{
    start_in(&killed, CHLD_SPAWN_CGROUP);
    chld_id id = STAY(NULL);
    LEAVE(id);
    CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
    start_in(&killed, CHLD_SPAWN_CGROUP);
}

/* The one that is killed at its birth shows nothing about shared memory. */
TEST(the_first_start_of_a_process_may_be_in_such_a_cgroup)
{
    killed = make_killed_group();
    IN_COPY(start_there_first);
    remove_group(&killed);
}

TEST(a_supervisor_starts_its_service_again_and_again)
{
    struct group group = make_killed_group();
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = CHLD_SPAWN_CGROUP_OWN;
        options.cgroup_fd = group.fd;
        uint32_t left = 99;
        chld_id id = STAY(&options);
        CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0);
        CHECK_INT(left, 0);
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    }
    remove_group(&group);
}

/* Killed at a random moment of its start or after it: never a failure. */
TEST(cgroup_kill_during_a_start_gives_a_status)
{
    struct group group = make_killed_group();
    pid_t killer = fork();
    REQUIRE(killer >= 0);
    if (killer == 0) {
        for (pid_t caller = getppid(); getppid() == caller;) {
            kill_group(&group);
        }
        _exit(0);
    }
    chld_spawn_options options = into(group.fd);
    for (int i = 0; i < scaled(300); i++) {
        chld_status status = RUN(ARGV("/bin/true"), &options);
        CHECK((status.state == CHLD_STATE_EXITED && status.code == 0)
              || (status.state == CHLD_STATE_KILLED && status.code == SIGKILL));
    }
    REQUIRE(kill(killer, SIGKILL) == 0 && waitpid(killer, NULL, 0) == killer);
    remove_group(&group);
}

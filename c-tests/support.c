/* Children and processes: see support.h. */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The library's SIGCHLD handler stays until the program removes it. If anything of the
 * test still needs it, it stays even then, and the audit finds it. */
void before_audit(void)
{
    chld_sigchld_remove();
}

/* Starting and ending */

static struct {
    const char *name;
    char path[PATH_MAX];
} helpers[] = { { "act", "" }, { "crowd", "" }, { "ender", "" }, { "family", "" },
                { "faulter", "" }, { "flow", "" }, { "probe", "" }, { "untidy", "" } };

enum { HELPERS = sizeof helpers / sizeof *helpers };

/* Before there are threads, which all ask. */
__attribute__((constructor)) static void find_helpers(void)
{
    char program[PATH_MAX];
    /* Without /proc: as this program was started. */
    const char *self = access("/proc/self/exe", F_OK) == 0 ? "/proc/self/exe" : program_invocation_name;
    REQUIRE(realpath(self, program) != NULL);
    *strrchr(program, '/') = 0; /* build/c-tests/LANE/test_x */
    *strrchr(program, '/') = 0;
    for (int i = 0; i < HELPERS; i++) {
        size_t size = PATH_MAX;
        REQUIRE((size_t) snprintf(helpers[i].path, size, "%s/helpers/%s", program, helpers[i].name)
                < size);
    }
}

const char *helper(const char *name)
{
    int i = 0;
    while (strcmp(helpers[i].name, name) != 0) {
        REQUIRE(++i < HELPERS);
    }
    return helpers[i].path;
}

const char *decimal(char buffer[12], int number)
{
    snprintf(buffer, 12, "%d", number);
    return buffer;
}

chld_id start(const char *file, int line, const char *const *argv,
              const chld_spawn_options *options)
{
    chld_id id = CHLD_NONE;
    chld_error error;
    if (CALL(chld_spawn(&id, argv, options, &error)) != 0) {
        if (error.step == CHLD_STEP_OPEN || error.step == CHLD_STEP_PTY) {
            need_dev();
        }
        char text[256];
        chld_error_text(&error, text, sizeof text);
        fail(file, line, "cannot start %s: %s", argv[0], text);
    }
    REQUIRE(id != CHLD_NONE);
    return id;
}

chld_status finish(const char *file, int line, chld_id id)
{
    chld_status status = { -1, -1, -1, -1 };
    check_result(file, line, "chld_wait", CALL(chld_wait(id, -1, &status)), 0);
    check_result(file, line, "chld_close", CALL(chld_close(id)), 0);
    return status;
}

bool check_status(const char *file, int line, chld_status status, int state, int code)
{
    if (status.state == state && status.code == code) {
        return true;
    }
    fail(file, line, "state %d, code %d, word %#x, and not state %d, code %d", status.state,
         status.code, status.wait_word, state, code);
    return false;
}

chld_error check_fails(const char *file, int line, const char *const *argv,
                       const chld_spawn_options *options, int code, int step, int index)
{
    const chld_id untouched = 0x5a5a5a5a5a5a5a5a;
    chld_id id = untouched;
    chld_error error;
    memset(&error, 0x5a, sizeof error);
    check_result(file, line, "chld_spawn", CALL(chld_spawn(&id, argv, options, &error)), -code);
    check_int(file, line, "error.code", error.code, code);
    check_str(file, line, "the step", chld_step_name(error.step), chld_step_name(step));
    check_int(file, line, "error.index", error.index, index);
    check(file, line, "the handle is written on success only", id == untouched);
    return error;
}

struct gate gate_make(void)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    return (struct gate) { ends[0], ends[1] };
}

void gate_open(struct gate *gate)
{
    close(gate->hold_end);
    close(gate->wait_end);
}

chld_id start_at(const char *file, int line, const struct gate *gate, int code, void *user)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = gate->wait_end;
    options.user = user;
    return start(file, line, ACT("block", DECIMAL(code)), &options);
}

void await_exit(chld_id id)
{
    /* Without consuming what it reports, and without the library's help, which
     * might reap. ECHILD: somebody has reaped it. */
    int pid = CALL(chld_pid(id));
    REQUIRE(pid > 1);
    siginfo_t info;
    while (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
}

/* What two threads do all the time while children are started. */
static struct {
    void (*reap)(void);
    atomic_bool over;
} meanwhile;

static void *reap_all_the_time(void *unused)
{
    while (!atomic_load(&meanwhile.over)) {
        meanwhile.reap();
    }
    return unused;
}

void start_against(void (*reap)(void))
{
    pthread_t threads[2];
    long long until = now_ms() + 2000;
    meanwhile.reap = reap;
    atomic_store(&meanwhile.over, false);
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, reap_all_the_time, NULL) == 0);
    }
    for (int i = 0; i < scaled(1000) && now_ms() < until && !failures(); i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.in.mode = CHLD_STDIO_NULL;
        chld_id id = START(ARGV(helper("ender"), DECIMAL(i % 256)), &options);
        chld_status status;
        CHECK_CALL(chld_wait(id, -1, &status), 0);
        CHECK_EXITED(status, i % 256);
        CHECK_CALL(chld_usage(id, NULL), 0); /* nobody else has reaped it */
        CHECK_CALL(chld_close(id), 0);
    }
    atomic_store(&meanwhile.over, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

void reap_closed_children(void)
{
    siginfo_t info;
    int tries = 0;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0) {
        REQUIRE(tries++ < 10000);
        RUN(ACT("exit", "0"), NULL);
    }
    RUN(ACT("exit", "0"), NULL); /* lets go of the one that was reaped last */
}

int own_thread(void)
{
    return (int) syscall(SYS_gettid);
}

void need_dev(void)
{
    if (access("/dev/null", F_OK) != 0) {
        SKIP_TEST("there is no /dev here");
    }
}

void need_proc(void)
{
    if (access("/proc/self", F_OK) != 0) {
        SKIP_TEST("there is no /proc here");
    }
}

char process_state(int pid)
{
    char path[64], text[512];
    need_proc();
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        REQUIRE(errno == ENOENT || errno == ESRCH);
        return 0;
    }
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0) {
        return 0;
    }
    text[size] = 0;
    char state = 0;
    int threads = 0;
    const char *after_name = strrchr(text, ')');
    sscanf(after_name ? after_name : "", ") %c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d"
           " %*d %*d %*d %d", &state, &threads);
    return state == 'Z' && threads > 1 ? 'R' : state;
}

/* Without /proc: of children only. For a traced child, the kernel reports it when the
 * tracer has been notified, so /proc is used where it is. */
static bool has_ended_by_kernel(int pid)
{
    siginfo_t info = { 0 };
    REQUIRE(pid > 1);
    if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        return info.si_pid == pid;
    }
    if (process_is_there(pid)) {
        need_proc();
    }
    return true;
}

bool has_ended(int pid)
{
    if (access("/proc/self", F_OK) != 0) {
        return has_ended_by_kernel(pid);
    }
    char state = process_state(pid);
    return state == 0 || state == 'Z' || state == 'X';
}

bool process_is_there(int pid)
{
    REQUIRE(pid > 0);
    return kill(pid, 0) == 0 || errno == EPERM;
}

bool under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

/* The kernel's struct pidfd_info, first version, and its request. */
struct exit_question {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};

bool ends_can_be_recovered(void)
{
    struct exit_question question = { .mask = 1 << 3 };
    if (chld_engine() != CHLD_ENGINE_PIDFD || getenv("CHLD_TEST_FALLBACK")) {
        return false; /* if one is recovered all the same, it must be right */
    }
    chld_id id = START(ACT("exit", "7"), NULL);
    int pidfd = CALL(chld_exit_fd(id)), pid = CALL(chld_pid(id)), status = 0;
    REQUIRE(pid > 1 && waitpid(pid, &status, 0) == pid);
    unsigned long request = _IOWR(0xff, 11, struct exit_question); /* an int in musl's ioctl() */
    bool known = pidfd >= 0 && syscall(SYS_ioctl, pidfd, request, &question) == 0
              && question.mask & 1 << 3;
    CHECK_CALL(chld_close(id), 0);
    return known && question.exit_code == status;
}

bool waitid_takes_pidfds(void)
{
    siginfo_t info;
    int own = (int) syscall(SYS_pidfd_open, getpid(), 0);
    if (own < 0) {
        return false;
    }
    int result = waitid((idtype_t) 3, (id_t) own, &info, WEXITED | WNOHANG);
    bool takes = result < 0 && errno == ECHILD;
    close(own);
    return takes;
}

int in_copy(void (*part)(void))
{
    int before = failures();
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        arm_alarm();
        part();
        _exit(failures() > before);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED) {
        _exit(TEST_SKIPPED); /* the copy has printed why */
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int open_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory && errno == ENOENT) {
        for (int number = 0; number < 1024; number++) {
            count += fcntl(number, F_GETFD) >= 0;
        }
        return count;
    }
    REQUIRE(directory != NULL);
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count - 3; /* ".", ".." and the directory's own */
}

unsigned char pattern_at(long long offset)
{
    long long at = offset % 4096, round = offset / 4096;
    return (unsigned char) (at * 7 + round * 31 + (at >> 8));
}

long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

char *read_all(int fd, char *buffer, size_t size)
{
    size_t filled = 0;
    ssize_t got;
    while (filled + 1 < size && (got = read(fd, buffer + filled, size - 1 - filled)) != 0) {
        REQUIRE(got > 0 || errno == EINTR);
        filled += got > 0 ? (size_t) got : 0;
    }
    buffer[filled] = 0;
    return buffer;
}

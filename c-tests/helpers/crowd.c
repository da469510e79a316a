/* A tree of processes that is hard to kill: crowd NAME KIND [COUNT]. All of its
 * processes have the name, and most stay until they are killed. The root writes a
 * byte to stdout when the tree is as it should be.
 *   headless         a child whose main thread has exited
 *   headless-parent  the same, with a child of its own
 *   zombie-session   a session whose leader has exited, and is not waited for
 *   zombie-group     the same with a group
 *   vfork            a child that waits for its vfork child
 *   many             COUNT children
 *   burst            COUNT children, and some that start COUNT each once the root stops
 *   forker           forks without pause, COUNT megabytes each time
 *   forking-thread   the same in a thread that is not the main one
 *   waker            a child continues the root without pause; the root starts
 *                    processes in sessions of their own when it is continued
 *   orphans          COUNT children, and a group that is orphaned when the root exits;
 *                    its members start processes when they are continued
 *   suid PROGRAM     a child that is root's: PROGRAM is this one, set-user-ID
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Not for good, whatever becomes of the test. */
static void stay(void)
{
    alarm(120);
    for (;;) {
        pause();
    }
}

static void announce(void)
{
    if (write(1, "x", 1) != 1) {
        _exit(1);
    }
}

static char state_of(int pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY);
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    close(file);
    const char *after_name = size > 0 ? strrchr(text, ')') : NULL;
    return after_name ? after_name[2] : 0;
}

static void await_state(int pid, char state)
{
    for (int i = 0; i < 200000 && state_of(pid) != state; i++) {
        nanosleep(&(struct timespec) { 0, 1000 }, NULL);
    }
}

static void *sleep_on(void *unused)
{
    stay();
    return unused;
}

static void start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0) {
        _exit(1);
    }
}

static void headless(int with_child)
{
    pid_t child = fork();
    if (child == 0) {
        if (with_child && fork() == 0) {
            stay();
        }
        start_thread(sleep_on, NULL);
        pthread_exit(NULL);
    }
    await_state(child, 'Z');
}

static void led_by_zombie(int (*lead)(void))
{
    pid_t leader = fork();
    if (leader == 0) {
        if (lead() < 0) {
            _exit(1);
        }
        if (fork() == 0) {
            stay();
        }
        _exit(0);
    }
    await_state(leader, 'Z');
}

static int lead_session(void)
{
    return setsid();
}

static int lead_group(void)
{
    return setpgid(0, 0);
}

static void wait_in_vfork(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (vfork() == 0) {
            stay();
        }
        _exit(0);
    }
    await_state(child, 'D');
}

static void start_children(int count)
{
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            stay();
        }
    }
}

static void burst(int count)
{
    int root = getpid();
    start_children(count);
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            await_state(root, 'T');
            start_children(count);
            stay();
        }
    }
}

/* Only root can; without, the pids are any. */
static bool choose_next_pid(void)
{
    int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
    bool chosen = write(last, "300", 3) == 3;
    close(last);
    return chosen;
}

/* The new ones get the lowest pids that are free, as when pids have come round: the
 * search has passed them by then. */
static void *fork_without_pause(void *megabytes)
{
    size_t size = (size_t) *(int *) megabytes << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        _exit(1);
    }
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
    announce();
    for (;;) {
        choose_next_pid();
        pid_t child = fork();
        if (child == 0) {
            stay();
        }
        kill(child > 1 ? child : getpid(), SIGKILL);
        waitpid(child, NULL, 0);
    }
}

/* Some only, so that it ends. */
static void start_stray(int signal)
{
    static int count;
    (void) signal;
    if (count++ < 100 && fork() == 0) {
        setsid();
        stay();
    }
}

static void keep_awake(void)
{
    int root = getpid();
    signal(SIGCONT, start_stray);
    if (fork() == 0) {
        signal(SIGCONT, SIG_DFL);
        while (getppid() == root) {
            await_state(root, 'T');
            kill(root, SIGCONT);
        }
        stay();
    }
}

static void orphans(int count)
{
    start_children(count);
    pid_t leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        signal(SIGHUP, SIG_IGN);
        signal(SIGCONT, start_stray);
        if (fork() == 0) {
            announce();
        }
        stay();
    }
    stay();
}

/* The child announces. */
static void run_another_users(const char *program, const char *name)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, name, "another-users", (char *) NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    _exit(1);
}

/* The real user, too: else the caller may signal it. */
static void become_another_users(void)
{
    if (setresuid(0, 0, 0) != 0) {
        _exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *kind = argc > 2 ? argv[2] : "";
    int count = argc > 3 ? atoi(argv[3]) : 0;
    alarm(120);
    prctl(PR_SET_NAME, argc > 1 ? argv[1] : "crowd", 0, 0, 0);
    if (strcmp(kind, "headless") == 0) {
        headless(0);
    } else if (strcmp(kind, "headless-parent") == 0) {
        headless(1);
    } else if (strcmp(kind, "zombie-session") == 0) {
        led_by_zombie(lead_session);
    } else if (strcmp(kind, "zombie-group") == 0) {
        led_by_zombie(lead_group);
    } else if (strcmp(kind, "vfork") == 0) {
        wait_in_vfork();
    } else if (strcmp(kind, "many") == 0) {
        start_children(count);
    } else if (strcmp(kind, "burst") == 0) {
        burst(count);
    } else if (strcmp(kind, "forker") == 0) {
        fork_without_pause(&count);
    } else if (strcmp(kind, "forking-thread") == 0) {
        start_thread(fork_without_pause, &count);
        stay();
    } else if (strcmp(kind, "waker") == 0) {
        keep_awake();
    } else if (strcmp(kind, "orphans") == 0) {
        orphans(count);
    } else if (strcmp(kind, "suid") == 0) {
        run_another_users(argv[3], argv[1]);
    } else if (strcmp(kind, "another-users") == 0) {
        become_another_users();
    } else {
        return 99;
    }
    announce();
    stay();
}

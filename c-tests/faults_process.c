#define _GNU_SOURCE
#include "faults_process.h"

#include "faults_calls.h"
#include "faults_seccomp.h"
#include "inject.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* A filter with a listener. Returns its descriptor, or -errno. */
static int install_listener(void)
{
    struct sock_filter filter[128] = {
        ALLOW_OTHER_ARCHITECTURES,
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(5)),
        UNLESS_EQUAL(INJECT_OPTION, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        /* fcntl(fd, F_SETFD, FD_CLOEXEC) is the last resort of a child that
         * knows neither close_range nor /proc: 65,533 calls, whose failure
         * means only that a descriptor is not open. */
        LOAD(nr),
        UNLESS_EQUAL(SYS_fcntl, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(1)),
        UNLESS_EQUAL(F_SETFD, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(2)),
        UNLESS_EQUAL(FD_CLOEXEC, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        LOAD(nr),
    };
    size_t used = 14;
    if (FAULTS_ARCH == 0 || calls_let_through_count > 60) {
        return -ENOSYS;
    }
    for (size_t i = 0; i < calls_let_through_count; i++) {
        struct sock_filter pass[2] = { UNLESS_EQUAL((unsigned)calls_let_through[i], 1),
                                       ANSWER(SECCOMP_RET_ALLOW) };
        memcpy(&filter[used], pass, sizeof pass);
        used += 2;
    }
    filter[used++] = (struct sock_filter)ANSWER(SECCOMP_RET_USER_NOTIF);
    /* With the second flag a signal does not interrupt a caller whose call the
     * supervisor has begun to look at. */
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    int fd = seccomp_install(filter, used, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    return fd == -EINVAL ? seccomp_install(filter, used, flags) : fd;
}

/* Sends `result`, and it as a descriptor too if it is one. */
static void send_listener(int socket, int result)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec data = { &result, sizeof result };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
    if (result >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof result);
        memcpy(CMSG_DATA(head), &result, sizeof result);
    }
    sendmsg(socket, &message, MSG_NOSIGNAL);
}

static int receive_listener(int socket)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    int result = -EPIPE;
    struct iovec data = { &result, sizeof result };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof control };
    ssize_t got;
    do {
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (result >= 0 && got == (ssize_t)sizeof result) {
        if (head == NULL || head->cmsg_type != SCM_RIGHTS) {
            return -EBADMSG;
        }
        memcpy(&result, CMSG_DATA(head), sizeof result);
    }
    return result;
}

/* Caller and supervisor take turns: the kernel may run both on one CPU. Since
 * Linux 6.6; without it everything is only slower. */
static void hand_over_quickly(int listener)
{
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1UL /* SYNC_WAKE_UP */);
}

_Noreturn static void become_program(char *const argv[], int socket, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    dup2(output, 2);
    int listener = install_listener();
    send_listener(socket, listener);
    if (listener >= 0) {
        execvp(argv[0], argv);
        perror(argv[0]);
    }
    _exit(126);
}

int process_start(char *const argv[], struct started *ret)
{
    int sockets[2];
    ret->output = memfd_create("stderr", MFD_CLOEXEC);
    if (ret->output < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return -errno;
    }
    ret->pid = fork();
    if (ret->pid == 0) {
        become_program(argv, sockets[1], ret->output);
    }
    close(sockets[1]);
    ret->listener = ret->pid < 0 ? -errno : receive_listener(sockets[0]);
    close(sockets[0]);
    if (ret->listener >= 0) {
        hand_over_quickly(ret->listener);
    } else {
        if (ret->pid > 0) {
            process_reap(ret->pid);
        }
        close(ret->output);
        return ret->listener;
    }
    return 0;
}

void process_read_output(const struct started *started, char *buffer, size_t size)
{
    ssize_t got = pread(started->output, buffer, size - 1, 0);
    buffer[got < 0 ? 0 : got] = '\0';
    close(started->output);
}

int process_read(pid_t pid, struct process *ret)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got < 0 ? 0 : got] = '\0';
    /* The name before it may contain anything, parentheses too. */
    char *rest = strrchr(text, ')');
    int parent;
    if (rest == NULL
        || sscanf(rest, ") %c %d %*d %*d %*d %*d %u", &ret->state, &parent, &ret->flags) != 3) {
        return -EINVAL;
    }
    ret->parent = parent;
    return 0;
}

void process_kill(pid_t pid)
{
    if (pid > 1) {
        kill(pid, SIGKILL);
    }
}

int process_reap(pid_t pid)
{
    int word = 0;
    while (waitpid(pid, &word, 0) < 0 && errno == EINTR) {
    }
    return word;
}

/* One living child of ours, or 0. */
static pid_t any_child(void)
{
    pid_t found = 0;
    DIR *directory = opendir("/proc");
    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry; found == 0 && (entry = readdir(directory)) != NULL;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        struct process process;
        if (pid > 1 && process_read(pid, &process) == 0 && process.parent == getpid()
            && process.state != 'Z') {
            found = pid;
        }
    }
    closedir(directory);
    return found;
}

int process_clear_orphans(void)
{
    int cleared = 0;
    while (cleared < 10000) {
        siginfo_t info = { .si_pid = 0 };
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) {
            break; /* ECHILD: there is none */
        }
        if (info.si_pid == 0) {
            pid_t pid = any_child();
            process_kill(pid);
            if (pid > 0) {
                process_reap(pid);
            }
        }
        cleared++;
    }
    return cleared;
}

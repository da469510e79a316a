/* Calls of posix_spawn(), popen() and system() whose results are printed: the same with and
 * without examples/preload. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show(const char *what, int word)
{
    if (word == -1) {
        printf("%s: errno %d\n", what, errno);
    } else {
        printf("%s: %s %d\n", what, WIFEXITED(word) ? "exit" : "signal",
               WIFEXITED(word) ? WEXITSTATUS(word) : WTERMSIG(word));
    }
    fflush(stdout);
}

static void start_argv(const char *what, char *argv[], const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes)
{
    const char *program = argv[0];
    pid_t pid = -1;
    int word = -1;
    fflush(stdout);
    int error = strchr(program, '/') != NULL
        ? posix_spawn(&pid, program, actions, attributes, argv, environ)
        : posix_spawnp(&pid, program, actions, attributes, argv, environ);
    if (error != 0) {
        printf("%s: error %d\n", what, error);
        return;
    }
    if (waitpid(pid, &word, 0) != pid) {
        word = -1;
    }
    show(what, word);
}

static void start(const char *what, const char *program, const char *script,
                  const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes)
{
    char *argv[] = { (char *)program, "-c", (char *)script, NULL };
    start_argv(what, argv, actions, attributes);
}

static void plain(void)
{
    start("path", "/bin/sh", "exit 3", NULL, NULL);
    start("search", "sh", "kill -9 $$", NULL, NULL);
    start("missing", "/nonexistent/sh", "", NULL, NULL);
    start("missing in PATH", "chld-nonexistent", "", NULL, NULL);
    start("no program", "/etc/passwd", "", NULL, NULL);
}

static void actions(void)
{
    posix_spawn_file_actions_t list;
    int ends[2], kept = open("/dev/null", O_RDONLY), closed = dup(kept);
    char text[200] = "", script[200];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        exit(1);
    }
    posix_spawn_file_actions_init(&list);
    posix_spawn_file_actions_addopen(&list, 0, "/etc/passwd", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&list, 1, 90);       /* away, */
    posix_spawn_file_actions_adddup2(&list, ends[1], 1);
    posix_spawn_file_actions_adddup2(&list, 90, 2);       /* and back elsewhere */
    posix_spawn_file_actions_addclose(&list, 90);
    posix_spawn_file_actions_addclose(&list, closed);
    snprintf(script, sizeof script, "read line; echo $line; [ -e /dev/fd/%d ] && echo kept; "
             "[ -e /dev/fd/%d ] || echo closed; [ -e /dev/fd/90 ] || echo gone; echo err >&2",
             kept, closed);
    start("actions", "/bin/sh", script, &list, NULL);
    posix_spawn_file_actions_destroy(&list);
    close(ends[1]);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    printf("%s%zd bytes\n", text, size);
    posix_spawn_file_actions_init(&list);
    posix_spawn_file_actions_addopen(&list, 1, "/nonexistent/file", O_WRONLY, 0);
    start("no such file", "/bin/sh", "exit 1", &list, NULL);
    posix_spawn_file_actions_destroy(&list);
    posix_spawn_file_actions_init(&list);
    posix_spawn_file_actions_adddup2(&list, 99, 1);
    start("no such descriptor", "/bin/sh", "exit 1", &list, NULL);
    posix_spawn_file_actions_destroy(&list);
    close(ends[0]);
    close(kept);
    close(closed);
}

static void attributes(void)
{
    static const char *const leads = "read _ _ _ _ group _ < /proc/$$/stat; [ $group = $$ ]";
    /* Signals 1 to 28: libc ignores two of its own. */
    char *masks[] = { "/usr/bin/awk", "/Sig(Blk|Ign)/ { print $1, substr($2, 10) }",
                      "/proc/self/status", NULL };
    posix_spawnattr_t attributes;
    sigset_t blocked, reset;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigemptyset(&reset);
    sigaddset(&reset, SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                              | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_RESETIDS);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setsigdefault(&attributes, &reset);
    start("group", "/bin/sh", leads, NULL, &attributes);
    start_argv("masks", masks, NULL, &attributes);
    posix_spawnattr_destroy(&attributes);
}

static void streams(void)
{
    char line[100] = "";
    FILE *reads = popen("echo one; exit 5", "r"), *writes = popen("read a; echo got $a", "we");
    if (reads == NULL || writes == NULL || fgets(line, sizeof line, reads) == NULL) {
        exit(1);
    }
    printf("read: %s", line);
    fflush(stdout);
    show("reader", pclose(reads));
    fprintf(writes, "two\n");
    show("writer", pclose(writes));
    printf("mode: %d\n", popen("true", "x") == NULL ? errno : 0);
}

int main(void)
{
    plain();
    actions();
    attributes();
    streams();
    printf("shell: %d\n", system(NULL));
    fflush(stdout);
    show("system", system("echo here; exit 7"));
    show("killed", system("kill -TERM $$"));
    return 0;
}

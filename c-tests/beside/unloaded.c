/* unloaded LIBRARY: opens the library, installs its SIGCHLD handler, and closes it again.
 * A SIGCHLD after that must find the handler's code, and reach the handler below it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t calls;

static void count_call(int signal)
{
    (void)signal;
    calls++;
}

/* ISO C has no cast from a data pointer to a function. */
static int (*find(void *library, const char *name))(unsigned)
{
    union {
        void *data;
        int (*function)(unsigned);
    } found = { dlsym(library, name) };
    return found.function;
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = count_call, .sa_flags = SA_RESTART };
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL || sigaction(SIGCHLD, &action, NULL) != 0) {
        fprintf(stderr, "unloaded: cannot begin: %s\n", argc == 2 ? dlerror() : "no library");
        return 2;
    }
    int (*install)(unsigned) = find(library, "chld_sigchld_install");
    if (install == NULL || install(0) != 0 || dlclose(library) != 0) {
        return 3;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
        return 4;
    }
    raise(SIGCHLD);
    return calls == 2 ? 0 : 5; /* the child's, and that one */
}

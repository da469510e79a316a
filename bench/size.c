/*
 * The smallest program that starts a child, waits for it and decodes how it
 * exited, once per contender: -DBY_x. Without any, the empty program that the
 * others are compared with. Linked statically, it shows what each one adds.
 */
#define _GNU_SOURCE
#include <stddef.h>

#if defined BY_chld
#include <chld.h>

static int run(char **argv)
{
    chld_id id;
    chld_status status;
    if (chld_spawn(&id, (const char *const *)argv, NULL, NULL) < 0)
        return 127;
    if (chld_wait(id, -1, &status) < 0)
        return 126;
    chld_close(id);
    return chld_status_shell_code(&status);
}

#elif defined BY_raw
#include <sys/wait.h>
#include <unistd.h>

static int run(char **argv)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execve(argv[0], argv, environ);
        _exit(127);
    }
    siginfo_t info;
    if (pid < 0 || waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
        return 126;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

#elif defined BY_posix_spawn || defined BY_skalibs
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef BY_skalibs
#include <skalibs/djbunix.h>
#endif

static int run(char **argv)
{
    int word;
#ifdef BY_skalibs
    const char *const *env = (const char *const *)environ;
    pid_t pid = child_spawn0(argv[0], (const char *const *)argv, env);
    if (!pid || wait_pid(pid, &word) < 0)
        return 126;
#else
    pid_t pid;
    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) || waitpid(pid, &word, 0) < 0)
        return 126;
#endif
    return WIFSIGNALED(word) ? 128 + WTERMSIG(word) : WEXITSTATUS(word);
}

#elif defined BY_libuv
#include <uv.h>

static int code;

static void on_end(uv_process_t *process, int64_t exit_code, int signal)
{
    code = signal ? 128 + signal : (int)exit_code;
    uv_close((uv_handle_t *)process, NULL);
}

static int run(char **argv)
{
    uv_process_t process;
    uv_process_options_t options = {.file = argv[0], .args = argv, .exit_cb = on_end};
    if (uv_spawn(uv_default_loop(), &process, &options) < 0)
        return 127;
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return code;
}

#elif defined BY_glib
#include <glib.h>
#include <sys/wait.h>

static int run(char **argv)
{
    int word;
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &word, NULL))
        return 127;
    return WIFSIGNALED(word) ? 128 + WTERMSIG(word) : WEXITSTATUS(word);
}

#elif defined BY_apr
#include <apr_general.h>
#include <apr_thread_proc.h>

static int run(char **argv)
{
    apr_pool_t *pool;
    apr_procattr_t *attr;
    apr_proc_t proc;
    int code;
    apr_exit_why_e why;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    apr_procattr_create(&attr, pool);
    if (apr_proc_create(&proc, argv[0], (const char *const *)argv, NULL, attr, pool))
        return 127;
    apr_proc_wait(&proc, &code, &why, APR_WAIT);
    return APR_PROC_CHECK_SIGNALED(why) ? 128 + code : code;
}

#else

static int run(char **argv)
{
    return argv[0] == NULL;
}

#endif

int main(int argc, char **argv)
{
    return argc < 2 ? 2 : run(argv + 1);
}

/*
 * timeout.c - chld-timeout runs a command with a timeout, as timeout(1) does.
 *
 * The command is started in a new process group, so that a signal reaches it and
 * its descendants and nobody else: not this process, and not the other end of a
 * pipe. The manual is tools/chld-timeout.1.
 */
#define _GNU_SOURCE
#include "job.h"
#include <dirent.h>
#include <sys/wait.h>

enum { TIMED_OUT = 124, KILLED = 137 };

/* Seconds between two looks at whether descendants are left. */
static const double LOOK_AGAIN = 0.05;

static struct {
    int signal, preserve, foreground, verbose;
    double limit, kill_after;
    const char *const *command;
} wanted = {.signal = SIGTERM};

/* Times on the monotonic clock; 0: none. */
static double limit_at, kill_at;
static int timed_out, asked_to_exit, killed;

static const char help[] =
    "Usage: chld-timeout [OPTION]... DURATION COMMAND [ARGUMENT]...\n"
    "Runs COMMAND. If it still runs after DURATION, sends it a signal.\n\n"
    "  -f, --foreground           leave COMMAND in this process group, and signal it\n"
    "                             alone\n"
    "  -k, --kill-after=DURATION  send KILL to what is left this long after the signal\n"
    "  -p, --preserve-status      exit as COMMAND does, even after a timeout\n"
    "  -s, --signal=SIGNAL        the signal to send; TERM by default, 0 for none\n"
    "  -v, --verbose              print each signal that is sent\n"
    "      --help                 print this text\n"
    "      --version              print the version\n\n"
    "DURATION is a number with an optional fraction and unit: s (default), m, h or d.\n"
    "0 means no timeout.\n\n"
    "Exit code: 124 after a timeout, 125 if chld-timeout fails, 126 if COMMAND cannot be\n"
    "run, 127 if it is not found, 137 if KILL terminated it; otherwise that of COMMAND.\n";

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"kill-after", required_argument, NULL, 'k'},
        {"preserve-status", no_argument, NULL, 'p'},
        {"signal", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "+fk:ps:v", options, NULL)) != -1) {
        switch (option) {
        case 'f': wanted.foreground = 1; break;
        case 'k': wanted.kill_after = duration(optarg, "--kill-after"); break;
        case 'p': wanted.preserve = 1; break;
        case 's': wanted.signal = signal_option(optarg, "--signal"); break;
        case 'v': wanted.verbose = 1; break;
        case 'h': print_and_exit(help);
        case 'V': print_version();
        default: usage_error(NULL);
        }
    }
    if (argc - optind < 2)
        usage_error("a duration and a command are needed");
    wanted.limit = duration(argv[optind], "DURATION");
    wanted.command = (const char *const *)argv + optind + 1;
}

/*
 * Makes the group that the command joins. Its leader is a process that exits at once:
 * if the command were the leader, setsid(1) in its place would have to fork, and
 * would get away. The leader is never waited for, so that its pid, the group's
 * number, is not used again as long as this process runs.
 */
static pid_t new_group(void)
{
    siginfo_t info = {.si_status = 0};
    pid_t leader = fork();
    if (leader == 0)
        _exit(setpgid(0, 0) == 0 ? 0 : errno);
    if (leader > 0 && waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT) == 0)
        errno = info.si_status;
    if (leader > 0 && errno == 0)
        return leader;
    report("new process group: %s", strerror(errno));
    exit(FAILED);
}

static void start(const sigset_t *blocked)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    pass_on(&options, blocked);
    if (!wanted.foreground) {
        job.group = new_group();
        options.group_mode = CHLD_GROUP_JOIN;
        options.group = job.group;
    }
    options.death_signal = wanted.signal; /* in case this process is killed */
    if (chld_spawn(&job.child, wanted.command, &options, &error) < 0)
        exit(not_started(&error));
}

/*
 * The group, and the command if it has left the group. The group comes first: a command
 * that leaves in between gets the signal twice, and never not at all. That the group
 * takes the signal shows nothing: its leader does.
 */
static int signal_job(int number)
{
    if (!job.group)
        return chld_kill(job.child, number);
    pid_t command = chld_pid(job.child); /* it is not reaped yet: this is no other process */
    kill(-job.group, number);
    if (getpgid(command) != job.group)
        return chld_kill(job.child, number);
    return kill(command, 0) == 0 ? 0 : -errno;
}

static void send(int number)
{
    if (wanted.verbose)
        report("sending signal %s to command '%s'", signal_name(number), wanted.command[0]);
    int result = number == 0 ? 0 : signal_job(number);
    if (result < 0 && result != -ESRCH)
        report("cannot send signal %s: %s", signal_name(number), strerror(-result));
}

/* A stopped command is continued, so that it acts on the signal. */
static void ask_to_exit(int number)
{
    send(number);
    if (number != 0 && !is_stop(number))
        signal_job(SIGCONT);
    if (wanted.kill_after > 0 && kill_at == 0 && !killed)
        kill_at = now() + wanted.kill_after;
    asked_to_exit = 1;
}

static void reach_limit(void)
{
    limit_at = 0;
    timed_out = 1;
    ask_to_exit(wanted.signal);
}

static void send_kill(void)
{
    kill_at = 0;
    killed = 1;
    send(SIGKILL);
}

static void forward(const siginfo_t *info)
{
    int number = info->si_signo;
    if (absorb_shared(info))
        return;
    switch (number) {
    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGTERM: ask_to_exit(number); break;
    case SIGCONT: continue_job(); break;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: stop_job(number); break;
    default:
        if (number == wanted.signal)
            ask_to_exit(number);
        else
            send(number);
    }
}

/* SIGALRM brings the next step forward. */
static void react(const siginfo_t *info)
{
    if (info->si_signo == SIGALRM && kill_at > 0)
        send_kill();
    else if (info->si_signo == SIGALRM)
        reach_limit();
    else if (info->si_signo != SIGCHLD)
        forward(info);
}

/* A zombie has one thread. With more, only the first thread has exited. */
static int runs_in(const char *pid, pid_t group)
{
    static const char format[] = " %c %*d %d" /* state, parent, group; then 14 others */
                                 " %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld";
    char path[64], text[512], state;
    int its_group;
    long threads;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && sscanf(name_end + 1, format, &state, &its_group, &threads) == 3 &&
           its_group == group && (state != 'Z' || threads > 1);
}

/* Where /proc is missing or of another pid namespace, this is not known: then KILL
 * follows when it is due. */
static int is_group_empty(void)
{
    char self[32] = "";
    if (readlink("/proc/self", self, sizeof self - 1) < 0 || atoi(self) != getpid())
        return 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int found = proc == NULL;
    while (!found && (entry = readdir(proc)))
        found = atoi(entry->d_name) > 0 && runs_in(entry->d_name, job.group);
    if (proc)
        closedir(proc);
    return !found;
}

/* Looks without reaping: the command's pid stays its own. */
static int is_zombie(void)
{
    siginfo_t info = {.si_pid = 0};
    int looked = waitid(P_PID, (id_t)chld_pid(job.child), &info, WEXITED | WNOHANG | WNOWAIT);
    return looked < 0 || info.si_pid != 0;
}

/* Whether the command has exited and, before KILL is due, its group as well. */
static int is_over(chld_status *status)
{
    if (kill_at > 0 && job.group && !(is_zombie() && is_group_empty()))
        return 0;
    return job_has_exited(status);
}

static double next_time(void)
{
    double due = limit_at > 0 && (kill_at == 0 || limit_at < kill_at) ? limit_at : kill_at;
    double look = kill_at > 0 && is_zombie() ? now() + LOOK_AGAIN : due;
    return due > 0 && look < due ? look : due;
}

static void serve(const sigset_t *taken, chld_status *status)
{
    siginfo_t info;
    while (!is_over(status)) {
        if (next_signal(taken, next_time(), &info) > 0)
            react(&info);
        if (limit_at > 0 && now() >= limit_at)
            reach_limit();
        if (kill_at > 0 && now() >= kill_at)
            send_kill();
    }
}

/* Signals that were ignored from the start, as by nohup(1), stay ignored. These do not,
 * neither for us nor for the command. */
static void stop_ignoring(void)
{
    if (wanted.signal != 0)
        signal(wanted.signal, SIG_DFL);
    signal(SIGTTIN, SIG_DFL); /* the command's reads would fail with EIO */
    signal(SIGTTOU, SIG_DFL);
    if (wanted.foreground) { /* the keys; shells ignore them in a script's background */
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
    }
}

static sigset_t signals_to_take(void)
{
    struct sigaction action;
    sigset_t taken;
    sigfillset(&taken);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigdelset(&taken, number);
    return taken;
}

static int exit_code(chld_status *status)
{
    if (timed_out && status->state == CHLD_STATE_KILLED && status->code == SIGKILL)
        return KILLED;
    if (timed_out && !wanted.preserve)
        return TIMED_OUT;
    if (status->state == CHLD_STATE_EXITED)
        return status->code;
    if (status->state == CHLD_STATE_DUMPED)
        status->state = CHLD_STATE_KILLED; /* the command's core file is enough */
    status->core = 0;
    chld_status_raise(status);
    report("the command's exit status is lost");
    return FAILED;
}

int main(int argc, char **argv)
{
    chld_status status;
    sigset_t blocked = block_all_signals();
    occupy_standard_descriptors();
    read_options(argc, argv);
    stop_ignoring();
    sigset_t taken = signals_to_take();
    start(&blocked);
    limit_at = wanted.limit > 0 ? now() + wanted.limit : 0;
    serve(&taken, &status);
    job_exited(asked_to_exit ? NULL : &status);
    if (status.core)
        report("the command dumped core");
    return exit_code(&status);
}

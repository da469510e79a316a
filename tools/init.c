/*
 * init.c - chld-init is the first process of a container: it forwards signals, reaps
 * orphans and exits as its command does.
 *
 * Blocked signals reach pid 1, although the kernel drops those that pid 1 neither
 * handles nor blocks. The manual is tools/chld-init.1.
 */
#define _GNU_SOURCE
#include "job.h"
#include <sys/prctl.h>
#include <sys/wait.h>

static struct {
    int group, subreaper, verbose, quiet, death_signal;
    double grace;
    int rewritten[NSIG]; /* what is forwarded for each signal; 0: nothing */
    char expected[256];  /* 1: this exit code becomes 0 */
} wanted = {.grace = 2};

static const char help[] =
    "Usage: chld-init [OPTION]... COMMAND [ARGUMENT]...\n"
    "Runs COMMAND, forwards signals to it and reaps orphans until it exits.\n\n"
    "  -e, --expect=CODE          exit with 0 if COMMAND exits with CODE\n"
    "  -g, --group                forward signals to COMMAND's process group\n"
    "  -p, --death-signal=SIGNAL  get SIGNAL when the parent process exits, and forward it\n"
    "  -q, --quiet                print no warning if orphans are not reaped\n"
    "  -r, --rewrite=FROM:TO      forward signal TO when FROM arrives; nothing if TO is 0\n"
    "  -s, --subreaper            adopt orphans even if this is not pid 1\n"
    "  -t, --grace=DURATION       when COMMAND has exited, send TERM to what is left and\n"
    "                             wait up to DURATION; 2 by default, 0 to exit at once\n"
    "  -v, --verbose              print signals, orphans and how COMMAND exits\n"
    "      --help                 print this text\n"
    "      --version              print the version\n\n"
    "Exit code: that of COMMAND, 128 + n after signal n, 125 if chld-init fails, 126\n"
    "if COMMAND cannot be run, 127 if it is not found.\n";

static int exit_code_of(const char *text)
{
    char *end;
    long code = strtol(text, &end, 10);
    if (end == text || *end || code < 0 || code > 255)
        invalid_value(text, "--expect", "between 0 and 255");
    return (int)code;
}

/* "FROM:TO" */
static void read_rewrite(const char *text)
{
    char from[32] = "";
    const char *colon = strchr(text, ':');
    if (colon && (size_t)(colon - text) < sizeof from)
        memcpy(from, text, (size_t)(colon - text));
    int received = chld_signal_number(from), sent = colon ? signal_or_none(colon + 1) : -1;
    int is_caught = received != SIGKILL && received != SIGSTOP && received != SIGCHLD;
    if (received < 0 || !is_caught || sent < 0)
        invalid_value(text, "--rewrite", "FROM:TO, where FROM is not KILL, STOP or CHLD");
    wanted.rewritten[received] = sent;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"expect", required_argument, NULL, 'e'},
                                            {"group", no_argument, NULL, 'g'},
                                            {"death-signal", required_argument, NULL, 'p'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"rewrite", required_argument, NULL, 'r'},
                                            {"subreaper", no_argument, NULL, 's'},
                                            {"grace", required_argument, NULL, 't'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "+e:gp:qr:st:v", options, NULL)) != -1) {
        switch (option) {
        case 'e': wanted.expected[exit_code_of(optarg)] = 1; break;
        case 'g': wanted.group = 1; break;
        case 'p': wanted.death_signal = signal_option(optarg, "--death-signal"); break;
        case 'q': wanted.quiet = 1; break;
        case 'r': read_rewrite(optarg); break;
        case 's': wanted.subreaper = 1; break;
        case 't': wanted.grace = duration(optarg, "--grace"); break;
        case 'v': wanted.verbose = 1; break;
        case 'h': print_and_exit(help);
        case 'V': print_version();
        default: usage_error(NULL);
        }
    }
    if (optind == argc)
        usage_error("a command is needed");
}

static int is_subreaper(void)
{
    int yes = 0;
    return prctl(PR_GET_CHILD_SUBREAPER, &yes) == 0 && yes;
}

static void become_reaper(void)
{
    if (wanted.subreaper && chld_subreaper(1) < 0) {
        report("this system has no subreapers");
        exit(FAILED);
    }
    if (getpid() != 1 && !is_subreaper() && !wanted.quiet)
        report("neither pid 1 nor a subreaper: other processes get the orphans; see --subreaper");
    if (wanted.death_signal != 0)
        prctl(PR_SET_PDEATHSIG, wanted.death_signal);
}

/* The command starts in our working directory, but we do not keep it in use. */
static int leave_directory(chld_spawn_options *options)
{
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here >= 0 && chdir("/") == 0) {
        options->flags |= CHLD_SPAWN_CWD_FD;
        options->cwd_fd = here;
    }
    return here;
}

/*
 * The command gets the terminal from the start: nobody else here would use it. It
 * stays in our group if that is in the foreground and of an outer pid namespace,
 * because we could not give the terminal back to such a group.
 */
static void choose_group(chld_spawn_options *options)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    int is_outer = fd >= 0 && getpgrp() == 0 && tcgetpgrp(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (is_outer)
        return;
    options->group_mode = CHLD_GROUP_NEW;
    job.terminal = our_terminal();
    job.borrows = job.has_it = job.terminal >= 0;
    if (job.has_it)
        options->flags |= CHLD_SPAWN_FOREGROUND;
}

static void start(char **argv, const sigset_t *blocked)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    pass_on(&options, blocked);
    choose_group(&options);
    options.death_signal = wanted.death_signal;
    int here = leave_directory(&options);
    if (chld_spawn(&job.child, (const char *const *)argv, &options, &error) < 0) {
        int code = not_started(&error);
        job_exited(NULL);
        exit(code);
    }
    if (here >= 0)
        close(here);
    if (options.group_mode == CHLD_GROUP_NEW)
        job.group = chld_pid(job.child);
    if (wanted.verbose)
        report("command '%s' is pid %d", argv[0], chld_pid(job.child));
}

static int signal_job(int number)
{
    return (job.group ? chld_kill_group : chld_kill)(job.child, number);
}

static int send(int number)
{
    if (is_stop(number))
        return stop_job(number);
    if (number == SIGCONT)
        return continue_job();
    return wanted.group ? signal_job(number) : chld_kill(job.child, number);
}

static void forward(const siginfo_t *info)
{
    int number = wanted.rewritten[info->si_signo];
    if (absorb_shared(info) || number == 0)
        return;
    if (wanted.verbose)
        report("forwarding signal %s", signal_name(number));
    int result = send(number);
    if (result < 0 && result != -ESRCH)
        report("cannot forward signal %s: %s", signal_name(number), strerror(-result));
}

static void orphan_reaped(int pid, const chld_status *status, void *unused)
{
    char text[128];
    (void)unused;
    if (wanted.verbose && chld_status_text(status, text, sizeof text) > 0)
        report("orphan %d %s", pid, text);
}

static void serve(const sigset_t *taken, chld_status *status)
{
    siginfo_t info;
    do {
        if (next_signal(taken, 0, &info) != SIGCHLD)
            forward(&info);
        else
            chld_reap_foreign(orphan_reaped, NULL);
    } while (!job_has_exited(status));
}

/*
 * Whether we have children left: any as pid 1, which takes all processes of its
 * namespace with it; else those in the command's group. Looks without reaping: as
 * long as they are our children, the number of the group is theirs.
 */
static int is_left(void)
{
    siginfo_t info;
    idtype_t which = getpid() == 1 ? P_ALL : P_PGID;
    return (getpid() == 1 || job.group) &&
           waitid(which, (id_t)job.group, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void signal_left(int number)
{
    if (is_left())
        kill(getpid() == 1 ? -1 : -job.group, number);
}

/* After the command: TERM, time to clean up, and KILL. As pid 1 the kernel does the
 * last when we exit. */
static void end_what_is_left(const sigset_t *taken)
{
    siginfo_t info;
    double until = now() + wanted.grace;
    signal_left(SIGTERM);
    signal_left(SIGCONT);
    while (chld_reap_foreign(orphan_reaped, NULL), is_left() && now() < until) {
        int number = next_signal(taken, until, &info);
        if (number > 0 && number != SIGCHLD)
            signal_left(wanted.rewritten[number]);
    }
    if (getpid() != 1)
        signal_left(SIGKILL);
}

int main(int argc, char **argv)
{
    chld_status status;
    char text[128];
    sigset_t taken, blocked = block_all_signals();
    sigfillset(&taken);
    occupy_standard_descriptors();
    for (int number = 0; number < NSIG; number++)
        wanted.rewritten[number] = number;
    read_options(argc, argv);
    become_reaper();
    start(argv + optind, &blocked);
    serve(&taken, &status);
    job_exited(&status);
    if (wanted.verbose && chld_status_text(&status, text, sizeof text) > 0)
        report("command %s", text);
    if (wanted.grace > 0)
        end_what_is_left(&taken);
    int code = chld_status_shell_code(&status);
    if (code >= 0)
        return wanted.expected[code] ? 0 : code;
    report("the command's exit status is lost");
    return FAILED;
}

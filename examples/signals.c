/*
 * signals.c - children that a signal ends, with and without a core file.
 *
 * Whether a core is written is up to the machine: to the limit on core files
 * and to /proc/sys/kernel/core_pattern, which may hand it to another program.
 * The status shows whether it was.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

/* The name of a file in the empty working directory, which it removes; or "-". */
static void take_core(char *name, size_t size)
{
    DIR *directory = opendir(".");
    require(directory != NULL, "opendir");
    snprintf(name, size, "-");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, size, "%s", entry->d_name);
        require(unlink(entry->d_name) == 0, entry->d_name);
    }
    require(closedir(directory) == 0, "closedir");
}

static void die(const char *signal, const char *limit)
{
    /* "hard" is as much as this user may have. */
    const char *script = "[ $2 = 0 ] || set $1 $(ulimit -H -c); ulimit -S -c $2; kill -$1 $$";
    const char *argv[] = {"sh", "-c", script, "sh", signal, limit, NULL};
    chld_error error;
    chld_status status;
    chld_id child;
    char text[128], core[256];
    if (chld_spawn(&child, argv, NULL, &error) < 0) {
        require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
        require(0, text);
    }
    require(chld_wait(child, -1, &status) == 0 && chld_close(child) == 0, signal);
    require(chld_status_text(&status, text, sizeof text) > 0, signal);
    take_core(core, sizeof core);
    printf("%-7s %-11s %-52s %s\n", signal, limit, text, core);

    int may_dump = !strcmp(signal, "SEGV") || !strcmp(signal, "ABRT");
    require(status.code == chld_signal_number(signal), "the signal");
    require(status.core == (status.state == CHLD_STATE_DUMPED), "the core flag");
    require(status.state == CHLD_STATE_KILLED || (may_dump && status.core), "the state");
}

int main(void)
{
    const char *parent = getenv("TMPDIR"), *signals[] = {"TERM", "KILL", "SEGV", "ABRT"};
    char directory[4096];
    int length = snprintf(directory, sizeof directory, "%s/chld.XXXXXX", parent ? parent : "/tmp");
    require(length > 0 && (size_t)length < sizeof directory, "TMPDIR");
    require(mkdtemp(directory) && chdir(directory) == 0, directory);
    printf("%-7s %-11s %-52s %s\n", "signal", "core limit", "how it ended", "core file");
    for (int i = 0; i < 8; i++)
        die(signals[i % 4], i < 4 ? "0" : "hard");
    require(rmdir(directory) == 0, directory);
    return 0;
}

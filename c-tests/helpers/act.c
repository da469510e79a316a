/* A child that does what its arguments ask for:
 *   act exit CODE            exits
 *   act block CODE           waits for the end of its input, then exits
 *   act cat                  copies its input to its output
 *   act say OUT ERR          writes the one to stdout, the other to stderr
 *   act die SIGNAL           ends by a signal
 *   act burn MS CODE         uses up CPU time, then exits
 *   act stop SIGNAL CODE     stops, and exits when it is continued
 *   act fds CODE             prints the numbers of its open descriptors
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void wait_for_end_of_input(void)
{
    char bytes[64];
    while (read(0, bytes, sizeof bytes) > 0) {
    }
}

static void copy_input(void)
{
    char bytes[4096];
    ssize_t size;
    while ((size = read(0, bytes, sizeof bytes)) > 0) {
        if (write(1, bytes, (size_t) size) != size) {
            _exit(1);
        }
    }
}

static int say(const char *out, const char *err)
{
    ssize_t first = write(1, out, strlen(out));
    ssize_t second = write(2, err, strlen(err));
    return first < 0 || second < 0;
}

static void die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void burn(long milliseconds)
{
    struct rusage usage;
    do {
        getrusage(RUSAGE_SELF, &usage);
    } while (usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 < milliseconds);
}

static void list_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory)) {
            printf("%s ", entry->d_name);
        }
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *first = argc > 2 ? argv[2] : "0";
    const char *second = argc > 3 ? argv[3] : "0";
    alarm(300); /* nobody may wait for this forever */
    if (strcmp(what, "exit") == 0) {
        return atoi(first);
    } else if (strcmp(what, "block") == 0) {
        wait_for_end_of_input();
        return atoi(first);
    } else if (strcmp(what, "cat") == 0) {
        copy_input();
        return 0;
    } else if (strcmp(what, "say") == 0) {
        return say(first, second);
    } else if (strcmp(what, "die") == 0) {
        die(atoi(first));
    } else if (strcmp(what, "burn") == 0) {
        burn(atol(first));
        return atoi(second);
    } else if (strcmp(what, "stop") == 0) {
        raise(atoi(first));
        return atoi(second);
    } else if (strcmp(what, "fds") == 0) {
        list_descriptors();
        return atoi(first);
    }
    return 99;
}

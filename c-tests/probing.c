/* Seeing what a child sees: by the helper "probe", which writes it down. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct probe probe_run(const char *file, int line, const char *name,
                       const chld_spawn_options *options, const char *const *arguments)
{
    size_t count = 0;
    while (arguments[count]) {
        count++;
    }
    const char *report = scratch("report");
    const char **argv = calloc(count + 3, sizeof *argv);
    argv[0] = name ? name : helper("probe");
    argv[1] = report;
    memcpy(argv + 2, arguments, count * sizeof *argv);

    chld_spawn_options changed = CHLD_SPAWN_OPTIONS_INIT;
    if (options) {
        changed = *options;
    }
    changed.program = helper("probe");
    chld_status status = finish(file, line, start(file, line, argv, &changed));
    check_status(file, line, status, CHLD_STATE_EXITED, 0);
    free(argv);

    struct probe probe = { calloc(1, 1), 0 };
    int input = open(report, O_RDONLY | O_CLOEXEC);
    REQUIRE(input >= 0);
    char block[65536];
    for (ssize_t size; (size = read(input, block, sizeof block)) > 0;) {
        probe.text = realloc(probe.text, probe.size + (size_t) size + 1);
        memcpy(probe.text + probe.size, block, (size_t) size);
        probe.size += (size_t) size;
    }
    close(input);
    unlink(report);
    return probe;
}

const char *probe_nth(const struct probe *probe, const char *key, int position)
{
    size_t length = strlen(key);
    for (size_t at = 0; at < probe->size; at += strlen(probe->text + at) + 1) {
        const char *entry = probe->text + at;
        if (strncmp(entry, key, length) == 0 && entry[length] == '=' && position-- == 0) {
            return entry + length + 1;
        }
    }
    return NULL;
}

int probe_count(const struct probe *probe, const char *key)
{
    int count = 0;
    if (strcmp(key, "fd") == 0) {
        need_proc();
    }
    while (probe_nth(probe, key, count)) {
        count++;
    }
    return count;
}

const char *probe_fd(const struct probe *probe, int fd)
{
    const char *entry;
    need_proc();
    for (int i = 0; (entry = probe_nth(probe, "fd", i)); i++) {
        if (atoi(entry) == fd) {
            return strchr(entry, ' ') + 1;
        }
    }
    return NULL;
}

const char *own_fd(int fd)
{
    static const char *const modes[] = { "r", "w", "rw", "?" };
    static char text[PATH_MAX + 8];
    char path[64], target[PATH_MAX];
    need_proc();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(path, target, sizeof target - 1);
    REQUIRE(size >= 0);
    target[size] = 0;
    snprintf(text, sizeof text, "%s %s", modes[fcntl(fd, F_GETFL) & O_ACCMODE], target);
    return text;
}

void probe_free(struct probe *probe)
{
    free(probe->text);
}

/*
 * posix_spawn() and posix_spawnp() by chld_spawn() and chld_release(): the program waits
 * for the child by its pid, as before.
 *
 * Not supported (ENOTSUP): scheduling attributes, and file actions that change the
 * directory, close a range of descriptors or set the foreground group.
 */
#define _GNU_SOURCE
#include "preload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* File actions: libc hides what is in its list, so the list is our own. */

enum { MOST_ACTIONS = 64, MOST_DESCRIPTORS = 1024 };

struct action {
    int target, source; /* -1: none, for close and open */
    char *path;         /* for open */
    int flags;
    mode_t mode;
};

struct list {
    int count;
    struct action actions[MOST_ACTIONS];
};

static struct list *list_of(const posix_spawn_file_actions_t *actions)
{
    return (struct list *)(void *)actions->__actions;
}

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    memset(actions, 0, sizeof *actions);
    actions->__actions = calloc(1, sizeof(struct list));
    return actions->__actions != NULL ? 0 : ENOMEM;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    for (int i = 0; i < list_of(actions)->count; i++) {
        free(list_of(actions)->actions[i].path);
    }
    free(list_of(actions));
    return 0;
}

static int append(posix_spawn_file_actions_t *actions, struct action action)
{
    struct list *list = list_of(actions);
    if (action.target < 0) {
        return EBADF;
    }
    if (list->count == MOST_ACTIONS) {
        return ENOMEM;
    }
    if (action.path != NULL && (action.path = strdup(action.path)) == NULL) {
        return ENOMEM;
    }
    list->actions[list->count++] = action;
    return 0;
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int target)
{
    return fd < 0 ? EBADF : append(actions, (struct action){ .target = target, .source = fd });
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
    return append(actions, (struct action){ .target = fd, .source = -1 });
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd,
                                     const char *path, int flags, mode_t mode)
{
    return append(actions, (struct action){ fd, -1, (char *)path, flags, mode });
}

#define NOT_SUPPORTED(action, type)                                                         \
    int posix_spawn_file_actions_##action(posix_spawn_file_actions_t *actions, type unused) \
    {                                                                                       \
        (void)actions, (void)unused;                                                        \
        return ENOTSUP;                                                                     \
    }
NOT_SUPPORTED(addchdir_np, const char *)
NOT_SUPPORTED(addfchdir_np, int)
NOT_SUPPORTED(addclosefrom_np, int)
NOT_SUPPORTED(addtcsetpgrp_np, int)

/*
 * What the child has after all actions. Actions come one after the other, the descriptors
 * of chld_spawn() all at once: `source` is the caller's descriptor, -1 for a closed one. A
 * target that is not in the table is as the caller has it.
 */
struct table {
    chld_fd_map map[MOST_ACTIONS + MOST_DESCRIPTORS];
    size_t count;
    int opened[MOST_ACTIONS]; /* to be closed after the start */
    int opened_count;
};

static chld_fd_map *find(struct table *table, int target)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->map[i].target == target) {
            return &table->map[i];
        }
    }
    return NULL;
}

/* Returns 0 or an errno. */
static int apply(struct table *table, const struct action *action)
{
    chld_fd_map *from = find(table, action->source), *to = find(table, action->target);
    int source = from != NULL ? from->source : action->source;
    if (action->path != NULL) {
        source = open(action->path, action->flags | O_CLOEXEC, action->mode);
        if (source < 0) {
            return errno;
        }
        table->opened[table->opened_count++] = source;
    } else if (action->source >= 0 && (source < 0 || fcntl(source, F_GETFD) < 0)) {
        return EBADF;
    }
    to = to != NULL ? to : &table->map[table->count++];
    *to = (chld_fd_map){ .source = source, .target = action->target };
    return 0;
}

/* Adds all that the child inherits, so that it does not inherit what is closed. */
static int list_inherited(struct table *table)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return errno;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        bool passes = fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0 && find(table, fd) == NULL;
        if (passes && table->count < MOST_DESCRIPTORS) {
            table->map[table->count++] = (chld_fd_map){ fd, fd };
        }
    }
    closedir(directory);
    return 0;
}

static int set_descriptors(struct table *table, const posix_spawn_file_actions_t *actions,
                           chld_spawn_options *options)
{
    chld_stdio *streams[] = { &options->in, &options->out, &options->err };
    bool closes = false;
    int error = 0;
    for (int i = 0; actions != NULL && i < list_of(actions)->count && error == 0; i++) {
        error = apply(table, &list_of(actions)->actions[i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        chld_fd_map entry = table->map[i];
        if (entry.target <= 2) {
            streams[entry.target]->mode = entry.source < 0 ? CHLD_STDIO_CLOSED : CHLD_STDIO_FD;
            streams[entry.target]->fd = entry.source;
        }
        closes |= entry.target > 2 && entry.source < 0;
    }
    if (closes && error == 0) {
        error = list_inherited(table);
        options->flags &= ~(uint64_t)CHLD_SPAWN_INHERIT_FDS;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->map[i].target > 2 && table->map[i].source >= 0) {
            table->map[kept++] = table->map[i];
        }
    }
    options->fds = table->map;
    options->fds_count = kept;
    return error;
}

static int set_attributes(const posix_spawnattr_t *attributes, chld_spawn_options *options)
{
    short flags;
    sigset_t set;
    posix_spawnattr_getflags(attributes, &flags);
    if (flags & (POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER)) {
        return ENOTSUP;
    }
    if (flags & POSIX_SPAWN_RESETIDS) {
        options->flags |= CHLD_SPAWN_UID | CHLD_SPAWN_GID;
        options->uid = getuid();
        options->gid = getgid();
    }
    if (flags & POSIX_SPAWN_SETPGROUP) {
        posix_spawnattr_getpgroup(attributes, &options->group);
        options->group_mode = options->group == 0 ? CHLD_GROUP_NEW : CHLD_GROUP_JOIN;
    }
    if (flags & POSIX_SPAWN_SETSIGDEF) {
        posix_spawnattr_getsigdefault(attributes, &set);
        chld_sigset_decode(&set, &options->reset);
    }
    if (flags & POSIX_SPAWN_SETSIGMASK) {
        posix_spawnattr_getsigmask(attributes, &set);
        options->mask_mode = CHLD_MASK_BLOCKED;
        chld_sigset_decode(&set, &options->blocked);
    }
    options->flags |= flags & POSIX_SPAWN_SETSID ? CHLD_SPAWN_SESSION : 0;
    return 0;
}

/* What a program expects that calls fork() and exec(). */
chld_spawn_options usual(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_INHERIT_FDS;
    options.signals_mode = CHLD_SIGNALS_INHERIT;
    options.mask_mode = CHLD_MASK_INHERIT;
    return options;
}

static int start(pid_t *ret, const char *program, uint32_t search,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[])
{
    static const char *const nothing[] = { NULL };
    struct table table = { .count = 0 };
    chld_spawn_options options = usual();
    chld_id id;
    options.program = program;
    options.search = search;
    options.env = envp != NULL ? (const char *const *)envp : nothing;
    int error = attributes != NULL ? set_attributes(attributes, &options) : 0;
    error = error == 0 ? set_descriptors(&table, actions, &options) : error;
    error = error == 0 ? -chld_spawn(&id, argv, &options, NULL) : error;
    while (table.opened_count > 0) {
        close(table.opened[--table.opened_count]);
    }
    return error == 0 ? -chld_release(id, ret) : error;
}

int posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start(ret, path, CHLD_SEARCH_NONE, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *ret, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start(ret, file, CHLD_SEARCH_PARENT, actions, attributes, argv, envp);
}

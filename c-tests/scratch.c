/* Files that a test makes: in a directory of its own, removed at its end. */
#include "support.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_directory[PATH_MAX / 2];

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void) about;
    (void) type;
    (void) place;
    return remove(path);
}

static void remove_scratch(void)
{
    nftw(scratch_directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A few paths can be in use at a time. */
const char *scratch(const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    if (!*scratch_directory) {
        const char *parent = getenv("TMPDIR");
        int length = snprintf(scratch_directory, sizeof scratch_directory - 6, "%s/chld-",
                              parent ? parent : "/tmp");
        REQUIRE(length > 0 && length < (int) sizeof scratch_directory - 6);
        memset(scratch_directory + length, 'X', 6); /* what mkdtemp fills in */
        REQUIRE(mkdtemp(scratch_directory) != NULL);
        REQUIRE(realpath(scratch_directory, paths[0]) != NULL);
        snprintf(scratch_directory, sizeof scratch_directory, "%.*s", PATH_MAX / 2 - 1, paths[0]);
        atexit(remove_scratch);
    }
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", scratch_directory, name);
    return path;
}

const char *scratch_file(const char *name, const char *text, mode_t mode)
{
    const char *path = scratch(name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(file >= 0 && write(file, text, strlen(text)) == (ssize_t) strlen(text));
    REQUIRE(fchmod(file, mode) == 0);
    close(file);
    return path;
}

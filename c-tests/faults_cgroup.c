/* A cgroup for the child of one scenario. */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char cgroup[PATH_MAX];

/* The kernel takes a cgroup for used until a moment after its last member's end. */
static void remove_cgroup(void)
{
    for (int i = 0; i < 1000 && rmdir(cgroup) != 0 && errno == EBUSY; i++) {
        usleep(1000);
    }
}

int make_cgroup(void)
{
    struct mntent *one;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    while (mounts != NULL && (one = getmntent(mounts)) != NULL && cgroup[0] == '\0') {
        if (strcmp(one->mnt_type, "cgroup2") == 0) {
            snprintf(cgroup, sizeof cgroup, "%s/chld-faults-XXXXXX", one->mnt_dir);
        }
    }
    if (mounts != NULL) {
        endmntent(mounts);
    }
    if (cgroup[0] == '\0' || mkdtemp(cgroup) == NULL) {
        skip("no cgroup2 that can be written is mounted");
    }
    atexit(remove_cgroup);
    return open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

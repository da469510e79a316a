/*
 * System calls that are refused: by a kernel that is too old, or by a sandbox.
 */
#ifndef FAULTS_DENY_H
#define FAULTS_DENY_H

/*
 * Makes calls of this process, and of all that it starts, fail from now on.
 * `rules`: "NAME=ERRNO,NAME=ERRNO", for instance "clone3=ENOSYS".
 * Returns 0, -EINVAL for rules that do not exist (and prints which), -ENOSYS
 * where filters are not offered.
 */
int deny_install(const char *rules);

/* Prints the names of the rules, one a line. */
void deny_list(void);

#endif

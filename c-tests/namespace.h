/* Running what sends signals to many processes where it can reach none but its
 * own: in a pid namespace. Only root can; without, it runs as it is. */
#ifndef NAMESPACE_H
#define NAMESPACE_H

/** Runs `part` in a copy of the test, in a pid namespace of its own with its own
 * /proc, as a child of that namespace's init. Checks count there too. */
#define IN_NAMESPACE(part) check_int(__FILE__, __LINE__, "the exit of " #part, in_namespace(part), 0)
int in_namespace(void (*part)(void));

#endif

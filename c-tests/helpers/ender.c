/* Waits for the end of its input, then exits: ender CODE. Linked statically
 * where that can be done, because thousands of it run at once. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char bytes[16];
    alarm(300); /* nobody may wait for this forever */
    while (read(0, bytes, sizeof bytes) > 0) {
    }
    _exit(argc > 1 ? atoi(argv[1]) : 99);
}

/*
 * A program that links libchld and another Rust library, and uses both.
 * Exits with 0 if both work.
 */
#include "chld.h"

int other_sum(const int *numbers, size_t count);

int main(void)
{
    const char *argv[] = { "sh", "-c", "exit 42", NULL };
    const int numbers[] = { 20, 22 };
    chld_status status;
    chld_id id;

    if (chld_spawn(&id, argv, NULL, NULL) != 0)
        return 1;
    if (chld_wait(id, 60000, &status) != 0 || status.state != CHLD_STATE_EXITED)
        return 2;
    if (chld_close(id) != 0)
        return 3;
    return status.code == other_sum(numbers, 2) ? 0 : 4;
}

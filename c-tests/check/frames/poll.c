#include "set.h"
#include <poll.h>

int main(void)
{
    chld_set set = open_set();

    @
    return chld_set_close(set) < 0;
}

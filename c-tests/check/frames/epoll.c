#include "set.h"
#include <sys/epoll.h>
#include <unistd.h>

int main(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    chld_set set = open_set();

    @
    close(epoll);
    return chld_set_close(set) < 0;
}

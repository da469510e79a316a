/* A child that is inside write() on a page that is not there: to copy it, the kernel waits
 * with the pipe locked.
 *   faulter CODE    writes a page to stdout; writes a byte to stderr once it waits for the
 *                   page, which comes at the end of its input; then exits
 * Exits with 77 if the kernel does not let it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/userfaultfd.h>)
#include <linux/userfaultfd.h>

enum { PAGE = 4096, NOT_HERE = 77 };

static int faults = -1;
static char *page;

static void *give_page_later(void *unused)
{
    struct uffd_msg message;
    char byte = '!';
    struct uffdio_zeropage zero = { .range = { .start = (unsigned long) page, .len = PAGE } };
    if (read(faults, &message, sizeof message) != sizeof message || write(2, &byte, 1) != 1) {
        _exit(1);
    }
    while (read(0, &byte, 1) > 0) {
    }
    ioctl(faults, UFFDIO_ZEROPAGE, &zero);
    return unused;
}

static int be_stuck(int code)
{
    struct uffdio_api api = { .api = UFFD_API };
    pthread_t thread;
    faults = (int) syscall(SYS_userfaultfd, O_CLOEXEC);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (faults < 0 || page == MAP_FAILED || ioctl(faults, UFFDIO_API, &api) != 0) {
        return NOT_HERE;
    }
    struct uffdio_register area = { .range = { .start = (unsigned long) page, .len = PAGE },
                                    .mode = UFFDIO_REGISTER_MODE_MISSING };
    if (ioctl(faults, UFFDIO_REGISTER, &area) != 0
        || pthread_create(&thread, NULL, give_page_later, NULL) != 0) {
        return NOT_HERE;
    }
    return write(1, page, PAGE) == PAGE ? code : 1;
}
#else
static int be_stuck(int code)
{
    (void) code;
    return 77;
}
#endif

int main(int argc, char **argv)
{
    alarm(300);
    return be_stuck(argc > 1 ? atoi(argv[1]) : 0);
}

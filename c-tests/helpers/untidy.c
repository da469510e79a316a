/* A test program whose tests break every rule, one each: test_harness.c sees to
 * it that each is caught. */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

TEST(tidy)
{
    CHECK(true);
    CHECK_INT(1, 1);
    CHECK_STR("a", "a");
    CHECK_CALL(0, 0);
    REQUIRE(true);
}

TEST(passed_over)
{
    SKIP_TEST("it is %s", "Tuesday");
}

TEST(failed_before_it_was_passed_over)
{
    CHECK(false);
    SKIP_TEST("it is Tuesday");
}

TEST(failed_check)
{
    CHECK(1 > 2);
}

TEST(failed_number)
{
    CHECK_INT(40 + 1, 42);
}

TEST(failed_text)
{
    CHECK_STR("one", "two");
}

TEST(failed_null)
{
    const char *none = NULL;
    CHECK_STR(none, "two");
}

TEST(failed_requirement)
{
    REQUIRE(1 > 2);
    _exit(0);
}

static int fail_with_errno(void)
{
    errno = EIO;
    return -5;
}

TEST(changed_errno)
{
    CHECK_CALL(fail_with_errno(), -5);
}

TEST(wrong_result)
{
    CHECK_CALL(-EBADF, 0);
}

static void *fail_in_thread(void *unused)
{
    CHECK(1 > 2);
    return unused;
}

TEST(failed_in_thread)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, fail_in_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

static void block(int number)
{
    unsigned long long mask = 1ull << (number - 1);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
}

TEST(blocked_signal)
{
    block(SIGUSR1);
}

TEST(blocked_signal_of_libc)
{
    block(33);
}

TEST(ignored_signal)
{
    signal(SIGPIPE, SIG_IGN);
}

TEST(left_descriptor)
{
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}

TEST(lost_descriptor)
{
    close(0);
}

TEST(other_descriptor)
{
    close(0);
    CHECK(open("/dev/zero", O_RDONLY) == 0);
}

TEST(left_zombie)
{
    if (fork() == 0) {
        _exit(0);
    }
}

TEST(left_child)
{
    if (fork() == 0) {
        pause();
    }
}

TEST(changed_directory)
{
    CHECK(chdir("/proc") == 0);
}

TEST(changed_umask)
{
    umask(0123);
}

TEST(disabled_cancellation)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

TEST(hanging)
{
    pause();
}

TEST(crashing)
{
    raise(SIGSEGV);
}

/*
 * test.h - for the tests of chld.hpp in this folder, which are one program.
 */
#ifndef TEST_H
#define TEST_H

#include <chld.hpp>

#include <csignal>
#include <poll.h>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

#define REQUIRE(condition) require(condition, #condition, __FILE__, __LINE__)

inline void require(bool good, const char *what, const char *file, int line)
{
    if (!good) {
        std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
        std::exit(1);
    }
}

/** The failure that `call` throws. */
template <typename Call> chld::failure thrown(Call call)
{
    try {
        call();
    } catch (const chld::error &error) {
        return error.why();
    }
    return chld::failure();
}

/** The text of an exception of the test itself; "" if there is none. */
template <typename Call> std::string own_exception(Call call)
{
    try {
        call();
    } catch (const std::runtime_error &error) {
        return error.what();
    }
    return "";
}

inline chld::milliseconds ms(int count)
{
    return chld::milliseconds(count);
}

inline chld::arguments shell(const std::string &script)
{
    return {"sh", "-c", script};
}

inline bool closed(chld_id id)
{
    return chld_pid(id) == -EBADF;
}

/** Whether there is no process with this number any more, not even a zombie. */
inline bool gone(int pid)
{
    return pid > 1 && kill(pid, 0) != 0 && errno == ESRCH;
}

/** What can be read from a descriptor to its end. */
inline std::string contents(int fd)
{
    std::string all;
    char buffer[256];
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;)
        all.append(buffer, static_cast<size_t>(got));
    return all;
}

/** Whether a descriptor can be read. SIGCHLD may interrupt poll(). */
inline bool readable(int fd, int most_ms = 30000)
{
    pollfd one{fd, POLLIN, 0};
    int ready = poll(&one, 1, most_ms);
    while (ready < 0 && errno == EINTR)
        ready = poll(&one, 1, most_ms);
    return ready == 1;
}

/** A pipe whose ends are closed with it. */
struct pipe_ends {
    pipe_ends() { REQUIRE(pipe2(fds, O_CLOEXEC) == 0); }
    ~pipe_ends()
    {
        close_write();
        ::close(fds[0]);
    }
    void close_write()
    {
        if (fds[1] >= 0)
            ::close(fds[1]);
        fds[1] = -1;
    }
    int fds[2];
};

/** SIGKILL at once: for children that a test is done with. */
inline chld::stop_plan killing()
{
    return {{{SIGKILL, -1}}};
}

#endif

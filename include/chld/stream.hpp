/*
 * chld/stream.hpp - where a child's streams lead, and what becomes of its output.
 *
 *     chld::out(chld::null)                            // a stream, see chld::in(), out(), err()
 *     chld::out(chld::file("log"))
 *     chld::err(chld::to_stdout)
 *     chld::out(chld::lines([](const std::string &line) { std::cout << "> " << line; }))
 *     chld::out(chld::keep_last(4096).tee(log_fd))
 */
#ifndef CHLD_STREAM_HPP
#define CHLD_STREAM_HPP

#include "status.hpp"

#include <cstdint>
#include <fcntl.h>
#include <functional>
#include <type_traits>

namespace chld {

/** Streams that have a name. */
enum named : uint32_t {
    inherit = CHLD_STDIO_INHERIT,  /**< The caller's stream. */
    null = CHLD_STDIO_NULL,        /**< /dev/null. */
    pipe = CHLD_STDIO_PIPE,        /**< A new pipe: see child::stdout_fd(). */
    closed = CHLD_STDIO_CLOSED,    /**< Closed in the child. */
    pty = CHLD_STDIO_PTY,          /**< A new pseudo-terminal, one for all streams. */
    to_stdout = CHLD_STDIO_STDOUT, /**< The child's stdout. For err() only. */
    to_stderr = CHLD_STDIO_STDERR, /**< The child's stderr. For out() only. */
};

/** Where one of the child's standard streams leads: a chld_stdio with its own string. */
struct stream {
    /** A named stream. */
    stream(named which = inherit) : mode(which) {}

    uint32_t mode;                    /**< One of CHLD_STDIO_*. */
    int fd = 0;                       /**< For descriptor(). */
    std::string path = std::string(); /**< For file(). */
    int open_flags = 0;               /**< The flags of open(), or 0. */
    uint32_t open_mode = 0;           /**< The permissions of a new file, or 0. */
};

/** The file at `path`, a string or std::filesystem::path. Without `flags` of open() it is
 *  read for stdin, and created or emptied for stdout and stderr, as in a shell. */
inline stream file(std::string path, int flags = 0, uint32_t permissions = 0)
{
    stream made;
    made.mode = CHLD_STDIO_PATH, made.path = std::move(path);
    made.open_flags = flags, made.open_mode = permissions;
    return made;
}

/** The file at `path`, which output is added to: a shell's `>>`. */
inline stream append_to(std::string path)
{
    return file(std::move(path), O_WRONLY | O_CREAT | O_APPEND);
}

/** A copy of the caller's descriptor `fd`, which stays the caller's. */
inline stream descriptor(int fd)
{
    stream made;
    made.mode = CHLD_STDIO_FD, made.fd = fd;
    return made;
}

namespace detail {

using taker = std::function<bool(const char *data, size_t size)>;

/** Calls a function that returns nothing, or a bool that is false to stop. */
template <typename Take, typename... Arguments>
auto goes_on(Take &take, const Arguments &...arguments) ->
    typename std::enable_if<std::is_same<decltype(take(arguments...)), bool>::value, bool>::type
{
    return take(arguments...);
}

template <typename Take, typename... Arguments>
auto goes_on(Take &take, const Arguments &...arguments) ->
    typename std::enable_if<!std::is_same<decltype(take(arguments...)), bool>::value, bool>::type
{
    take(arguments...);
    return true;
}

} // namespace detail

/** What becomes of the bytes that a child writes, for the calls that read them: run(),
 *  child::capture(), and those of pipelines and sets. For a chld::child alone it is a pipe. */
struct sink {
    uint32_t mode = CHLD_SINK_GROW; /**< One of CHLD_SINK_*. */
    uint32_t flags = 0;             /**< CHLD_SINK_TEE, or 0. */
    size_t size = 0;                /**< The most bytes, as the mode uses it. */
    int fd = 0;                     /**< For pass_to() and tee(). */
    detail::taker take = nullptr;   /**< For bytes() and lines(). */

    /** Also passes the bytes on to the descriptor `to`, which stays the caller's. */
    sink tee(int to) const
    {
        sink both(*this);
        both.flags |= CHLD_SINK_TEE, both.fd = to;
        return both;
    }
};

namespace detail {

inline sink made_sink(uint32_t mode, size_t size, int fd, taker take)
{
    sink made;
    made.mode = mode, made.size = size, made.fd = fd, made.take = std::move(take);
    return made;
}

} // namespace detail

/** Keeps everything, or the first `most` bytes if that is not 0. */
inline sink keep(size_t most = 0)
{
    return detail::made_sink(CHLD_SINK_GROW, most, 0, nullptr);
}

/** Keeps the last `most` bytes. */
inline sink keep_last(size_t most)
{
    return detail::made_sink(CHLD_SINK_TAIL, most, 0, nullptr);
}

/** Keeps the first half of `most` bytes and the last half. */
inline sink keep_ends(size_t most)
{
    return detail::made_sink(CHLD_SINK_HEAD_TAIL, most, 0, nullptr);
}

/** Reads everything and keeps nothing. */
inline sink discard()
{
    return detail::made_sink(CHLD_SINK_NONE, 0, 0, nullptr);
}

/** Passes everything on to the descriptor `fd`, which stays the caller's. */
inline sink pass_to(int fd)
{
    return detail::made_sink(CHLD_SINK_FD, 0, fd, nullptr);
}

/** Calls take(const char *data, size_t size) with what comes, in pieces of any size. If
 *  `take` throws or returns false, the child is stopped; the exception is thrown again
 *  when it has exited. */
template <typename Take> sink bytes(Take take)
{
    return detail::made_sink(
        CHLD_SINK_CALLBACK, 0, 0, [take](const char *data, size_t size) mutable {
            return detail::goes_on(take, data, size);
        });
}

/** Calls take(const std::string &line) with each line and its newline; otherwise as
 *  bytes(). A line longer than `longest` (0: 64 KiB) comes in pieces, and only the last
 *  of them has a newline. */
template <typename Take> sink lines(Take take, size_t longest = 0)
{
    return detail::made_sink(
        CHLD_SINK_LINES, longest, 0, [take](const char *data, size_t size) mutable {
            return detail::goes_on(take, std::string(data, size));
        });
}

} // namespace chld

#endif // CHLD_STREAM_HPP

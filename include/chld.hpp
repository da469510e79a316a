/*
 * chld.hpp - chld.h for C++17: the same functions, with owners and exceptions.
 *
 *     chld::child ls({"ls", "-l", "/"});
 *     std::cout << "ls " << ls.wait().text() << '\n';
 *
 *     chld::output sorted = chld::run({"sort"}, {}, {"pear\nfig\n"});
 *
 * Link with -lchld. chld.h is the manual, and holds here: threads, handlers,
 * blocking, errnos.
 *
 * Who owns what: a chld::child closes its handle when it is destroyed, a
 * chld::set its own; they can be moved, not copied. Closing does not end a child,
 * nor wait for it: one that still runs goes on, and the library reaps it. Strings
 * that are passed are copied. Descriptors and pointers stay whose they are: those
 * that are passed the caller's, those that are returned the library's.
 *
 * What throws: all that is not noexcept. A chld::error if the function of chld.h
 * fails, std::bad_alloc if a string does. What is no failure is a value: a time
 * that is over, a child that has ended, a set with nothing to tell.
 */
#ifndef CHLD_HPP
#define CHLD_HPP

#include "chld.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace chld {

using arguments = std::vector<std::string>;
using milliseconds = std::chrono::milliseconds;

/** No limit on the time. */
constexpr milliseconds forever = milliseconds::max();

/** A function of chld.h has failed: code() is its errno, in the generic category. */
class error : public std::system_error {
public:
    /** `result`: what `function` returned, a negative errno. */
    error(int result, const std::string &function)
        : error(result, chld_error(), function + ": " + std::generic_category().message(-result))
    {
    }
    /** A start that failed, as chld_spawn() and chld_run() tell it. */
    error(int result, const chld_error &why) : error(result, why, text(why)) {}

    /** "exec lss: No such file or directory", or "chld_wait: Bad file descriptor". */
    const char *what() const noexcept override { return what_.what(); }
    /** One of CHLD_STEP_*; CHLD_STEP_NONE if it was no start that failed. */
    int step() const noexcept { return why_.step; }
    /** The position of the item that the step was at, and its name or "". */
    int index() const noexcept { return why_.index; }
    const char *item() const noexcept { return why_.item; }

private:
    error(int result, const chld_error &why, const std::string &what)
        : std::system_error(-result, std::generic_category()), why_(why), what_(what)
    {
    }
    static std::string text(const chld_error &why)
    {
        char buffer[512] = "";
        chld_error_text(&why, buffer, sizeof buffer);
        return buffer;
    }

    chld_error why_;
    std::runtime_error what_; // a string that can be copied without throwing
};

namespace detail {

struct spawning;

/** Turns a failure into an exception. */
inline int require(int result, const char *function)
{
    if (result < 0)
        throw error(result, function);
    return result;
}

/** A limit as chld.h takes it: what an int does not hold is none, what is past is 0. */
inline int limit(milliseconds time)
{
    if (time.count() > std::numeric_limits<int>::max())
        return -1;
    return time.count() < 0 ? 0 : static_cast<int>(time.count());
}

/** Memory that grew, which is freed when this goes. */
using buffer = std::unique_ptr<char, int (*)(char *)>;

/** The strings of a vector as C wants them, with a NULL at the end. */
inline std::vector<const char *> pointers(const std::vector<std::string> &strings)
{
    std::vector<const char *> list;
    list.reserve(strings.size() + 1);
    for (const std::string &string : strings)
        list.push_back(string.c_str());
    list.push_back(nullptr);
    return list;
}

} // namespace detail

/** How a child is, or how it ended: a chld_status that can be asked. */
struct status : chld_status {
    status() noexcept : chld_status{CHLD_STATE_RUNNING, -1, 0, -1} {}
    status(const chld_status &from) noexcept : chld_status(from) {}

    bool running() const noexcept { return state == CHLD_STATE_RUNNING; }
    bool exited() const noexcept { return state == CHLD_STATE_EXITED; }
    bool success() const noexcept { return code == 0; }
    /** A signal ended it, with a core file or without. */
    bool dumped() const noexcept { return state == CHLD_STATE_DUMPED; }
    bool killed() const noexcept { return state == CHLD_STATE_KILLED || dumped(); }
    bool stopped() const noexcept { return state == CHLD_STATE_STOPPED; }
    bool lost() const noexcept { return state == CHLD_STATE_LOST; }

    /** A shell's $?. Throws if it runs, was continued, or is lost. */
    int shell_code() const
    {
        return detail::require(chld_status_shell_code(this), "chld_status_shell_code");
    }

    /** "killed by SIGTERM (terminated)". */
    std::string text() const
    {
        char buffer[128];
        detail::require(chld_status_text(this, buffer, sizeof buffer), "chld_status_text");
        return buffer;
    }
};

/** One of the child's standard streams: {CHLD_STDIO_PIPE}, {CHLD_STDIO_FD, 5}, … */
struct stdio {
    uint32_t mode = CHLD_STDIO_INHERIT;
    int fd = 0;
    std::string path = {};
    int open_flags = 0;
    uint32_t open_mode = 0;

    chld_stdio raw() const noexcept { return {mode, fd, path.c_str(), open_flags, open_mode}; }
};

/**
 * What a start can be told. It keeps copies of the strings. Members that have no
 * word here are set in `raw`, as in C:
 *
 *     chld::options options;
 *     options.cwd("/srv").env("LANG=C").out({CHLD_STDIO_PIPE});
 *     options.raw.nice = 5;
 */
class options {
public:
    chld_spawn_options raw = CHLD_SPAWN_OPTIONS_INIT;

    options &cwd(std::string path) { return cwd_ = std::move(path), *this; }
    /** "NAME=value", on top of the caller's environment. */
    options &env(std::string entry) { return set_.push_back(std::move(entry)), *this; }
    /** A name to take out of it. */
    options &unset(std::string name) { return unset_.push_back(std::move(name)), *this; }
    options &in(stdio stream) { return in_ = std::move(stream), *this; }
    options &out(stdio stream) { return out_ = std::move(stream), *this; }
    options &err(stdio stream) { return err_ = std::move(stream), *this; }
    /** The caller's descriptor `source` becomes the child's `target`. */
    options &fd(int source, int target) { return fds_.push_back({source, target}), *this; }
    /** A process group of its own. */
    options &group() { return raw.group_mode = CHLD_GROUP_NEW, *this; }

private:
    friend struct detail::spawning;

    std::string cwd_;
    std::vector<std::string> set_, unset_;
    stdio in_, out_, err_;
    std::vector<chld_fd_map> fds_;
};

namespace detail {

/** A start as chld.h takes it, with the arrays that it points to. */
struct spawning {
    spawning(const arguments &words, const options &from)
        : argv(pointers(words)), set(pointers(from.set_)), unset(pointers(from.unset_)),
          raw(from.raw)
    {
        raw.cwd = from.cwd_.empty() ? nullptr : from.cwd_.c_str();
        raw.env_set = set.data(), raw.env_unset = unset.data();
        raw.fds = from.fds_.data(), raw.fds_count = from.fds_.size();
        raw.in = from.in_.raw(), raw.out = from.out_.raw(), raw.err = from.err_.raw();
    }

    std::vector<const char *> argv, set, unset;
    chld_spawn_options raw;
};

} // namespace detail

/** How to end a child: {{{SIGTERM, 500}, {SIGKILL, -1}}, CHLD_TARGET_GROUP} sends TERM,
 *  waits half a second, sends KILL. With no steps, chld_stop()'s own. */
struct stop_plan {
    std::vector<chld_stop_step> steps = {};
    uint32_t target = CHLD_TARGET_CHILD;
    uint32_t flags = 0;

    /** For chld.h; valid as long as this is neither changed nor moved. */
    chld_stop_plan raw() const noexcept
    {
        return {sizeof(chld_stop_plan), target, flags, steps.data(), steps.size()};
    }
};

/** A child, and the owner of its handle. */
class child {
public:
    /** None: calls throw EBADF. */
    child() noexcept = default;
    /** Starts one, or throws a chld::error with the step that failed. */
    explicit child(const arguments &argv, const options &how = options())
    {
        detail::spawning start(argv, how);
        chld_error why;
        if (int result = chld_spawn(&id_, start.argv.data(), &start.raw, &why))
            throw error(result, why);
    }

    /** Owns a handle that chld.h gave, as chld_adopt() does. */
    explicit child(chld_id id) noexcept : id_(id) {}

    /** What was there is in the other one afterwards. */
    child(child &&other) noexcept { std::swap(id_, other.id_); }
    child &operator=(child &&other) noexcept { return std::swap(id_, other.id_), *this; }
    ~child() { close(); }

    explicit operator bool() const noexcept { return id_ != CHLD_NONE; }
    chld_id id() const noexcept { return id_; }
    /** Gives the handle away: the caller has to close it. */
    chld_id release() noexcept { return std::exchange(id_, chld_id{CHLD_NONE}); }
    /** Gives up the child before the destructor would. */
    void close() noexcept { chld_close(release()); }

    /** Waits for its end. Can be called again, and says the same. */
    status wait() const
    {
        status how;
        detail::require(chld_wait(id_, -1, &how), "chld_wait");
        return how;
    }
    /** How it ended; nothing if it has not ended in this time. */
    std::optional<status> wait(milliseconds limit) const
    {
        status how;
        int result = chld_wait(id_, detail::limit(limit), &how);
        return in_time(result, "chld_wait", how);
    }
    /** The next of CHLD_WATCH_* (0: any) or the end; nothing if none came in this time. */
    std::optional<status> wait_change(uint32_t changes = 0, milliseconds limit = forever) const
    {
        status how;
        int result = chld_wait_change(id_, changes, detail::limit(limit), &how);
        return in_time(result, "chld_wait_change", how);
    }

    /** Each sends a signal, or returns false if nobody was left to get it. */
    bool kill(int signal) const { return sent(chld_kill(id_, signal)); }
    bool kill_group(int signal) const { return sent(chld_kill_group(id_, signal)); }
    bool kill_tree(int signal, uint32_t *survivors = nullptr) const
    {
        return sent(chld_kill_tree(id_, signal, survivors));
    }
    /** Ends it by degrees; nothing if it lives after the last step. */
    std::optional<status> stop(const stop_plan &plan = stop_plan()) const
    {
        status how;
        chld_stop_plan raw = plan.raw();
        return in_time(chld_stop(id_, &raw, &how), "chld_stop", how);
    }

    int pid() const { return detail::require(chld_pid(id_), "chld_pid"); }
    /** Readable once it has ended, for an event loop. */
    int exit_fd() const { return detail::require(chld_exit_fd(id_), "chld_exit_fd"); }
    /** The caller's ends of its pipes. */
    int stdin_fd() const { return detail::require(chld_stdin_fd(id_), "chld_stdin_fd"); }
    int stdout_fd() const { return detail::require(chld_stdout_fd(id_), "chld_stdout_fd"); }
    int stderr_fd() const { return detail::require(chld_stderr_fd(id_), "chld_stderr_fd"); }
    /** CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR. */
    void close_fd(int which) { detail::require(chld_close_fd(id_, which), "chld_close_fd"); }

private:
    static std::optional<status> in_time(int result, const char *function, const status &how)
    {
        if (result == -ETIMEDOUT)
            return std::nullopt;
        detail::require(result, function);
        return how;
    }
    static bool sent(int result)
    {
        return result != -ESRCH && detail::require(result, "chld_kill") == 0;
    }

    chld_id id_ = CHLD_NONE;
};

/** Many children in an event loop. The set does not own them. */
class set {
public:
    /** `flags`: 0, or CHLD_SET_SIGCHLD. */
    explicit set(uint32_t flags = 0)
    {
        detail::require(chld_set_open(flags, &set_), "chld_set_open");
    }
    set(set &&other) noexcept { std::swap(set_, other.set_); }
    set &operator=(set &&other) noexcept { return std::swap(set_, other.set_), *this; }
    ~set() { chld_set_close(set_); }

    void add(const child &who) { detail::require(chld_set_add(set_, who.id(), 0), "chld_set_add"); }
    /** Readable as long as next() has something to tell. */
    int fd() const { return detail::require(chld_set_fd(set_), "chld_set_fd"); }
    /** Who has ended, and how: a chld_event; nothing if nobody has by then. */
    std::optional<chld_event> next(milliseconds within = milliseconds(0))
    {
        chld_event event;
        int result = chld_set_wait(set_, detail::limit(within), &event);
        if (result == -ETIMEDOUT)
            return std::nullopt;
        detail::require(result, "chld_set_wait");
        return event;
    }

private:
    chld_set set_ = 0;
};

/** What run() feeds, keeps and allows. */
struct capture {
    std::string input = {};
    milliseconds limit = forever; // on all of it; then the child is ended by the plan
    stop_plan plan = {};
    size_t keep = 0;    // how many bytes of each stream; 0 is all
    uint32_t flags = 0; // CHLD_CAPTURE_* bits
};

/** What came of run(). */
struct output {
    chld::status status; // running, if the child outlived the plan
    std::string out, err;
    bool timed_out = false;
    chld_capture_result raw = {}; // all that was told; its `data` are NULL
};

/**
 * Starts a child, feeds it, keeps what it writes, and returns when it has ended.
 * An end by a signal or at the limit is no failure; what came by then is kept.
 */
inline output run(const arguments &argv, const options &how = {}, const capture &what = {})
{
    detail::spawning start(argv, how);
    chld_stop_plan plan = what.plan.raw();
    chld_capture_options raw = CHLD_CAPTURE_OPTIONS_INIT;
    raw.flags = what.flags;
    raw.timeout_ms = what.limit < milliseconds(1) ? 1 : detail::limit(what.limit);
    raw.in.mode = what.input.empty() ? CHLD_FEED_NONE : CHLD_FEED_BUFFER;
    raw.in.data = what.input.data(), raw.in.size = what.input.size();
    raw.out.mode = raw.err.mode = CHLD_SINK_GROW;
    raw.out.size = raw.err.size = what.keep;
    raw.stop = &plan;
    chld_capture_result result = chld_capture_result();
    chld_error why = chld_error();
    int failed = chld_run(start.argv.data(), &start.raw, &raw, &result, &why);
    detail::buffer out(result.out.data, chld_buffer_free), err(result.err.data, chld_buffer_free);
    if (failed && (failed != -ETIMEDOUT || why.step != CHLD_STEP_CAPTURE))
        throw error(failed, why);
    output all{result.status, {}, {}, result.timed_out != 0, result};
    if (out)
        all.out.assign(out.get(), result.out.kept);
    if (err)
        all.err.assign(err.get(), result.err.kept);
    all.raw.out.data = all.raw.err.data = nullptr;
    return all;
}

} // namespace chld

#endif // CHLD_HPP

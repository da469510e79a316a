/*
 * chld/status.hpp - how a child is or how it exited, and times.
 */
#ifndef CHLD_STATUS_HPP
#define CHLD_STATUS_HPP

#include "error.hpp"

#include <chrono>
#include <limits>
#include <stdexcept>

namespace chld {

/** The unit of all times; seconds convert to it. */
using milliseconds = std::chrono::milliseconds;

/** No timeout. */
constexpr milliseconds forever = milliseconds::max();

namespace detail {

/** A time as chld.h takes it: what an int cannot hold is no timeout, less than 0 is 0. */
inline int limit(milliseconds time)
{
    if (time.count() > std::numeric_limits<int>::max())
        return -1;
    return time.count() < 0 ? 0 : static_cast<int>(time.count());
}

} // namespace detail

/** A value, or nothing: what std::optional is, which C++11 lacks. It is the same type in
 *  every version of C++, so that files compiled for different ones can be linked. */
template <typename Value> class maybe {
public:
    /** Nothing. */
    maybe() = default;
    /** A value. */
    maybe(Value value) : value_(std::move(value)), has_value_(true) {}

    /** True if there is a value. */
    explicit operator bool() const noexcept { return has_value_; }
    /** The same by name. */
    bool has_value() const noexcept { return has_value_; }
    /** The value, which must be there. */
    Value &operator*() noexcept { return value_; }
    const Value &operator*() const noexcept { return value_; }
    Value *operator->() noexcept { return &value_; }
    const Value *operator->() const noexcept { return &value_; }
    /** The value. Throws std::logic_error if there is none. */
    const Value &value() const
    {
        if (!has_value_)
            throw std::logic_error("chld::maybe: there is no value");
        return value_;
    }

private:
    Value value_ = Value();
    bool has_value_ = false;
};

/** How a child is, or how it exited: a chld_status with questions. */
struct status : chld_status {
    /** A child that runs. */
    status() noexcept : chld_status{CHLD_STATE_RUNNING, -1, 0, -1} {}
    /** What a function of chld.h returned. */
    status(const chld_status &from) noexcept : chld_status(from) {}

    /** It has not exited. */
    bool running() const noexcept { return state == CHLD_STATE_RUNNING; }
    /** It exited by itself, with the exit code `code`. */
    bool exited() const noexcept { return state == CHLD_STATE_EXITED; }
    /** It exited with 0. */
    bool success() const noexcept { return code == 0; }
    /** The signal `code` terminated it, with or without a core file. */
    bool killed() const noexcept { return state == CHLD_STATE_KILLED || dumped(); }
    /** The signal `code` terminated it, and a core file was written. */
    bool dumped() const noexcept { return state == CHLD_STATE_DUMPED; }
    /** The signal `code` stopped it. */
    bool stopped() const noexcept { return state == CHLD_STATE_STOPPED; }
    /** It was continued. */
    bool continued() const noexcept { return state == CHLD_STATE_CONTINUED; }
    /** Other code reaped it, and the kernel no longer has its status. */
    bool lost() const noexcept { return state == CHLD_STATE_LOST; }

    /** A shell's `$?`: the exit code, or 128 + the signal. It fails if the child runs, was
     *  continued, or is lost. */
    int shell_code(report to = report()) const
    {
        return to.check(chld_status_shell_code(this), "chld_status_shell_code");
    }

    /** In words: "killed by SIGTERM (terminated)". */
    std::string text(report to = report()) const
    {
        char buffer[128] = "";
        to.check(chld_status_text(this, buffer, sizeof buffer), "chld_status_text");
        return buffer;
    }
};

} // namespace chld

#endif // CHLD_STATUS_HPP

/*
 * chld/child.hpp - a child, and running one to its end.
 */
#ifndef CHLD_CHILD_HPP
#define CHLD_CHILD_HPP

#include "options.hpp"
#include "output.hpp"

namespace chld {

/** A child, and the owner of its handle. It can be moved, not copied. */
class child {
public:
    /** No child: calls fail with EBADF. */
    child() noexcept = default;
    /** Starts one. `more`: settings, and a std::error_code or chld::failure for its failure;
     *  the object is then empty. */
    template <typename... More> explicit child(const arguments &argv, More &&...more)
    {
        detail::extras with(more...);
        start(argv, with.how, with.to);
    }
    /** Owns a handle of chld.h. */
    explicit child(chld_id id) noexcept : id_(id) {}

    /** The other object is then empty. */
    child(child &&other) noexcept { swap(other); }
    /** What was here before is destroyed. */
    child &operator=(child &&other) noexcept
    {
        child(std::move(other)).swap(*this);
        return *this;
    }
    /** Closes the handle; stop_when_destroyed() and kill_on_close() end the child. Otherwise
     *  it goes on, and the library reaps it. */
    ~child() { close(); }

    /** Exchanges two children. */
    void swap(child &other) noexcept
    {
        std::swap(id_, other.id_);
        std::swap(last_plan_, other.last_plan_);
    }
    /** Does now what the destructor would do. */
    void close() noexcept
    {
        if (last_plan_ && id_ != CHLD_NONE) {
            chld_stop_plan raw = last_plan_->raw();
            chld_stop(id_, &raw, nullptr);
        }
        chld_close(take_id());
    }
    /** Destroying this object stops the child by `plan` and waits for its exit. */
    void stop_when_destroyed(stop_plan plan = stop_plan())
    {
        last_plan_.reset(new stop_plan(std::move(plan)));
    }

    /** True if there is a child. */
    explicit operator bool() const noexcept { return id_ != CHLD_NONE; }
    /** The handle, for functions of chld.h. */
    chld_id id() const noexcept { return id_; }
    /** The handle, which is now the caller's to close. */
    chld_id take_id() noexcept
    {
        chld_id id = id_;
        id_ = CHLD_NONE;
        last_plan_.reset();
        return id;
    }
    /** Owns the handle `id` from now on, and no longer the one that it had. */
    void own(chld_id id) noexcept
    {
        chld_close(id_);
        id_ = id;
    }
    /** Gives the child back to the program, which has to reap it, and returns its pid. */
    int release(report to = report())
    {
        int pid = -1;
        if (to.check(chld_release(id_, &pid), "chld_release") == 0)
            take_id();
        return pid;
    }

    /** Waits for its exit. A later call returns the same status. */
    status wait(report to = report()) const
    {
        status how;
        to.check(chld_wait(id_, -1, &how), "chld_wait");
        return how;
    }
    /** Waits for its exit; nothing if it still runs after `most`. */
    maybe<status> wait(milliseconds most, report to = report()) const
    {
        status how;
        return in_time(chld_wait(id_, detail::limit(most), &how), "chld_wait", how, to);
    }
    /** Waits for a stop or continuation (CHLD_WATCH_* bits; 0: both) or its exit; nothing if
     *  none came within `most`. */
    maybe<status> wait_change(uint32_t changes = 0, milliseconds most = forever,
                              report to = report()) const
    {
        status how;
        int result = chld_wait_change(id_, changes, detail::limit(most), &how);
        return in_time(result, "chld_wait_change", how, to);
    }
    /** Its status if a call has seen the exit; otherwise it runs. The kernel is not asked. */
    status peek(report to = report()) const
    {
        status how;
        to.check(chld_peek(id_, &how), "chld_peek");
        return how;
    }
    /** True until it has exited, even if it is not reaped yet. */
    bool running(report to = report()) const { return kill(0, to); }

    /** Sends a signal to the child; false if it has exited. */
    bool kill(int signal, report to = report()) const
    {
        return sent(chld_kill(id_, signal), "chld_kill", to);
    }
    /** Sends a signal to the group that it leads; false if nobody is left there. */
    bool kill_group(int signal, report to = report()) const
    {
        return sent(chld_kill_group(id_, signal), "chld_kill_group", to);
    }
    /** Sends a signal to it and its descendants; the number of them that live afterwards, or
     *  nothing if its exit was reported. */
    maybe<uint32_t> kill_tree(int signal, report to = report()) const
    {
        uint32_t survivors = 0;
        if (!sent(chld_kill_tree(id_, signal, &survivors), "chld_kill_tree", to))
            return maybe<uint32_t>();
        return survivors;
    }
    /** Stops it, and waits for its exit; nothing if it outlives the last step. */
    maybe<status> stop(const stop_plan &plan = stop_plan(), report to = report()) const
    {
        status how;
        chld_stop_plan raw = plan.raw();
        return in_time(chld_stop(id_, &raw, &how), "chld_stop", how, to);
    }

    /** Its pid, for messages. */
    int pid(report to = report()) const { return to.check(chld_pid(id_), "chld_pid"); }
    /** A descriptor that is readable once it has exited. It stays the library's. */
    int exit_fd(report to = report()) const
    {
        return to.check(chld_exit_fd(id_), "chld_exit_fd");
    }
    /** The caller's end of its stdin, which stays the library's. */
    int stdin_fd(report to = report()) const
    {
        return to.check(chld_stdin_fd(id_), "chld_stdin_fd");
    }
    /** The same for its stdout. */
    int stdout_fd(report to = report()) const
    {
        return to.check(chld_stdout_fd(id_), "chld_stdout_fd");
    }
    /** The same for its stderr. */
    int stderr_fd(report to = report()) const
    {
        return to.check(chld_stderr_fd(id_), "chld_stderr_fd");
    }
    /** Makes the caller's end of CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR the caller's own: close
     *  it with close(). */
    int take_fd(int which, report to = report())
    {
        return to.check(chld_take_fd(id_, which), "chld_take_fd");
    }
    /** Closes such an end: that of stdin ends the input. */
    void close_fd(int which, report to = report())
    {
        to.check(chld_close_fd(id_, which), "chld_close_fd");
    }
    /** Changes the size of its pseudo-terminal. */
    void resize_pty(uint16_t rows, uint16_t columns, report to = report())
    {
        to.check(chld_pty_resize(id_, rows, columns), "chld_pty_resize");
    }
    /** What it has used up. Its exit must have been returned before. */
    chld_resources usage(report to = report()) const
    {
        chld_resources used = chld_resources();
        to.check(chld_usage(id_, &used), "chld_usage");
        return used;
    }

    /** Feeds it, reads its pipes and waits for its exit, by the settings of a capture. What no
     *  setting is about is kept if there is a pipe for it. */
    template <typename... More> output capture(More &&...more)
    {
        detail::extras with(more...);
        detail::request request;
        output all;
        with.how.apply(request);
        if (!request.ready_to_capture(with.to, chld_stdout_fd(id_) >= 0, chld_stderr_fd(id_) >= 0))
            return all;
        chld_capture_result raw = chld_capture_result();
        int result = chld_capture(id_, &request.capture, &raw);
        detail::collect(all, raw, request);
        request.functions.rethrow();
        with.to.check(result == -ETIMEDOUT ? 0 : result, "chld_capture");
        return all;
    }

private:
    static maybe<status> in_time(int result, const char *function, const status &how,
                                 const report &to)
    {
        if (to.check(result == -ETIMEDOUT ? 0 : result, function) < 0 || result != 0)
            return maybe<status>();
        return how;
    }
    static bool sent(int result, const char *function, const report &to)
    {
        return to.check(result == -ESRCH ? 0 : result, function) == 0 && result == 0;
    }
    void start(const arguments &argv, const options &how, const report &to)
    {
        detail::request request;
        how.apply(request);
        request.argv = argv;
        if (request.stop_at_last)
            stop_when_destroyed(request.last_plan);
        if (!request.ready(to))
            return;
        chld_error why = chld_error();
        if (chld_spawn(&id_, request.words(), &request.spawn, &why) < 0)
            to.fail(failure(why));
        else
            to.success();
    }

    chld_id id_ = CHLD_NONE;
    std::unique_ptr<stop_plan> last_plan_;
};

/** Takes over a child that the program has started by other means, as fork(). */
inline child adopt(int pid, report to = report())
{
    chld_id id = CHLD_NONE;
    to.check(chld_adopt(&id, pid), "chld_adopt");
    return child(id);
}

/** The handle of the child with this pid, or CHLD_NONE. Its owner stays the owner. */
inline chld_id find(int pid) noexcept
{
    chld_id id = CHLD_NONE;
    return chld_find(pid, &id) == 0 ? id : chld_id{CHLD_NONE};
}

/**
 * Starts a child, feeds it, reads what it writes, and returns when it has exited. `more`:
 * settings, and a std::error_code or chld::failure. Without the settings out() and err() its
 * output is kept. An exit code, a signal and the timeout are results, not failures.
 */
template <typename... More> output run(const arguments &argv, More &&...more)
{
    detail::extras with(more...);
    detail::request request;
    output all;
    with.how.apply(request);
    request.argv = argv;
    if (!request.ready(with.to) || !request.ready_to_capture(with.to))
        return all;
    chld_capture_result raw = chld_capture_result();
    chld_error why = chld_error();
    int result = chld_run(request.words(), &request.spawn, &request.capture, &raw, &why);
    detail::collect(all, raw, request);
    request.functions.rethrow();
    if (detail::has_result(result, why))
        with.to.success();
    else
        with.to.fail(failure(why));
    return all;
}

} // namespace chld

#endif // CHLD_CHILD_HPP

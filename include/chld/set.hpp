/*
 * chld/set.hpp - many children: one loop, or one descriptor for your own.
 *
 *     chld::set set;
 *     for (const std::string &test : tests)
 *         set.on_event(set.run({test}, chld::timeout(5s)), [=](chld::event &event) {
 *             std::cout << test << ": " << event.output().status.text() << '\n';
 *         });
 *     while (set.count() > 0)
 *         set.dispatch();
 *
 * A child that is moved into a set belongs to it, and each event hands it back: it is
 * closed with its last event unless you move it out of that. A child that is passed as an
 * lvalue stays yours.
 *
 * Threads: one at a time uses a chld::set, except wake(). The functions of a capture run in
 * next(), wait() and dispatch(). They must not destroy the set.
 */
#ifndef CHLD_SET_HPP
#define CHLD_SET_HPP

#include "pipeline.hpp"

#include <unordered_map>

namespace chld {

class event;

namespace detail {

/** A child of a chld::set. */
struct member {
    std::unique_ptr<request> held; // what the capture uses, as long as the child is open
    std::unique_ptr<pipeline_output> result;
    bool taken = false; // the result is complete
    std::function<void(event &)> call;
    chld_id id = CHLD_NONE;
    child owned; // empty if somebody else owns it
};

} // namespace detail

/** Something that a child in a set has done. Copies are of the same event. */
class event {
public:
    /** No event: only for variables that get one later. */
    event() : raw_() {}

    /** The child has exited, and was not captured. */
    bool exited() const noexcept { return raw_.kind == CHLD_EVENT_EXITED; }
    /** The child was stopped by a signal: see set::add(). */
    bool stopped() const noexcept { return raw_.kind == CHLD_EVENT_STOPPED; }
    /** The child was continued: see set::add(). */
    bool continued() const noexcept { return raw_.kind == CHLD_EVENT_CONTINUED; }
    /** The capture is complete: see output(). */
    bool captured() const noexcept { return raw_.kind == CHLD_EVENT_CAPTURED; }
    /** set::wake() was called. There is no child. */
    bool woken() const noexcept { return raw_.kind == CHLD_EVENT_WOKEN; }
    /** The child still runs after the last step of set::stop(). */
    bool survived() const noexcept { return raw_.kind == CHLD_EVENT_SURVIVED; }
    /** The child has left the set. */
    bool last() const noexcept { return raw_.last != 0; }

    /** The handle of the child. */
    chld_id id() const noexcept { return raw_.id; }
    /** How the child exited, or which signal stopped or continued it. */
    chld::status status() const noexcept { return raw_.status; }
    /** The pointer of user(). */
    void *user() const noexcept { return raw_.user; }

    /** The child, which can be moved out of the last event. It is empty if the set does not
     *  own it. */
    chld::child &child() const { return member_->owned; }
    /** What came of a captured child. If a function of the capture has thrown, the first call
     *  throws that. Call it before you close the child. Without a capture, there is only the
     *  status. */
    chld::output &output(report to = report()) const { return pipeline(to); }
    /** The same for set::run_pipeline(). */
    pipeline_output &pipeline(report to = report()) const
    {
        detail::member &of = *member_;
        if (!of.result)
            of.result.reset(new pipeline_output());
        if (!of.held)
            of.result->status = raw_.status;
        else if (!of.taken) {
            chld_capture_result raw = chld_capture_result();
            if (to.check(chld_capture_take(of.id, &raw), "chld_capture_take") < 0)
                return *of.result;
            of.taken = true;
            detail::collect(*of.result, raw, *of.held);
        }
        if (of.held)
            of.held->functions.rethrow();
        to.success();
        return *of.result;
    }

private:
    friend class set;

    chld_event raw_;
    std::shared_ptr<detail::member> member_ = nullptr;
};

/** Many children in one loop. It can be moved, not copied. */
class set {
public:
    /** An empty set. `flags`: 0, or CHLD_SET_SIGCHLD. */
    explicit set(uint32_t flags = 0, report to = report())
    {
        to.check(chld_set_open(flags, &set_), "chld_set_open");
    }
    /** The other set is then closed: calls on it fail with EBADF. */
    set(set &&other) noexcept { swap(other); }
    /** What was here before is destroyed. */
    set &operator=(set &&other) noexcept
    {
        set(std::move(other)).swap(*this);
        return *this;
    }
    /** Ends the captures, and closes the children that the set owns. */
    ~set() { chld_set_close(set_); }

    /** Exchanges two sets. */
    void swap(set &other) noexcept
    {
        std::swap(set_, other.set_);
        std::swap(members_, other.members_);
        std::swap(retired_, other.retired_);
        std::swap(nobody_, other.nobody_);
        std::swap(on_event_, other.on_event_);
    }

    /** Adds a child, and its stops or continuations if CHLD_WATCH_* bits ask for them. The
     *  set owns it, and returns where it is. */
    chld::child &add(chld::child &&who, uint32_t watch = 0, report to = report())
    {
        return moved_in(who, to.check(chld_set_add(set_, who.id(), watch), "chld_set_add"));
    }
    /** Adds a child that stays the caller's. */
    chld::child &add(chld::child &who, uint32_t watch = 0, report to = report())
    {
        to.check(chld_set_add(set_, who.id(), watch), "chld_set_add");
        return who;
    }

    /** Starts a child and captures it, with the settings of run(). The set owns it, and
     *  returns where it is; an empty one if it could not be started. */
    template <typename... More> chld::child &run(const arguments &argv, More &&...more)
    {
        detail::extras with(more...);
        member_pointer one = captor(with.how);
        one->held->argv = argv;
        if (!one->held->ready(with.to) || !one->held->ready_to_capture(with.to))
            return nobody()->owned;
        chld_error why = chld_error();
        chld_set_run(set_, one->held->words(), &one->held->spawn, &one->held->capture, &one->id,
                     &why);
        return started(why, one, with.to);
    }
    /** The same for a pipeline. In the set it is one child, the last stage. */
    template <typename... More> chld::child &run_pipeline(const stages &from, More &&...more)
    {
        detail::extras with(more...);
        detail::line line(from, with.how, true);
        member_pointer one = std::make_shared<detail::member>();
        one->held.reset(new detail::request);
        one->result.reset(new pipeline_output());
        one->result->stages.reserve(from.size());
        if (!line.ready(with.to) || !line.ready_to_capture(*one->held, with.how, with.to))
            return nobody()->owned;
        chld_error why = chld_error();
        chld_set_run_pipeline(set_, line.data(), line.size(), &one->held->capture, &one->id,
                              &why);
        return started(why, one, with.to);
    }
    /** Captures a child with pipes, by the settings of child::capture(). It becomes the
     *  set's own. */
    template <typename... More> chld::child &capture(chld::child &&who, More &&...more)
    {
        detail::extras with(more...);
        return moved_in(who, captured(who.id(), with));
    }
    /** The same for a child that stays as it is: the caller's, or the set's already. */
    template <typename... More> chld::child &capture(chld::child &who, More &&...more)
    {
        detail::extras with(more...);
        captured(who.id(), with);
        return who;
    }

    /** Stops a child by `plan` after a time, without blocking. A later call replaces it. The
     *  child is added if it is not in the set. */
    void stop(const chld::child &who, milliseconds after = milliseconds(0),
              const stop_plan &plan = stop_plan(), report to = report())
    {
        chld_stop_plan raw = plan.raw();
        int wait = detail::limit(after);
        to.check(chld_set_stop(set_, who.id(), wait < 0 ? INT32_MAX : wait, &raw),
                 "chld_set_stop");
    }
    /** Takes a child out of the set: nothing more is reported of it. If the set owned it, it
     *  is returned. */
    chld::child remove(const chld::child &who, report to = report())
    {
        chld::child owned;
        chld_id id = who.id();
        if (to.check(chld_set_remove(set_, id), "chld_set_remove") == 0) {
            member_pointer one = forget(id);
            owned.swap(one->owned);
            retire(one);
        }
        return owned;
    }
    /** The number of children. */
    int count(report to = report()) const
    {
        return to.check(chld_set_count(set_), "chld_set_count");
    }
    /** A descriptor that is readable while there are events. It stays the set's. */
    int fd(report to = report()) const { return to.check(chld_set_fd(set_), "chld_set_fd"); }
    /** Wakes the set with one event. Any thread or signal handler may call it. */
    void wake() const noexcept { chld_set_wake(set_); }

    /** The next event, without waiting; nothing if there is none. In your own event loop, call
     *  it until it returns nothing. */
    maybe<event> next(report to = report())
    {
        chld_event raw = chld_event();
        turn in_turn(*this);
        int result = chld_set_next(set_, &raw);
        return seen(result == -EAGAIN, result, "chld_set_next", raw, to);
    }
    /** Waits for the next event; nothing if there is none within `most`. */
    maybe<event> wait(milliseconds most = forever, report to = report())
    {
        if (most <= milliseconds(0))
            return next(to);
        chld_event raw = chld_event();
        turn in_turn(*this);
        int result = chld_set_wait(set_, detail::limit(most), &raw);
        return seen(result == -ETIMEDOUT, result, "chld_set_wait", raw, to);
    }

    /** What dispatch() calls for the events of children that have no function of their own. */
    void on_event(std::function<void(event &)> call) { on_event_ = std::move(call); }
    /** What dispatch() calls for the events of this child. */
    void on_event(const chld::child &who, std::function<void(event &)> call)
    {
        if (who)
            joined(who.id())->call = std::move(call);
    }
    /** Waits for one event and calls its function; false if there is none within `most`. If a
     *  function of the capture has thrown and output() was not called, this throws that. */
    bool dispatch(milliseconds most = forever, report to = report())
    {
        maybe<event> one = wait(most, to);
        if (!one)
            return false;
        member_pointer of = one->member_;
        if (of->call)
            of->call(*one);
        else if (on_event_)
            on_event_(*one);
        if (one->captured() && of->held)
            of->held->functions.rethrow();
        return true;
    }

private:
    using member_pointer = std::shared_ptr<detail::member>;

    /** As long as the library is at work, functions of a capture may be called: what they
     *  remove is freed afterwards. */
    struct turn {
        explicit turn(set &of) noexcept : of_(of) { of_.turns_++; }
        turn(const turn &) = delete;
        turn &operator=(const turn &) = delete;
        ~turn()
        {
            if (--of_.turns_ == 0)
                of_.retired_.clear();
        }
        set &of_;
    };

    member_pointer member(chld_id id) const
    {
        auto found = members_.find(id);
        if (found != members_.end())
            return found->second;
        member_pointer made = std::make_shared<detail::member>();
        made->id = id;
        return made;
    }
    static member_pointer captor(const options &how)
    {
        member_pointer made = std::make_shared<detail::member>();
        made->held.reset(new detail::request);
        how.apply(*made->held);
        return made;
    }
    member_pointer joined(chld_id id)
    {
        return members_[id] = member(id);
    }
    const member_pointer &nobody()
    {
        if (!nobody_)
            nobody_ = std::make_shared<detail::member>();
        return nobody_;
    }
    chld::child &moved_in(chld::child &who, int result)
    {
        if (result < 0)
            return nobody()->owned;
        member_pointer one = joined(who.id());
        one->owned = std::move(who);
        return one->owned;
    }
    int captured(chld_id id, const detail::extras &with)
    {
        member_pointer one = captor(with.how), known = joined(id);
        if (!one->held->ready_to_capture(with.to, chld_stdout_fd(id) >= 0,
                                         chld_stderr_fd(id) >= 0))
            return -1;
        int result = chld_set_capture(set_, id, &one->held->capture);
        if (with.to.check(result, "chld_set_capture") == 0)
            std::swap(known->held, one->held);
        return result;
    }
    chld::child &started(const chld_error &why, const member_pointer &one, const report &to)
    {
        if (why.code) {
            to.fail(failure(why));
            return nobody()->owned;
        }
        one->owned = chld::child(one->id);
        if (one->held->stop_at_last)
            one->owned.stop_when_destroyed(one->held->last_plan);
        members_[one->id] = one;
        to.success();
        return one->owned;
    }
    member_pointer forget(chld_id id)
    {
        member_pointer one = member(id);
        members_.erase(id);
        return one;
    }
    void retire(const member_pointer &one)
    {
        if (turns_ > 0)
            retired_.push_back(one);
    }
    maybe<event> seen(bool none, int result, const char *function, const chld_event &raw,
                      const report &to)
    {
        if (to.check(none ? 0 : result, function) < 0 || none)
            return maybe<event>();
        event one;
        one.raw_ = raw;
        if (raw.id == CHLD_NONE)
            one.member_ = nobody();
        else
            one.member_ = raw.last ? forget(raw.id) : member(raw.id);
        if (raw.pipeline && one.member_->result) {
            pipeline_output &to_fill = *one.member_->result;
            detail::collect(to_fill, raw.pipeline->stages, raw.pipeline->count);
            to_fill.pipefail = raw.pipeline->pipefail, to_fill.failed = raw.pipeline->failed;
        }
        return one;
    }

    chld_set set_ = 0;
    std::unordered_map<chld_id, member_pointer> members_;
    std::vector<member_pointer> retired_;
    member_pointer nobody_;
    std::function<void(event &)> on_event_;
    int turns_ = 0;
};

} // namespace chld

#endif // CHLD_SET_HPP

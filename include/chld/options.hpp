/*
 * chld/options.hpp - the settings of a start and of a capture.
 *
 *     chld::child server({"httpd"}, chld::cwd("/srv"), chld::out(chld::null));
 *     chld::output sorted = chld::run({"sort"}, chld::input("pear\nfig\n"), chld::timeout(5s));
 *
 * Each function returns a setting. The functions that start or capture children take any
 * number of them; a later one wins. A chld::options holds several, for many starts:
 *
 *     chld::options how(chld::cwd("/srv"), chld::env("LANG", "C"));
 *     chld::child server({"httpd"}, how, chld::out(chld::null));
 *
 * Paths are strings or std::filesystem::path. A string with a NUL byte in it is refused.
 */
#ifndef CHLD_OPTIONS_HPP
#define CHLD_OPTIONS_HPP

#include "request.hpp"

namespace chld {

/** Settings: one, several or none. */
class options {
public:
    /** None. */
    options() = default;
    /** Several, in their order. */
    template <typename... More>
    options(const options &first, const options &second, const More &...more)
    {
        const options *all[] = {&first, &second, &more...};
        for (const options *each : all)
            add(*each);
    }
    /** Adds settings after those that are there. */
    options &add(const options &more)
    {
        std::vector<std::shared_ptr<const step>> steps(more.steps_);
        steps_.insert(steps_.end(), steps.begin(), steps.end());
        return *this;
    }

    /** Internal, as are the next two: what a setting does to a request. */
    using step = std::function<void(detail::request &)>;
    static options of(step one)
    {
        options made;
        made.steps_.push_back(std::make_shared<const step>(std::move(one)));
        return made;
    }
    void apply(detail::request &to) const
    {
        for (const std::shared_ptr<const step> &each : steps_)
            (*each)(to);
    }

private:
    std::vector<std::shared_ptr<const step>> steps_; // copies of settings are cheap
};

namespace detail {

/** The arguments of a call after its first: settings, and where it reports a failure. */
struct extras {
    options how;
    report to;

    template <typename... Extras> explicit extras(Extras &...each)
    {
        int in_order[] = {0, (take(each), 0)...};
        static_cast<void>(in_order);
    }

private:
    void take(const options &more) { how.add(more); }
    void take(std::error_code &code) { to = report(code); }
    void take(failure &why) { to = report(why); }
    void take(const report &other) { to = other; }
};

} // namespace detail

/* The child's program and surroundings */

/** The file to execute, if it is another one than argv[0]. */
inline options program(std::string path)
{
    return options::of([path](detail::request &to) { to.program = path, to.has_program = true; });
}

/** The working directory. */
inline options cwd(std::string path)
{
    return options::of([path](detail::request &to) { to.cwd = path, to.has_cwd = true; });
}

/** Adds or replaces an environment variable. */
inline options env(std::string name, std::string value)
{
    return options::of([name, value](detail::request &to) { to.set[name] = value; });
}

/** Adds or replaces environment variables. */
inline options env(environment variables)
{
    return options::of([variables](detail::request &to) {
        for (const environment::value_type &each : variables)
            to.set[each.first] = each.second;
    });
}

/** Removes an environment variable. */
inline options unset_env(std::string name)
{
    return options::of([name](detail::request &to) {
        to.set.erase(name), to.unset.push_back(name);
    });
}

/** The whole environment: nothing of the caller's is inherited. env() adds to it. */
inline options only_env(environment variables)
{
    return options::of([variables](detail::request &to) { to.whole = variables, to.only = true; });
}

/** The environment of the calling process. Do not call setenv() meanwhile. */
inline environment current_env()
{
    environment all;
    for (char **entry = environ; entry && *entry; entry++) {
        std::string text(*entry);
        size_t sign = text.find('=');
        if (sign != std::string::npos && sign > 0)
            all[text.substr(0, sign)] = text.substr(sign + 1);
    }
    return all;
}

/** Where stdin comes from: chld::null, chld::pipe, chld::file("…"), … A capture feeds it
 *  only if it is chld::pipe or chld::pty. */
inline options in(stream from)
{
    return options::of([from](detail::request &to) { to.lead_in(from); });
}

/** Where stdout leads. A capture does not read it unless it is chld::pipe or chld::pty. */
inline options out(stream where)
{
    return options::of([where](detail::request &to) { to.out.lead(where); });
}

/** Where stderr leads, as for out(). */
inline options err(stream where)
{
    return options::of([where](detail::request &to) { to.err.lead(where); });
}

/** What a capture does with stdout. It gets a pipe, unless it is a pseudo-terminal. */
inline options out(sink what)
{
    return options::of([what](detail::request &to) { to.out.read(what); });
}

/** What a capture does with stderr, as for out(). */
inline options err(sink what)
{
    return options::of([what](detail::request &to) { to.err.read(what); });
}

/** The caller's descriptor `source` becomes the child's `target`. */
inline options map_fd(int source, int target)
{
    return options::of([=](detail::request &to) { to.fds.push_back({source, target}); });
}

/** CHLD_SPAWN_* bits, in addition to those that are set. */
inline options flags(uint64_t bits)
{
    return options::of([bits](detail::request &to) { to.spawn.flags |= bits; });
}

/** A new process group, which the child leads. */
inline options new_group()
{
    return options::of([](detail::request &to) { to.spawn.group_mode = CHLD_GROUP_NEW; });
}

/** The existing process group `group`. */
inline options join_group(int group)
{
    return options::of([group](detail::request &to) {
        to.spawn.group_mode = CHLD_GROUP_JOIN, to.spawn.group = group;
    });
}

/** A new session, which the child leads. */
inline options new_session()
{
    return flags(CHLD_SPAWN_SESSION);
}

/** No program that the child executes gains privileges. */
inline options no_new_privs()
{
    return flags(CHLD_SPAWN_NO_NEW_PRIVS);
}

/** Destroying the chld::child sends SIGKILL to the child, or to the group that it leads,
 *  and does not wait. See also stop_when_destroyed(). */
inline options kill_on_close()
{
    return flags(CHLD_SPAWN_KILL_ON_CLOSE);
}

/** The kernel kills the child when the program dies, however it dies (since Linux 7.1, see
 *  CHLD_SPAWN_KILL_ON_DEATH). */
inline options kill_on_death()
{
    return flags(CHLD_SPAWN_KILL_ON_DEATH);
}

/** No other code of the program can reap the child (since Linux 7.1, see
 *  CHLD_SPAWN_PRIVATE). */
inline options private_child()
{
    return flags(CHLD_SPAWN_PRIVATE);
}

/** Destroying the chld::child stops the child by `plan` and waits for its exit. */
inline options stop_when_destroyed(stop_plan plan = stop_plan())
{
    return options::of([plan](detail::request &to) {
        to.last_plan = plan, to.stop_at_last = true;
    });
}

/** The resource limit RLIMIT_*. */
inline options resource_limit(int resource, uint64_t soft, uint64_t hard)
{
    return options::of([=](detail::request &to) {
        to.limits.push_back({resource, 0, soft, hard});
    });
}

/** The size of a new pseudo-terminal, in characters. */
inline options window(uint16_t rows, uint16_t columns)
{
    return options::of([=](detail::request &to) {
        to.spawn.rows = rows, to.spawn.columns = columns;
    });
}

/** The pointer that events carry, see event::user(). */
inline options user(void *pointer)
{
    return options::of([pointer](detail::request &to) { to.spawn.user = pointer; });
}

/** Everything else: `change` gets the chld_spawn_options just before the start. What it
 *  makes them point to must last until the start has returned. */
inline options raw(std::function<void(chld_spawn_options &)> change)
{
    return options::of([change](detail::request &to) {
        std::function<void(chld_spawn_options &)> before(to.adjust);
        to.adjust = [before, change](chld_spawn_options &spawn) {
            if (before)
                before(spawn);
            change(spawn);
        };
    });
}

/* A capture: run(), child::capture(), run_pipeline(), set::run(), set::capture() */

/** What the child reads on its stdin, which gets a pipe. */
inline options input(std::string bytes)
{
    auto kept = std::make_shared<const std::string>(std::move(bytes));
    return options::of([kept](detail::request &to) {
        to.input = kept, to.functions.in = nullptr, to.feed();
    });
}

/** Calls give(char *buffer, size_t size) for the input. It puts up to `size` bytes into the
 *  buffer and returns their number, 0 at the end. If it throws, the input ends, the child is
 *  stopped, and the exception is thrown again when the child has exited. A setting cancel()
 *  takes the place of the stop: then only the input ends. */
inline options input_from(std::function<size_t(char *buffer, size_t size)> give)
{
    return options::of([give](detail::request &to) {
        to.input = nullptr, to.functions.in = give, to.feed();
    });
}

/** The most time for everything together. Then the child is stopped by the plan of
 *  stop_by(), and output::timed_out is true. */
inline options timeout(milliseconds most)
{
    return options::of([most](detail::request &to) {
        to.capture.timeout_ms = most < milliseconds(1) ? 1 : detail::limit(most);
    });
}

/** How the child is stopped: at the timeout, when it is cancelled, and when a function that
 *  takes its output throws or returns false. */
inline options stop_by(stop_plan plan)
{
    return options::of([plan](detail::request &to) { to.plan = plan; });
}

/** As soon as the descriptor `fd` is readable, the child is stopped as at the timeout, and
 *  output::cancelled is true. */
inline options cancel(int fd)
{
    return options::of([fd](detail::request &to) {
        to.capture.flags |= CHLD_CAPTURE_CANCEL, to.capture.cancel_fd = fd;
    });
}

/** Also reads what descendants of the child write after its exit. */
inline options until_eof()
{
    return options::of([](detail::request &to) { to.capture.flags |= CHLD_CAPTURE_EOF; });
}

} // namespace chld

#endif // CHLD_OPTIONS_HPP

/*
 * chld/request.hpp - what the settings of options.hpp add up to, in the form that chld.h
 * takes. Internal, except for stop_plan.
 */
#ifndef CHLD_REQUEST_HPP
#define CHLD_REQUEST_HPP

#include "stream.hpp"

#include <exception>
#include <map>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

namespace chld {

/** A program and its arguments. */
using arguments = std::vector<std::string>;
/** Names and values of environment variables. */
using environment = std::map<std::string, std::string>;

/** How to stop a child: {{{SIGTERM, 500}, {SIGKILL, -1}}, CHLD_TARGET_GROUP} sends SIGTERM
 *  to its group, waits half a second and sends SIGKILL. See chld_stop_plan. */
struct stop_plan {
    /** SIGTERM and, two seconds later, SIGKILL, to the child alone. */
    stop_plan() = default;
    /** The steps, CHLD_TARGET_* and CHLD_STOP_* bits. */
    stop_plan(std::vector<chld_stop_step> sequence, uint32_t to = CHLD_TARGET_CHILD,
              uint32_t bits = 0)
        : steps(std::move(sequence)), target(to), flags(bits)
    {
    }

    std::vector<chld_stop_step> steps;   /**< None: SIGTERM, 2 s, SIGKILL, 2 s. */
    uint32_t target = CHLD_TARGET_CHILD; /**< One of CHLD_TARGET_*. */
    uint32_t flags = 0;                  /**< CHLD_STOP_* bits. */

    /** For chld.h. It is valid until this is changed, moved or destroyed. */
    chld_stop_plan raw() const noexcept
    {
        return {sizeof(chld_stop_plan), target, flags, steps.data(), steps.size()};
    }
};

namespace detail {

using feeder = std::function<size_t(char *buffer, size_t size)>;

/** The C strings of a vector, and a NULL. */
inline std::vector<const char *> pointers(const std::vector<std::string> &strings)
{
    std::vector<const char *> list;
    list.reserve(strings.size() + 1);
    for (const std::string &each : strings)
        list.push_back(each.c_str());
    list.push_back(nullptr);
    return list;
}

/** Cancels a capture: a function that feeds has no other way to end it. */
class canceller {
public:
    canceller() = default;
    canceller(const canceller &) = delete;
    canceller &operator=(const canceller &) = delete;
    ~canceller()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }

    int open() { return (fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ? -errno : fd_; }
    void cancel() const noexcept
    {
        if (fd_ >= 0)
            eventfd_write(fd_, 1);
    }

private:
    int fd_ = -1;
};

/** The functions of the program that a capture calls. They are called by C code, so an
 *  exception is kept here until that has returned. */
struct calls {
    taker out, err;
    feeder in;
    std::exception_ptr thrown;
    canceller stop;

    static int on_out(void *self, const char *data, size_t size) noexcept
    {
        return static_cast<calls *>(self)->take(&calls::out, data, size);
    }
    static int on_err(void *self, const char *data, size_t size) noexcept
    {
        return static_cast<calls *>(self)->take(&calls::err, data, size);
    }
    static int on_in(void *self, char *buffer, size_t size) noexcept
    {
        return static_cast<calls *>(self)->feed(buffer, size);
    }
    /** Throws what was caught, once. */
    void rethrow()
    {
        std::exception_ptr caught;
        std::swap(caught, thrown);
        if (caught)
            std::rethrow_exception(caught);
    }

private:
    int take(taker calls::*which, const char *data, size_t size) noexcept
    {
        if (thrown)
            return 1;
        try {
            return (this->*which)(data, size) ? 0 : 1;
        } catch (...) {
            thrown = std::current_exception();
            stop.cancel();
            return 1;
        }
    }
    int feed(char *buffer, size_t size) noexcept
    {
        try {
            size_t most = static_cast<size_t>(std::numeric_limits<int>::max());
            size_t got = in(buffer, size < most ? size : most);
            return got <= size ? static_cast<int>(got) : -EINVAL;
        } catch (...) {
            thrown = std::current_exception();
            stop.cancel();
            return -ECANCELED;
        }
    }
};

/** Whether the caller has an end of a stream, so that a capture can feed or read it. */
inline bool has_end(const stream &one)
{
    return one.mode == pipe || one.mode == pty;
}

/** One output stream of a request. */
struct output_stream {
    stream where;
    sink what;
    bool led = false, sunk = false; // whether a setting is about `where`, about `what`
    std::vector<char> memory;       // for the sinks that need some

    void lead(const stream &to)
    {
        where = to, led = true;
        if (!has_end(to))
            what = sink(), sunk = false;
    }
    void read(const sink &by)
    {
        what = by, sunk = true;
        if (where.mode != pty)
            where = pipe;
    }
    /** Whether a capture reads it: unless a setting leads it elsewhere. */
    bool is_read() const { return sunk || !led || has_end(where); }
};

/** The options of a start and of a capture, with all that they point to. */
struct request {
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    arguments argv;
    std::string program, cwd;
    bool has_program = false, has_cwd = false, only = false;
    std::shared_ptr<const std::string> input;
    environment set, whole;
    std::vector<std::string> unset;
    stream in;
    output_stream out, err;
    std::vector<chld_fd_map> fds;
    std::vector<chld_limit> limits;
    stop_plan plan, last_plan;
    bool stop_at_last = false;
    std::function<void(chld_spawn_options &)> adjust;
    calls functions;

    /** Later settings win: a stream that leads elsewhere is not fed, and the reverse. */
    void lead_in(const stream &from)
    {
        in = from;
        if (!has_end(from))
            input = nullptr, functions.in = nullptr;
    }
    void feed()
    {
        if (in.mode != pty)
            in = pipe;
    }

    request() = default;
    request(const request &) = delete;
    request &operator=(const request &) = delete;

    /** Fills `spawn`. False and a report if an item could not be passed as it is. */
    bool ready(const report &to)
    {
        failure broken = misfit();
        if (broken)
            return to.fail(broken), false;
        argv_ = pointers(argv);
        set_text_ = joined(set), whole_text_ = joined(whole);
        set_ = pointers(set_text_), whole_ = pointers(whole_text_), unset_ = pointers(unset);
        spawn.program = has_program ? program.c_str() : nullptr;
        spawn.cwd = has_cwd ? cwd.c_str() : nullptr;
        spawn.env = only ? whole_.data() : nullptr;
        spawn.env_set = set_.data(), spawn.env_unset = unset_.data();
        spawn.in = raw(in), spawn.out = raw(out.where), spawn.err = raw(err.where);
        spawn.fds = fds.data(), spawn.fds_count = fds.size();
        spawn.limits = limits.data(), spawn.limits_count = limits.size();
        if (adjust)
            adjust(spawn);
        return true;
    }

    /** Fills `capture`. `out_kept`, `err_kept`: whether a stream that no setting is about
     *  is read. */
    bool ready_to_capture(const report &to, bool out_kept = true, bool err_kept = true)
    {
        plan_ = plan.raw();
        capture.stop = &plan_;
        capture.in.argument = capture.out.argument = capture.err.argument = &functions;
        if (functions.in)
            capture.in.mode = CHLD_FEED_CALLBACK, capture.in.callback = calls::on_in;
        else if (input)
            capture.in.mode = CHLD_FEED_BUFFER;
        if (input)
            capture.in.data = input->data(), capture.in.size = input->size();
        prepare(out, capture.out, out_kept, calls::on_out, functions.out);
        prepare(err, capture.err, err_kept, calls::on_err, functions.err);
        if (!functions.in || (capture.flags & CHLD_CAPTURE_CANCEL))
            return true;
        capture.cancel_fd = to.check(functions.stop.open(), "eventfd");
        capture.flags |= CHLD_CAPTURE_CANCEL;
        return capture.cancel_fd >= 0;
    }

    const char *const *words() const { return argv_.data(); }

private:
    static chld_stdio raw(const stream &from)
    {
        return {from.mode, from.fd, from.path.c_str(), from.open_flags, from.open_mode};
    }

    static std::vector<std::string> joined(const environment &from)
    {
        std::vector<std::string> entries;
        for (const environment::value_type &each : from)
            entries.push_back(each.first + '=' + each.second);
        return entries;
    }

    static void prepare(output_stream &from, chld_sink &to, bool kept,
                        int (*call)(void *, const char *, size_t), taker &take)
    {
        bool read = from.is_read() && (kept || from.sunk);
        to.mode = read ? from.what.mode : uint32_t{CHLD_SINK_NONE};
        to.flags = from.what.flags, to.size = from.what.size, to.fd = from.what.fd;
        to.callback = call, take = from.what.take;
        if (to.mode == CHLD_SINK_TAIL || to.mode == CHLD_SINK_HEAD_TAIL)
            from.memory.resize(to.size), to.buffer = from.memory.data();
    }

    static failure broken(int step, size_t index, const std::string &item)
    {
        if (item.find('\0') == std::string::npos)
            return failure();
        return failure(step, index, item, "contains a NUL byte");
    }

    static failure broken(const environment &entries)
    {
        size_t index = 0;
        for (const environment::value_type &each : entries) {
            if (each.first.empty() || each.first.find('=') != std::string::npos)
                return failure(CHLD_STEP_ENVIRONMENT, index, each.first,
                               "is not the name of a variable");
            if (failure why = broken(CHLD_STEP_ENVIRONMENT, index++,
                                     each.first + '=' + each.second))
                return why;
        }
        return failure();
    }

    static failure broken(int step, const std::vector<std::string> &list)
    {
        for (size_t index = 0; index < list.size(); index++)
            if (failure why = broken(step, index, list[index]))
                return why;
        return failure();
    }

    /** The first string that C would cut, or that would become another entry. */
    failure misfit() const
    {
        failure found[] = {
            broken(CHLD_STEP_ARGUMENTS, argv),
            broken(CHLD_STEP_EXEC, 0, program),
            broken(CHLD_STEP_CHDIR, 0, cwd),
            broken(set),
            broken(whole),
            broken(CHLD_STEP_ENVIRONMENT, unset),
            broken(CHLD_STEP_OPEN, 0, in.path),
            broken(CHLD_STEP_OPEN, 1, out.where.path),
            broken(CHLD_STEP_OPEN, 2, err.where.path),
        };
        for (const failure &each : found)
            if (each)
                return each;
        return failure();
    }

    std::vector<const char *> argv_, set_, whole_, unset_;
    std::vector<std::string> set_text_, whole_text_;
    chld_stop_plan plan_ = CHLD_STOP_PLAN_INIT;
};

} // namespace detail

} // namespace chld

#endif // CHLD_REQUEST_HPP

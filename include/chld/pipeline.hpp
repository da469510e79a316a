/*
 * chld/pipeline.hpp - a | b | c.
 *
 *     auto counted = chld::run_pipeline({{"sort"}, {"uniq", "-c"}}, chld::input(text));
 *     std::cout << counted.out;
 *     return counted.pipefail.shell_code();
 *
 * A stage with settings of its own is a chld::stage:
 *
 *     chld::run_pipeline({{"sort"}, chld::stage({"uniq", "-c"}, chld::out(chld::file("counts")))});
 */
#ifndef CHLD_PIPELINE_HPP
#define CHLD_PIPELINE_HPP

#include "child.hpp"

#include <initializer_list>

namespace chld {

/** A program in a pipeline. */
struct stage {
    /** A program without settings of its own. */
    stage(std::initializer_list<std::string> words) : argv(words) {}
    /** A program and its settings, which come after those of the call. Of a capture, these are
     *  the input of the first stage and the sinks of the last one. */
    template <typename... More>
    stage(arguments words, const More &...more) : argv(std::move(words))
    {
        options all[] = {options(), more...};
        for (const options &each : all)
            how.add(each);
    }

    arguments argv; /**< The program and its arguments. */
    options how;    /**< The settings. */
};

/** The stages of a pipeline, the first one first. */
using stages = std::vector<stage>;

namespace detail {

/** The stages as chld.h takes them, with all that they point to. */
class line {
public:
    /** The settings of the call are those of each stage, in so far as a pipeline allows:
     *  stdin is the first stage's, stdout the last one's, and all are in one group. In a
     *  capture, they have one pipe for stderr, which chld.h makes if none is set. */
    line(const stages &from, const options &common, bool captured)
    {
        for (size_t i = 0; i < from.size(); i++) {
            requests_.emplace_back(new request);
            request &one = *requests_.back();
            common.apply(one);
            if (i > 0)
                one.in = stream(), one.spawn.group_mode = CHLD_GROUP_INHERIT;
            if (i + 1 < from.size())
                one.out = output_stream();
            if (captured && one.err.is_read())
                one.err.where = stream();
            from[i].how.apply(one);
            one.argv = from[i].argv;
        }
    }

    bool ready(const report &to)
    {
        for (std::unique_ptr<request> &each : requests_) {
            failure why;
            if (!each->ready(report(why)))
                return to.fail(why.in_stage(raw_.size() + 1)), false;
            chld_stage one = chld_stage();
            one.argv = each->words(), one.options = &each->spawn;
            raw_.push_back(one);
        }
        return true;
    }

    /** The capture, with the input of the first stage and the sinks of the last one. */
    bool ready_to_capture(request &capture, const options &common, const report &to)
    {
        common.apply(capture);
        if (!requests_.empty()) {
            const request &first = *requests_.front(), &last = *requests_.back();
            capture.input = first.input, capture.functions.in = first.functions.in;
            capture.out = last.out, capture.err = last.err;
        }
        return capture.ready_to_capture(to);
    }

    request &at(size_t i) { return *requests_[i]; }
    chld_stage *data() { return raw_.data(); }
    size_t size() const { return raw_.size(); }

private:
    std::vector<std::unique_ptr<request>> requests_;
    std::vector<chld_stage> raw_;
};

} // namespace detail

/** The status of the last one that did not exit with 0, else of the last one: `$?` in a
 *  shell with `set -o pipefail`. */
inline status pipefail(const std::vector<status> &all)
{
    for (size_t i = all.size(); i-- > 0;)
        if (!all[i].success())
            return all[i];
    return all.empty() ? status() : all.back();
}

/** A pipeline whose stages are children like any other. */
class pipeline {
public:
    /** No stages. */
    pipeline() = default;
    /** Starts the stages. `more`: settings for all of them, and a std::error_code or
     *  chld::failure. If one cannot be started, there is none, and the failure names it. */
    template <typename... More> explicit pipeline(const stages &from, More &&...more)
    {
        detail::extras with(more...);
        start(from, with);
    }

    /** The children, the first stage first. They can be moved out. */
    std::vector<child> children;

    /** Waits for all of them, and returns their statuses. */
    std::vector<status> wait(report to = report()) const
    {
        std::vector<status> all;
        for (const child &each : children)
            all.push_back(each.wait(to));
        return all;
    }

private:
    void start(const stages &from, const detail::extras &with)
    {
        detail::line line(from, with.how, false);
        children.resize(from.size());
        for (size_t i = 0; i < from.size(); i++)
            if (line.at(i).stop_at_last)
                children[i].stop_when_destroyed(line.at(i).last_plan);
        chld_error why = chld_error();
        if (!line.ready(with.to) || chld_pipeline(line.data(), line.size(), &why) < 0) {
            children.clear();
            if (why.code)
                with.to.fail(failure(why));
            return;
        }
        for (size_t i = 0; i < from.size(); i++)
            children[i].own(line.data()[i].id);
        with.to.success();
    }
};

/**
 * Runs a pipeline to its end, as run() does with a child. The input is the first stage's,
 * the output the last one's; stderr is kept of all stages without a setting err(). Settings
 * of the call are those of every stage. The timeout and the stop plan are for all together.
 */
template <typename... More> pipeline_output run_pipeline(const stages &from, More &&...more)
{
    detail::extras with(more...);
    detail::line line(from, with.how, true);
    detail::request request;
    pipeline_output all;
    if (!line.ready(with.to) || !line.ready_to_capture(request, with.how, with.to))
        return all;
    chld_pipeline_result raw = chld_pipeline_result();
    chld_error why = chld_error();
    int result = chld_run_pipeline(line.data(), line.size(), &request.capture, &raw, &why);
    detail::collect(all, raw.capture, request);
    detail::collect(all, line.data(), line.size());
    all.pipefail = raw.pipefail, all.failed = raw.failed;
    request.functions.rethrow();
    if (detail::has_result(result, why))
        with.to.success();
    else
        with.to.fail(failure(why));
    return all;
}

} // namespace chld

#endif // CHLD_PIPELINE_HPP

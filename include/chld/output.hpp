/*
 * chld/output.hpp - what run(), captures and pipelines return.
 */
#ifndef CHLD_OUTPUT_HPP
#define CHLD_OUTPUT_HPP

#include "request.hpp"

namespace chld {

/** What came of a captured child. */
struct output {
    chld::status status;    /**< How it exited. It runs if it has outlived the stop plan. */
    std::string out;        /**< What was kept of its stdout. */
    std::string err;        /**< What was kept of its stderr. */
    bool timed_out = false; /**< The timeout was reached. `out` and `err` have what came. */
    bool cancelled = false; /**< The descriptor of cancel() became readable. */
    std::chrono::nanoseconds elapsed = std::chrono::nanoseconds(0); /**< How long it took. */
    /** Everything else: totals, truncation, resource usage. Its `data` are NULL. */
    chld_capture_result raw = chld_capture_result();
};

/** What came of one stage of a pipeline. */
struct stage_output {
    chld::status status;                     /**< How it exited. */
    int pid = 0;                             /**< For messages. */
    chld_resources usage = chld_resources(); /**< What it has used up. */
};

/** What came of a pipeline. The members of output are those of the last stage. */
struct pipeline_output : output {
    std::vector<stage_output> stages; /**< The first stage first. */
    /** The status of the last stage that did not exit with 0; else that of the last one. */
    chld::status pipefail;
    /** The number of that stage, counted from 1; 0 if all exited with 0. */
    int failed = 0;
};

namespace detail {

/** Frees what a result has from the library. */
class result_buffers {
public:
    result_buffers(chld_capture_result &result, const request &of) : result_(result)
    {
        out_ = of.capture.out.mode == CHLD_SINK_GROW ? result.out.data : nullptr;
        err_ = of.capture.err.mode == CHLD_SINK_GROW ? result.err.data : nullptr;
    }
    result_buffers(const result_buffers &) = delete;
    result_buffers &operator=(const result_buffers &) = delete;
    ~result_buffers()
    {
        chld_buffer_free(out_);
        chld_buffer_free(err_);
        result_.out.data = result_.err.data = nullptr;
    }

private:
    chld_capture_result &result_;
    char *out_, *err_;
};

/** Moves a result into an output. */
inline void collect(output &to, chld_capture_result &result, const request &of)
{
    result_buffers freed(result, of);
    to.status = result.status;
    if (result.out.data)
        to.out.assign(result.out.data, static_cast<size_t>(result.out.kept));
    if (result.err.data)
        to.err.assign(result.err.data, static_cast<size_t>(result.err.kept));
    to.timed_out = result.timed_out != 0, to.cancelled = result.cancelled != 0;
    to.elapsed = std::chrono::nanoseconds(result.elapsed_ns);
    to.raw = result;
    to.raw.out.data = to.raw.err.data = nullptr;
}

inline void collect(pipeline_output &to, const chld_stage *stages, size_t count)
{
    to.stages.resize(count);
    for (size_t i = 0; i < count; i++) {
        to.stages[i].status = stages[i].status;
        to.stages[i].pid = stages[i].pid, to.stages[i].usage = stages[i].usage;
    }
}

/** Whether a capture has a result: if it succeeded, or if the child outlived its plan. */
inline bool has_result(int result, const chld_error &why)
{
    return result == 0 || (result == -ETIMEDOUT && why.step == CHLD_STEP_CAPTURE);
}

} // namespace detail

} // namespace chld

#endif // CHLD_OUTPUT_HPP

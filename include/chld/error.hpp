/*
 * chld/error.hpp - failures: as an exception, as a std::error_code, or in full.
 *
 *     chld::child ls({"ls"});                          // throws a chld::error
 *
 *     std::error_code code;
 *     chld::child ls({"ls"}, code);                    // sets `code`
 *
 *     chld::failure why;
 *     chld::child ls({"ls"}, why);                     // why.step(), why.item(), why.text()
 *
 * Each function of chld.hpp that can fail takes one of the last two as its last argument.
 */
#ifndef CHLD_ERROR_HPP
#define CHLD_ERROR_HPP

#include "../chld.h"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace chld {

namespace detail {

class errno_category : public std::error_category {
public:
    const char *name() const noexcept override { return "chld"; }
    std::string message(int code) const override { return std::generic_category().message(code); }
    std::error_condition default_error_condition(int code) const noexcept override
    {
        return std::error_condition(code, std::generic_category());
    }
};

} // namespace detail

/** The category of this library's error codes. Their values are those of errno, so they
 *  can be compared with std::errc. */
inline const std::error_category &category() noexcept
{
    static const detail::errno_category instance;
    return instance;
}

/** What failed, and why. An empty one (false) means that nothing failed. */
class failure {
public:
    /** Nothing failed. */
    failure() noexcept : raw_() {}
    /** The call of `function`, which returned the negative errno `result`. */
    failure(int result, const char *function)
        : raw_(), text_(function + (": " + category().message(-result)))
    {
        raw_.code = -result;
    }
    /** A start, a run or a pipeline, as chld.h describes it in `raw`. */
    explicit failure(const chld_error &raw) : raw_(raw)
    {
        char buffer[512] = "";
        chld_error_text(&raw, buffer, sizeof buffer);
        text_ = buffer;
    }
    /** A rule of chld.hpp itself that an item of a start has broken. */
    failure(int step, size_t index, const std::string &item, const char *rule) : raw_()
    {
        raw_.code = EINVAL, raw_.step = step, raw_.index = static_cast<int>(index);
        std::string shown; // as chld_error_text() shows control characters
        for (char each : item)
            shown += static_cast<unsigned char>(each) < 32 ? std::string("^") + char(each + 64)
                                                           : std::string(1, each);
        shown.copy(raw_.item, sizeof raw_.item - 1);
        text_ = std::string(chld_step_name(step)) + ' ' + shown + ": " + rule;
    }

    /** True if something failed. */
    explicit operator bool() const noexcept { return raw_.code != 0; }
    /** The errno, as an error code of chld::category(). */
    std::error_code code() const noexcept { return {raw_.code, category()}; }
    /** The step of a start that failed: one of CHLD_STEP_*, or CHLD_STEP_NONE. */
    int step() const noexcept { return raw_.step; }
    /** The position of the item at which the step failed, else 0. */
    int index() const noexcept { return raw_.index; }
    /** The path, program or entry at which the step failed, or "". */
    const char *item() const noexcept { return raw_.item; }
    /** The stage of a pipeline that could not be started, counted from 1, else 0. */
    int stage() const noexcept { return raw_.stage; }
    /** In words: "exec lss: No such file or directory". */
    const std::string &text() const noexcept { return text_; }

    /** The same failure, in a stage of a pipeline. */
    failure in_stage(size_t number) const
    {
        failure same(*this);
        same.raw_.stage = static_cast<int>(number);
        same.text_ = "stage " + std::to_string(number) + ": " + text_;
        return same;
    }

private:
    chld_error raw_;
    std::string text_;
};

/** The exception that functions of chld.hpp throw. code() is that of the failure. */
class error : public std::system_error {
public:
    /** The exception for a failure. */
    explicit error(const failure &why)
        : std::system_error(why.code()), why_(std::make_shared<const failure>(why))
    {
    }

    /** The text of the failure. */
    const char *what() const noexcept override { return why_->text().c_str(); }
    /** The failure in full. */
    const failure &why() const noexcept { return *why_; }
    /** These are shorthands for the same functions of why(). */
    int step() const noexcept { return why_->step(); }
    int index() const noexcept { return why_->index(); }
    const char *item() const noexcept { return why_->item(); }
    int stage() const noexcept { return why_->stage(); }

private:
    std::shared_ptr<const failure> why_; // copying an exception must not throw
};

/** Where a function reports its failure. Without an argument it throws a chld::error. */
class report {
public:
    /** Throws. */
    report() noexcept = default;
    /** Stores the error code. Success stores an empty one. */
    report(std::error_code &code) noexcept : code_(&code) {}
    /** Stores the failure in full. Success stores an empty one. */
    report(failure &why) noexcept : why_(&why) {}

    /** Throws or stores a failure. */
    void fail(const failure &why) const
    {
        if (code_)
            *code_ = why.code();
        else if (why_)
            *why_ = why;
        else
            throw error(why);
    }
    /** Stores that nothing failed. */
    void success() const noexcept
    {
        if (code_)
            code_->clear();
        if (why_)
            *why_ = failure();
    }
    /** Reports what `function` of chld.h returned, and returns that. */
    int check(int result, const char *function) const
    {
        if (result < 0)
            fail(failure(result, function));
        else
            success();
        return result;
    }

private:
    std::error_code *code_ = nullptr;
    failure *why_ = nullptr;
};

} // namespace chld

#endif // CHLD_ERROR_HPP

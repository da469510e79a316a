/*
 * functions.cpp - functions of the program that feed a child and take its output, and what
 * they throw.
 */
#include "test.h"

#include <cstring>

static void bytes_and_lines()
{
    std::string all;
    chld::output output = chld::run(shell("printf 'one\\ntwo'; echo err >&2"),
                                    chld::out(chld::bytes([&](const char *data, size_t size) {
                                        all.append(data, size);
                                    })));
    REQUIRE(all == "one\ntwo" && output.out.empty() && output.err == "err\n");

    std::vector<std::string> lines, errors;
    output = chld::run(shell("printf 'one\\n\\0two\\nlast'; printf 'long line\\n' >&2"),
                       chld::out(chld::lines([&](const std::string &line) {
                           lines.push_back(line);
                       })),
                       chld::err(chld::lines(
                           [&](std::string line) { errors.push_back(line); }, 5)));
    REQUIRE(lines.size() == 3 && lines[0] == "one\n" && lines[2] == "last");
    REQUIRE(lines[1] == std::string("\0two\n", 5));
    REQUIRE(errors.size() == 2 && errors[0] == "long " && errors[1] == "line\n");

    // A function can keep its own state, and settings can be used again.
    std::vector<int> counts;
    int count = 0;
    chld::options how = chld::out(chld::lines([&counts, count](const std::string &) mutable {
        counts.push_back(++count);
    }));
    chld::run({"printf", "a\nb\n"}, how);
    chld::run({"printf", "a\n"}, how);
    REQUIRE((counts == std::vector<int>{1, 2, 1}));

    pipe_ends ends;
    chld::run({"echo", "both"},
              chld::out(chld::lines([&](const std::string &) {}).tee(ends.fds[1])));
    ends.close_write();
    REQUIRE(contents(ends.fds[0]) == "both\n");
}

static void feeding()
{
    int left = 1000;
    chld::output output = chld::run({"wc", "-c"}, chld::input_from([&](char *buffer, size_t size) {
        size_t count = left-- > 0 ? (size < 100 ? size : 100) : 0;
        std::memset(buffer, 'x', count);
        return count;
    }));
    REQUIRE(output.out == "100000\n" && output.raw.fed == 100000);
    output = chld::run({"cat"},
                       chld::input_from([](char *, size_t) { return static_cast<size_t>(-1); }));
    REQUIRE(output.raw.feed_error == EINVAL && output.out.empty());
    // The later setting wins.
    output = chld::run({"cat"}, chld::input_from([](char *, size_t) -> size_t { return 0; }),
                       chld::input("text"));
    REQUIRE(output.out == "text");
    output = chld::run({"cat"}, chld::input("text"), chld::in(chld::null));
    REQUIRE(output.out.empty() && output.status.success());
    REQUIRE(chld::run({"cat"}, chld::in(chld::null), chld::input("text")).out == "text");
    int calls = 0;
    chld::options counting = chld::out(chld::lines([&](const std::string &) { calls++; }));
    REQUIRE(chld::run({"echo", "text"}, counting, chld::out(chld::null)).out.empty());
    REQUIRE(chld::run({"echo", "text"}, counting, chld::out(chld::null), chld::out(chld::pipe))
                .out == "text\n");
    REQUIRE(calls == 0);
    chld::run({"echo", "text"}, chld::out(chld::null), counting);
    chld::run({"echo", "text"}, counting, chld::out(chld::pty)); // it is still read by the function
    REQUIRE(calls == 2);
}

static void stopping()
{
    int lines = 0;
    chld::output output = chld::run({"yes"}, chld::out(chld::lines([&](const std::string &) {
                                        return ++lines < 3;
                                    })),
                                    chld::stop_by({{{SIGTERM, -1}}}));
    REQUIRE(lines == 3 && output.raw.out.stopped && output.status.code == SIGTERM);
}

/** Nothing of C++ passes through C: the child is stopped, and then the exception comes. */
static void throwing()
{
    std::string input_ended;
    int calls = 0;
    auto thrower = [&](const std::string &) {
        calls++;
        throw std::runtime_error("from a line");
    };
    chld_id begun = CHLD_NONE;
    REQUIRE(own_exception([&] { chld::run({"yes"}, chld::out(chld::lines(thrower))); }) ==
            "from a line");
    REQUIRE(calls == 1);
    // The other stream's function is not called after it.
    calls = 0;
    REQUIRE(own_exception([&] {
                chld::run(shell("echo a; echo b >&2; exec sleep 60"),
                          chld::out(chld::lines(thrower)), chld::err(chld::lines(thrower)));
            }) == "from a line");
    REQUIRE(calls == 1);
    // A child that does not read to the end of its input is stopped, too.
    auto begin = std::chrono::steady_clock::now();
    REQUIRE(own_exception([&] {
                chld::run({"sleep", "60"}, chld::input_from([](char *, size_t) -> size_t {
                    throw std::runtime_error("from the feeder");
                }));
            }) == "from the feeder");
    REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
    // With a cancel descriptor, the input ends.
    pipe_ends ends;
    REQUIRE(own_exception([&] {
                chld::run({"cat"}, chld::cancel(ends.fds[0]),
                          chld::input_from([](char *, size_t) -> size_t {
                              throw std::runtime_error("from the feeder");
                          }));
            }) == "from the feeder");
    // Also with a std::error_code, which is for failures of the library.
    std::error_code code;
    REQUIRE(own_exception([&] { chld::run({"yes"}, chld::out(chld::lines(thrower)), code); }) ==
            "from a line");
    chld::child child({"yes"}, chld::out(chld::pipe));
    begun = child.id();
    REQUIRE(own_exception([&] { child.capture(chld::out(chld::lines(thrower))); }) ==
            "from a line");
    REQUIRE(child.id() == begun && child.wait().killed());
    // Nothing of it is left.
    REQUIRE(chld::run({"echo", "fine"}).out == "fine\n");
}

void functions()
{
    bytes_and_lines();
    feeding();
    stopping();
    throwing();
}

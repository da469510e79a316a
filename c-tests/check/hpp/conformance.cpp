/*
 * conformance.cpp - what every binding must do: see also errors.cpp (a NUL byte in a string;
 * step and item of a failure) and streams.cpp (merged, discarded and redirected streams).
 */
#include "test.h"

#include <thread>

/* A string where a list is wanted does not compile. */
template <typename Argument> auto can_run(int) ->
    decltype(chld::run(std::declval<Argument>()), std::true_type());
template <typename Argument> std::false_type can_run(...);
static_assert(decltype(can_run<chld::arguments>(0))::value, "this sees no difference");
static_assert(!decltype(can_run<const char *>(0))::value, "");
static_assert(!decltype(can_run<std::string>(0))::value, "");
static_assert(!std::is_constructible<chld::child, const char *>::value, "");
static_assert(!std::is_constructible<chld::child, std::string>::value, "");

static void timeout_with_partial_output()
{
    chld::output output = chld::run(shell("echo out; echo err >&2; exec sleep 60"),
                                    chld::timeout(ms(1000)), chld::stop_by(killing()));
    REQUIRE(output.timed_out && output.out == "out\n" && output.err == "err\n");
}

static int interrupted[2];

/** Ctrl-C in the middle of run(): the handler writes to a pipe. */
static void interrupt()
{
    pipe_ends ends;
    interrupted[1] = ends.fds[1];
    struct sigaction action, before;
    sigemptyset(&action.sa_mask);
    action.sa_flags = 0;
    action.sa_handler = [](int) {
        ssize_t done = write(interrupted[1], "", 1);
        (void)done;
    };
    REQUIRE(sigaction(SIGINT, &action, &before) == 0);
    auto begin = std::chrono::steady_clock::now();
    chld::output output = chld::run(shell("echo ready; kill -INT $PPID; exec sleep 60"),
                                    chld::cancel(ends.fds[0]), chld::stop_by(killing()));
    REQUIRE(output.cancelled && output.out == "ready\n" && output.status.killed());
    REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
    REQUIRE(sigaction(SIGINT, &before, nullptr) == 0);
}

static void large_output()
{
    std::string big(20000000, 'x');
    chld::output output = chld::run({"cat"}, chld::input(big));
    REQUIRE(output.out == big && output.raw.fed == big.size());
}

static void any_bytes()
{
    std::string bytes;
    for (int i = 0; i < 256; i++)
        bytes += static_cast<char>(i);
    REQUIRE(chld::run({"cat"}, chld::input(bytes)).out == bytes);
    std::string word("\xff\xfe\x80 \xc3"); // no UTF-8
    REQUIRE(chld::run({"printf", "%s", word}).out == word);
    REQUIRE(chld::run(shell("printf %s \"$N\""), chld::env("N", word)).out == word);
}

/** 200 at once, beside as many of the program's own. */
static void many()
{
    chld::set set;
    std::vector<FILE *> own;
    for (int i = 0; i < 200; i++) {
        set.run(shell("sleep 0.1; echo " + std::to_string(i) + "; exit " + std::to_string(i)));
        if (i < 40)
            own.push_back(popen(("exit " + std::to_string(i)).c_str(), "r"));
    }
    int right = 0;
    while (set.count() > 0) {
        chld::event event = *set.wait();
        right += event.output().out == std::to_string(event.status().code) + "\n";
    }
    REQUIRE(right == 200);
    for (int i = 0; i < 40; i++)
        REQUIRE(WEXITSTATUS(pclose(own[static_cast<size_t>(i)])) == i);
}

static void threads()
{
    std::vector<std::thread> all;
    std::vector<std::string> said(8);
    for (size_t i = 0; i < said.size(); i++)
        all.emplace_back([&said, i] {
            for (int turn = 0; turn < 10; turn++)
                said[i] += chld::run({"cat"}, chld::input(std::to_string(i))).out;
        });
    for (std::thread &each : all)
        each.join();
    for (size_t i = 0; i < said.size(); i++)
        REQUIRE(said[i] == std::string(10, static_cast<char>('0' + i)));
}

void conformance()
{
    timeout_with_partial_output();
    interrupt();
    large_output();
    any_bytes();
    many();
    threads();
}

/*
 * captures.cpp - what run() and child::capture() feed, keep and return.
 */
#include "test.h"

#include <chrono>
#include <thread>

static void kept()
{
    std::string input("a\0b\0", 4);
    chld::output output = chld::run({"cat"}, chld::input(input));
    REQUIRE(output.status.success() && output.out == input && output.err.empty());
    REQUIRE(!output.raw.out.data && output.raw.fed == 4 && output.raw.pid > 1);
    REQUIRE(output.elapsed.count() > 0 && !output.timed_out && !output.cancelled);
    REQUIRE(chld::run({"cat"}, chld::input("")).status.success()); // an empty input ends at once

    output = chld::run(shell("echo 12345678; echo error >&2; kill -SEGV $$"),
                       chld::out(chld::keep(4)), chld::err(chld::keep_last(4)));
    REQUIRE(output.out == "1234" && output.raw.out.truncated && output.raw.out.total == 9);
    REQUIRE(output.err == "ror\n" && output.status.killed() && output.status.code == SIGSEGV);
    output = chld::run(shell("echo 12345678; echo error >&2"), chld::out(chld::keep_ends(4)),
                       chld::err(chld::discard()));
    REQUIRE(output.out == "128\n" && output.err.empty() && output.raw.err.total == 6);
    output = chld::run({"false"}, chld::out(chld::keep_last(0)));
    REQUIRE(output.status.code == 1 && output.status.shell_code() == 1 && output.out.empty());

    pipe_ends ends, more;
    output = chld::run(shell("echo out; echo err >&2"), chld::out(chld::pass_to(ends.fds[1])),
                       chld::err(chld::keep().tee(more.fds[1])));
    ends.close_write(), more.close_write();
    REQUIRE(output.out.empty() && contents(ends.fds[0]) == "out\n");
    REQUIRE(output.err == "err\n" && contents(more.fds[0]) == "err\n");
}

static void stopped_at_the_timeout()
{
    chld::output output = chld::run(shell("echo begun; sleep 60"), chld::new_group(),
                                    chld::timeout(ms(1000)),
                                    chld::stop_by({{{SIGKILL, -1}}, CHLD_TARGET_GROUP}));
    REQUIRE(output.timed_out && output.out == "begun\n" && output.status.code == SIGKILL);
    output = chld::run({"sleep", "60"}, chld::timeout(ms(-3)), chld::stop_by(killing()));
    REQUIRE(output.timed_out && output.status.code == SIGKILL);
    // It outlives its plan, and exits by itself when nobody reads any more.
    output = chld::run(shell("while sleep 0.05; do echo; done"), chld::timeout(ms(100)),
                       chld::stop_by({{{0, 0}}}));
    REQUIRE(output.timed_out && output.status.running());
    output = chld::run(shell("sleep 0.05; echo late"), chld::timeout(chld::forever));
    REQUIRE(!output.timed_out && output.out == "late\n");
}

static void cancelled()
{
    pipe_ends ends;
    std::thread canceller([&] { ends.close_write(); });
    chld::output output = chld::run(shell("echo begun; exec sleep 60"), chld::cancel(ends.fds[0]),
                                    chld::stop_by({{{SIGTERM, -1}}}));
    canceller.join();
    REQUIRE(output.cancelled && !output.timed_out && output.status.code == SIGTERM);
    // With a function that feeds as well, which has a cancel descriptor of its own otherwise.
    output = chld::run({"sleep", "60"}, chld::cancel(ends.fds[0]), chld::stop_by(killing()),
                       chld::input_from([](char *, size_t) -> size_t { return 0; }));
    REQUIRE(output.cancelled);
}

static void read_to_the_end()
{
    // The line of the grandchild comes after the child's exit.
    std::string script = "(read line; echo late) 0<&7 & echo soon";
    pipe_ends ends;
    std::thread writer([&] {
        std::this_thread::sleep_for(ms(100)); // until most probably the child has exited
        REQUIRE(write(ends.fds[1], "\n", 1) == 1);
    });
    chld::output output = chld::run(shell(script), chld::map_fd(ends.fds[0], 7),
                                    chld::until_eof());
    writer.join();
    REQUIRE(output.out == "soon\nlate\n" && !output.raw.out.held);
}

static void children_with_pipes()
{
    chld::child child({"cat"}, chld::in(chld::pipe), chld::out(chld::pipe));
    chld::output output = child.capture(chld::input("fed\n"));
    REQUIRE(output.out == "fed\n" && output.err.empty() && child.wait().success());
    chld::child merged(shell("echo out; echo err >&2; sleep 60"), chld::out(chld::pipe),
                       chld::err(chld::to_stdout));
    output = merged.capture(chld::timeout(ms(500)), chld::stop_by(killing()));
    REQUIRE(output.out == "out\nerr\n" && output.timed_out && output.status.killed());
    chld::child plain({"true"});
    REQUIRE(plain.capture().status.success());
    REQUIRE(thrown([&] { plain.capture(chld::out(chld::keep())); }).code() ==
            std::errc::no_such_file_or_directory);
}

static void threads()
{
    std::vector<std::thread> all;
    std::vector<std::string> got(8);
    for (size_t i = 0; i < got.size(); i++)
        all.emplace_back([&got, i] {
            for (int turn = 0; turn < 10; turn++)
                got[i] += chld::run({"cat"}, chld::input(std::to_string(i))).out;
        });
    for (std::thread &each : all)
        each.join();
    for (size_t i = 0; i < got.size(); i++)
        REQUIRE(got[i] == std::string(10, static_cast<char>('0' + i)));
}

void captures()
{
    kept();
    stopped_at_the_timeout();
    cancelled();
    read_to_the_end();
    children_with_pipes();
    threads();
}

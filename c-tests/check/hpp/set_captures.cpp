/*
 * set_captures.cpp - captures and pipelines in a set.
 */
#include "test.h"

static void running()
{
    chld::set set;
    std::string told;
    for (int i = 0; i < 20; i++)
        set.on_event(set.run(shell("read x; echo $x; exit " + std::to_string(i)),
                             chld::input("line " + std::to_string(i) + "\n")),
                     [&told, i](chld::event &event) {
                         REQUIRE(event.captured() && event.last() && event.child());
                         chld::output &output = event.output();
                         REQUIRE(output.status.code == i && event.status().code == i);
                         REQUIRE(output.out == "line " + std::to_string(i) + "\n");
                         REQUIRE(&event.output() == &output); // it can be asked again
                         told += '.';
                     });
    REQUIRE(set.count() == 20);
    while (set.count() > 0)
        set.dispatch();
    REQUIRE(told == std::string(20, '.'));

    chld_id id = set.run(shell("echo begun; sleep 60"), chld::new_group(),
                         chld::timeout(ms(300)),
                         chld::stop_by({{{SIGKILL, -1}}, CHLD_TARGET_GROUP}))
                     .id();
    chld::maybe<chld::event> event = set.wait();
    REQUIRE(event->id() == id && event->output().timed_out && event->output().out == "begun\n");
    set.run({"true"}, chld::out(chld::keep()));
    chld::child child = std::move(set.wait()->child()); // its output is freed with it
    child.close();

    set.run({"true"});
    event = set.wait();
    event->child().close();
    std::error_code code;
    event->output(code);
    REQUIRE(code == std::errc::bad_file_descriptor);
}

static void failing()
{
    chld::set set;
    chld::failure why;
    chld::child &none = set.run({"/no/such/program"}, why);
    REQUIRE(!none && why.step() == CHLD_STEP_EXEC && set.count() == 0);
    REQUIRE(thrown([&] { set.run({"echo", std::string("a\0", 2)}); }).step() ==
            CHLD_STEP_ARGUMENTS);
    REQUIRE(!set.run_pipeline({{"true"}, {"/no/such/program"}}, why) && why.stage() == 2);
    chld::child plain({"true"});
    REQUIRE(thrown([&] { set.capture(plain, chld::out(chld::keep())); }).code() ==
            std::errc::no_such_file_or_directory);
    REQUIRE(set.count() == 0 && set.run({"true"}, why) && !why);
    REQUIRE(set.wait()->status().success());
}

static void capturing()
{
    chld::set set;
    chld::child mine({"cat"}, chld::in(chld::pipe), chld::out(chld::pipe));
    set.capture(mine, chld::input("mine\n"));
    chld::maybe<chld::event> event = set.wait();
    REQUIRE(event->output().out == "mine\n" && !event->child() && mine.wait().success());
    set.capture(chld::child(shell("echo yours"), chld::out(chld::pipe)));
    event = set.wait();
    REQUIRE(event->output().out == "yours\n" && event->child());
    chld::child &member = set.add(chld::child(shell("echo both"), chld::out(chld::pipe)));
    set.capture(member); // one event, not two
    event = set.wait();
    REQUIRE(event->captured() && event->output().out == "both\n" && set.count() == 0);
}

static void cancelling()
{
    chld::set set;
    pipe_ends ends;
    set.run({"sleep", "60"}, chld::cancel(ends.fds[0]), chld::stop_by(killing()));
    set.run({"sleep", "60"}, chld::cancel(ends.fds[0]), chld::stop_by(killing()));
    REQUIRE(!set.next());
    ends.close_write();
    REQUIRE(set.wait()->output().cancelled && set.wait()->output().cancelled);
    chld::child &stopped = set.run(shell("echo; exec sleep 60"), chld::timeout(chld::forever));
    set.stop(stopped, ms(0), killing());
    REQUIRE(set.wait()->output().status.code == SIGKILL);
}

static void throwing()
{
    chld::set set;
    chld::options thrower = chld::out(chld::lines([](const std::string &) {
        throw std::runtime_error("from a line");
    }));
    set.run({"yes"}, thrower);
    chld::maybe<chld::event> event = set.wait();
    REQUIRE(event->captured() && own_exception([&] { event->output(); }) == "from a line");
    REQUIRE(event->output().raw.out.total > 0 && event->output().status.killed()); // only once
    set.run({"yes"}, thrower); // nobody asks for the output
    int calls = 0;
    set.on_event([&](chld::event &) { calls++; });
    REQUIRE(own_exception([&] { set.dispatch(); }) == "from a line" && calls == 1);
    set.on_event([&](chld::event &one) {
        REQUIRE(own_exception([&] { one.output(); }) == "from a line");
    });
    set.run({"yes"}, thrower);
    REQUIRE(set.dispatch()); // it was thrown already
    set.run({"sleep", "60"}, chld::input_from([](char *, size_t) -> size_t {
        throw std::runtime_error("from the feeder");
    }));
    event = set.wait();
    REQUIRE(own_exception([&] { event->output(); }) == "from the feeder");
}

/** A function of a capture takes its own child out of the set: it is freed afterwards. */
static void removing_inside()
{
    chld::set set;
    chld::child back, *there = nullptr;
    std::string kept(1000, 'x'), seen;
    there = &set.run({"yes"}, chld::out(chld::lines([&, kept](const std::string &line) {
        back = set.remove(*there);
        seen = line + kept; // its own memory is still there
    })));
    for (int i = 0; i < 1000 && !back; i++)
        set.wait(ms(30));
    REQUIRE(back && seen.size() == 1002 && set.count() == 0);
    REQUIRE(back.stop(killing())->killed());
    // A child that is closed with its set, in the middle of a capture.
    chld::set other;
    other.run({"yes"}, chld::out(chld::lines([](const std::string &) {})), chld::kill_on_close());
    REQUIRE(!other.wait(ms(20)));
}

static void pipelines_inside()
{
    chld::set set;
    chld::child &last = set.run_pipeline({{"sort"}, chld::stage(shell("cat; exit 3")), {"cat"}},
                                         chld::input("b\na\n"));
    chld_id id = last.id();
    REQUIRE(last && set.count() == 1);
    chld::maybe<chld::event> event = set.wait();
    REQUIRE(event->captured() && event->id() == id);
    chld::pipeline_output &output = event->pipeline();
    REQUIRE(output.out == "a\nb\n" && output.stages.size() == 3 && output.failed == 2);
    REQUIRE(output.pipefail.code == 3 && output.stages[1].status.code == 3);
    REQUIRE(output.status.success() && output.stages[0].pid > 1);
}

void set_captures()
{
    running();
    failing();
    capturing();
    cancelling();
    throwing();
    removing_inside();
    pipelines_inside();
}

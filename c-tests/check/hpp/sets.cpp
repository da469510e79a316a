/*
 * sets.cpp - sets: owners, events, watches, stops and wake-ups.
 */
#include "test.h"

static_assert(!std::is_copy_constructible<chld::set>::value, "one owner");
static_assert(std::is_nothrow_move_constructible<chld::set>::value, "");

static void owning()
{
    chld::set set;
    chld::child &inside = set.add(chld::child(shell("read x; exit 9"), chld::in(chld::pipe)));
    chld_id id = inside.id();
    REQUIRE(set.count() == 1 && inside.running() && !set.next());
    inside.close_fd(CHLD_STDIN);
    {
        chld::maybe<chld::event> event = set.wait();
        REQUIRE(event && event->exited() && event->last() && event->status().code == 9);
        REQUIRE(event->id() == id && event->child().id() == id && set.count() == 0);
        REQUIRE(event->child().wait().code == 9 && !closed(id));
    }
    REQUIRE(closed(id)); // the event was its last owner

    set.add(chld::child({"true"}));
    chld::child mine = std::move(set.wait()->child());
    REQUIRE(mine && mine.wait().success());

    chld::options stopped = chld::stop_when_destroyed(killing());
    int added, run, fd;
    {
        chld::set other;
        added = other.add(chld::child({"sleep", "60"}, stopped)).pid();
        run = other.run({"sleep", "60"}, stopped).pid();
        fd = other.fd();
    }
    REQUIRE(gone(added) && gone(run) && fcntl(fd, F_GETFD) < 0);
}

static void borrowing()
{
    chld::set set;
    chld::child child(shell("exit 4"));
    REQUIRE(&set.add(child) == &child);
    REQUIRE(thrown([&] { set.add(child); }).code() == std::errc::file_exists);
    chld::maybe<chld::event> event = set.wait(chld::forever);
    REQUIRE(event && event->id() == child.id() && !event->child());
    event = chld::maybe<chld::event>();
    REQUIRE(child.wait().code == 4); // still the caller's
}

static void moving()
{
    chld::set first, set(std::move(first));
    std::error_code code;
    REQUIRE(first.fd(code) < 0 && code == std::errc::bad_file_descriptor);
    chld::child left({"true"});
    REQUIRE(!first.add(std::move(left), 0, code) && code && left); // it was not taken
    REQUIRE(!first.run({"true"}, code) && code == std::errc::bad_file_descriptor);
    int calls = 0;
    set.on_event([&](chld::event &event) { calls += event.child() ? 1 : 100; });
    set.add(std::move(left));
    first = std::move(set);
    REQUIRE(first.dispatch() && calls == 1 && !first.next());
}

static void watching()
{
    chld::set set;
    set.add(chld::child(shell("kill -STOP $$; read x; exit 2"), chld::in(chld::pipe)),
            CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED);
    chld::maybe<chld::event> event = set.wait();
    REQUIRE(event->stopped() && !event->last() && event->status().code == SIGSTOP);
    REQUIRE(event->output().status.stopped()); // without a capture, that is all
    REQUIRE(event->child().kill(SIGCONT) && set.count() == 1);
    event = set.wait();
    REQUIRE(event->continued() && event->status().continued());
    event->child().close_fd(CHLD_STDIN);
    event = set.wait();
    REQUIRE(event->exited() && event->last() && event->status().code == 2);
    REQUIRE(event->output().status.code == 2 && event->output().out.empty());
}

static void stopping()
{
    chld::set set;
    for (int i = 0; i < 3; i++) {
        chld::child &deaf = set.add(chld::child(
            shell("trap '' TERM; echo; while :; do sleep 1; done"), chld::out(chld::pipe)));
        char ready;
        REQUIRE(read(deaf.stdout_fd(), &ready, 1) == 1);
        set.stop(deaf, ms(0), {{{SIGTERM, 20}}});
    }
    std::vector<chld::event> survivors;
    for (int i = 0; i < 3; i++) {
        survivors.push_back(*set.wait());
        REQUIRE(survivors.back().survived() && !survivors.back().last());
    }
    for (chld::event &each : survivors)
        set.stop(each.child(), ms(1), killing());
    for (int i = 0; i < 3; i++)
        REQUIRE(set.wait()->status().code == SIGKILL);
    chld::child added({"sleep", "60"}); // by stop() itself
    set.stop(added, ms(0), killing());
    REQUIRE(set.count() == 1 && set.wait()->id() == added.id());
    chld::child spared(shell("exit 8"));
    set.stop(spared, chld::forever);
    REQUIRE(set.wait()->status().code == 8);
}

static void removing()
{
    chld::set set;
    chld_id id = set.add(chld::child({"true"})).id();
    std::error_code code;
    chld::child other({"true"});
    REQUIRE(!set.remove(other, code) && code == std::errc::no_such_file_or_directory);
    chld::child handle(id);
    chld::child back = set.remove(handle);
    handle.take_id();
    REQUIRE(back.id() == id && set.count() == 0 && back.wait().success() && !set.next());
    set.add(back);
    REQUIRE(!set.remove(back) && back); // it was the caller's
}

static void waking()
{
    chld::set set;
    REQUIRE(!set.wait(ms(5)) && !set.dispatch(ms(0)));
    REQUIRE(!readable(set.fd(), 0));
    set.wake();
    set.wake();
    REQUIRE(readable(set.fd()));
    chld::maybe<chld::event> event = set.next();
    REQUIRE(event && event->woken() && event->id() == CHLD_NONE && !event->child());
    REQUIRE(!set.next());
}

static void handlers()
{
    chld::set set;
    std::string told;
    int user = 0;
    set.on_event([&](chld::event &event) {
        told += event.user() == &user ? "user " : "other ";
    });
    set.on_event(set.add(chld::child(shell("exit 5"))), [&](chld::event &event) {
        told += "own " + std::to_string(event.status().code) + ' ';
    });
    while (set.count() > 0)
        REQUIRE(set.dispatch());
    set.add(chld::child({"true"}, chld::user(&user)));
    REQUIRE(set.dispatch() && told == "own 5 user ");
    chld::child mine({"true"});
    set.on_event(set.add(mine), [&](chld::event &) { throw std::runtime_error("from an event"); });
    REQUIRE(own_exception([&] { set.dispatch(); }) == "from an event" && set.count() == 0);
    set.on_event(nullptr);
    set.add(chld::child({"true"}));
    REQUIRE(set.dispatch() && set.count() == 0 && told == "own 5 user ");
    // A handler can start the next child, and move its own out.
    chld::child kept;
    set.on_event([&](chld::event &event) {
        if (event.status().success())
            set.add(chld::child({"false"}));
        kept = std::move(event.child());
    });
    set.add(chld::child({"true"}));
    while (set.count() > 0)
        set.dispatch();
    REQUIRE(kept.wait().code == 1);
}

void sets()
{
    owning();
    borrowing();
    moving();
    watching();
    stopping();
    removing();
    waking();
    handlers();
}

/*
 * children.cpp - owners of children, waiting for them and signalling them.
 */
#include "test.h"

#include <sys/wait.h>

static_assert(!std::is_copy_constructible<chld::child>::value, "one owner");
static_assert(!std::is_copy_assignable<chld::child>::value, "one owner");
static_assert(std::is_nothrow_move_constructible<chld::child>::value, "");
static_assert(std::is_nothrow_move_assignable<chld::child>::value, "");

static void owners()
{
    chld_id id;
    {
        chld::child child({"true"});
        id = child.id();
        REQUIRE(child && !closed(id) && child.pid() > 1);
        chld::child moved(std::move(child));
        REQUIRE(!child && moved.id() == id && !closed(id));
        child = std::move(moved);
        REQUIRE(child.id() == id && child.wait().success() && child.wait().success());
    }
    REQUIRE(closed(id));
    chld::child kept({"true"});
    id = kept.take_id();
    kept.close();
    REQUIRE(!kept && !closed(id));
    kept = chld::child(id);
    REQUIRE(kept.wait().exited());
    chld::child other({"true"});
    chld_id second = other.id();
    kept = std::move(other);
    REQUIRE(closed(id) && kept.id() == second && !closed(second));
    kept.swap(other);
    REQUIRE(!kept && other.id() == second);
}

static void statuses()
{
    chld::status dumped = chld_status{CHLD_STATE_DUMPED, SIGSEGV, 1, SIGSEGV | 0x80};
    REQUIRE(dumped.dumped() && dumped.killed() && !dumped.exited() && !dumped.success());
    REQUIRE(dumped.text() == "killed by SIGSEGV (segmentation fault), core dumped");
    chld::status lost = chld_status{CHLD_STATE_LOST, -1, 0, -1};
    REQUIRE(lost.lost() && !lost.running() && !lost.success() && !dumped.lost());
    REQUIRE(chld::status().running() && !chld::status().success());
}

static void last_stops()
{
    int pid;
    {
        chld::child child({"sleep", "60"}, chld::stop_when_destroyed(killing()));
        pid = child.pid();
        chld::child moved(std::move(child)); // the plan goes with the child
        child = chld::child();
        REQUIRE(!gone(pid));
    }
    REQUIRE(gone(pid));
    pipe_ends ends;
    {
        chld::child child(shell("trap 'echo asked >&7; exit' TERM; echo ready; "
                                "while :; do sleep 0.01; done"),
                          chld::map_fd(ends.fds[1], 7), chld::out(chld::pipe));
        char ready;
        REQUIRE(read(child.stdout_fd(), &ready, 1) == 1);
        child.stop_when_destroyed({{{SIGTERM, 20000}, {SIGKILL, -1}}});
        pid = child.pid();
    }
    ends.close_write();
    REQUIRE(gone(pid) && contents(ends.fds[0]) == "asked\n");
    pipe_ends spared;
    {
        chld::child child(shell("read x; echo spared >&7"), chld::map_fd(spared.fds[1], 7),
                          chld::in(chld::pipe), chld::stop_when_destroyed(killing()));
        child.own(child.take_id()); // the plan was for the owner that it had
    }
    spared.close_write();
    REQUIRE(contents(spared.fds[0]) == "spared\n");
    {
        chld::child child({"sleep", "60"}, chld::kill_on_close(), chld::new_group());
        pid = child.pid();
    }
    chld_reap();
    for (int i = 0; i < 3000 && !gone(pid); i++, chld_reap())
        poll(nullptr, 0, 10);
    REQUIRE(gone(pid));
    chld::child plain({"sleep", "60"});
    pid = plain.pid();
    chld::child copy(plain.id());
    plain.take_id();
    REQUIRE(copy.running() && copy.stop(killing())->killed());
}

static void handed_over()
{
    chld::child child(shell("exit 5"));
    int pid = child.pid(), word = 0;
    chld_id id = child.id();
    REQUIRE(chld::find(pid) == id);
    REQUIRE(child.release() == pid && !child && closed(id) && chld::find(pid) == CHLD_NONE);
    REQUIRE(waitpid(pid, &word, 0) == pid && WEXITSTATUS(word) == 5);

    pid = fork();
    if (pid == 0)
        _exit(6);
    chld::child taken = chld::adopt(pid);
    REQUIRE(taken.wait().code == 6);
    chld::child reported({"true"});
    REQUIRE(reported.wait().success());
    REQUIRE(thrown([&] { reported.release(); }).code() == std::errc::no_such_process && reported);
}

static void waiting()
{
    chld::child child(shell("kill -STOP $$; exit 3"));
    chld::maybe<chld::status> change = child.wait_change(CHLD_WATCH_STOPPED);
    REQUIRE(change && change->stopped() && change->shell_code() == 128 + SIGSTOP);
    REQUIRE(!child.wait(ms(10)) && !child.wait(ms(-5)) && !child.wait_change(0, ms(0)));
    REQUIRE(child.running() && child.peek().running() && child.kill(SIGCONT));
    chld::maybe<chld::status> status = child.wait(chld::forever);
    REQUIRE(status && status->exited() && status->code == 3 && !status->success());
    REQUIRE(!child.kill(SIGTERM) && !child.running() && status->text() == "exited with code 3");
    REQUIRE(child.peek().code == 3 && child.usage().max_resident_kib > 0);
    std::string what;
    try {
        chld::maybe<int>().value();
    } catch (const std::logic_error &error) {
        what = error.what();
    }
    REQUIRE(what == "chld::maybe: there is no value" && chld::maybe<int>(4).value() == 4);
}

static void signals()
{
    chld::child leader(shell("sleep 60"), chld::new_group());
    int fd = leader.exit_fd();
    REQUIRE(!readable(fd, 0) && leader.kill_group(SIGKILL) && readable(fd));
    REQUIRE(leader.wait().killed() && !leader.wait().dumped());

    chld::child deaf(shell("trap '' TERM; kill -STOP $$; exec sleep 60"));
    REQUIRE(deaf.wait_change()->stopped() && deaf.kill(SIGCONT));
    REQUIRE(!deaf.stop({{{SIGTERM, 20}}}));
    chld::maybe<uint32_t> survivors = deaf.kill_tree(SIGKILL);
    REQUIRE(survivors && *survivors == 0 && deaf.stop()->code == SIGKILL);
    REQUIRE(!deaf.kill_tree(SIGKILL)); // its exit was reported

    // The plan's target counts: nobody in the group has the pipe open any more.
    chld::child group(shell("sleep 60 & echo; wait"), chld::new_group(), chld::out(chld::pipe));
    char newline;
    REQUIRE(read(group.stdout_fd(), &newline, 1) == 1);
    REQUIRE(group.stop({{{SIGTERM, -1}}, CHLD_TARGET_GROUP, CHLD_STOP_SWEEP})->killed());
    REQUIRE(readable(group.stdout_fd()) && read(group.stdout_fd(), &newline, 1) == 0);
}

void children()
{
    owners();
    statuses();
    last_stops();
    handed_over();
    waiting();
    signals();
}

/*
 * hpp.cpp - what chld.hpp adds to chld.h: owners, exceptions, values instead of
 * errnos, memory that is freed. Built with sanitizers where there are any.
 */
#include <chld.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <type_traits>
#include <unistd.h>

using namespace std::chrono_literals;

#define REQUIRE(condition) require(condition, #condition, __LINE__)

static void require(bool good, const char *what, int line)
{
    if (!good) {
        std::fprintf(stderr, "hpp.cpp:%d: %s\n", line, what);
        std::exit(1);
    }
}

template <typename Call> static chld::error failure(Call call)
{
    try {
        call();
    } catch (const chld::error &error) {
        return error; // a copy
    }
    REQUIRE(!"it throws");
    std::abort();
}

static_assert(!std::is_copy_constructible_v<chld::child> && !std::is_copy_assignable_v<chld::set>);
static_assert(!std::is_copy_constructible_v<chld::set> && !std::is_copy_assignable_v<chld::child>);
static_assert(std::is_nothrow_move_constructible_v<chld::child>);
static_assert(std::is_nothrow_move_assignable_v<chld::child>);
static_assert(std::is_nothrow_copy_constructible_v<chld::error>);
static_assert(std::is_base_of_v<std::system_error, chld::error>);

static chld::arguments shell(const std::string &script)
{
    return {"sh", "-c", script};
}

static bool closed(chld_id id)
{
    return chld_pid(id) == -EBADF;
}

static void errors()
{
    auto error = failure([] { chld::child({"/no/such/program"}); });
    REQUIRE(error.code() == std::errc::no_such_file_or_directory);
    REQUIRE(error.step() == CHLD_STEP_EXEC && error.index() == 0);
    REQUIRE(error.item() == std::string("/no/such/program"));
    REQUIRE(error.what() == std::string("exec /no/such/program: No such file or directory"));
    error = failure([] { chld::run({"true"}, chld::options().cwd("/nowhere")); });
    REQUIRE(error.step() == CHLD_STEP_CHDIR);
    error = failure([] { chld::child().wait(); });
    REQUIRE(error.code() == std::errc::bad_file_descriptor && error.step() == CHLD_STEP_NONE);
    REQUIRE(error.what() == std::string("chld_wait: Bad file descriptor"));
    error = failure([] { chld::run({"true"}, {}, {"", 1s, {{{9999, 0}}}}); });
    REQUIRE(error.code() == std::errc::invalid_argument && error.step() == CHLD_STEP_CAPTURE);
    REQUIRE(failure([] { (void)chld::status().shell_code(); }).code() ==
            std::errc::invalid_argument);
}

static void owners()
{
    chld_id id;
    {
        chld::child child({"true"});
        id = child.id();
        REQUIRE(child && !closed(id) && child.pid() > 1);
        chld::child moved(std::move(child));
        REQUIRE(moved.id() == id && !closed(id));
        child = std::move(moved);
        REQUIRE(child.id() == id && child.wait().success() && child.wait().success());
    }
    REQUIRE(closed(id));
    chld::child kept({"true"});
    id = kept.release();
    kept.close();
    REQUIRE(!kept && !closed(id));
    kept = chld::child(id);
    REQUIRE(kept.wait().exited());
    chld::child other({"true"});
    chld_id second = other.id();
    kept = std::move(other);
    other.close();
    REQUIRE(closed(id) && kept.id() == second);
}

static void waiting()
{
    chld::child child(shell("kill -STOP $$; exit 3"));
    auto change = child.wait_change(CHLD_WATCH_STOPPED);
    REQUIRE(change && change->stopped() && change->shell_code() == 128 + SIGSTOP);
    REQUIRE(!child.wait(10ms) && !child.wait(-5ms) && !child.wait_change(0, 0ms));
    REQUIRE(child.kill(SIGCONT));
    auto status = child.wait(chld::forever);
    REQUIRE(status && status->exited() && status->code == 3 && !status->success());
    REQUIRE(!child.kill(SIGTERM) && status->text() == "exited with code 3");

    chld::child leader(shell("sleep 60"), chld::options().group());
    pollfd end{leader.exit_fd(), POLLIN, 0};
    REQUIRE(poll(&end, 1, 0) == 0 && leader.kill_group(SIGKILL) && poll(&end, 1, 30000) == 1);
    REQUIRE(leader.wait().killed());

    chld::child deaf(shell("trap '' TERM; kill -STOP $$; exec sleep 60"));
    REQUIRE(deaf.wait_change()->stopped() && deaf.kill(SIGCONT));
    REQUIRE(!deaf.stop({{{SIGTERM, 20}}, CHLD_TARGET_CHILD}));
    uint32_t survivors = 1;
    REQUIRE(deaf.kill_tree(SIGKILL, &survivors) && survivors == 0);
    REQUIRE(deaf.stop()->code == SIGKILL);
}

static std::string contents(int fd)
{
    std::string all;
    char buffer[256];
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;)
        all.append(buffer, static_cast<size_t>(got));
    return all;
}

static chld::options prepared()
{
    std::string place = "/";
    chld::options how;
    how.cwd(place).env("ONE=1").env("TWO=2").unset("HOME").out({CHLD_STDIO_PIPE});
    how.err({CHLD_STDIO_STDOUT}).in({CHLD_STDIO_PATH, 0, "/dev/null"});
    how.raw.nice = 1;
    return how;
}

static void starting()
{
    setenv("HOME", "/home", 1);
    chld::options how = prepared(), copy = how;
    for (const auto &each : {how, copy}) {
        chld::child child(shell("echo $PWD $ONE $TWO ${HOME-none}; cat; echo end >&2"), each);
        REQUIRE(contents(child.stdout_fd()) == "/ 1 2 none\nend\n");
        child.close_fd(CHLD_STDOUT);
        REQUIRE(failure([&] { (void)child.stdout_fd(); }).code() ==
                std::errc::no_such_file_or_directory);
        REQUIRE(child.wait().success());
    }
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld::child writer(shell("echo here >&7"), chld::options().fd(ends[1], 7));
    close(ends[1]);
    REQUIRE(contents(ends[0]) == "here\n" && writer.wait().success());
    close(ends[0]);
}

static void sets()
{
    chld::set first, set(std::move(first));
    chld::child child(shell("exit 9")), late(shell("exec sleep 60"));
    set.add(child);
    set.add(late);
    REQUIRE(failure([&] { set.add(child); }).code() == std::errc::file_exists);
    pollfd ready{set.fd(), POLLIN, 0};
    std::optional<chld_event> event;
    while (!event) {
        REQUIRE(poll(&ready, 1, 30000) == 1);
        event = set.next();
    }
    REQUIRE(event->id == child.id() && event->status.code == 9 && !set.next());
    REQUIRE(failure([&] { (void)first.fd(); }).code() == std::errc::bad_file_descriptor);
    REQUIRE(!set.next(std::chrono::milliseconds(5)));
    REQUIRE(late.stop()->killed());
    event = set.next(chld::forever);
    REQUIRE(event && event->id == late.id());
}

static void runs()
{
    std::string input("a\0b\0", 4);
    auto output = chld::run({"cat"}, {}, {input});
    REQUIRE(output.status.success() && output.out == input && output.err.empty());
    REQUIRE(!output.raw.out.data && output.raw.fed == 4);
    output = chld::run(shell("echo 12345678; echo error >&2; kill -SEGV $$"), {},
                       {"", chld::forever, {}, 4});
    REQUIRE(output.out == "1234" && output.raw.out.truncated && output.raw.out.total == 9);
    REQUIRE(output.err == "erro" && output.status.killed() && output.status.code == SIGSEGV);
    output = chld::run(shell("echo begun; sleep 60"), chld::options().group(),
                       {"", 2000ms, {{{SIGKILL, -1}}, CHLD_TARGET_GROUP}});
    REQUIRE(output.timed_out && output.out == "begun\n" && output.status.code == SIGKILL);
    output = chld::run({"sleep", "60"}, {}, {"", -3ms, {{{SIGKILL, -1}}}});
    REQUIRE(output.timed_out && output.status.code == SIGKILL);
    // It outlives its plan, and this program: it exits by itself when nobody reads.
    output = chld::run(shell("while sleep 0.05; do echo; done"), {}, {"", 100ms, {{{0, 0}}}});
    REQUIRE(output.timed_out && output.status.running());
}

int main()
{
    alarm(100); // if a wait does not end
    errors();
    owners();
    waiting();
    starting();
    sets();
    runs();
}

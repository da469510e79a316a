/*
 * conformance.cpp - the items of ../conformance.txt, in C++ with chld.hpp.
 */
#include <chld.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#define REQUIRE(condition)                                                                          \
    if (!(condition))                                                                               \
    throw std::runtime_error(#condition)

namespace {

using milliseconds = std::chrono::milliseconds;
using steady = std::chrono::steady_clock;

chld::arguments sh(const std::string &script)
{
    return {"sh", "-c", script};
}

const chld::stop_plan killing{{{SIGKILL, -1}}};

// Statuses

void exits(const std::string &script, int code)
{
    chld::status status = chld::child(sh(script)).wait();
    REQUIRE(status.exited() && status.code == code && !status.killed());
}

void dies(const std::string &script, int signal)
{
    chld::status status = chld::child(sh(script)).wait();
    REQUIRE(status.killed() && status.code == signal && !status.exited());
}

void success()
{
    exits("exit 0", 0);
}

void exit_1()
{
    exits("exit 1", 1);
}

void pretender()
{
    exits("exit 143", 143);
}

void segfault()
{
    dies("ulimit -c 0; kill -SEGV $$", SIGSEGV);
}

void abort()
{
    dies("ulimit -c 0; kill -ABRT $$", SIGABRT);
}

chld::failure failure_of(const chld::arguments &argv, const chld::options &how = chld::options())
{
    try {
        chld::child child(argv, how);
    } catch (const chld::error &error) {
        return error.why();
    }
    return chld::failure();
}

void missing()
{
    chld::failure why = failure_of({"/no/such/program"});
    REQUIRE(why.code() == std::errc::no_such_file_or_directory && why.step() == CHLD_STEP_EXEC);
    REQUIRE(why.item() == std::string("/no/such/program"));
}

void captured()
{
    chld::output output = chld::run(
        sh("echo \"$PWD $CHILD $(tr a-z A-Z)\"; head -c 100000 /dev/zero >&2; exit 3"),
        chld::cwd("/"), chld::env("CHILD", "captured"), chld::input("captured"));
    REQUIRE(output.status.exited() && output.status.code == 3);
    REQUIRE(output.out == "/ captured CAPTURED\n" && output.err.size() == 100000);
}

void slow()
{
    chld::output output = chld::run(sh("exec sleep 60"), chld::timeout(milliseconds(200)),
                                    chld::stop_by(killing));
    REQUIRE(output.timed_out && output.status.killed() && output.status.code == SIGKILL);
}

chld::status after_a_stop(const std::string &script)
{
    chld::child child(sh(script));
    chld::maybe<chld::status> change = child.wait_change(CHLD_WATCH_STOPPED);
    REQUIRE(change && change->stopped() && change->code == SIGSTOP);
    REQUIRE(child.kill(SIGTERM) && child.kill(SIGCONT));
    return child.wait();
}

void stopped()
{
    chld::status status = after_a_stop("kill -STOP $$; exit 7");
    REQUIRE(status.killed() && status.code == SIGTERM);
}

void caught()
{
    chld::status status = after_a_stop("trap 'exit 123' TERM; kill -STOP $$; exit 7");
    REQUIRE(status.exited() && status.code == 123);
}

// Streams of run

const char *const both = "echo a; echo b >&2";

void merged_stderr()
{
    chld::output output = chld::run(sh(both), chld::err(chld::to_stdout));
    REQUIRE(output.out == "a\nb\n" && output.err.empty());
}

void discarded()
{
    chld::output output = chld::run(sh(both), chld::err(chld::null));
    REQUIRE(output.out == "a\n" && output.err.empty());
    output = chld::run(sh(both), chld::out(chld::null));
    REQUIRE(output.out.empty() && output.err == "b\n");
}

/** A file that is removed with it. */
struct temporary {
    explicit temporary(const std::string &name) : path(name) { std::ofstream(path) << name; }
    ~temporary() { std::remove(path.c_str()); }
    std::string text() const
    {
        std::ostringstream all;
        all << std::ifstream(path).rdbuf();
        return all.str();
    }
    std::string path;
};

void redirected()
{
    temporary first("conformance-1"), second("conformance-2"), third("conformance-3");
    chld::output output =
        chld::run({"cat"}, chld::in(chld::file(first.path)), chld::out(chld::file(second.path)));
    REQUIRE(output.out.empty() && second.text() == first.path);
    int in = open(first.path.c_str(), O_RDONLY | O_CLOEXEC);
    int out = open(third.path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    output = chld::run({"cat"}, chld::in(chld::descriptor(in)), chld::out(chld::descriptor(out)));
    bool still_open = close(in) == 0 && close(out) == 0;
    REQUIRE(output.out.empty() && third.text() == first.path && still_open);
}

void large_output()
{
    std::string text(10000000, 'x');
    chld::output output =
        chld::run(sh("head -c 10000000 /dev/zero >&2; cat"), chld::input(text));
    REQUIRE(output.out == text && output.err == std::string(text.size(), '\0'));
}

void bytes()
{
    std::string word("\xff\xfe\x80");
    chld::output output = chld::run({"sh", "-c", "printf '%s|%s' \"$1\" \"$BYTES\"", "sh", word},
                                    chld::env("BYTES", word));
    REQUIRE(output.out == word + "|" + word);
}

// Arguments

const std::string cut("shown\0cut", 9);

void refused(int step, const chld::options &how, const chld::arguments &argv = {"true"})
{
    chld::failure why = failure_of(argv, how);
    REQUIRE(why.code() == std::errc::invalid_argument && why.step() == step);
    std::error_code code;
    chld::output output = chld::run(argv, how, code);
    REQUIRE(code == std::errc::invalid_argument && output.raw.pid == 0);
}

void nul_argument()
{
    refused(CHLD_STEP_ARGUMENTS, {}, {"echo", cut});
}

void nul_environment()
{
    refused(CHLD_STEP_ENVIRONMENT, chld::env(cut, "value"));
    refused(CHLD_STEP_ENVIRONMENT, chld::env("NAME", cut));
}

void nul_path()
{
    refused(CHLD_STEP_CHDIR, chld::cwd(std::string("/\0x", 3)));
    refused(CHLD_STEP_OPEN, chld::out(chld::file(std::string("/dev/null\0x", 11))));
}

template <typename Argument>
auto can_run(int) -> decltype(chld::run(std::declval<Argument>()), std::true_type());
template <typename Argument> std::false_type can_run(...);
static_assert(decltype(can_run<chld::arguments>(0))::value, "a list can be run");

void string_for_list()
{
    REQUIRE(!decltype(can_run<const char *>(0))::value);
    REQUIRE(!decltype(can_run<std::string>(0))::value);
    REQUIRE(!(std::is_constructible<chld::child, const char *>::value));
    REQUIRE(!(std::is_constructible<chld::child, std::string>::value));
}

// Ends of run

bool within(steady::time_point begin, int milliseconds_at_most)
{
    return steady::now() - begin < milliseconds(milliseconds_at_most);
}

void timeout_partial()
{
    steady::time_point begin = steady::now();
    chld::output output =
        chld::run(sh("echo begun; exec sleep 60"), chld::timeout(milliseconds(300)));
    REQUIRE(within(begin, 5000) && output.timed_out && output.out == "begun\n");
}

/** What a program that cancels needs: a pipe. */
struct canceller {
    canceller()
    {
        if (pipe2(ends, O_CLOEXEC) != 0)
            throw std::runtime_error("pipe2");
    }
    ~canceller() { close(ends[0]), close(ends[1]); }
    /** Any thread or signal handler may call it. */
    bool cancel() const { return write(ends[1], "", 1) == 1; }
    int ends[2];
};

void cancel()
{
    canceller canceller;
    steady::time_point at;
    std::thread other([&] {
        std::this_thread::sleep_for(milliseconds(300));
        at = steady::now();
        canceller.cancel();
    });
    chld::output output =
        chld::run(sh("echo begun; exec sleep 60"), chld::cancel(canceller.ends[0]));
    other.join();
    REQUIRE(within(at, 2000) && output.cancelled && output.out == "begun\n");
    REQUIRE(output.status.killed());
}

const canceller *interrupted;

/** A program that cleans up at Ctrl-C. */
int interruptible()
{
    canceller canceller;
    interrupted = &canceller;
    std::signal(SIGINT, [](int) { interrupted->cancel(); });
    std::cout << "ready" << std::endl;
    chld::output output = chld::run({"sleep", "60"}, chld::cancel(canceller.ends[0]));
    return output.cancelled && output.status.killed() ? 0 : 1;
}

void ctrl_c()
{
    chld::child self({"/proc/self/exe", "interruptible"},
                     chld::program("/proc/" + std::to_string(getpid()) + "/exe"),
                     chld::out(chld::pipe));
    char ready;
    REQUIRE(read(self.stdout_fd(), &ready, 1) == 1);
    std::this_thread::sleep_for(milliseconds(500));
    steady::time_point at = steady::now();
    REQUIRE(self.kill(SIGINT));
    chld::maybe<chld::status> status = self.wait(milliseconds(2000));
    REQUIRE(status && status->success() && within(at, 2000));
}

// Many

void beside()
{
    chld::set set;
    std::vector<FILE *> own;
    for (int i = 0; i < 200; i++) {
        set.on_event(set.add(chld::child(sh("sleep 0.2; exit " + std::to_string(i)))),
                     [i](chld::event &event) { REQUIRE(event.status().code == i); });
        if (i < 40)
            own.push_back(popen(("sleep 0.2; exit " + std::to_string(i)).c_str(), "r"));
    }
    while (set.count() > 0)
        REQUIRE(set.dispatch(milliseconds(60000)));
    int code = 0;
    for (FILE *each : own)
        REQUIRE(WEXITSTATUS(pclose(each)) == code++);
}

// Errors

void error_step()
{
    chld::failure why = failure_of({"true"}, chld::cwd("/no/such/directory"));
    REQUIRE(why.code() == std::errc::no_such_file_or_directory && why.step() == CHLD_STEP_CHDIR);
    REQUIRE(why.item() == std::string("/no/such/directory"));
}

struct {
    const char *name;
    void (*test)();
    const char *remark;
} const items[] = {
    {"success", success, ""},
    {"failure", exit_1, ""},
    {"pretender", pretender, ""},
    {"segfault", segfault, ""},
    {"abort", abort, ""},
    {"missing", missing, ""},
    {"captured", captured, ""},
    {"slow", slow, ""},
    {"stopped", stopped, ""},
    {"caught", caught, ""},
    {"merged-stderr", merged_stderr, ""},
    {"discarded", discarded, ""},
    {"redirected", redirected, ""},
    {"large-output", large_output, ""},
    {"bytes", bytes, ""},
    {"nul-argument", nul_argument, ""},
    {"nul-environment", nul_environment, ""},
    {"nul-path", nul_path, ""},
    {"string-for-list", string_for_list, " # does not compile"},
    {"timeout-partial", timeout_partial, ""},
    {"cancel", cancel, ""},
    {"ctrl-c", ctrl_c, ""},
    {"beside", beside, ""},
    {"error-step", error_step, ""},
};

} // namespace

int main(int argc, char **argv)
{
    if (argc > 1 && argv[1] == std::string("interruptible"))
        return interruptible();
    int failed = 0;
    for (const auto &item : items) {
        try {
            item.test();
            std::cout << "ok " << item.name << item.remark << std::endl;
        } catch (const std::exception &error) {
            std::cout << "not ok " << item.name << ": " << error.what() << std::endl;
            failed = 1;
        }
    }
    return failed;
}

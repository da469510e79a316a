/*
 * streams.cpp - where the streams of a child lead, in a start and in run().
 */
#include "test.h"

#include <fstream>
#include <sstream>
#include <sys/stat.h>

static std::string text_of(const std::string &path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

static const std::string both = "echo out; echo err >&2";

static void merged_and_discarded()
{
    chld::output output = chld::run(shell(both));
    REQUIRE(output.out == "out\n" && output.err == "err\n");
    output = chld::run(shell(both), chld::err(chld::to_stdout));
    REQUIRE(output.out == "out\nerr\n" && output.err.empty());
    output = chld::run(shell(both), chld::out(chld::to_stderr));
    REQUIRE(output.err == "out\nerr\n" && output.out.empty());
    output = chld::run(shell(both), chld::err(chld::null));
    REQUIRE(output.out == "out\n" && output.err.empty() && output.status.success());
    output = chld::run(shell(both), chld::out(chld::null));
    REQUIRE(output.err == "err\n" && output.out.empty());
    output = chld::run(shell("echo out 2>/dev/null; echo $?"), chld::out(chld::closed),
                       chld::err(chld::keep()));
    REQUIRE(output.out.empty() && output.status.killed() == false);
    REQUIRE(chld::run(shell("[ -e /proc/self/fd/0 ] || echo none"), chld::in(chld::closed)).out ==
            "none\n");
    REQUIRE(chld::run({"cat"}, chld::in(chld::null)).out.empty());
    output = chld::run(shell("[ /proc/$$/fd/1 -ef /proc/$PPID/fd/1 ] && exit 7"),
                       chld::out(chld::inherit));
    REQUIRE(output.status.code == 7 && output.raw.out.total == 0);
    output = chld::run(shell("[ /proc/$$/fd/0 -ef /proc/$PPID/fd/0 ] && exit 7"));
    REQUIRE(output.status.code == 7); // without an input, stdin is the caller's
}

static void files()
{
    std::string name = "stream.txt";
    chld::output output = chld::run(shell(both), chld::out(chld::file(name)));
    REQUIRE(output.out.empty() && output.err == "err\n" && text_of(name) == "out\n");
    chld::run(shell(both), chld::out(chld::file(name)), chld::err(chld::to_stdout));
    REQUIRE(text_of(name) == "out\nerr\n");
    chld::run(shell("echo more"), chld::out(chld::append_to(name)));
    REQUIRE(text_of(name) == "out\nerr\nmore\n");
    REQUIRE(chld::run({"wc", "-l"}, chld::in(chld::file(name))).out == "3\n");
    std::remove(name.c_str());
    chld::run(shell("echo new"), chld::out(chld::file(name, O_WRONLY | O_CREAT | O_EXCL, 0600)));
    struct stat made;
    REQUIRE(stat(name.c_str(), &made) == 0 && (made.st_mode & 0777) == 0600);
    REQUIRE(thrown([&] {
                chld::run(shell(":"), chld::out(chld::file(name, O_WRONLY | O_CREAT | O_EXCL)));
            }).code() == std::errc::file_exists);
    std::remove(name.c_str());

    pipe_ends ends;
    chld::run(shell("echo here"), chld::out(chld::descriptor(ends.fds[1])));
    ends.close_write();
    REQUIRE(contents(ends.fds[0]) == "here\n");
}

static void pipes()
{
    chld::child child({"cat"}, chld::in(chld::pipe), chld::out(chld::pipe));
    REQUIRE(write(child.stdin_fd(), "pear\n", 5) == 5);
    child.close_fd(CHLD_STDIN);
    REQUIRE(thrown([&] { (void)child.stdin_fd(); }).code() == std::errc::no_such_file_or_directory);
    int mine = child.take_fd(CHLD_STDOUT);
    REQUIRE(thrown([&] { (void)child.stdout_fd(); }).code() ==
            std::errc::no_such_file_or_directory);
    REQUIRE(child.wait().success());
    child.close();
    REQUIRE(contents(mine) == "pear\n" && close(mine) == 0); // it outlives the child
}

static void terminals()
{
    chld::output output = chld::run(shell("tty <&1; stty size <&1; [ -t 2 ] && echo too"),
                                    chld::out(chld::pty), chld::err(chld::pty),
                                    chld::window(30, 90));
    REQUIRE(output.out.find("/dev/") == 0 && output.err.empty());
    REQUIRE(output.out.find("\r\n30 90\r\ntoo\r\n") != std::string::npos);

    // Input and a sink leave the stream on the terminal, whatever the order.
    output = chld::run(shell("[ -t 0 ] && [ -t 1 ] && read line && echo got $line"),
                       chld::in(chld::pty), chld::out(chld::pty), chld::input("this\n\4"),
                       chld::out(chld::keep_last(11)), chld::flags(CHLD_SPAWN_PTY_NO_ECHO));
    REQUIRE(output.out == " got this\r\n" || output.out == "got this\r\n");

    chld::child child(shell("read line; stty size"), chld::in(chld::pty), chld::out(chld::pty),
                      chld::flags(CHLD_SPAWN_PTY_NO_ECHO));
    child.resize_pty(11, 22);
    REQUIRE(write(child.stdin_fd(), "\n", 1) == 1 && contents(child.stdout_fd()) == "11 22\r\n");
}

void streams()
{
    merged_and_discarded();
    files();
    pipes();
    terminals();
}

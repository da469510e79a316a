/*
 * starting.cpp - each setting of a start reaches the child.
 */
#include "test.h"

#include <sys/resource.h>

#if __cplusplus >= 201703L
#include <filesystem>
#endif

template <typename... More> static std::string printed(const std::string &script, More &&...more)
{
    return chld::run(shell(script), more...).out;
}

static void settings()
{
    REQUIRE(printed("pwd", chld::cwd("/")) == "/\n");
    REQUIRE(chld::run({"x", "-c", "echo $0", "name"}, chld::program("/bin/sh")).out == "name\n");
    REQUIRE(printed("umask; ps -o nice= -p $$ >/dev/null 2>&1; echo $PPID",
                    chld::flags(CHLD_SPAWN_UMASK), chld::raw([](chld_spawn_options &raw) {
                        raw.umask = 027;
                    })) == "0027\n" + std::to_string(getpid()) + "\n");
    int calls = 0;
    printed(":", chld::raw([&](chld_spawn_options &) { calls = 10 * calls + 1; }),
            chld::raw([&](chld_spawn_options &) { calls = 10 * calls + 2; }));
    REQUIRE(calls == 12); // each is called, in their order
    REQUIRE(printed("ulimit -n", chld::resource_limit(RLIMIT_NOFILE, 77, 78)) == "77\n");
    REQUIRE(printed("grep NoNewPrivs: /proc/self/status", chld::no_new_privs()) ==
            "NoNewPrivs:\t1\n");
    pipe_ends ends;
    REQUIRE(printed("echo here >&7; echo too >&8", chld::map_fd(ends.fds[1], 7),
                    chld::map_fd(ends.fds[1], 8))
                .empty());
    ends.close_write();
    REQUIRE(contents(ends.fds[0]) == "here\ntoo\n");
}

static void groups()
{
    chld::child leader({"sleep", "60"}, chld::new_group(), chld::stop_when_destroyed(killing()));
    REQUIRE(getpgid(leader.pid()) == leader.pid());
    chld::child other({"sleep", "60"}, chld::join_group(leader.pid()),
                      chld::stop_when_destroyed(killing()));
    REQUIRE(getpgid(other.pid()) == leader.pid());
    chld::child session({"sleep", "60"}, chld::new_session(), chld::flags(CHLD_SPAWN_SUBREAPER),
                        chld::stop_when_destroyed(killing()));
    REQUIRE(getsid(session.pid()) == session.pid());
    int here = 0;
    chld::child marked({"true"}, chld::user(&here));
    void *there = nullptr;
    REQUIRE(chld_user(marked.id(), &there) == 0 && there == &here);
}

static void environments()
{
    setenv("HPP_THERE", "caller's", 1);
    std::string script = "echo ${HPP_THERE-none} ${ONE-none} ${TWO-none}";
    REQUIRE(printed(script) == "caller's none none\n");
    REQUIRE(printed(script, chld::env("ONE", "1"), chld::env("ONE", "a b=c")) ==
            "caller's a b=c none\n");
    REQUIRE(printed(script, chld::env({{"ONE", "1"}, {"TWO", "2"}}),
                    chld::unset_env("HPP_THERE")) == "none 1 2\n");
    REQUIRE(printed(script, chld::env("ONE", "1"), chld::unset_env("ONE"), chld::unset_env("TWO"),
                    chld::env("TWO", "2")) == "caller's none 2\n"); // the later one wins
    REQUIRE(printed(script, chld::only_env({{"ONE", "1"}}), chld::env("TWO", "2")) == "none 1 2\n");
    chld::environment all = chld::current_env();
    REQUIRE(all["HPP_THERE"] == "caller's" && all.count("PATH") == 1);
    all["HPP_THERE"] = "mine";
    REQUIRE(printed(script, chld::only_env(all)) == "mine none none\n");
}

static void combined()
{
    chld::options how(chld::cwd("/"), chld::env("ONE", "1")), none, copy = how;
    copy.add(chld::cwd("/proc")).add(none);
    REQUIRE(printed("echo $PWD $ONE", how) == "/ 1\n");
    REQUIRE(printed("echo $PWD $ONE", copy, none) == "/proc 1\n");
    REQUIRE(printed("echo $PWD $ONE", copy, chld::cwd("/"), chld::env("ONE", "2")) == "/ 2\n");
    chld::options lvalue = chld::cwd("/proc");
    REQUIRE(printed("pwd", chld::options(how, lvalue)) == "/proc\n");
}

static void private_children()
{
    std::error_code code;
    chld::child child({"sleep", "60"}, chld::private_child(), chld::stop_when_destroyed(killing()),
                      code);
    REQUIRE(child ? chld::find(child.pid()) == CHLD_NONE
                  : chld_supports(CHLD_SPAWN_PRIVATE) < 0 && code.value() == ENOSYS);
    chld::child mortal({"sleep", "60"}, chld::kill_on_death(), chld::no_new_privs(), code);
    REQUIRE(mortal ? chld::find(mortal.pid()) == CHLD_NONE
                   : chld_supports(CHLD_SPAWN_KILL_ON_DEATH | CHLD_SPAWN_NO_NEW_PRIVS) < 0);
}

#if __cplusplus >= 201703L
static void paths()
{
    std::filesystem::path root("/"), program("/bin/sh"), list("/proc/version");
    REQUIRE(printed("pwd", chld::cwd(root)) == "/\n");
    REQUIRE(chld::run({program, "-c", "cat"}, chld::in(chld::file(list))).out.find("Linux") == 0);
    REQUIRE(chld::run({"x", "-c", "echo y"}, chld::program(program)).out == "y\n");
    std::string cut("/\0nowhere", 9);
    REQUIRE(thrown([&] { printed("pwd", chld::cwd(std::filesystem::path(cut))); }).step() ==
            CHLD_STEP_CHDIR);
}
#else
static void paths() {}
#endif

void starting()
{
    settings();
    groups();
    environments();
    combined();
    private_children();
    paths();
}

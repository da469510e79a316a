/*
 * pipelines.cpp - pipelines, started and run.
 */
#include "test.h"

#include <fstream>
#include <sstream>

static void running()
{
    chld::pipeline_output output = chld::run_pipeline(
        {{"sort"}, {"uniq", "-c"}, {"sed", "s/^ *//"}}, chld::input("b\na\nb\n"));
    REQUIRE(output.out == "1 a\n2 b\n" && output.status.success() && output.pipefail.success());
    REQUIRE(output.failed == 0 && output.stages.size() == 3 && output.stages[1].status.success());
    REQUIRE(output.stages[0].pid > 1 && output.stages[2].usage.max_resident_kib > 0);

    output = chld::run_pipeline({chld::stage(shell("exit 3")), {"false"}, {"cat"}},
                                chld::in(chld::null));
    REQUIRE(output.status.success() && output.stages[0].status.code == 3);
    REQUIRE(output.pipefail.code == 1 && output.failed == 2);
    output = chld::run_pipeline({{"yes"}, {"head", "-n", "1"}});
    REQUIRE(output.out == "y\n" && output.stages[0].status.code == SIGPIPE);
}

static void settings()
{
    // stderr of all stages is one pipe; a stage's own settings come after those of the call.
    chld::stage quiet(shell("echo no >&2; cat"), chld::err(chld::null));
    chld::pipeline_output output = chld::run_pipeline(
        {chld::stage(shell("echo a >&2; echo $N $PWD"), chld::env("N", "own")), quiet,
         chld::stage(shell("cat; echo c >&2; echo $N"))},
        chld::env("N", "common"), chld::cwd("/"));
    REQUIRE(output.out == "own /\ncommon\n");
    REQUIRE(output.err.find("a\n") != std::string::npos && output.err.size() == 4);

    std::string errors, lines;
    chld::run_pipeline({chld::stage(shell("echo a >&2; echo out")),
                        chld::stage(shell("cat; echo b >&2"))},
                       chld::err(chld::lines([&](const std::string &line) { errors += line; })),
                       chld::out(chld::lines([&](const std::string &line) { lines += line; })));
    REQUIRE((errors == "a\nb\n" || errors == "b\na\n") && lines == "out\n");
    lines.clear(); // the sink of the last stage, the input of the first
    chld::run_pipeline({chld::stage({"cat"}, chld::input("in\n")),
                        chld::stage({"cat"}, chld::out(chld::lines([&](const std::string &line) {
                                        lines += line;
                                    })))});
    REQUIRE(lines == "in\n");

    std::string name = "pipeline.txt";
    output = chld::run_pipeline({{"cat"}, chld::stage({"sort"}, chld::out(chld::file(name)))},
                                chld::input("b\na\n"));
    std::ostringstream text;
    text << std::ifstream(name).rdbuf();
    REQUIRE(output.out.empty() && text.str() == "a\nb\n" && std::remove(name.c_str()) == 0);
    output = chld::run_pipeline({{"cat"}, {"wc", "-l"}}, chld::in(chld::file("/proc/version")),
                                chld::out(chld::null));
    REQUIRE(output.out.empty() && output.status.success());
}

static void stopping()
{
    chld::pipeline_output output = chld::run_pipeline(
        {{"sleep", "60"}, chld::stage(shell("echo begun; exec sleep 60"))}, chld::new_group(),
        chld::timeout(ms(500)), chld::stop_by({{{SIGKILL, -1}}, CHLD_TARGET_GROUP}));
    REQUIRE(output.timed_out && output.out == "begun\n" && output.failed == 2);
    REQUIRE(output.stages[0].status.code == SIGKILL && output.stages[1].status.code == SIGKILL);
    REQUIRE(own_exception([] {
                chld::run_pipeline({{"yes"}, {"cat"}}, chld::out(chld::lines([](std::string) {
                                       throw std::runtime_error("from a line");
                                   })));
            }) == "from a line");
}

static void failing()
{
    chld::failure why = thrown([] { chld::run_pipeline({{"yes"}, {"/no/such/one"}, {"cat"}}); });
    REQUIRE(why.stage() == 2 && why.step() == CHLD_STEP_EXEC);
    REQUIRE(why.text() == "stage 2: exec /no/such/one: No such file or directory");
    why = thrown([] { chld::pipeline({{"yes"}, {"cat", std::string("a\0", 2)}}); });
    REQUIRE(why.stage() == 2 && why.step() == CHLD_STEP_ARGUMENTS);
    REQUIRE(why.text() == "stage 2: arguments a^@: contains a NUL byte");
    std::error_code code;
    REQUIRE(chld::run_pipeline({{"true"}, {"/no/such/one"}}, code).out.empty() && code);
    REQUIRE(chld::run_pipeline({{"true"}}, code).status.success() && !code);
    chld::pipeline none({{"true"}, {"/no/such/one"}}, why);
    REQUIRE(none.children.empty() && why.stage() == 2);
    chld::stages empty;
    REQUIRE(thrown([&] { chld::pipeline line(empty); }).step() == CHLD_STEP_ARGUMENTS);
    // The earlier stage cannot have an output of its own.
    chld::stage deaf({"true"}, chld::out(chld::null));
    why = thrown([&] { chld::run_pipeline({deaf, {"cat"}}); });
    REQUIRE(why.stage() == 1 && why.step() == CHLD_STEP_STDIO);
}

static void starting()
{
    chld::pipeline line({{"cat"}, {"tr", "a", "b"}}, chld::in(chld::pipe), chld::out(chld::pipe),
                        chld::new_group());
    REQUIRE(line.children.size() == 2);
    REQUIRE(getpgid(line.children[1].pid()) == line.children[0].pid());
    REQUIRE(write(line.children[0].stdin_fd(), "banana\n", 7) == 7);
    line.children[0].close_fd(CHLD_STDIN);
    REQUIRE(contents(line.children[1].stdout_fd()) == "bbnbnb\n");
    std::vector<chld::status> all = line.wait();
    REQUIRE(all.size() == 2 && chld::pipefail(all).success());
    chld::status failed = chld_status{CHLD_STATE_EXITED, 4, 0, 4 << 8};
    REQUIRE(chld::pipefail({failed, all[0]}).code == 4);
    REQUIRE(chld::pipefail({chld::status(), failed, all[0]}).code == 4);
    int first, second;
    {
        chld::pipeline stopped({{"sleep", "60"}, {"sleep", "60"}},
                               chld::stop_when_destroyed(killing()));
        first = stopped.children[0].pid(), second = stopped.children[1].pid();
        REQUIRE(stopped.children[0].running());
    }
    REQUIRE(gone(first) && gone(second));
}

void pipelines()
{
    running();
    settings();
    stopping();
    failing();
    starting();
}

/*
 * errors.cpp - a failure as an exception, as a std::error_code, and in full.
 */
#include "test.h"

static_assert(std::is_nothrow_copy_constructible<chld::error>::value, "as exceptions must be");
static_assert(std::is_base_of<std::system_error, chld::error>::value, "");

static void exceptions()
{
    try {
        chld::child({"/no/such/program"});
        REQUIRE(false); // it throws
    } catch (const chld::error &error) {
        chld::error copy(error);
        REQUIRE(copy.code() == std::errc::no_such_file_or_directory);
        REQUIRE(copy.code().category() == chld::category() && copy.code().value() == ENOENT);
        REQUIRE(copy.step() == CHLD_STEP_EXEC && copy.index() == 0 && copy.stage() == 0);
        REQUIRE(copy.item() == std::string("/no/such/program"));
        REQUIRE(copy.what() == std::string("exec /no/such/program: No such file or directory"));
        REQUIRE(copy.why().text() == copy.what());
    }
    chld::failure why = thrown([] { chld::run({"true"}, chld::cwd("/nowhere")); });
    REQUIRE(why.step() == CHLD_STEP_CHDIR && why.item() == std::string("/nowhere"));
    why = thrown([] { chld::child().wait(); });
    REQUIRE(why.code() == std::errc::bad_file_descriptor && why.step() == CHLD_STEP_NONE);
    REQUIRE(why.text() == "chld_wait: Bad file descriptor");
    why = thrown([] { chld::run({"true"}, chld::stop_by({{{9999, 0}}})); });
    REQUIRE(why.code() == std::errc::invalid_argument && why.step() == CHLD_STEP_CAPTURE);
    why = thrown([] { (void)chld::status().shell_code(); });
    REQUIRE(why.code() == std::errc::invalid_argument);
}

static void codes()
{
    REQUIRE(chld::category().name() == std::string("chld"));
    REQUIRE(chld::category() != std::generic_category());
    std::error_code code = std::make_error_code(std::errc::io_error);
    chld::child child({"true"}, code);
    REQUIRE(!code && child && child.wait(code).success() && !code);
    chld::child none({"/no/such/program"}, code);
    REQUIRE(!none && code == std::errc::no_such_file_or_directory);
    REQUIRE(code.message() == "No such file or directory");
    REQUIRE(!none.wait(ms(0), code) && code == std::errc::bad_file_descriptor);
    REQUIRE(none.wait(code).running() && none.pid(code) < 0 && none.take_fd(0, code) < 0);
    REQUIRE(!none.kill(SIGTERM, code) && code == std::errc::bad_file_descriptor);
    REQUIRE(!child.kill(SIGTERM, code) && !code); // nobody is left: no failure
    REQUIRE(!none.kill_tree(SIGTERM, code) && code && !none.stop({}, code) && code);
    REQUIRE(none.release(code) < 0 && code && none.exit_fd(code) < 0);
    chld::output output = chld::run({"/no/such/program"}, code, chld::timeout(ms(1000)));
    REQUIRE(output.status.running() && code == std::errc::no_such_file_or_directory);
    REQUIRE(chld::run({"true"}, code).status.success() && !code);
    REQUIRE(!chld::adopt(getpid(), code) && code == std::errc::no_child_process);
    none.capture(code);
    REQUIRE(code == std::errc::bad_file_descriptor);
}

static void in_full()
{
    chld::failure why;
    chld::child({"true"}, chld::cwd("/nowhere"), why);
    REQUIRE(why && why.step() == CHLD_STEP_CHDIR && why.item() == std::string("/nowhere"));
    REQUIRE(why.text() == "chdir /nowhere: No such file or directory");
    REQUIRE(chld::child({"true"}, why) && !why && why.text().empty());
    chld::run({"true"}, chld::in(chld::file("/no/such/file")), why);
    REQUIRE(why.step() == CHLD_STEP_OPEN && why.index() == 0);
    chld::child({}, why);
    REQUIRE(why.step() == CHLD_STEP_ARGUMENTS && why.code() == std::errc::invalid_argument);
}

/** A string that C would cut is refused, with its place, and nothing is started. */
static void refused(int step, int index, const std::string &item, const chld::options &how,
                    const chld::arguments &argv = {"touch", "made"})
{
    chld::failure why, why_run;
    chld::child child(argv, how, why);
    chld::run(argv, how, why_run);
    REQUIRE(!child && why.code() == std::errc::invalid_argument && why.step() == step);
    REQUIRE(why.index() == index && why.item() == item && why.text() == why_run.text());
    REQUIRE(why.text().find(chld_step_name(step) + (" " + item + ": ")) == 0);
}

static void nul_bytes()
{
    std::string bad("ab\0c", 4), shown = "ab^@c", words = "arguments ab^@c: contains a NUL byte";
    REQUIRE(thrown([&] { chld::run({"echo", bad}); }).text() == words);
    refused(CHLD_STEP_ARGUMENTS, 0, shown, {}, {bad});
    refused(CHLD_STEP_ARGUMENTS, 2, shown, {}, {"touch", "made", bad});
    refused(CHLD_STEP_EXEC, 0, shown, chld::program(bad));
    refused(CHLD_STEP_CHDIR, 0, shown, chld::cwd(bad));
    refused(CHLD_STEP_ENVIRONMENT, 0, "N=" + shown, chld::env("N", bad));
    refused(CHLD_STEP_ENVIRONMENT, 1, shown + "=v", chld::env({{"A", "1"}, {bad, "v"}}));
    refused(CHLD_STEP_ENVIRONMENT, 0, "N=" + shown, chld::only_env({{"N", bad}}));
    refused(CHLD_STEP_ENVIRONMENT, 0, shown, chld::unset_env(bad));
    refused(CHLD_STEP_OPEN, 0, shown, chld::in(chld::file(bad)));
    refused(CHLD_STEP_OPEN, 1, shown, chld::out(chld::file(bad)));
    refused(CHLD_STEP_OPEN, 2, shown, chld::err(chld::append_to(bad)));
    refused(CHLD_STEP_ENVIRONMENT, 0, "A=B", chld::env("A=B", "C")); // it would set A
    refused(CHLD_STEP_ENVIRONMENT, 0, "", chld::env("", "C"));
    REQUIRE(access("made", F_OK) != 0);
}

void errors()
{
    exceptions();
    codes();
    in_full();
    nul_bytes();
}

/* The harness itself: each rule that a test can break is seen to be kept. */
#include "support.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXITS = CHLD_STATE_EXITED, KILLED = CHLD_STATE_KILLED };

static const struct row {
    const char *name;
    int state, code;
    const char *says;
} rows[] = {
    { "tidy", EXITS, 0, "" },
    { "passed_over", EXITS, 77, "skipped: it is Tuesday\n" },
    { "failed_before_it_was_passed_over", EXITS, 1, "skipped: it is Tuesday\n" },
    { "failed_check", EXITS, 1, "this does not hold: 1 > 2\n" },
    { "failed_number", EXITS, 1, "40 + 1 is 41, not 42\n" },
    { "failed_text", EXITS, 1, "\"one\" is \"one\", not \"two\"\n" },
    { "failed_null", EXITS, 1, "none is \"(null)\", not \"two\"\n" },
    { "failed_requirement", EXITS, 1, "this must hold: 1 > 2" },
    { "changed_errno", EXITS, 1, "fail_with_errno() changed errno to 5 (" },
    { "wrong_result", EXITS, 1, "gives -9 (Bad file descriptor), not 0 (ok)\n" },
    { "failed_in_thread", EXITS, 1, "this does not hold: 1 > 2\n" },
    { "blocked_signal", EXITS, 1, "was 0000000000000000 and is 0000000000000200\n" },
    { "blocked_signal_of_libc", EXITS, 1, "was 0000000000000000 and is 0000000100000000\n" },
    { "ignored_signal", EXITS, 1, "the disposition of signal 13 has changed\n" },
    { "left_descriptor", EXITS, 1, "was left open: /dev/null\n" },
    { "lost_descriptor", EXITS, 1, "descriptor 0 is gone: /dev/null\n" },
    { "other_descriptor", EXITS, 1, "descriptor 0 was left open: /dev/zero\n" },
    { "left_zombie", EXITS, 1, "a child is left: " },
    { "left_child", EXITS, 1, "a child is left: running" },
    { "changed_directory", EXITS, 1, "and is /proc\n" },
    { "changed_umask", EXITS, 1, "and is 123\n" },
    { "disabled_cancellation", EXITS, 1, "the cancel state was 0 and is 1\n" },
    { "hanging", KILLED, SIGALRM, "" },
    { "crashing", KILLED, SIGSEGV, "" },
    { "no_such_test", EXITS, 2, "usage: " },
};

static void check_row(const struct row *row)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    char text[4096];
    options.in.mode = CHLD_STDIO_NULL;
    options.out.mode = CHLD_STDIO_PIPE;
    options.err.mode = CHLD_STDIO_STDOUT;
    options.group_mode = CHLD_GROUP_NEW;
    options.env_set = ARGV("CHLD_TEST_SECONDS=1");
    options.env_unset = ARGV("LD_PRELOAD");
    chld_id id = START(ARGV(helper("untidy"), row->name), &options);
    int group = CALL(chld_pid(id));
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    if (strcmp(row->name, "left_child") == 0) {
        REQUIRE(group > 1 && kill(-group, SIGKILL) == 0);
    }
    read_all(CALL(chld_stdout_fd(id)), text, sizeof text);
    if (!check_status(__FILE__, __LINE__, FINISH(id), row->state, row->code)
        || !CHECK(strstr(text, row->says) != NULL)) {
        fail(__FILE__, __LINE__, "untidy test %s said: %s", row->name, text);
    }
}

TEST(every_broken_rule_is_caught)
{
    struct rlimit before, none;
    REQUIRE(getrlimit(RLIMIT_CORE, &before) == 0);
    none = (struct rlimit) { 0, before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row(&rows[i]);
    }
    REQUIRE(setrlimit(RLIMIT_CORE, &before) == 0);
}

TEST(tests_are_listed_one_a_line)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    char text[4096];
    options.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV(helper("untidy"), "--list"), &options);
    read_all(CALL(chld_stdout_fd(id)), text, sizeof text);
    CHECK_EXITED(FINISH(id), 0);
    CHECK(strncmp(text, "tidy\npassed_over\n", 17) == 0);
    CHECK(strstr(text, "\nhanging\ncrashing\n") != NULL);
}

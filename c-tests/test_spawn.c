/* Starting a program: its arguments, its directory, its exit code. */
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(no_options_are_the_defaults)
{
    CHECK_EXITED(RUN(ACT("exit", "42"), NULL), 42);
}

TEST(exit_codes_are_reported)
{
    static const struct {
        const char *text;
        int code;
    } codes[] = { { "0", 0 }, { "1", 1 }, { "42", 42 }, { "127", 127 }, { "255", 255 } };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        chld_status status = RUN(ACT("exit", codes[i].text), NULL);
        CHECK_EXITED(status, codes[i].code);
        CHECK_INT(status.core, 0);
        CHECK(WIFEXITED(status.wait_word));
        CHECK_INT(WEXITSTATUS(status.wait_word), codes[i].code);
    }
}

TEST(arguments_arrive_exactly)
{
    static char hundred_thousand[100001];
    memset(hundred_thousand, 'x', 100000);
    const char *const sent[] = { "",     " ",          "two words", "line\nline", "\ttab",
                                 "\"q\"", "back\\slash", "$HOME *",   "\xff\xfe",   "",
                                 hundred_thousand, "-" };
    const size_t count = sizeof sent / sizeof *sent;
    struct probe seen = PROBE(NULL, sent[0], sent[1], sent[2], sent[3], sent[4], sent[5], sent[6],
                              sent[7], sent[8], sent[9], sent[10], sent[11]);
    CHECK_INT(probe_count(&seen, "arg"), 2 + (int) count);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(probe_nth(&seen, "arg", 2 + (int) i), sent[i]);
    }
    probe_free(&seen);
}

TEST(a_thousand_arguments_arrive)
{
    enum { COUNT = 1000 };
    static char texts[COUNT][12];
    static const char *arguments[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
        arguments[i] = decimal(texts[i], i);
    }
    struct probe seen = probe_run(__FILE__, __LINE__, NULL, NULL, arguments);
    CHECK_INT(probe_count(&seen, "arg"), COUNT + 2);
    for (int i = 0; i < COUNT; i += 111) {
        CHECK_STR(probe_nth(&seen, "arg", i + 2), texts[i]);
    }
    probe_free(&seen);
}

TEST(the_program_need_not_be_argv0)
{
    static const char *const names[] = { "another name", "", "/nonexistent/program" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct probe seen = probe_run(__FILE__, __LINE__, names[i], NULL, ARGV("x"));
        CHECK_STR(PROBED(&seen, "arg"), names[i]);
        probe_free(&seen);
    }
}

TEST(the_child_begins_in_the_callers_directory)
{
    char own[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    struct probe seen = PROBE(NULL, "x");
    CHECK_STR(PROBED(&seen, "cwd"), own);
    probe_free(&seen);
}

TEST(cwd_is_for_the_child_only)
{
    const char *directory = scratch("directory");
    REQUIRE(mkdir(directory, 0700) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = directory;
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(PROBED(&seen, "cwd"), directory);
    probe_free(&seen); /* that ours has not changed is what the audit sees */
}

TEST(a_relative_cwd_begins_at_the_callers)
{
    char own[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    REQUIRE(mkdir(scratch("directory"), 0700) == 0);
    REQUIRE(chdir(scratch("")) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = "directory";
    struct probe seen = PROBE(&options, "x");
    CHECK_STR(PROBED(&seen, "cwd"), scratch("directory"));
    probe_free(&seen);
    REQUIRE(chdir(own) == 0);
}

TEST(a_relative_program_is_looked_for_in_cwd)
{
    const char *directory = scratch("directory");
    REQUIRE(mkdir(directory, 0700) == 0);
    REQUIRE(symlink(helper("act"), scratch("directory/tool")) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = directory;
    CHECK_EXITED(RUN(ARGV("./tool", "exit", "6"), &options), 6);
    options.search = CHLD_SEARCH_NONE;
    CHECK_EXITED(RUN(ARGV("tool", "exit", "7"), &options), 7);
}

TEST(a_script_is_run_by_its_interpreter)
{
    const char *script = scratch_file("script", "#!/bin/sh\nexit 13\n", 0700);
    CHECK_EXITED(RUN(ARGV(script), NULL), 13);
}

TEST(the_parent_of_the_child_is_the_caller)
{
    struct probe seen = PROBE(NULL, "x");
    CHECK_INT(atoi(PROBED(&seen, "parent")), getpid());
    probe_free(&seen);
}

TEST(the_pid_is_that_of_the_child)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out.mode = CHLD_STDIO_FD;
    options.out.fd = ends[1];
    chld_id id = START(ARGV("/bin/sh", "-c", "echo $$"), &options);
    close(ends[1]);
    char text[64];
    CHECK_INT(atoi(read_all(ends[0], text, sizeof text)), CALL(chld_pid(id)));
    close(ends[0]);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(the_umask_is_inherited)
{
    mode_t before = umask(027);
    struct probe seen = PROBE(NULL, "x");
    CHECK_STR(PROBED(&seen, "umask"), "027");
    probe_free(&seen);
    umask(before);
}

TEST(user_is_given_back)
{
    int anything;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = &anything;
    chld_id id = START(ACT("exit", "0"), &options);
    void *user = NULL;
    CHECK_CALL(chld_user(id, &user), 0);
    CHECK(user == &anything);
    CHECK_CALL(chld_user(id, NULL), 0);
    FINISH(id);

    id = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_user(id, &user), 0);
    CHECK(user == NULL);
    FINISH(id);
}

TEST(the_versions_of_header_and_library_agree)
{
    char header[32];
    snprintf(header, sizeof header, "%d.%d.%d", CHLD_VERSION_MAJOR, CHLD_VERSION_MINOR,
             CHLD_VERSION_PATCH);
    CHECK_STR(chld_version(), header);
}

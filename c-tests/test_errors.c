/* Why a start failed: the errno, the step, the index, the item, the words. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *text_of(const chld_error *error)
{
    static char text[512];
    int length = CALL(chld_error_text(error, text, sizeof text));
    CHECK_INT(length, (long long) strlen(text));
    return text;
}

/* In the scratch directory, which is the working directory meanwhile. */
static void make_files(void)
{
    REQUIRE(chdir(scratch("")) == 0);
    scratch_file("plain", "nothing", 0644);
    scratch_file("text", "no program\n", 0755);
    scratch_file("script", "#!/nonexistent/interpreter -x\n", 0755);
    scratch_file("empty", "", 0755);
    REQUIRE(mkdir("directory", 0700) == 0);
    REQUIRE(symlink("loop", "loop") == 0);
    REQUIRE(symlink("nowhere", "dangling") == 0);
}

static const struct row {
    const char *program, *cwd;
    int errnum, step;
    const char *item, *text; /* the text before ": " and the errno's words */
} rows[] = {
    { "./missing", NULL, ENOENT, CHLD_STEP_EXEC, "./missing", "exec ./missing" },
    { "/nonexistent/program", NULL, ENOENT, CHLD_STEP_EXEC, "/nonexistent/program",
      "exec /nonexistent/program" },
    { "no-such-program-anywhere", NULL, ENOENT, CHLD_STEP_EXEC, "no-such-program-anywhere",
      "exec no-such-program-anywhere" },
    { "./plain", NULL, EACCES, CHLD_STEP_EXEC, "./plain", "exec ./plain" },
    { "./directory", NULL, EACCES, CHLD_STEP_EXEC, "./directory", "exec ./directory" },
    { "./text", NULL, ENOEXEC, CHLD_STEP_EXEC, "./text", "exec ./text" },
    { "./empty", NULL, ENOEXEC, CHLD_STEP_EXEC, "./empty", "exec ./empty" },
    { "./plain/x", NULL, ENOTDIR, CHLD_STEP_EXEC, "./plain/x", "exec ./plain/x" },
    { "./loop", NULL, ELOOP, CHLD_STEP_EXEC, "./loop", "exec ./loop" },
    { "./dangling", NULL, ENOENT, CHLD_STEP_EXEC, "./dangling", "exec ./dangling" },
    { "", NULL, ENOENT, CHLD_STEP_EXEC, "", "exec" },
    { "/bin/sh", "/nowhere", ENOENT, CHLD_STEP_CHDIR, "/nowhere", "chdir /nowhere" },
    { "/bin/sh", "plain", ENOTDIR, CHLD_STEP_CHDIR, "plain", "chdir plain" },
    { "/bin/sh", "loop", ELOOP, CHLD_STEP_CHDIR, "loop", "chdir loop" },
    { "/bin/sh", "", ENOENT, CHLD_STEP_CHDIR, "", "chdir" },
    { "./missing", "nowhere", ENOENT, CHLD_STEP_CHDIR, "nowhere", "chdir nowhere" },
};

TEST(program_and_directory_are_named)
{
    char own[PATH_MAX], want[256];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    setenv("PATH", "/usr/bin:/bin", 1); /* an entry that may not be searched is EACCES */
    make_files();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        int before = failures();
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.cwd = row->cwd;
        chld_error error = CHECK_FAILS(ARGV(row->program), &options, row->errnum, row->step, 0);
        CHECK_STR(error.item, row->item);
        snprintf(want, sizeof want, "%s: %s", row->text, strerror(row->errnum));
        CHECK_STR(text_of(&error), want);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "program \"%s\"", row->program);
        }
    }
    REQUIRE(chdir(own) == 0);
}

static const struct stream_row {
    int errnum, step;
    chld_stdio stdio;
    const char *item, *text; /* with the stream's name at "%s" */
    const char *words; /* after that, if not those of the errno */
} stream_rows[] = {
    { EBADF, CHLD_STEP_STDIO, { .mode = CHLD_STDIO_FD, .fd = 77 }, "", "stdio %s", NULL },
    { EBADF, CHLD_STEP_STDIO, { .mode = CHLD_STDIO_FD, .fd = -1 }, "", "stdio %s", NULL },
    { ENOENT, CHLD_STEP_OPEN, { .mode = CHLD_STDIO_PATH, .path = "/nowhere/file" },
      "/nowhere/file", "open %s /nowhere/file", NULL },
    { EISDIR, CHLD_STEP_OPEN, { .mode = CHLD_STDIO_PATH, .path = "/", .open_flags = O_WRONLY },
      "/", "open %s /", NULL },
    { EINVAL, CHLD_STEP_STDIO, { .mode = CHLD_STDIO_PATH, .path = NULL }, "", "stdio %s",
      "CHLD_STDIO_PATH needs path, which is NULL" },
    { EINVAL, CHLD_STEP_STDIO, { .mode = CHLD_STDIO_STDERR + 1 }, "", "stdio %s",
      "mode must be one of CHLD_STDIO_*" },
    { EINVAL, CHLD_STEP_STDIO, { .mode = 0xffffffff }, "", "stdio %s",
      "mode must be one of CHLD_STDIO_*" },
};

TEST(streams_are_named)
{
    static const char *const names[] = { "stdin", "stdout", "stderr" };
    for (size_t i = 0; i < sizeof stream_rows / sizeof *stream_rows; i++) {
        for (int which = 0; which < 3; which++) {
            const struct stream_row *row = &stream_rows[i];
            char text[128], want[256];
            chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
            *(which == 0 ? &options.in : which == 1 ? &options.out : &options.err) = row->stdio;
            chld_error error =
                CHECK_FAILS(ACT("exit", "0"), &options, row->errnum, row->step, which);
            CHECK_STR(error.item, row->item);
            const char *cut = strstr(row->text, "%s");
            snprintf(text, sizeof text, "%.*s%s%s", (int) (cut - row->text), row->text,
                     names[which], cut + 2);
            snprintf(want, sizeof want, "%s: %s", text,
                     row->words ? row->words : strerror(row->errnum));
            CHECK_STR(text_of(&error), want);
        }
    }
}

TEST(only_stderr_can_go_where_stdout_goes)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_STDOUT;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_STDIO, 0);
    options.in.mode = CHLD_STDIO_INHERIT;
    options.out.mode = CHLD_STDIO_STDOUT;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_STDIO, 1);
}

TEST(only_stdout_can_go_where_stderr_goes)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_STDERR;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_STDIO, 0);
    options.in.mode = CHLD_STDIO_INHERIT;
    options.err.mode = CHLD_STDIO_STDERR;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_STDIO, 2);
    options.out.mode = CHLD_STDIO_STDERR;
    options.err.mode = CHLD_STDIO_STDOUT;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_STDIO, 2);
    options.err.mode = CHLD_STDIO_CLOSED;
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_STDIO, 1);
}

TEST(what_was_opened_before_a_failure_is_closed)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    options.err = (chld_stdio) { .mode = CHLD_STDIO_PATH, .path = "/nowhere/file" };
    int before = open_descriptors();
    CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_OPEN, 2);
    CHECK_INT(open_descriptors(), before);
    options.err = (chld_stdio) { .mode = CHLD_STDIO_PIPE };
    CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    CHECK_INT(open_descriptors(), before);
}

TEST(arguments_too_long_for_the_kernel)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind ends what fails late in execve");
    }
    static char text[3 * 1024 * 1024];
    memset(text, 'x', sizeof text - 1);
    CHECK_FAILS(ACT("exit", text), NULL, E2BIG, CHLD_STEP_EXEC, 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = ARGV(text);
    CHECK_FAILS(ACT("exit", "0"), &options, E2BIG, CHLD_STEP_EXEC, 0);
}

TEST(a_program_open_for_writing)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind ends what fails late in execve");
    }
    char own[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    make_files();
    int file = open("script", O_WRONLY | O_CLOEXEC);
    CHECK_FAILS(ARGV("./script"), NULL, ETXTBSY, CHLD_STEP_EXEC, 0);
    close(file);
    REQUIRE(chdir(own) == 0);
}

/* Scripts "./s", whose first lines name what cannot run them. What is wrong with
 * the script itself is not the interpreter's fault. */
static const struct script {
    const char *text;
    mode_t mode;
    int errnum, step;
    const char *item, *shown;
} scripts[] = {
    { "#!/nonexistent/interpreter -x\n", 0755, ENOENT, CHLD_STEP_INTERPRETER,
      "/nonexistent/interpreter", NULL },
    { "#! \t/nonexistent/interpreter\t -x", 0755, ENOENT, CHLD_STEP_INTERPRETER,
      "/nonexistent/interpreter", NULL },
    { "#!/bin/sh\r\nexit 0\r\n", 0755, ENOENT, CHLD_STEP_INTERPRETER, "/bin/sh\r",
      "/bin/sh^M" },
    { "#!/bin/\x1bsh\n", 0755, ENOENT, CHLD_STEP_INTERPRETER, "/bin/\x1bsh", "/bin/^[sh" },
    { "#!/usr\n", 0755, EACCES, CHLD_STEP_INTERPRETER, "/usr", NULL },
    { "#!./plain\n", 0755, EACCES, CHLD_STEP_INTERPRETER, "./plain", NULL },
    { "#!./plain/sh\n", 0755, ENOTDIR, CHLD_STEP_INTERPRETER, "./plain/sh", NULL },
    { "#!./loop\n", 0755, ELOOP, CHLD_STEP_INTERPRETER, "./loop", NULL },
    { "#!./s\n", 0755, ELOOP, CHLD_STEP_INTERPRETER, "./s", NULL },
    { "#!./script\n", 0755, ENOENT, CHLD_STEP_INTERPRETER, "/nonexistent/interpreter", NULL },
    { "#!/bin/sh\n", 0644, EACCES, CHLD_STEP_EXEC, "./s", NULL },
    { "#!./plain\n", 0644, EACCES, CHLD_STEP_EXEC, "./s", NULL },
    { "#!\n", 0755, ENOEXEC, CHLD_STEP_EXEC, "./s", NULL },
};

TEST(an_interpreter_at_fault_is_named)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind ends what fails late in execve");
    }
    char own[PATH_MAX], want[256];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    make_files();
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const struct script *script = &scripts[i];
        int before = failures();
        scratch_file("s", script->text, script->mode);
        REQUIRE(chmod("s", script->mode) == 0);
        chld_error error = CHECK_FAILS(ARGV("./s"), NULL, script->errnum, script->step, 0);
        CHECK_STR(error.item, script->item);
        snprintf(want, sizeof want, "%s %s: %s", chld_step_name(script->step),
                 script->shown ? script->shown : script->item, strerror(script->errnum));
        CHECK_STR(text_of(&error), want);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "script \"%s\"", script->text);
        }
    }
    REQUIRE(chdir(own) == 0);
}

/* A copy of a program in which the name of the dynamic linker is another, which
 * is written into `linker`. */
static bool make_linkerless(const char *path, char linker[PATH_MAX])
{
    static char bytes[1 << 20];
    int file = open(helper("act"), O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, bytes, sizeof bytes);
    close(file);
    char *name = size > 4096 ? memmem(bytes, 4096, "/ld-", 4) : NULL;
    if (!name) {
        return false;
    }
    memcpy(name, "/xx-", 4);
    while (name > bytes && name[-1] >= ' ') {
        name--;
    }
    linker[0] = 0;
    strncat(linker, name, PATH_MAX - 1);
    file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    REQUIRE(write(file, bytes, (size_t) size) == size);
    close(file);
    return true;
}

TEST(a_missing_dynamic_linker_is_named)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind ends what fails late in execve");
    }
    char linker[PATH_MAX];
    const char *path = scratch("linkerless");
    if (!make_linkerless(path, linker)) {
        SKIP_TEST("the helper programs have no dynamic linker");
    }
    chld_error error = CHECK_FAILS(ARGV(path), NULL, ENOENT, CHLD_STEP_INTERPRETER, 0);
    CHECK_STR(error.item, linker);
}

TEST(a_long_item_is_cut)
{
    char path[1001];
    path[0] = '/';
    memset(path + 1, 'p', 999);
    path[1000] = 0;
    chld_error error = CHECK_FAILS(ARGV(path), NULL, ENAMETOOLONG, CHLD_STEP_EXEC, 0);
    CHECK_INT((long long) strnlen(error.item, CHLD_ERROR_ITEM), CHLD_ERROR_ITEM - 1);
    CHECK(memcmp(error.item, path, CHLD_ERROR_ITEM - 1) == 0);
}

TEST(the_error_may_be_null)
{
    chld_id id;
    CHECK_CALL(chld_spawn(&id, ARGV("/nonexistent"), NULL, NULL), -ENOENT);
}

TEST(the_error_is_written_on_failure_only)
{
    chld_id id;
    chld_error error, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    error = untouched;
    CHECK_CALL(chld_spawn(&id, ACT("exit", "0"), NULL, &error), 0);
    CHECK(memcmp(&error, &untouched, sizeof error) == 0);
    FINISH(id);
}

TEST(failures_can_be_many_and_leave_nothing)
{
    int before = open_descriptors();
    for (int i = 0; i < scaled(500); i++) {
        CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
    }
    CHECK_INT(open_descriptors(), before);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
}

TEST(every_step_has_its_name)
{
    static const char *const names[] = {
        "nothing", "arguments", "options", "environment", "memory", "stdio", "open", "pipe",
        "pty", "cgroup", "clone", "descriptors", "map", "session", "terminal", "group",
        "foreground", "limit", "nice", "affinity", "no_new_privs", "setgroups", "setgid", "setuid",
        "chdir", "death_signal", "signals", "exec", "interpreter", "capture",
    };
    for (int step = 0; step <= CHLD_STEP_CAPTURE; step++) {
        CHECK_STR(chld_step_name(step), names[step]);
    }
    CHECK(chld_step_name(-1) == NULL);
    CHECK(chld_step_name(CHLD_STEP_CAPTURE + 1) == NULL);
    CHECK(chld_step_name(INT_MAX) == NULL && chld_step_name(INT_MIN) == NULL);
}

TEST(the_text_is_cut_to_the_buffer)
{
    static const char want[] = "environment 3: Invalid argument";
    const chld_error error = { .code = EINVAL, .step = CHLD_STEP_ENVIRONMENT, .index = 3 };
    const int length = sizeof want - 1;
    CHECK_CALL(chld_error_text(&error, NULL, 0), length);
    for (int size = 1; size <= length + 2; size++) {
        char buffer[64];
        memset(buffer, 'x', sizeof buffer);
        CHECK_CALL(chld_error_text(&error, buffer, (size_t) size), length);
        int kept = size - 1 < length ? size - 1 : length;
        CHECK_INT((long long) strnlen(buffer, sizeof buffer), kept);
        CHECK(strncmp(buffer, want, (size_t) kept) == 0);
        CHECK(buffer[size > length ? length + 1 : size] == 'x');
    }
}

/* A number of another version is passed over. */
TEST(an_unknown_reason_leaves_the_words_of_the_errno)
{
    static const int numbers[] = { 0, -1, 1000, INT_MAX, INT_MIN };
    char want[64];
    snprintf(want, sizeof want, "options: %s", strerror(EINVAL));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const chld_error error = {
            .code = EINVAL, .step = CHLD_STEP_OPTIONS, .reason = numbers[i]
        };
        CHECK_STR(text_of(&error), want);
    }
}

TEST(an_error_that_is_none_has_no_text)
{
    char buffer[8];
    const chld_error wrong = { .code = EINVAL, .step = CHLD_STEP_CAPTURE + 1 };
    const chld_error negative = { .code = EINVAL, .step = -1 };
    CHECK_CALL(chld_error_text(&wrong, buffer, sizeof buffer), -EINVAL);
    CHECK_CALL(chld_error_text(&negative, buffer, sizeof buffer), -EINVAL);
    CHECK_CALL(chld_error_text(NULL, buffer, sizeof buffer), -EINVAL);
}

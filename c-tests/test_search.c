/* Finding a program without a slash in its name along PATH, by execvp's rules. */
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories of the scratch directory:
 *   empty/           has nothing
 *   good/tool        is the helper "act"
 *   plain/tool       is a file that cannot be executed
 *   directory/tool   is a directory
 *   file             is a file */
static void make_directories(void)
{
    static const char *const names[] = { "empty", "good", "plain", "directory", "directory/tool" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        REQUIRE(mkdir(scratch(names[i]), 0700) == 0);
    }
    REQUIRE(symlink(helper("act"), scratch("good/tool")) == 0);
    scratch_file("plain/tool", "nothing", 0644);
    scratch_file("file", "nothing", 0755);
}

/* A PATH with the scratch directory for each "@" in `text`. */
static const char *path_of(const char *text)
{
    static char path[64 * 1024];
    size_t at = 0;
    for (; *text; text++) {
        if (*text == '@') {
            at += (size_t) snprintf(path + at, sizeof path - at, "%s", scratch(""));
        } else {
            path[at++] = *text;
        }
    }
    path[at] = 0;
    return path;
}

/* Each row is run once with the caller's PATH and once with the child's. */
static const struct row {
    const char *path;
    const char *name;
    int errnum; /* 0: found, and exits with 5 */
} rows[] = {
    { "@good", "tool", 0 },
    { "@empty:@good", "tool", 0 },
    { "@good:@empty", "tool", 0 },
    { "@nowhere:@good", "tool", 0 },
    { "@file:@good", "tool", 0 }, /* not a directory */
    { "@plain:@good", "tool", 0 }, /* EACCES, then found */
    { "@directory:@good", "tool", 0 },
    { "@good:@plain", "tool", 0 },
    { "@plain", "tool", EACCES },
    { "@plain:@empty", "tool", EACCES }, /* EACCES is remembered */
    { "@empty:@plain:@nowhere", "tool", EACCES },
    { "@directory", "tool", EACCES },
    { "@empty", "tool", ENOENT },
    { "@empty:@nowhere", "tool", ENOENT },
    { "@file", "tool", ENOTDIR }, /* the last directory's errno counts */
    { "@empty:@file", "tool", ENOTDIR },
    { "@file:@empty", "tool", ENOENT },
    { "@file:@plain:@file", "tool", EACCES },
    { "@good", "missing", ENOENT },
    { "@good", "", ENOENT },
    { "@nowhere", "./good/tool", 0 }, /* a slash: not looked for */
    { "@good", "./tool", ENOENT },
    { "@good", "sub/tool", ENOENT },
};

static void try_row(const struct row *row, const chld_spawn_options *options)
{
    const char *const *argv = ARGV(row->name, "exit", "5");
    if (row->errnum == 0) {
        CHECK_EXITED(RUN(argv, options), 5);
    } else {
        chld_error error = CHECK_FAILS(argv, options, row->errnum, CHLD_STEP_EXEC, 0);
        CHECK_STR(error.item, row->name);
    }
}

static void in_scratch_directory(void (*part)(void))
{
    char own[PATH_MAX];
    REQUIRE(getcwd(own, sizeof own) != NULL);
    make_directories();
    REQUIRE(chdir(scratch("")) == 0);
    part();
    REQUIRE(chdir(own) == 0);
}

static void try_rows_in_callers_path(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setenv("PATH", path_of(rows[i].path), 1);
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.env = ARGV("PATH=/nowhere");
        try_row(&rows[i], &options);
    }
}

TEST(a_program_is_found_along_the_callers_path)
{
    in_scratch_directory(try_rows_in_callers_path);
}

static void try_rows_in_childs_path(void)
{
    static char entry[64 * 1024];
    setenv("PATH", "/nowhere", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(entry, sizeof entry, "PATH=%s", path_of(rows[i].path));
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.search = CHLD_SEARCH_CHILD;
        options.env = ARGV("OTHER=1", entry);
        try_row(&rows[i], &options);
        options.env = NULL;
        options.env_set = ARGV(entry);
        try_row(&rows[i], &options);
    }
}

TEST(a_program_is_found_along_the_childs_path)
{
    in_scratch_directory(try_rows_in_childs_path);
}

static void try_empty_entries(void)
{
    static const char *const paths[] = { "", ":", ":@empty", "@empty:", "@empty::@nowhere" };
    REQUIRE(symlink(helper("act"), "here") == 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        setenv("PATH", path_of(paths[i]), 1);
        CHECK_EXITED(RUN(ARGV("here", "exit", "8"), NULL), 8);
    }
    setenv("PATH", path_of("@empty"), 1);
    CHECK_FAILS(ARGV("here"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

TEST(an_empty_entry_is_the_working_directory)
{
    in_scratch_directory(try_empty_entries);
}

TEST(without_any_path_the_usual_directories_are_searched)
{
    unsetenv("PATH");
    CHECK_EXITED(RUN(ARGV("sh", "-c", "exit 3"), NULL), 3);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.search = CHLD_SEARCH_CHILD;
    options.env = ARGV("NOTHING=1");
    CHECK_EXITED(RUN(ARGV("sh", "-c", "exit 4"), &options), 4);
}

static void try_without_search(void)
{
    setenv("PATH", path_of("@good"), 1);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.search = CHLD_SEARCH_NONE;
    CHECK_FAILS(ARGV("tool"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    REQUIRE(symlink(helper("act"), "tool") == 0);
    CHECK_EXITED(RUN(ARGV("tool", "exit", "9"), &options), 9);
}

TEST(without_search_the_name_is_a_path)
{
    in_scratch_directory(try_without_search);
}

static void try_long_entries(void)
{
    static char path[3 * PATH_MAX];
    memset(path, 'd', 2 * PATH_MAX);
    snprintf(path + 2 * PATH_MAX, PATH_MAX, ":%s", scratch("good"));
    setenv("PATH", path, 1);
    CHECK_EXITED(RUN(ARGV("tool", "exit", "2"), NULL), 2);
}

/* As execvp() returns it, in every kind of search. */
TEST(a_name_too_long_for_a_file_is_reported)
{
    static char name[5001];
    setenv("PATH", "/no/such/place:/bin", 1);
    memset(name, 'n', sizeof name - 1);
    CHECK_FAILS(ARGV(name), NULL, ENAMETOOLONG, CHLD_STEP_EXEC, 0);
    name[256] = 0;
    CHECK_FAILS(ARGV(name), NULL, ENAMETOOLONG, CHLD_STEP_EXEC, 0);
    name[255] = 0;
    CHECK_FAILS(ARGV(name), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

TEST(an_entry_too_long_for_a_path_is_passed_over)
{
    in_scratch_directory(try_long_entries);
}

/* Longer than what is set aside for a candidate, as long as one can be. */
static void try_longest_entries(void)
{
    static char path[2 * PATH_MAX];
    const char *good = scratch("good");
    const size_t most = PATH_MAX - sizeof "/tool", sizes[] = { 249, 250, 251, 2000, most };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(path, '/', sizes[i]);
        memcpy(path, good, strlen(good));
        path[sizes[i]] = 0;
        setenv("PATH", path, 1);
        CHECK_EXITED(RUN(ARGV("tool", "exit", "2"), NULL), 2);
    }
    strcat(path, "/");
    setenv("PATH", path, 1);
    CHECK_FAILS(ARGV("tool"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

TEST(a_long_entry_is_searched)
{
    in_scratch_directory(try_longest_entries);
}

static void try_program_option(void)
{
    setenv("PATH", path_of("@good"), 1);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.program = "tool";
    CHECK_EXITED(RUN(ARGV("any name", "exit", "4"), &options), 4);
    options.program = "missing";
    chld_error error = CHECK_FAILS(ARGV("tool"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    CHECK_STR(error.item, "missing");
}

TEST(program_is_looked_for_in_place_of_argv0)
{
    in_scratch_directory(try_program_option);
}

static void try_interpreter(void)
{
    setenv("PATH", path_of("@empty:@good"), 1);
    scratch_file("good/script", "#!/nonexistent/interpreter\n", 0755);
    chld_error error = CHECK_FAILS(ARGV("script"), NULL, ENOENT, CHLD_STEP_INTERPRETER, 0);
    CHECK_STR(error.item, "/nonexistent/interpreter");
    /* It is still so if other directories have no such file, or one that may not
     * be run: that errno counts, as with execvp(). */
    setenv("PATH", path_of("@good:@empty:@file"), 1);
    error = CHECK_FAILS(ARGV("script"), NULL, ENOENT, CHLD_STEP_INTERPRETER, 0);
    CHECK_STR(error.item, "/nonexistent/interpreter");
    scratch_file("plain/script", "nothing", 0644);
    setenv("PATH", path_of("@good:@plain"), 1);
    error = CHECK_FAILS(ARGV("script"), NULL, EACCES, CHLD_STEP_EXEC, 0);
    CHECK_STR(error.item, "script");
    /* Of two interpreters at fault, that of the failure that counts is named. */
    scratch_file("empty/script", "#!/etc/passwd\n", 0755);
    setenv("PATH", path_of("@good:@empty"), 1);
    error = CHECK_FAILS(ARGV("script"), NULL, EACCES, CHLD_STEP_INTERPRETER, 0);
    CHECK_STR(error.item, "/etc/passwd");
    setenv("PATH", path_of("@empty:@good"), 1);
    error = CHECK_FAILS(ARGV("script"), NULL, EACCES, CHLD_STEP_INTERPRETER, 0);
    CHECK_STR(error.item, "/etc/passwd");
}

TEST(a_missing_interpreter_is_not_a_missing_program)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind ends what fails late in execve");
    }
    in_scratch_directory(try_interpreter);
}

static void try_no_program(void)
{
    setenv("PATH", path_of("@good"), 1);
    scratch_file("good/text", "exit 3\n", 0755);
    CHECK_FAILS(ARGV("text"), NULL, ENOEXEC, CHLD_STEP_EXEC, 0);
}

TEST(what_is_no_program_is_not_given_to_a_shell)
{
    in_scratch_directory(try_no_program);
}

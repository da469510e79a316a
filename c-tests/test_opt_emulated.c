/* Under qemu-user a child's memory is never its parent's, whatever the flags
 * are: failures must be reported as exactly as ever, by the pipe. Tests of other
 * programs are run again under the emulator. */
#include "look.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* "qemu-x86_64" and its like: the one for this very program. */
static void find_emulator(char *path, size_t size)
{
    struct utsname machine;
    REQUIRE(uname(&machine) == 0);
#ifdef __i386__
    strcpy(machine.machine, "i386"); /* the kernel may be a 64-bit one */
#endif
    if (is_emulated()) {
        SKIP_TEST("this is an emulator already");
    }
    if (getenv("ASAN_OPTIONS")) {
        SKIP_TEST("sanitizers do not work in an emulator");
    }
    char *directories = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin"), *rest = directories;
    bool found = false;
    for (char *one; !found && (one = strsep(&rest, ":"));) {
        snprintf(path, size, "%s/qemu-%s", one, machine.machine);
        found = access(path, X_OK) == 0;
    }
    free(directories);
    if (!found) {
        SKIP_TEST("qemu-%s is not installed", machine.machine);
    }
}

/* Another test program of this lane. */
static const char *sibling(const char *name)
{
    static char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 64);
    REQUIRE(size > 0);
    path[size] = 0;
    strcpy(strrchr(path, '/') + 1, name);
    return path;
}

static void run_emulated(const char *emulator, const char *program, const char *test)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        setenv("CHLD_TEST_EMULATED", "1", 1);
        setenv("CHLD_TEST_PERCENT", "4", 1);
        execl(emulator, emulator, sibling(program), test, (char *) NULL);
        _exit(127);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED)) {
        fail(__FILE__, __LINE__, "%s %s: wait status %#x", program, test, status);
    }
}

static void run_all(const char *program, const char *const *tests)
{
    char emulator[PATH_MAX];
    find_emulator(emulator, sizeof emulator);
    for (; *tests; tests++) {
        arm_alarm();
        run_emulated(emulator, program, *tests);
    }
}

#define RUN_EMULATED(program, ...) run_all((program), ARGV(__VA_ARGS__))

TEST(missing_programs_and_interpreters)
{
    RUN_EMULATED("test_search", "a_program_is_found_along_the_callers_path",
                 "a_program_is_found_along_the_childs_path",
                 "an_entry_too_long_for_a_path_is_passed_over",
                 "a_missing_interpreter_is_not_a_missing_program",
                 "what_is_no_program_is_not_given_to_a_shell");
}

TEST(directories_and_detached_children)
{
    RUN_EMULATED("test_opt_cwd", "a_descriptor_that_is_no_directory_is_refused",
                 "a_directory_that_the_new_user_may_not_enter_is_refused");
    RUN_EMULATED("test_opt_detached", "failures_are_reported_as_for_any_child",
                 "it_is_no_child_of_the_callers", "contradictions_are_refused");
}

TEST(rights_and_limits)
{
    RUN_EMULATED("test_opt_ids", "only_root_may_change_them",
                 "groups_that_are_none_are_refused",
                 "a_program_that_the_new_user_may_not_run_is_refused");
    RUN_EMULATED("test_opt_limits", "a_wrong_limit_is_refused_with_its_index",
                 "only_root_may_be_less_nice", "an_empty_set_of_cpus_is_refused");
}

TEST(terminals)
{
    RUN_EMULATED("test_opt_terminal", "a_start_that_fails_leaves_no_terminal",
                 "a_terminal_needs_a_session_and_has_to_be_one",
                 "the_terminal_of_another_session_is_not_taken_away",
                 "without_a_terminal_there_is_no_foreground");
}

TEST(groups_and_maps)
{
    RUN_EMULATED("test_groups", "a_group_that_cannot_be_joined_is_refused",
                 "a_session_leader_cannot_join_a_group");
    RUN_EMULATED("test_fds", "maps_take_effect_all_at_once",
                 "a_wrong_map_is_refused_with_its_index",
                 "a_target_beyond_the_limit_is_refused_by_the_kernel");
}

/* The report pipe lies where the caller wants a descriptor to be. */
TEST(a_failure_is_reported_even_if_all_low_numbers_are_targets)
{
    RUN_EMULATED("test_fds", "all_low_numbers_can_be_targets_at_the_first_start",
                 "a_failure_is_reported_even_if_all_low_numbers_are_targets");
}

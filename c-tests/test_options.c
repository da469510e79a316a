/* The struct of options as a versioned thing, and values that do not exist. */
#include "support.h"

#include <stdlib.h>

static void check_refused(const chld_spawn_options *options)
{
    CHECK_FAILS(ACT("exit", "0"), options, EINVAL, CHLD_STEP_OPTIONS, 0);
}

TEST(a_size_that_never_was_is_refused)
{
    static const size_t sizes[] = { 0, 1, 8, sizeof(chld_spawn_options) - 1, SIZE_MAX,
                                    SIZE_MAX / 2, (size_t) UINT64_C(0x100000000) };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.size = sizes[i];
        check_refused(&options);
    }
}

/* The struct of a later header. */
struct later {
    chld_spawn_options known;
    unsigned char unknown[64];
};

TEST(a_larger_struct_is_accepted_while_its_tail_is_zero)
{
    for (size_t more = 1; more <= 64; more += 7) {
        struct later later = { .known = { .size = sizeof(chld_spawn_options) + more } };
        CHECK_EXITED(RUN(ACT("exit", "5"), &later.known), 5);
    }
}

TEST(a_larger_struct_is_refused_if_its_tail_is_not_zero)
{
    for (size_t more = 1; more <= 64; more++) {
        struct later later = { .known = { .size = sizeof(chld_spawn_options) + more } };
        later.unknown[more - 1] = 1;
        CHECK_FAILS(ACT("exit", "0"), &later.known, E2BIG, CHLD_STEP_OPTIONS, 0);
        if (more < 64) { /* what lies beyond its size does not count */
            later.unknown[more - 1] = 0;
            later.unknown[more] = 1;
            CHECK_EXITED(RUN(ACT("exit", "5"), &later.known), 5);
        }
    }
}

TEST(unknown_flags_are_refused)
{
    const uint64_t highest = CHLD_SPAWN_KILL_ON_DEATH, known = highest | (highest - 1);
    for (int number = 0; number < 64; number++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = 1ull << number;
        if (!(options.flags & known)) {
            check_refused(&options);
        }
    }
}

TEST(unknown_modes_are_refused)
{
    static const uint32_t none[] = { 3, 4, 99, 0x80000000, 0xffffffff };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.search = none[i];
        check_refused(&options);

        options = (chld_spawn_options) CHLD_SPAWN_OPTIONS_INIT;
        options.mask_mode = none[i];
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SIGNALS, 0);

        options = (chld_spawn_options) CHLD_SPAWN_OPTIONS_INIT;
        options.group_mode = none[i];
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_GROUP, 0);
    }
}

TEST(a_start_needs_a_handle_and_arguments)
{
    chld_error error;
    chld_id id = 77;
    const char *const none[] = { NULL };
    const struct {
        chld_id *ret;
        const char *const *argv;
    } rows[] = { { NULL, ACT("exit", "0") }, { &id, NULL }, { &id, none }, { NULL, NULL } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_CALL(chld_spawn(rows[i].ret, rows[i].argv, NULL, &error), -EINVAL);
        CHECK_INT(error.step, CHLD_STEP_ARGUMENTS);
        CHECK_CALL(chld_spawn(rows[i].ret, rows[i].argv, NULL, NULL), -EINVAL);
    }
    CHECK_INT((long long) id, 77);
}

TEST(empty_arguments_are_refused_though_a_program_is_named)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.program = helper("act");
    const char *const none[] = { NULL };
    CHECK_FAILS(none, &options, EINVAL, CHLD_STEP_ARGUMENTS, 0);
}

TEST(members_for_other_modes_are_not_looked_at)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in = options.out = options.err =
        (chld_stdio) { CHLD_STDIO_INHERIT, -5, "/nonexistent/file", -1, 0xffffffff };
    options.group = -7;
    options.fds = NULL;
    CHECK_EXITED(RUN(ACT("exit", "5"), &options), 5);
}

/* The child's environment. */
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* The child's environment is this list, in this order. */
static void check_env(const chld_spawn_options *options, const char *const *want)
{
    struct probe seen = PROBE(options, "x");
    int count = 0;
    for (; want[count]; count++) {
        CHECK_STR(probe_nth(&seen, "env", count), want[count]);
    }
    CHECK_INT(probe_count(&seen, "env"), count);
    probe_free(&seen);
}

TEST(by_default_the_callers_is_inherited)
{
    char *own[] = { "A=1", "B=", "A=2", "=odd", NULL }; /* valgrind changes what it starts with */
    char **before = environ;
    environ = own;
    check_env(NULL, ARGV("A=1", "B=", "A=2", "=odd"));
    environ = before;
    setenv("CHLD_TEST_NEW", "a value", 1);
    CHECK_EXITED(RUN(ARGV("/bin/sh", "-c", "test \"$CHLD_TEST_NEW\" = 'a value'"), NULL), 0);
}

TEST(a_caller_without_one_has_children_without_one)
{
    char **before = environ;
    char *none[] = { NULL };
    environ = none;
    struct probe seen = PROBE(NULL, "x");
    CHECK_INT(probe_count(&seen, "env"), 0);
    probe_free(&seen);
    environ = NULL;
    seen = PROBE(NULL, "x");
    CHECK_INT(probe_count(&seen, "env"), 0);
    probe_free(&seen);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env_set = ARGV("A=1");
    seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "env"), 1);
    probe_free(&seen);
    environ = before;
}

static const struct row {
    const char *what;
    const char *env[8], *set[6], *unset[6], *want[8];
} rows[] = {
    { "replaced", { "A=1", "B=2" }, { NULL }, { NULL }, { "A=1", "B=2" } },
    { "replaced by nothing", { NULL }, { NULL }, { NULL }, { NULL } },
    { "added", { "A=1" }, { "B=2" }, { NULL }, { "A=1", "B=2" } },
    { "added to nothing", { NULL }, { "B=2", "C=3" }, { NULL }, { "B=2", "C=3" } },
    { "replaced one", { "A=1", "B=2", "C=3" }, { "B=new" }, { NULL }, { "A=1", "C=3", "B=new" } },
    { "replaced all of one name", { "A=1", "A=2", "B=3" }, { "A=" }, { NULL }, { "B=3", "A=" } },
    { "an empty value", { "A=1" }, { "A=" }, { NULL }, { "A=" } },
    { "a value with =", { "A=1" }, { "A=b=c=" }, { NULL }, { "A=b=c=" } },
    { "taken out", { "A=1", "B=2", "C=3" }, { NULL }, { "B" }, { "A=1", "C=3" } },
    { "all of one name taken out", { "A=1", "B=2", "A=3" }, { NULL }, { "A" }, { "B=2" } },
    { "all taken out", { "A=1", "B=2" }, { NULL }, { "B", "A" }, { NULL } },
    { "not there to be taken out", { "A=1" }, { NULL }, { "B" }, { "A=1" } },
    { "no prefix is taken out",
      { "A=1", "AB=2", "ABC=3" }, { NULL }, { "AB" }, { "A=1", "ABC=3" } },
    { "no prefix is replaced",
      { "A=1", "ABC=3" }, { "AB=2" }, { NULL }, { "A=1", "ABC=3", "AB=2" } },
    { "case counts", { "a=1" }, { "A=2" }, { "B" }, { "a=1", "A=2" } },
    { "both", { "A=1", "B=2", "C=3" },
      { "A=new", "D=4" }, { "B", "X" }, { "C=3", "A=new", "D=4" } },
    { "odd entries are kept", { "NOVALUE", "=odd", "A=1" }, { "B=2" }, { "A" },
      { "NOVALUE", "=odd", "B=2" } },
};

TEST(it_can_be_replaced_extended_and_reduced)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        int before = failures();
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.env = row->env;
        options.env_set = *row->set ? row->set : NULL;
        options.env_unset = *row->unset ? row->unset : NULL;
        check_env(&options, row->want);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "environment \"%s\"", row->what);
        }
    }
}

TEST(of_two_settings_of_one_name_the_last_counts)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = ARGV("A=0");
    options.env_set = ARGV("A=1", "A=2");
    check_env(&options, ARGV("A=2"));
    options.env_set = ARGV("B=1", "A=1", "B=2", "C=1", "A=2", "B=3", "AB=1");
    check_env(&options, ARGV("C=1", "A=2", "B=3", "AB=1"));
}

TEST(what_is_set_wins_over_what_is_unset)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = ARGV("A=0", "B=0", "C=0");
    options.env_set = ARGV("A=1", "B=1");
    options.env_unset = ARGV("B", "C", "B", "A");
    check_env(&options, ARGV("A=1", "B=1"));
}

TEST(the_callers_own_can_be_extended_and_reduced)
{
    char *own[] = { "KEPT=1", "CHANGED=1", "GONE=1", NULL };
    char **before = environ;
    environ = own;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env_set = ARGV("CHANGED=2", "NEW=1");
    options.env_unset = ARGV("GONE");
    check_env(&options, ARGV("KEPT=1", "CHANGED=2", "NEW=1"));
    CHECK_STR(getenv("CHANGED"), "1");
    CHECK_STR(getenv("GONE"), "1");
    environ = before;
}

TEST(three_thousand_variables_arrive)
{
    enum { COUNT = 3000 };
    static char entries[COUNT][48];
    static const char *env[COUNT + 1], *want[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
        snprintf(entries[i], sizeof entries[i], "NAME_%d=value %d", i, i);
        env[i] = entries[i];
        want[i] = entries[i];
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = env;
    check_env(&options, want);

    options.env_set = ARGV("NAME_2999=new");
    want[COUNT - 1] = "NAME_2999=new";
    check_env(&options, want);

    options.env_set = NULL;
    options.env_unset = ARGV("NAME_2999", "NAME_1");
    memmove(want + 1, want + 2, (COUNT - 3) * sizeof *want);
    want[COUNT - 2] = NULL;
    check_env(&options, want);
}

/* Names in an order that is no order, each entry changed or taken out. */
struct changes {
    char base[8000][32], sets[8000][32], unsets[8000][32];
    const char *env[8001], *set[8001], *unset[8001];
};

static chld_spawn_options change(struct changes *all, int count)
{
    for (int i = 0; i < count; i++) {
        int shuffled = i * 4999 % count;
        snprintf(all->base[i], sizeof all->base[i], "N%d=%d", i, i);
        snprintf(all->sets[i], sizeof all->sets[i], "N%d=new", shuffled / 2);
        snprintf(all->unsets[i], sizeof all->unsets[i], "N%d", shuffled / 2 + count / 2);
        all->env[i] = all->base[i];
        all->set[i] = all->sets[i];
        all->unset[i] = all->unsets[i];
    }
    all->env[count] = all->set[count] = all->unset[count] = NULL;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.env = all->env;
    options.env_set = all->set;
    options.env_unset = all->unset;
    return options;
}

TEST(thousands_of_changes_are_made)
{
    enum { COUNT = 8000 };
    static struct changes all;
    chld_spawn_options options = change(&all, COUNT);
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "env"), COUNT / 2);
    for (int i = 0; i < COUNT / 2; i += 500) {
        const char *entry = probe_nth(&seen, "env", i);
        CHECK(entry && strstr(entry, "=new"));
    }
    probe_free(&seen);
}

/* The CPU time of this process for a start that fails: the least of several. */
static long long cost_of(struct changes *all, int count)
{
    chld_spawn_options options = change(all, count);
    long long least = LLONG_MAX;
    chld_id none;
    for (int i = 0; i < 5; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        CHECK_CALL(chld_spawn(&none, ARGV("/no/such"), &options, NULL), -ENOENT);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        long long took = (after.tv_sec - before.tv_sec) * 1000000000LL
                       + after.tv_nsec - before.tv_nsec;
        least = took < least ? took : least;
    }
    return least;
}

/* Eight times as many changes: were each compared with each, 64 times the cost. */
TEST(the_cost_of_changes_grows_with_their_number)
{
    static struct changes all;
    long long few = cost_of(&all, 1000);
    CHECK(cost_of(&all, 8000) < 32 * few);
}

TEST(a_wrong_entry_is_refused_with_its_index)
{
    static const struct {
        const char *set[4], *unset[4];
        int index;
        const char *item;
    } wrong[] = {
        { { "NOVALUE" }, { NULL }, 0, "NOVALUE" },
        { { "A=1", "" }, { NULL }, 1, "" },
        { { "A=1", "B=2", "=x" }, { NULL }, 2, "=x" },
        { { NULL }, { "" }, 0, "" },
        { { NULL }, { "A", "B=2" }, 1, "B=2" },
        { { NULL }, { "A", "B", "=" }, 2, "=" },
        { { "A=1" }, { "B", "C=" }, 1, "C=" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.env_set = *wrong[i].set || !*wrong[i].unset ? wrong[i].set : NULL;
        options.env_unset = *wrong[i].unset ? wrong[i].unset : NULL;
        chld_error error = CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_ENVIRONMENT,
                                       wrong[i].index);
        CHECK_STR(error.item, wrong[i].item);
    }
}

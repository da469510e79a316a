/* Two threads that make the same call at the same moment: one succeeds. */
#include "exits.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

struct rivals;
struct rival {
    struct rivals *both;
    chld_id id;
    int result;
};
struct rivals {
    void (*call)(struct rival *);
    pid_t pid;
    chld_set set;
    atomic_int there;
    struct rival one[2];
};

static void *meet_and_call(void *rival)
{
    struct rivals *both = ((struct rival *) rival)->both;
    atomic_fetch_add(&both->there, 1);
    while (atomic_load(&both->there) < 2) {
        sched_yield();
    }
    both->call(rival);
    return NULL;
}

static void check_one_succeeds(struct rivals *both)
{
    pthread_t other;
    atomic_store(&both->there, 0);
    both->one[0].both = both->one[1].both = both;
    REQUIRE(pthread_create(&other, NULL, meet_and_call, &both->one[0]) == 0);
    meet_and_call(&both->one[1]);
    pthread_join(other, NULL);
    int won = both->one[0].result == 0 ? 0 : 1;
    CHECK_INT(both->one[won].result, 0);
    CHECK_INT(both->one[1 - won].result, -EEXIST);
}

static void adopt(struct rival *rival)
{
    rival->id = CHLD_NONE;
    rival->result = CALL(chld_adopt(&rival->id, rival->both->pid));
}

/* The child waits at the gate or has ended: both can be adopted. */
static void adopt_at_once(void)
{
    long long until = now_ms() + 1500;
    for (int i = 0; i < scaled(500) && now_ms() < until && !failures(); i++) {
        struct gate gate = gate_make();
        pid_t pid = fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            char byte;
            close(gate.hold_end);
            _exit(read(gate.wait_end, &byte, 1) == 0 ? 5 : 1);
        }
        struct rivals both = { .call = adopt, .pid = pid };
        check_one_succeeds(&both);
        gate_open(&gate);
        CHECK_EXITED(FINISH(both.one[both.one[0].id == CHLD_NONE].id), 5);
    }
}

TEST(one_of_two_adopts)
{
    adopt_at_once();
}

TEST(one_of_two_adopts_beside_the_handler)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    adopt_at_once();
    CHECK_CALL(chld_sigchld_remove(), 0);
}

static void add(struct rival *rival)
{
    rival->result = CALL(chld_set_add(rival->both->set, rival->id, 0));
}

static void add_at_once(uint32_t flags)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    long long until = now_ms() + 1500;
    for (int i = 0; i < scaled(5000) && now_ms() < until && !failures(); i++) {
        struct rivals both = { .call = add, .set = SET_OPEN(flags) };
        both.one[0].id = both.one[1].id = id;
        check_one_succeeds(&both);
        CHECK_CALL(chld_set_close(both.set), 0);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

TEST_EACH_ENGINE(one_of_two_adds)
{
    add_at_once(flags);
}

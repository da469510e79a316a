/* The children that the tests of event loops capture, and what must come. */
#ifndef LOOPS_TASKS_H
#define LOOPS_TASKS_H

#include "support.h"

enum { TASKS_MOST = 20 };

struct task;

/** How many there are in this lane. */
int task_count(void);

/** Starts a child and begins its capture. */
const struct task *task_start(int number, chld_id *child, chld_capture_id *capturing);

/** Closes both; `check_end` is asked about the child's end. */
void task_judge(const struct task *task, chld_id child, chld_capture_id capturing,
                void (*check_end)(chld_status status, int state, int code));

#endif

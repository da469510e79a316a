# Scenarios in which system calls fail (c-tests/faults.py), and the two tools
# that make them fail: inject (one call at a time) and deny (all of a kind).
FAULTS_FRAME := frame state judge start cgroup deny errno
FAULTS_TESTS := $(patsubst %,$(O)/c-tests/faults_%,spawn refused wait stray options sets loop capture kill tree own pipeline)
FAULTS_PROGS := $(addprefix $(O)/c-tests/,inject deny faults_child) $(FAULTS_TESTS)
FAULTS_OBJS  := $(patsubst c-tests/%.c,$(O)/c-tests/%.o,\
    $(wildcard c-tests/faults_*.c) c-tests/inject.c c-tests/deny.c)
FAULTS_CFLAGS ?= -std=c11 -Wall -Wextra -pedantic -Werror -O1 -g

$(FAULTS_OBJS): $(O)/c-tests/%.o: c-tests/%.c $(wildcard c-tests/faults*.h) c-tests/inject.h \
    include/chld.h
	@mkdir -p $(@D)
	$(CC) $(FAULTS_CFLAGS) -Iinclude -c -o $@ $<

$(FAULTS_TESTS): %: %.o $(patsubst %,$(O)/c-tests/faults_%.o,$(FAULTS_FRAME)) $(O)/libchld.a
	$(CC) -o $@ $^

$(O)/c-tests/inject: $(patsubst %,$(O)/c-tests/%.o,inject faults_supervise faults_process \
    faults_calls faults_errno)
	$(CC) -o $@ $^

$(O)/c-tests/deny: $(patsubst %,$(O)/c-tests/%.o,deny faults_deny faults_errno)
	$(CC) -o $@ $^

# Static where libc.a is there: it starts many times, and every call it makes is
# notified.
$(O)/c-tests/faults_child: $(O)/c-tests/faults_child.o
	$(CC) -static -o $@ $^ 2>/dev/null || $(CC) -o $@ $^

## faults: scenarios in which every system call fails, one after the other
faults: $(FAULTS_PROGS)
	python3 c-tests/faults.py $(O)/c-tests

.PHONY: faults

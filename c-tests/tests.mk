# Tests need the library, the test programs of each lane and the child programs
# that they start; c-tests/run.py runs them. What does not exist on this machine
# (sanitizers, valgrind) is skipped, and listed.

CARGO_TEST ?= $(CARGO) test $(CARGOFLAGS) --features oracle
PYTHON     ?= python3

T := $(O)/c-tests
TEST_NAMES := $(patsubst c-tests/%.c,%,$(wildcard c-tests/test_*.c))
TEST_HELPERS := $(patsubst c-tests/helpers/%.c,$(T)/helpers/%,$(wildcard c-tests/helpers/*.c))
TEST_COMMON := harness support scratch probing exits look loops loops_tasks adapters
HOOK_NAMES := $(patsubst c-tests/hooks/%.c,%,$(wildcard c-tests/hooks/test_*.c))
TEST_LANES := static shared sanitize no-probes coverage
TEST_HEADERS := $(wildcard c-tests/*.h c-tests/hooks/*.h c-tests/stress/*.h) $(wildcard include/*.h)
TEST_CFLAGS ?= -std=c11 -O1 -g -Wall -Wextra -pedantic -Werror
SANITIZERS  := -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(T)/helpers/%: c-tests/helpers/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $<

$(T)/helpers/crowd: c-tests/helpers/crowd.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -pthread -o $@ $<

$(T)/helpers/untidy: c-tests/helpers/untidy.c $(T)/plain/harness.o c-tests/harness.h
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Ic-tests -pthread -o $@ $(filter %.c %.o,$^)

# Thousands of these run at once.
$(T)/helpers/ender: c-tests/helpers/ender.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -static -o $@ $< || $(CC) $(TEST_CFLAGS) -o $@ $<

# Tests beside the event loops of others: see examples/loops.mk.
define beside
$$(T)/plain/test_loops_$(1).o $$(T)/sanitized/test_loops_$(1).o \
$$(T)/plain/test_loops_adapter_$(1).o $$(T)/sanitized/test_loops_adapter_$(1).o: \
    TEST_CFLAGS += -DHAVE_LOOP $$($(1)_CFLAGS)
$(foreach program,test_loops_$(1) test_loops_adapter_$(1),$(TEST_LANES:%=$$(T)/%/$(program))): \
    TEST_LIBS := $$($(1)_LIBS)
endef
$(foreach loop,$(LOOPS),$(eval $(call beside,$(loop))))
ifneq ($(filter libev,$(LOOPS)),)
$(TEST_LANES:%=$(T)/%/test_loops_libev): $(T)/faults_deny.o $(T)/faults_errno.o
endif

$(T)/plain/%.o: c-tests/%.c $(TEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Iinclude -c -o $@ $<

$(T)/sanitized/%.o: c-tests/%.c $(TEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(SANITIZERS) -Iinclude -c -o $@ $<

$(T)/static/%: $(T)/plain/%.o $(TEST_COMMON:%=$(T)/plain/%.o) $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) -pthread -o $@ $^ $(TEST_LIBS)

$(T)/shared/%: $(T)/plain/%.o $(TEST_COMMON:%=$(T)/plain/%.o) $(LIB)
	@mkdir -p $(@D)
	$(CC) -pthread -o $@ $(filter %.o,$^) -L$(O) -lchld $(TEST_LIBS)

$(T)/sanitize/%: $(T)/sanitized/%.o $(TEST_COMMON:%=$(T)/sanitized/%.o) $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) -pthread $(SANITIZERS) -o $@ $^ $(TEST_LIBS)

# The library built for sandboxes that kill.
NO_PROBES := $(O)/no-probes/libchld.a
$(NO_PROBES): $(RAW)
	$(MAKE) O=$(O)/no-probes RAW=target/no-probes/release/libchld.a \
	    CARGOFLAGS='$(CARGOFLAGS) --features no-probes \
	    --target-dir target/no-probes' $@

$(T)/no-probes/%: $(T)/plain/%.o $(TEST_COMMON:%=$(T)/plain/%.o) $(NO_PROBES)
	@mkdir -p $(@D)
	$(CC) -pthread -o $@ $^ $(TEST_LIBS)

# The parts of the stress test.
STRESS := $(patsubst c-tests/%.c,%,$(wildcard c-tests/stress/*.c))
$(foreach lane,static shared no-probes,$(T)/$(lane)/test_stress): $(STRESS:%=$(T)/plain/%.o)
$(T)/sanitize/test_stress: $(STRESS:%=$(T)/sanitized/%.o)

# The library that calls the test at some of its points: src/sys/hook.rs.
HOOKED := $(O)/hooked/libchld.a
$(HOOKED): $(RAW)
	$(MAKE) O=$(O)/hooked RAW=target/hooked/release/libchld.a \
	    CARGOFLAGS='$(CARGOFLAGS) --features hooks --target-dir target/hooked' $@

HOOK_COMMON := $(TEST_COMMON:%=$(T)/plain/%.o) $(T)/plain/every_call.o $(T)/plain/hooks/hooks.o
$(T)/hooks/%: $(T)/plain/hooks/%.o $(HOOK_COMMON) $(HOOKED)
	@mkdir -p $(@D)
	$(CC) -pthread -o $@ $^

test-hooks: $(TEST_HELPERS) $(HOOK_NAMES:%=$(T)/hooks/%)

test-static: $(TEST_HELPERS) $(TEST_NAMES:%=$(T)/static/%)

test-sanitize: $(TEST_NAMES:%=$(T)/sanitize/%)

test-programs: test-static test-hooks $(FAULTS_PROGS)
	@if echo 'int main(void) { return 0; }' | $(CC) $(SANITIZERS) -x c -o $(T)/try - 2>/dev/null; \
	then $(MAKE) --no-print-directory test-sanitize; \
	else rm -rf $(T)/sanitize; fi

test-no-probes: $(TEST_NAMES:%=$(T)/no-probes/%)

test-all-programs: test-programs test-no-probes test-tsan-programs $(TEST_NAMES:%=$(T)/shared/%)

# As many compilers at once as there are cores, unless make has another number.
AT_ONCE = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
RUN_TESTS = $(PYTHON) c-tests/run.py --build $(O) --unit '$(CARGO_TEST)'

## test: every feature once, in five minutes: unit and C tests, sanitizers, checks, faults
test:
	$(MAKE) --no-print-directory $(AT_ONCE) all test-programs
	$(RUN_TESTS)

## test-all: all tests, in an hour; takes MINUTES, after which it begins nothing
test-all:
	$(MAKE) --no-print-directory $(AT_ONCE) all test-all-programs
	$(RUN_TESTS) --all $(if $(MINUTES),--minutes $(MINUTES))

## stress: random calls by several threads; takes SECONDS and a SEED
stress: test-static
	CHLD_STRESS_SECONDS=$(or $(SECONDS),60) CHLD_STRESS_SEED=$(SEED) \
	    $(PYTHON) c-tests/run.py --build $(O) --lane static -k test_stress \
	    --seconds $$(($(or $(SECONDS),60) + 120))

## sandboxes: the C tests in bubblewrap, in a container, and in a chroot without /proc and /dev
sandboxes: test-static
	$(PYTHON) c-tests/run.py --build $(O) --lane bwrap --lane container --lane chroot

.PRECIOUS: $(T)/plain/%.o $(T)/sanitized/%.o
.PHONY: test test-all stress sandboxes test-static test-hooks test-sanitize test-no-probes test-programs test-all-programs

include c-tests/kernels.mk c-tests/tsan.mk c-tests/coverage.mk c-tests/fuzz/fuzz.mk

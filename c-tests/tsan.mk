# The C tests under ThreadSanitizer, with the library instrumented, too: c-tests/tsan.sh.

TSAN_LIB    := $(O)/tsan/libchld.a
TSAN_CFLAGS := -fsanitize=thread

# Left out: options of one child, which one thread starts, and loops of other libraries.
TSAN_NAMES := $(filter-out test_opt_% test_loops_% test_harness,$(TEST_NAMES))

$(T)/tsan-objects/%.o: c-tests/%.c $(TEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TSAN_CFLAGS) -Iinclude -c -o $@ $<

$(T)/tsan/%: $(T)/tsan-objects/%.o $(TEST_COMMON:%=$(T)/tsan-objects/%.o) \
    $(T)/tsan-objects/hooks/tsan.o $(TSAN_LIB)
	@mkdir -p $(@D)
	$(CC) -pthread $(TSAN_CFLAGS) -o $@ $^ $(TEST_LIBS)

$(T)/tsan/test_stress: $(STRESS:%=$(T)/tsan-objects/%.o)

test-tsan-programs: $(TEST_HELPERS)
	@if why=$$(CC='$(CC)' CARGO='$(CARGO)' CARGOFLAGS='$(CARGOFLAGS)' sh c-tests/tsan.sh $(TSAN_LIB)); \
	then $(MAKE) --no-print-directory $(TSAN_NAMES:%=$(T)/tsan/%); \
	else echo "left out: ThreadSanitizer: $$why"; rm -rf $(T)/tsan; fi

## test-tsan: the C tests under ThreadSanitizer, the library instrumented, too
test-tsan: all test-tsan-programs
	$(PYTHON) c-tests/run.py --build $(O) --lane tsan

.PRECIOUS: $(T)/tsan-objects/%.o $(T)/tsan-objects/hooks/%.o
.PHONY: test-tsan test-tsan-programs

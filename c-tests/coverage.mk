# How much of the library's source the C tests run: c-tests/coverage.py.

COVERED := $(O)/coverage/libchld.a
# Counters are in a file that processes map and share: those of forked copies, and of
# processes that are killed, count as well.
COVERAGE_FLAGS := -Cinstrument-coverage -Cllvm-args=-runtime-counter-relocation
COVERAGE_NAMES := $(TEST_NAMES:%=$(T)/coverage/%)
COVERAGE_FAULTS := $(patsubst $(T)/%,$(T)/coverage-faults/%,$(FAULTS_PROGS))
# What cargo makes, whole, with the runtime that comes with rustc; nothing unwinds.
COVERAGE_LINK = -Wl,-u,__llvm_profile_runtime -Wl,--defsym=rust_eh_personality=0

$(COVERED): $(RAW)
	@mkdir -p $(@D)
	RUSTFLAGS='$(COVERAGE_FLAGS)' CARGO_PROFILE_RELEASE_LTO=off $(CARGO) rustc --release \
	    $(CARGOFLAGS) --target-dir target/coverage --lib --crate-type staticlib
	cp target/coverage/release/libchld.a $@

$(T)/coverage/%: $(T)/plain/%.o $(TEST_COMMON:%=$(T)/plain/%.o) $(COVERED)
	@mkdir -p $(@D)
	$(CC) -pthread $(COVERAGE_LINK) -o $@ $^ $(TEST_LIBS)

$(T)/coverage/test_stress: $(STRESS:%=$(T)/plain/%.o)

$(T)/coverage-faults/%: $(T)/%.o $(patsubst %,$(T)/faults_%.o,$(FAULTS_FRAME)) $(COVERED)
	@mkdir -p $(@D)
	$(CC) $(COVERAGE_LINK) -o $@ $^

$(addprefix $(T)/coverage-faults/,inject deny faults_child): $(T)/coverage-faults/%: $(T)/%
	@mkdir -p $(@D)
	cp $< $@

## coverage: how much of each folder of src/ the C tests and the fault scenarios run
coverage: all
	@if why=$$(CC='$(CC)' $(PYTHON) c-tests/coverage.py --can); \
	then $(MAKE) --no-print-directory $(AT_ONCE) $(TEST_HELPERS) $(T)/deny $(COVERAGE_NAMES) \
	        $(COVERAGE_FAULTS) >$(O)/coverage.log 2>&1 || { tail -20 $(O)/coverage.log; exit 1; }; \
	    $(PYTHON) c-tests/coverage.py --build $(O); \
	else echo "skipped: coverage: $$why"; echo '0 passed, 0 failed, 1 skipped'; fi

.PHONY: coverage

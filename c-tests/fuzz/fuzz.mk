# Inputs that nobody has thought of: c-tests/fuzz/fuzz.py.

FUZZ_LIB := $(O)/fuzz/libchld.a
FUZZ_RUSTFLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Coverflow-checks=on -Cdebug-assertions=on
# Panics are looked for, so nothing is stripped; and nothing unwinds.
FUZZ_LINK := -Wl,--defsym=rust_eh_personality=0

# With a target, build scripts are left as they are.
FUZZ_TARGET = $(shell rustc -vV | sed -n 's/^host: //p')

$(FUZZ_LIB): $(RAW)
	@mkdir -p $(@D)
	RUSTFLAGS='$(FUZZ_RUSTFLAGS)' CARGO_PROFILE_RELEASE_LTO=off $(CARGO) rustc --release \
	    $(CARGOFLAGS) --features fuzz --target $(FUZZ_TARGET) --target-dir target/fuzz \
	    --lib --crate-type staticlib
	cp target/fuzz/$(FUZZ_TARGET)/release/libchld.a $@

$(T)/fuzz: $(wildcard c-tests/fuzz/*.[ch]) tools/common.h include/chld.h $(FUZZ_LIB)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Wno-unused-function -Iinclude $(FUZZ_LINK) -o $@ $(filter %.c %.a,$^) -lm

## fuzz: inputs that nobody has thought of; takes SECONDS (of all targets) and a SEED
fuzz: all $(T)/fuzz
	@$(PYTHON) c-tests/fuzz/fuzz.py --build $(O) --seconds $(or $(SECONDS),60) \
	    $(if $(SEED),--seed $(SEED))

.PHONY: fuzz

# libchld: `make` builds the libraries, `make help` lists the targets, README.md
# lists what they need.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SONAME  := libchld.so.$(firstword $(subst ., ,$(VERSION)))

CARGO   ?= cargo
ifeq ($(origin CC),default)
CC := gcc
endif
NM      ?= nm
OBJCOPY ?= objcopy
STRIP   ?= strip
# For packagers: CARGOFLAGS="--locked --offline".
CARGOFLAGS ?= --locked

O   := build
RAW := target/release/libchld.a
LIB := $(O)/libchld.a $(O)/libchld.so.$(VERSION) $(O)/$(SONAME) $(O)/libchld.so

## all: the static and the shared library, in build/; what plain `make` builds
all: $(O)/header.current $(LIB)

# What cargo makes is 4 MB, most of it the compiler's own functions under public
# names. What is shipped is one relocatable object with the code that the
# exported functions reach, whose only global symbols are theirs: it links
# beside any other Rust library. Nothing unwinds through it, so it has no tables
# for that, as musl has none; Arm's would ask for libgcc_s.
$(RAW): $(wildcard src/*.rs src/*/*.rs src/*/*.h) build.rs Cargo.toml Cargo.lock
	$(CARGO) build --release $(CARGOFLAGS)
	@touch $@

$(O)/exports: $(RAW)
	@mkdir -p $(O)
	$(NM) -g --defined-only $(RAW) 2>/dev/null | sed -n 's/.* T \(chld_[a-z_0-9]*\)$$/\1/p' | sort -u > $@

$(O)/chld.o: $(RAW) $(O)/exports
	$(LD) -r --gc-sections $$(sed 's/^/-u /' $(O)/exports) -o $@.all $(RAW)
	$(OBJCOPY) --keep-global-symbols=$(O)/exports --strip-debug \
	    --remove-section=.eh_frame --remove-section=.rela.eh_frame \
	    --remove-section='.ARM.ex*' --remove-section='.rel.ARM.ex*' \
	    --strip-symbol=__aeabi_unwind_cpp_pr0 --strip-symbol=__aeabi_unwind_cpp_pr1 \
	    --strip-symbol=rust_eh_personality \
	    --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section=.comment \
	    --remove-section='.note.gnu.*' $@.all $@
	@rm -f $@.all

$(O)/libchld.a: $(O)/chld.o
	rm -f $@ && $(AR) rcsD $@ $<

# Made of the exports and of the "Since" in their comments: docs/ABI.md.
$(O)/chld.map: $(O)/exports include/chld.h packaging/symbol-versions.awk
	awk -f packaging/symbol-versions.awk $(O)/exports include/chld.h > $@.new && mv $@.new $@

# Never unloaded: a handler installed over ours may call it for as long as it likes.
$(O)/libchld.so.$(VERSION): $(O)/chld.o $(O)/chld.map
	$(CC) $(LDFLAGS) -shared -nostartfiles -Wl,-soname,$(SONAME) \
	    -Wl,--version-script=$(O)/chld.map -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,nodelete \
	    -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,--build-id -o $@ $<

$(O)/$(SONAME) $(O)/libchld.so: $(O)/libchld.so.$(VERSION)
	ln -sf libchld.so.$(VERSION) $@

include packaging/header.mk packaging/install.mk packaging/dist.mk
include examples/loops.mk examples/examples.mk
include c-tests/faults.mk c-tests/tests.mk c-tests/checks.mk
include c-tests/cross.mk
include bench/bench.mk docs/man.mk bindings/wheel.mk

## clean: remove everything that was built
clean:
	rm -rf $(O)
	$(CARGO) clean

## help: list the targets
help:
	@awk '/^## / { name = $$2; sub(/:$$/, "", name); sub(/^## [^ ]* /, ""); \
	    printf "  make %-16s %s\n", name, $$0 }' $(MAKEFILE_LIST)

.PHONY: all clean help

# libchld: `make` builds the libraries, `make demo` runs the examples, `make
# test` all tests. See README.md.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SONAME  := libchld.so.$(firstword $(subst ., ,$(VERSION)))

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR    ?=

CARGO   ?= cargo
ifeq ($(origin CC),default)
CC := gcc
endif
NM      ?= nm
OBJCOPY ?= objcopy
STRIP   ?= strip
# For packagers: CARGOFLAGS="--locked --offline --no-default-features".
CARGOFLAGS ?= --locked

O   := build
RAW := target/release/libchld.a
LIB := $(O)/libchld.a $(O)/libchld.so.$(VERSION) $(O)/$(SONAME) $(O)/libchld.so $(O)/chld.pc

all: $(LIB)

# What cargo makes is 4 MB, most of it the compiler's own functions under public
# names. What is shipped is one relocatable object with the code that the
# exported functions reach, whose only global symbols are theirs: it links
# beside any other Rust library.
$(RAW): $(wildcard src/*.rs src/*/*.rs src/*/*.h) build.rs cbindgen.toml Cargo.toml Cargo.lock
	$(CARGO) build --release $(CARGOFLAGS)
	@touch $@

$(O)/exports: $(RAW)
	@mkdir -p $(O)
	$(NM) -g --defined-only $(RAW) 2>/dev/null | sed -n 's/.* T \(chld_[a-z_0-9]*\)$$/\1/p' | sort -u > $@

$(O)/chld.o: $(RAW) $(O)/exports
	$(LD) -r --gc-sections $$(sed 's/^/-u /' $(O)/exports) -o $@.all $(RAW)
	$(OBJCOPY) --keep-global-symbols=$(O)/exports --strip-debug \
	    --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section=.comment \
	    --remove-section='.note.gnu.*' $@.all $@
	@rm -f $@.all

$(O)/libchld.a: $(O)/chld.o
	rm -f $@ && ar rcsD $@ $<

$(O)/libchld.so.$(VERSION): $(O)/chld.o
	$(CC) -shared -nostartfiles -Wl,-soname,$(SONAME) -Wl,-z,defs -Wl,-z,relro -Wl,-z,now \
	    -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,--build-id -o $@ $<

$(O)/$(SONAME) $(O)/libchld.so: $(O)/libchld.so.$(VERSION)
	ln -sf libchld.so.$(VERSION) $@

$(O)/chld.pc: Makefile Cargo.toml
	@mkdir -p $(O)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' \
	    'Name: chld' 'Description: Child processes: start them, wait for them, say how they ended' \
	    'Version: $(VERSION)' 'Libs: -L$${libdir} -lchld' 'Cflags: -I$${includedir}' > $@

install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 644 include/chld.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(O)/libchld.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(O)/libchld.so.$(VERSION) $(DESTDIR)$(LIBDIR)/
	$(STRIP) --strip-unneeded $(DESTDIR)$(LIBDIR)/libchld.so.$(VERSION)
	ln -sf libchld.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libchld.so
	install -m 644 $(O)/chld.pc $(DESTDIR)$(LIBDIR)/pkgconfig/

uninstall:
	rm -f $(DESTDIR)$(INCLUDEDIR)/chld.h $(DESTDIR)$(LIBDIR)/libchld.a \
	    $(DESTDIR)$(LIBDIR)/libchld.so $(DESTDIR)$(LIBDIR)/$(SONAME) \
	    $(DESTDIR)$(LIBDIR)/libchld.so.$(VERSION) $(DESTDIR)$(LIBDIR)/pkgconfig/chld.pc

clean:
	rm -rf $(O)
	$(CARGO) clean

.PHONY: all install uninstall clean

# examples

EXAMPLES := first failures exit_codes signals zombie polling wait_family redirect
EXAMPLE_CFLAGS := -std=c11 -O2 -Wall -Wextra -pedantic -Werror

$(O)/examples/%: examples/%.c include/chld.h $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude $(LDFLAGS) -o $@ $< $(O)/libchld.a

examples: $(EXAMPLES:%=$(O)/examples/%)

# What the build says goes to a file, which is shown when the build fails.
demo:
	@mkdir -p $(O)
	@echo 'Building the library and its examples (the first time, about a minute) ...'
	@$(MAKE) examples >$(O)/examples.log 2>&1 || { cat $(O)/examples.log; exit 1; }
	@python3 examples/check_readme.py
	@sh examples/demo.sh $(EXAMPLES)

.PHONY: examples demo

# bench

BENCH := $(O)/bench
BENCH_CFLAGS := -std=c11 -O2 -Wall -Wextra -pedantic -Werror
BENCH_OBJECTS := $(patsubst %,$(BENCH)/%.o,main common deny rows_spawn rows_loop rows_capture)

$(BENCH)/%.o: bench/%.c bench/bench.h
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BENCH)/child: bench/child.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -ffreestanding -fno-stack-protector -fcf-protection=none -fno-pie -no-pie \
	    -static -nostdlib -Wl,--build-id=none -o $@ $<

# One contender, one program: $(call contender,flags and libraries).
contender = $(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c %.o,$^) $(1) -pthread

$(BENCH)/raw: bench/raw.c $(BENCH_OBJECTS)
	$(call contender)
$(BENCH)/chld: bench/chld.c $(BENCH_OBJECTS) $(O)/libchld.a include/chld.h
	$(call contender,-Iinclude $(O)/libchld.a)
$(BENCH)/chld_sigchld: bench/chld.c $(BENCH_OBJECTS) $(O)/libchld.a include/chld.h
	$(call contender,-DSIGCHLD_ENGINE -Iinclude $(O)/libchld.a)
$(BENCH)/posix_spawn: bench/posix_spawn.c $(BENCH)/reaper.o $(BENCH_OBJECTS)
	$(call contender)
$(BENCH)/fork: bench/posix_spawn.c $(BENCH)/reaper.o $(BENCH_OBJECTS)
	$(call contender,-DBY_FORK)
$(BENCH)/skalibs: bench/skalibs.c $(BENCH_OBJECTS)
	$(call contender,-Wno-pedantic -lskarnet)
$(BENCH)/libuv: bench/libuv.c $(BENCH_OBJECTS)
	$(call contender,$$(pkg-config --cflags --libs libuv))
$(BENCH)/glib: bench/glib.c $(BENCH_OBJECTS)
	$(call contender,$$(pkg-config --cflags --libs glib-2.0))
$(BENCH)/apr: bench/apr.c $(BENCH_OBJECTS)
	$(call contender,-Wno-pedantic $$(pkg-config --cflags --libs apr-1))
$(BENCH)/rust: bench/rust.rs $(BENCH_OBJECTS)
	rustc --edition 2024 -O $(BENCH_OBJECTS:%=-C link-arg=%) -o $@ $<

# What each adds to a static program: $(call size_of,name,flags,libraries).
BENCH_SIZES := empty raw chld posix_spawn skalibs libuv glib apr
SIZE_CFLAGS := -std=c11 -Os -ffunction-sections -fdata-sections -static -Wl,--gc-sections -s
SIZE_raw    :=
SIZE_chld    = -Iinclude $(O)/libchld.a
SIZE_skalibs = -lskarnet
SIZE_libuv   = $$(pkg-config --cflags libuv) -luv_a -pthread -ldl -lrt
SIZE_glib    = $$(pkg-config --cflags --libs --static glib-2.0)
SIZE_apr     = $$(pkg-config --cflags apr-1) -lapr-1 $$(pkg-config --static --libs-only-l apr-1)

$(BENCH)/size_%: bench/size.c $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) $(SIZE_CFLAGS) -DBY_$* -o $@ $< $(SIZE_$*)

$(BENCH)/heap_count.so: bench/heap_count.c
	$(CC) $(BENCH_CFLAGS) -fPIC -shared -o $@ $<

# What cannot be built is left out; bench.py says so.
BENCH_NEEDED   := $(patsubst %,$(BENCH)/%,child raw chld chld_sigchld posix_spawn fork)
BENCH_OPTIONAL := $(patsubst %,$(BENCH)/%,skalibs libuv glib apr rust heap_count.so) \
    $(BENCH_SIZES:%=$(BENCH)/size_%)

bench-build: $(BENCH_NEEDED)
	@$(MAKE) -k $(BENCH_OPTIONAL) >$(BENCH)/optional.log 2>&1 || \
	    echo 'left out, for reasons in $(BENCH)/optional.log:' \
	        $$(for each in $(BENCH_OPTIONAL); do [ -e $$each ] || echo $${each##*/}; done)

bench: bench-build
	python3 bench/bench.py

bench-quick: bench-build
	python3 bench/bench.py --quick --seconds 80 --ms 20

.PHONY: bench bench-build bench-quick

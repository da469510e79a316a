# The benchmark against raw system calls and peers: docs/performance.md.

BENCH := $(O)/bench
BENCH_CFLAGS := -std=c11 -O2 -Wall -Wextra -pedantic -Werror
BENCH_OBJECTS := $(patsubst %,$(BENCH)/%.o,main common deny rows_spawn rows_loop rows_capture rows_programs)

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
$(BENCH)/raw_all: bench/raw.c $(BENCH_OBJECTS)
	$(call contender,-DBY_ALL)
$(BENCH)/parts: bench/parts.c $(BENCH_OBJECTS)
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

# What cannot be built is left out; bench.py lists it.
BENCH_NEEDED   := $(patsubst %,$(BENCH)/%,child raw raw_all chld chld_sigchld posix_spawn fork)
BENCH_OPTIONAL := $(patsubst %,$(BENCH)/%,skalibs libuv glib apr rust heap_count.so) \
    $(BENCH_SIZES:%=$(BENCH)/size_%)

bench-build: $(BENCH_NEEDED)
	@$(MAKE) -k $(BENCH_OPTIONAL) >$(BENCH)/optional.log 2>&1 || \
	    echo 'left out, for reasons in $(BENCH)/optional.log:' \
	        $$(for each in $(BENCH_OPTIONAL); do [ -e $$each ] || echo $${each##*/}; done)

## bench: the benchmark against raw system calls and other libraries
bench: bench-build
	python3 bench/bench.py

## bench-quick: the same with smaller rows, in two minutes
bench-quick: bench-build
	python3 bench/bench.py --quick --seconds 90

## bench-smoke: each contender in each row once; no time is asserted
bench-smoke: bench-build
	python3 bench/smoke.py

## bench-explain: what one start and wait is made of
bench-explain: bench-build $(BENCH)/steps $(BENCH)/parts
	python3 bench/explain.py
	python3 bench/parts.py

$(BENCH)/steps: bench/steps.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -o $@ $<

.PHONY: bench bench-build bench-quick bench-smoke bench-explain

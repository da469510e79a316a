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

# ---- Tests -------------------------------------------------------------------
#
# `make test` builds the library, the test programs of all lanes and the child
# programs that they start, then runs everything: see c-tests/run.py. What does
# not exist on this machine (sanitizers, valgrind) is left out aloud.

CARGO_TEST ?= $(CARGO) test $(CARGOFLAGS)
PYTHON     ?= python3

T := $(O)/c-tests
TEST_NAMES := $(patsubst c-tests/%.c,%,$(wildcard c-tests/test_*.c))
TEST_HELPERS := $(patsubst c-tests/helpers/%.c,$(T)/helpers/%,$(wildcard c-tests/helpers/*.c))
TEST_COMMON := harness support scratch probing ends
TEST_HEADERS := $(wildcard c-tests/*.h) include/chld.h
TEST_CFLAGS ?= -std=c11 -O1 -g -Wall -Wextra -pedantic -Werror
SANITIZERS  := -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(T)/helpers/%: c-tests/helpers/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $<

# Thousands of these run at once.
$(T)/helpers/ender: c-tests/helpers/ender.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -static -o $@ $< || $(CC) $(TEST_CFLAGS) -o $@ $<

# The event loops of others, where they are installed: the name of the test, that
# of pkg-config, and the macro that turns the test on.
define beside
ifeq ($$(shell pkg-config --exists $(2) 2>/dev/null && echo yes),yes)
$$(T)/plain/test_loops_$(1).o $$(T)/sanitized/test_loops_$(1).o: \
    TEST_CFLAGS += -D$(3) $$(shell pkg-config --cflags $(2) | sed 's/-I/-isystem /g')
$$(T)/static/test_loops_$(1) $$(T)/shared/test_loops_$(1) $$(T)/sanitize/test_loops_$(1): \
    TEST_LIBS := $$(shell pkg-config --libs $(2))
endif
endef
$(eval $(call beside,uv,libuv,HAVE_LIBUV))
$(eval $(call beside,glib,glib-2.0,HAVE_GLIB))
$(T)/helpers/untidy: c-tests/helpers/untidy.c $(T)/plain/harness.o c-tests/harness.h
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Ic-tests -pthread -o $@ $(filter %.c %.o,$^)

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

test-sanitize: $(TEST_NAMES:%=$(T)/sanitize/%)

test-programs: $(TEST_HELPERS) $(TEST_NAMES:%=$(T)/static/%) $(TEST_NAMES:%=$(T)/shared/%)
	@if echo 'int main(void) { return 0; }' | $(CC) $(SANITIZERS) -x c -o $(T)/try - 2>/dev/null; \
	then $(MAKE) --no-print-directory test-sanitize; \
	else rm -rf $(T)/sanitize; fi

test: all test-programs
	$(PYTHON) c-tests/run.py --build $(O) --unit '$(CARGO_TEST)'

.PRECIOUS: $(T)/plain/%.o $(T)/sanitized/%.o
.PHONY: test test-programs test-sanitize

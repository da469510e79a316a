# include/chld.h is generated from src/ffi by packaging/header, and is committed.
# Only a change in src/ffi needs the generator and its crate, cbindgen.

HEADER_SOURCES := $(wildcard src/ffi/*) $(wildcard packaging/header/*)
HEADER_CARGO = (cd packaging/header && \
    $(CARGO) build --quiet --locked --target-dir $(CURDIR)/target/header)
GENERATE_HEADER = target/header/debug/chld-header .

## header: regenerate include/chld.h from src/ffi; needs the crate cbindgen
header:
	@$(HEADER_CARGO) || { sh packaging/header/advice.sh; exit 1; }
	$(GENERATE_HEADER) include/chld.h
	@mkdir -p $(O) && touch $(O)/header.current

# `make` does the same after a change in src/ffi, and goes on with the header that
# is there if it cannot. A checkout writes its files in any order within a minute,
# so the first time only what is newer than that is a change.
$(O)/header.current: $(HEADER_SOURCES)
	@mkdir -p $(O)
	@[ -e $@ ] || touch -d "@$$(($$(date -r include/chld.h +%s) + 60))" $@
	@[ -z "$$(find $(HEADER_SOURCES) -newer $@)" ] || { \
	    if $(HEADER_CARGO); then $(GENERATE_HEADER) include/chld.h && touch $@; \
	    else sh packaging/header/advice.sh; fi; }

# What includes the header waits for it. Its time changes if its text does.
include/chld.h: $(O)/header.current ;

.PHONY: header

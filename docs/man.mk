# The manual, in build/man: pages of section 3 from the header's comments, the
# others as they are written in docs/man.

PYTHON ?= python3

$(O)/man/.made: include/chld.h docs/options.md Cargo.toml $(wildcard docs/man/* docs/man/examples/*)
	$(PYTHON) docs/man/generate.py $(O)/man
	@touch $@

## man: the manual pages, in build/man
man: $(O)/man/.made

.PHONY: man

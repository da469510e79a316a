# The tools, which `make install-tools` installs: chld-timeout and chld-init. Each is
# one source file.

TOOLS  := chld-timeout chld-init
BINDIR ?= $(PREFIX)/bin

$(O)/tools/chld-%: tools/%.c tools/common.h tools/job.h include/chld.h $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude $(LDFLAGS) -o $@ $< $(O)/libchld.a

## tools: build chld-timeout and chld-init
tools: $(TOOLS:%=$(O)/tools/%)

## install-tools: the tools and their manual pages; takes PREFIX, BINDIR, MANDIR, DESTDIR
install-tools: tools
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 755 $(TOOLS:%=$(O)/tools/%) $(DESTDIR)$(BINDIR)/
	$(STRIP) $(TOOLS:%=$(DESTDIR)$(BINDIR)/%)
	install -m 644 $(TOOLS:%=tools/%.1) $(DESTDIR)$(MANDIR)/man1/

## uninstall-tools: remove them again; takes the same variables
uninstall-tools:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(TOOLS:%=$(DESTDIR)$(MANDIR)/man1/%.1)

# c-tests/check/toolbox.py runs them, and the examples that are as large.
check: tools examples

.PHONY: tools install-tools uninstall-tools

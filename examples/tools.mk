# The examples that are worth installing. They are called chld-NAME then.

TOOLS   := timeout parallel init supervise
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man

TOOL_CC = $(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude -Iexamples
TOOL_COMMON := examples/tool.h $(O)/examples/tool.o $(O)/libchld.a

$(O)/examples/tool.o: examples/tool.c examples/tool.h include/chld.h
	@mkdir -p $(@D)
	$(TOOL_CC) -c -o $@ $<

$(O)/examples/timeout: examples/timeout.c $(TOOL_COMMON)
$(O)/examples/init: examples/init.c $(TOOL_COMMON)
$(O)/examples/parallel: $(wildcard examples/parallel/*) $(TOOL_COMMON)
$(O)/examples/supervise: $(wildcard examples/supervise/*) $(TOOL_COMMON)
$(TOOLS:%=$(O)/examples/%):
	$(TOOL_CC) $(LDFLAGS) -o $@ $(filter-out %.h,$^)

## tools: build chld-timeout, chld-parallel, chld-init and chld-supervise
tools: $(TOOLS:%=$(O)/examples/%)

## install-tools: the tools and their manual pages; takes PREFIX, BINDIR, MANDIR, DESTDIR
install-tools: tools
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	for tool in $(TOOLS); do \
	    install -m 755 $(O)/examples/$$tool $(DESTDIR)$(BINDIR)/chld-$$tool && \
	    $(STRIP) $(DESTDIR)$(BINDIR)/chld-$$tool && \
	    install -m 644 examples/man/chld-$$tool.1 $(DESTDIR)$(MANDIR)/man1/ || exit 1; \
	done

## uninstall-tools: remove them again; takes the same variables
uninstall-tools:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/chld-%) $(TOOLS:%=$(DESTDIR)$(MANDIR)/man1/chld-%.1)

# c-tests/check/toolbox.py drives them.
check: tools

.PHONY: tools install-tools uninstall-tools

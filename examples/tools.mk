# The examples that are worth installing. They are called chld-NAME then.

TOOLS   := timeout parallel init supervise
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man

$(O)/examples/tool.o: examples/tool.c examples/tool.h include/chld.h
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude -c -o $@ $<

$(O)/examples/timeout $(O)/examples/parallel $(O)/examples/init: \
    $(O)/examples/%: examples/%.c examples/tool.h $(O)/examples/tool.o $(O)/libchld.a
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude $(LDFLAGS) -o $@ $(filter-out %.h,$^)

SUPERVISE := $(sort $(wildcard examples/supervise/*.c))
$(O)/examples/supervise: $(SUPERVISE) $(wildcard examples/supervise/*.h) examples/tool.h \
    $(O)/examples/tool.o $(O)/libchld.a
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude -Iexamples $(LDFLAGS) -o $@ $(filter-out %.h,$^)

tools: $(TOOLS:%=$(O)/examples/%)

install-tools: tools
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	for tool in $(TOOLS); do \
	    install -m 755 $(O)/examples/$$tool $(DESTDIR)$(BINDIR)/chld-$$tool && \
	    $(STRIP) $(DESTDIR)$(BINDIR)/chld-$$tool && \
	    install -m 644 examples/man/chld-$$tool.1 $(DESTDIR)$(MANDIR)/man1/ || exit 1; \
	done

uninstall-tools:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/chld-%) $(TOOLS:%=$(DESTDIR)$(MANDIR)/man1/chld-%.1)

# c-tests/check/toolbox.py drives them.
check: tools

.PHONY: tools install-tools uninstall-tools

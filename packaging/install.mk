# `make install` and `make uninstall`. Both take the same variables: PREFIX,
# LIBDIR, INCLUDEDIR, MANDIR, and DESTDIR, below which a packager's tree grows.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DESTDIR    ?=

HEADERS := $(wildcard include/*.h include/*.hpp)
# The parts of chld.hpp, which it includes from a folder beside it.
PARTS   := $(wildcard include/chld/*.hpp)
PKGCONFIGDIR = $(LIBDIR)/pkgconfig
CMAKEDIR     = $(LIBDIR)/cmake/chld

# $(call fill,NAME,DIRECTORY): the installed form of packaging/NAME.in. What lies
# below the prefix is written with ${prefix}, so that pkg-config can move it.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
fill = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@SONAME@|$(SONAME)|g' -e 's|@PREFIX@|$(PREFIX)|g' \
    -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
    -e 's|@PC_LIBDIR@|$(call below_prefix,$(LIBDIR))|g' \
    -e 's|@PC_INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|g' \
    packaging/$(1).in > $(DESTDIR)$(2)/$(1) && chmod 644 $(DESTDIR)$(2)/$(1)

# Runs $(1) for each man page as $$page, which belongs into $$folder.
each_man_page = for page in $(O)/man/*.[137]; do \
        folder=$(DESTDIR)$(MANDIR)/man$${page\#\#*.}; $(1) || exit; \
    done

## install: library, headers, manual pages; takes PREFIX, LIBDIR, INCLUDEDIR, MANDIR, DESTDIR
install: all man
	install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PKGCONFIGDIR) $(CMAKEDIR) $(INCLUDEDIR)/chld)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(PARTS) $(DESTDIR)$(INCLUDEDIR)/chld/
	install -m 644 $(O)/libchld.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(O)/libchld.so.$(VERSION) $(DESTDIR)$(LIBDIR)/
	$(STRIP) --strip-unneeded $(DESTDIR)$(LIBDIR)/libchld.so.$(VERSION)
	ln -sf libchld.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libchld.so
	$(call fill,chld.pc,$(PKGCONFIGDIR))
	$(call fill,chld-config.cmake,$(CMAKEDIR))
	$(call fill,chld-config-version.cmake,$(CMAKEDIR))
	$(call each_man_page,install -d "$$folder" && install -m 644 "$$page" "$$folder/")

## uninstall: remove them again; takes the same variables
uninstall: man
	rm -f $(patsubst include/%,$(DESTDIR)$(INCLUDEDIR)/%,$(HEADERS) $(PARTS)) \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libchld.a libchld.so $(SONAME) libchld.so.$(VERSION)) \
	    $(DESTDIR)$(PKGCONFIGDIR)/chld.pc \
	    $(addprefix $(DESTDIR)$(CMAKEDIR)/,chld-config.cmake chld-config-version.cmake)
	for own in $(DESTDIR)$(CMAKEDIR) $(DESTDIR)$(INCLUDEDIR)/chld; do \
	    [ ! -d $$own ] || rmdir $$own || exit; \
	done
	$(call each_man_page,rm -f "$$folder/$${page##*/}")

.PHONY: install uninstall

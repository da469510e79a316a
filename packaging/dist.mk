# The source with the only crate that the library needs, libc, in it.

DIST := libchld-$(VERSION)
# The same bytes from the same commit: sorted, nobody's, as old as the commit.
DIST_TIME = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct))
DIST_TAR = tar --sort=name --format=gnu --mtime=@$(DIST_TIME) --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX

## dist: a source tarball that builds without network
dist: $(O)/$(DIST).tar.xz

$(O)/$(DIST).tar.xz: $(O)/$(DIST).tar
	xz -6 -T1 -k -f $<

# The files in git, as they are in the working tree.
$(O)/$(DIST).tar: FORCE
	rm -rf $(O)/$(DIST) $@
	mkdir -p $(O)/$(DIST)/.cargo
	git ls-files -z | xargs -0 cp -P --parents -t $(O)/$(DIST)
	cd $(O)/$(DIST) && $(CARGO) vendor --locked vendor > .cargo/config.toml
	$(DIST_TAR) -C $(O) -cf $@ $(DIST)
	rm -rf $(O)/$(DIST)

FORCE:
.PHONY: dist FORCE

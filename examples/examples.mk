# The examples, and `make demo`, which runs them one after the other.

EXAMPLES := first failures exit_codes signals zombie polling wait_family redirect \
    background notify capture limit cleanup runtests services parallel supervise \
    shell expect pager $(LOOPS:%=loops/%)
EXAMPLE_CFLAGS := -std=c11 -O2 -Wall -Wextra -pedantic -Werror

$(O)/examples/%: examples/%.c include/chld.h $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude $(LDFLAGS) -o $@ $< $(O)/libchld.a $(EXAMPLE_LIBS)

$(O)/examples/preload.so: $(wildcard examples/preload/*.[ch]) include/chld.h $(O)/libchld.a
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_CFLAGS) $(CFLAGS) -Iinclude $(LDFLAGS) -fPIC -shared -pthread \
	    -Wl,--exclude-libs,ALL -o $@ $(filter %.c,$^) $(O)/libchld.a

## examples: build the examples
examples: $(EXAMPLES:%=$(O)/examples/%) $(O)/examples/preload.so

## demo: build the library and the examples, and run the examples
# The output of the build goes to a file, which is shown when the build fails.
demo:
	@mkdir -p $(O)
	@echo 'Building the library and its examples (the first time, about a minute) ...'
	@$(MAKE) examples >$(O)/examples.log 2>&1 || { cat $(O)/examples.log; exit 1; }
	@sh examples/demo.sh $(EXAMPLES) $(LOOPS_MISSING:%=loops/%)

.PHONY: examples demo

include tools/tools.mk

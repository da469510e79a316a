# The event loops of others, where they are installed: compiler and linker flags
# for each, as uv_CFLAGS and uv_LIBS, for the examples and the tests.
LOOPS := poll epoll
LOOPS_MISSING :=

define loop_by_pkg_config
ifeq ($$(shell pkg-config --exists $(2) 2>/dev/null && echo yes),yes)
LOOPS += $(1)
$(1)_CFLAGS := $$(shell pkg-config --cflags $(2) | sed 's/-I/-isystem /g')
$(1)_LIBS := $$(shell pkg-config --libs $(2))
else
LOOPS_MISSING += $(1)
endif
endef
$(eval $(call loop_by_pkg_config,uv,libuv))
$(eval $(call loop_by_pkg_config,glib,glib-2.0))
$(eval $(call loop_by_pkg_config,libevent,libevent_core))

# Nobody gives libev a file for pkg-config.
ifeq ($(shell $(CC) -E -include ev.h -x c /dev/null >/dev/null 2>&1 && echo yes),yes)
LOOPS += libev
libev_LIBS := -lev
else
LOOPS_MISSING += libev
endif

define example_of_loop
$$(O)/examples/loops/$(1): EXAMPLE_CFLAGS += $$($(1)_CFLAGS)
$$(O)/examples/loops/$(1): EXAMPLE_LIBS := $$($(1)_LIBS)
$$(O)/examples/loops/$(1): examples/loops/children.h $(wildcard include/chld-$(1).h)
endef
$(foreach loop,$(LOOPS),$(eval $(call example_of_loop,$(loop))))

# Other machines and libcs, where their compilers are installed: c-tests/cross.py
# and docs/platforms.md.

## cross: build and test for other architectures and musl
cross: all $(TEST_HELPERS)
	$(PYTHON) c-tests/cross.py

.PHONY: cross

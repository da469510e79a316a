# What can be seen without running the library: c-tests/checks.py.

## check: the header, symbols, documents, packages, bindings, tools; CHECKS=--quick, --packages
check: all man $(O)/c-tests/deny
	CC="$(CC)" CARGO="$(CARGO)" python3 c-tests/checks.py $(CHECKS)

## peers: CPython's own tests of subprocess, with the Python package as its process layer
peers: all
	CC="$(CC)" CARGO="$(CARGO)" python3 c-tests/checks.py peer:

.PHONY: check peers

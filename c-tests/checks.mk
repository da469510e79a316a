# What can be seen without running the library: c-tests/checks.py.

## check: what needs no running child: symbols, header, documents, packages, tools
check: all man $(O)/c-tests/deny
	CC="$(CC)" CARGO="$(CARGO)" python3 c-tests/checks.py

## peers: CPython's own tests of subprocess, with the Python package as its process layer
peers: all
	CC="$(CC)" CARGO="$(CARGO)" python3 c-tests/checks.py peer:

.PHONY: check peers

# The package for Python: bindings/python.

## wheel: the Python package with the shared library in it, in build/wheel/
wheel: all
	python3 bindings/python/backend.py $(O)/wheel

.PHONY: wheel

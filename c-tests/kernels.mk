# Other kernels, in virtual machines: c-tests/kernels/run.py.

## kernels: the C tests and the demo under older and newer kernels, with qemu; takes KERNELS
kernels: test-static examples
	$(PYTHON) c-tests/kernels/run.py --examples '$(EXAMPLES) $(LOOPS_MISSING:%=loops/%)' $(KERNELS)

.PHONY: kernels

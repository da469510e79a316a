# Built with other atomics, so apart from the rest, and with a compiler that is
# quicker about it.
MODEL := RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=target/model CARGO_PROFILE_RELEASE_OPT_LEVEL=3
MODEL_PACKAGE := --locked --manifest-path c-tests/model/Cargo.toml
MODEL_HOST = $$(rustc -vV | sed -n 's/^host: //p')

## model: the protocol between threads in every order, by the model checker loom
# Runs the library's own code in every order in which threads can take their
# steps, within a bound: docs/protocol.md.
model:
	@mkdir -p $(O)
	@if ! $(MODEL) $(CARGO) fetch $(MODEL_PACKAGE) --target $(MODEL_HOST) >$(O)/model.log 2>&1; then \
	    echo 'skipped: the model check, as its crate "loom" cannot be fetched'; \
	    echo '0 passed, 0 failed, 1 skipped'; exit 0; \
	fi; \
	$(MODEL) $(CARGO) test --release $(MODEL_PACKAGE) --lib model:: \
	    -- --nocapture >$(O)/model.log 2>&1; code=$$?; \
	[ $$code = 0 ] && grep -E 'interleavings|ignored, ' $(O)/model.log || cat $(O)/model.log; \
	sed -n 's/^test result:.* \([0-9]*\) passed; \([0-9]*\) failed; \([0-9]*\) ignored.*/\1 passed, \2 failed, \3 skipped/p' \
	    $(O)/model.log | grep . || echo '0 passed, 1 failed, 0 skipped'; \
	exit $$code

.PHONY: model

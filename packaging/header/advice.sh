# What to do if include/chld.h cannot be generated, on stderr.
cat >&2 <<'TEXT'

include/chld.h was not regenerated: cargo could not build its generator, which
is in packaging/header. The reason is above. The header is still right, unless a
declaration or a comment in src/ffi has changed.

The generator needs the crate "cbindgen":
  - With access to crates.io or a mirror, `make header` fetches it. In the tree
    of a source tarball, remove .cargo/config.toml first: it keeps cargo to vendor/.
  - Without access, run this on a machine that has access, in packaging/header:
        mkdir -p .cargo && cargo vendor crates >.cargo/config.toml
    Copy packaging/header to this machine, and run `make header`.
TEXT

#!/bin/sh
# tsan.sh LIBRARY: builds the library instrumented for ThreadSanitizer, with its core, and
# copies it there if it is new. If that cannot be done here, prints why, and fails.
# Needs the source of core (Debian: rust-web-src) for a rustc, which is allowed unstable
# options. CC, CARGO and CARGOFLAGS as for make.
library=$1

fail() {
    echo "$1"
    exit 1
}

with_source() {
    for rustc in rustc /usr/bin/rustc; do
        root=$($rustc --print sysroot 2>/dev/null) || continue
        [ -d "$root/lib/rustlib/src/rust/library/core" ] && echo $rustc && return
    done
    return 1
}

mkdir -p "$(dirname "$library")"
echo 'int main(void) { return 0; }' | ${CC:-gcc} -fsanitize=thread -x c -o "$library.try" - \
    2>/dev/null || fail "this compiler has no -fsanitize=thread"
"$library.try" 2>/dev/null || fail "a program with -fsanitize=thread does not run here"
rustc=$(with_source) || fail "no rustc here has the source of core"
target=$($rustc -vV | sed -n 's/^host: //p')

# A child leaves by exec or exit, never by a return: the runtime must not count its calls.
RUSTC=$rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Zexternal-clangrt \
    -Cllvm-args=-tsan-instrument-func-entry-exit=0 -Cdebuginfo=line-tables-only" \
    ${CARGO:-cargo} rustc --release ${CARGOFLAGS:---locked} --features hooks -Zbuild-std=core \
    --target "$target" --target-dir target/tsan --lib --crate-type staticlib \
    >"$library.log" 2>&1 || fail "cargo cannot build it: $(grep -m 1 ^error "$library.log")"

built=target/tsan/$target/release/libchld.a
cmp -s "$built" "$library" || cp "$built" "$library"

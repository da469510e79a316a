//! With the feature "oracle", which the unit tests have: compiles c-tests/oracle.c.

use std::process::Command;

const COMPILE: &str = r#"
    ${CC:-cc} -Wall -Wextra -O1 -fPIC -c c-tests/oracle.c -o "$OUT_DIR/oracle.o"
    rm -f "$OUT_DIR/libchld_oracle.a"
    ${AR:-ar} crs "$OUT_DIR/libchld_oracle.a" "$OUT_DIR/oracle.o"
"#;

fn main() {
    println!("cargo::rerun-if-changed=c-tests/oracle.c");
    if cfg!(feature = "oracle") {
        println!("cargo::rerun-if-env-changed=CC");
        let status = Command::new("sh").args(["-ec", COMPILE]).status().expect("sh starts");
        assert!(status.success(), "the compiler fails: {status}");
        println!("cargo::rustc-link-search=native={}", std::env::var("OUT_DIR").expect("set"));
        println!("cargo::rustc-link-lib=static=chld_oracle");
    }
}

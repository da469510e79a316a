//! The declarations in `src/ffi.rs` are those of `chld.h`: a C program prints the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn lines_of_rust() -> Vec<String> {
    let mut lines = Vec::new();
    for (name, size, members) in chld::ffi::layout() {
        lines.push(format!("{name} {size}"));
        for (member, offset) in members {
            lines.push(format!("{name}.{} {offset}", member.trim_start_matches("r#")));
        }
    }
    lines.extend(chld::ffi::constants().iter().map(|(name, value)| format!("{name} {value}")));
    lines
}

/// A program that prints the same lines by the header.
fn program(lines: &[String]) -> String {
    let mut text = String::from("#include <chld.h>\n#include <stdio.h>\nint main(void) {\n");
    for name in lines.iter().filter_map(|line| line.split(' ').next()) {
        let value = match name.split_once('.') {
            Some((of, member)) => format!("offsetof({of}, {member})"),
            None if name.starts_with("CHLD_") => name.to_string(),
            None => format!("sizeof({name})"),
        };
        writeln!(text, r#"printf("{name} %lld\n", (long long)({value}));"#).unwrap();
    }
    text + "return 0; }\n"
}

/// `-I` of the header: of `CHLD_INCLUDE_DIR`, of the source tree, or where the compiler looks.
fn include() -> Vec<String> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let folder = std::env::var_os("CHLD_INCLUDE_DIR").map(PathBuf::from);
    let folder = folder.or_else(|| tree.join("chld.h").exists().then_some(tree));
    folder.map(|folder| format!("-I{}", folder.display())).into_iter().collect()
}

#[test]
fn structs_and_constants_are_those_of_the_header() {
    let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, built) = (here.join("layout.c"), here.join("layout"));
    let rust = lines_of_rust();
    assert!(rust.len() > 200, "only {} lines", rust.len());
    std::fs::write(&source, program(&rust)).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let compiled =
        Command::new(compiler).args(include()).arg("-o").arg(&built).arg(&source).status();
    assert!(compiled.expect("a C compiler").success());
    let output = Command::new(built).output().unwrap();
    let c: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    assert_eq!(rust, c);
}

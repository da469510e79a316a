//! Finds libchld. In this order:
//! 1. the directory that `CHLD_LIB_DIR` names,
//! 2. the directories that `pkg-config chld` prints (`PKG_CONFIG` names another pkg-config),
//! 3. `build/` of the source tree that this crate is in.
//!
//! `CHLD_STATIC=1` links `libchld.a`. So does a directory that has only that one, and so
//! does the source tree, so that the program runs without `LD_LIBRARY_PATH`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    for name in ["CHLD_LIB_DIR", "CHLD_STATIC", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let wants_static = env::var("CHLD_STATIC").is_ok_and(|value| value != "0");
    if let Ok(folder) = env::var("CHLD_LIB_DIR") {
        let shared = Path::new(&folder).join("libchld.so").exists();
        return link(&folder, wants_static || !shared);
    }
    if let Some(folders) = pkg_config() {
        // Without a folder the library is where the linker looks.
        for folder in &folders {
            println!("cargo:rustc-link-search=native={folder}");
        }
        return name_library(wants_static);
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    if tree.join("libchld.a").exists() {
        return link(&tree.display().to_string(), true);
    }
    panic!(
        "libchld is not there. Install it (make && make install), so that `pkg-config chld` \
         finds it, or set CHLD_LIB_DIR to the directory of libchld.so or libchld.a"
    );
}

fn link(folder: &str, wants_static: bool) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rerun-if-changed={folder}/libchld.a");
    name_library(wants_static);
}

fn name_library(wants_static: bool) {
    let kind = if wants_static { "static" } else { "dylib" };
    println!("cargo:rustc-link-lib={kind}=chld");
}

/// The directories that pkg-config names for the library, or `None` if it does not have it.
fn pkg_config() -> Option<Vec<String>> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(program).args(["--libs-only-L", "chld >= 0.1"]).output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    let folders = words.split_whitespace().filter_map(|word| word.strip_prefix("-L"));
    output.status.success().then(|| folders.map(String::from).collect())
}

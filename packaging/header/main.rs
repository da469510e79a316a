//! Writes include/chld.h, or the file that is named, from the comments and types
//! of src/ffi: `make header`.

use std::fs;
use std::path::Path;

/// The groups of the header, in its order: a title, and the files in src/ffi
/// that have the constants, types and functions.
const GROUPS: [(&str, &[&str]); 10] = [
    ("Statuses and signals", &["status"]),
    ("Starting a child", &["spawn_options", "spawn", "error"]),
    ("Waiting", &["wait"]),
    ("SIGCHLD, polling, and the tasks of an init", &["notice"]),
    ("Acting on a child", &["act"]),
    ("Capturing output", &["capture_options", "capture"]),
    ("Sets: the process loop", &["set", "set_capture"]),
    ("Pipelines", &["pipeline"]),
    ("Terminals", &["terminal"]),
    ("Queries, descriptors and closing", &["ask"]),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(root), Some(header), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        fail("usage: chld-header SOURCE-TREE HEADER");
    };
    let text = generate(Path::new(&root));
    // An unchanged header keeps its time: nothing is compiled again.
    if fs::read_to_string(&header).ok().as_ref() != Some(&text) {
        fs::write(&header, text).unwrap_or_else(|error| fail(format!("{header}: {error}")));
    }
}

fn generate(root: &Path) -> String {
    let file = root.join("packaging/header/cbindgen.toml");
    let config = cbindgen::Config::from_file(file).unwrap_or_else(|error| fail(error));
    let mut text = read(root, "preamble.h");
    for (title, files) in GROUPS {
        text += &format!("\n/*\n * {title}\n */\n\n");
        text += group(root, files, &config).trim();
        text += "\n";
    }
    text + &read(root, "postamble.h")
}

fn group(root: &Path, files: &[&str], config: &cbindgen::Config) -> String {
    let mut builder = cbindgen::Builder::new().with_config(config.clone());
    for file in files {
        builder = builder.with_src(root.join(format!("src/ffi/{file}.rs")));
    }
    let bindings = builder.generate().unwrap_or_else(|error| fail(format!("{files:?}: {error}")));
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    String::from_utf8(bytes).expect("cbindgen writes text")
}

fn read(root: &Path, name: &str) -> String {
    let file = root.join("src/ffi").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| fail(format!("{}: {error}", file.display())))
}

fn fail(why: impl std::fmt::Display) -> ! {
    eprintln!("chld-header: {why}");
    std::process::exit(1)
}

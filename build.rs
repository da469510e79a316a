//! The header by cbindgen, and for the unit tests the C oracle by cc.

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    #[cfg(feature = "header")]
    header();
    #[cfg(feature = "oracle")]
    oracle();
}

/// The groups of the header, in its order: a title, and the file in src/ffi
/// that has the constants, types and functions.
#[cfg(feature = "header")]
const GROUPS: [(&str, &str); 8] = [
    ("Statuses and signals", "status"),
    ("Starting a child", "spawn"),
    ("Waiting", "wait"),
    ("Sets: many children in an event loop", "set"),
    ("SIGCHLD, polling, and the duty of an init", "notice"),
    ("Acting on a child", "act"),
    ("Capturing output", "capture"),
    ("Asking, and letting go", "ask"),
];

/// Writes include/chld.h, if it changes.
#[cfg(feature = "header")]
fn header() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let config = cbindgen::Config::from_file(format!("{root}/cbindgen.toml")).expect("it is there");
    let read = |name| std::fs::read_to_string(format!("{root}/src/ffi/{name}")).expect(name);
    let mut text = read("preamble.h");
    for (title, file) in GROUPS {
        text += &format!("\n/*\n * {title}\n */\n\n");
        let source = format!("{root}/src/ffi/{file}.rs");
        let group = cbindgen::Builder::new().with_config(config.clone()).with_src(source);
        match group.generate() {
            Ok(bindings) => {
                let mut bytes = Vec::new();
                bindings.write(&mut bytes);
                text += String::from_utf8(bytes).expect("cbindgen writes text").trim();
                text += "\n";
            }
            Err(error) => println!("cargo::error=src/ffi/{file}.rs: {error}"),
        }
    }
    text += &read("postamble.h");
    let header = format!("{root}/include/chld.h");
    if std::fs::read_to_string(&header).ok().as_ref() != Some(&text) {
        std::fs::write(header, text).expect("include/ can be written");
    }
}

/// The system's own headers, as functions that the unit tests can ask.
#[cfg(feature = "oracle")]
fn oracle() {
    println!("cargo::rerun-if-changed=c-tests/oracle.c");
    cc::Build::new().file("c-tests/oracle.c").warnings(true).compile("chld_oracle");
}

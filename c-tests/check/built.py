"""What `make` has built: its symbols, what it needs, its size, no panic."""

import re

from .tools import BUILD, HEADER, LISTS, Copy, check, need, require, run, scratch, words

LIBRARY = BUILD / "libchld.so"
ARCHIVE = BUILD / "libchld.a"


def symbols(*arguments):
    """(name, type) of each symbol that nm lists, without versions: neither their
    own symbols nor what follows an @."""
    need("nm")
    lines = run("nm", *arguments).stdout.splitlines()
    pairs = [line.split()[-2:] for line in lines if len(line.split()) >= 2]
    return {(name.split("@")[0], kind) for kind, name in pairs if kind != "A"}


def differences(there, listed):
    extra, missing = sorted(there - listed), sorted(listed - there)
    return "; ".join([f"not listed: {name}" for name in extra]
                     + [f"listed but not there: {name}" for name in missing])


@check("exports are exactly the listed functions, and the header has them all")
def exports():
    listed = words(LISTS / "exports.txt")
    require(listed == sorted(set(listed)), "lists/exports.txt is not sorted, or has doubles")
    listed = set(listed)
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", HEADER.read_text(), flags=re.S | re.M)
    for where, there in (
        ("libchld.so", {name for name, _ in symbols("-D", "--defined-only", LIBRARY)}),
        ("libchld.a", {name for name, _ in symbols("-g", "--defined-only", ARCHIVE)}),
        ("chld.h", set(re.findall(r"\b(chld_\w+)\(", text)) - {"chld_initial"}),
    ):
        require(there == listed, f"{where}: {differences(there, listed)}")
        require(differences(there - {max(there)}, listed), "this check does not see a difference")
    return f"{len(listed)} functions"


# For capture buffers that grow, and nothing else (src/sys/heap.rs).
GROWING = {"realloc", "free"}
# What no entry of the list can excuse.
NEVER = re.compile(
    r"(m|c|re|aligned_)alloc|free|(posix_)?memalign|strdup|system|popen|fd?open|fread|fwrite"
    r"|f?puts|perror|v?[fds]?n?printf|std(in|out|err)|dl\w+|pthread_create|thrd_create|atexit"
    r"|.*setjmp|longjmp|_Unwind_\w+|__cxa_\w+|__tls_get_addr")


@check("imports are listed functions of libc: no allocation, no thread, no stdio")
def imports():
    listed = set(words(LISTS / "imports.txt"))
    forbidden = sorted(filter(NEVER.fullmatch, listed - GROWING))
    require(not forbidden, f"lists/imports.txt lists {', '.join(forbidden)}")
    used = set()
    for arguments in (["-u", BUILD / "chld.o"], ["-D", "-u", LIBRARY]):
        names = {name for name, _ in symbols(*arguments)}
        require(names, f"nm sees no import with {arguments[0]}")
        require(names <= listed, f"not listed: {', '.join(sorted(names - listed))}")
        used |= names
    return f"{len(used)} of {len(listed)} listed"


@check("the shared library needs libc alone, has its soname, and is never unloaded")
def needs():
    need("readelf")
    text = run("readelf", "-dW", LIBRARY).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    require(len(needed) == 1 and re.fullmatch(r"libc\.so(\.\d+)?|libc\.musl-\w+\.so\.1", needed[0]),
            f"it needs {', '.join(needed) or 'nothing'}")
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", text)
    major = re.search(r"#define CHLD_VERSION_MAJOR (\d+)", HEADER.read_text()).group(1)
    require(soname == [f"libchld.so.{major}"], f"its soname is {soname}")
    # A handler installed over ours may call it after dlclose().
    require(re.search(r"FLAGS_1\).*NODELETE", text), "dlclose() would unload it")
    return f"needs {needed[0]}, is {soname[0]}"


# With sets that capture and stop, lines, trees and every option. The aim is 104 KB:
# docs/performance.md. This shows when it grows.
LIMIT = 150 * 1024


@check("the stripped shared library is smaller than 150 KB")
def size():
    stripped = scratch() / "stripped.so"
    run(need("strip"), "--strip-unneeded", "-o", stripped, LIBRARY)
    bytes_there = stripped.stat().st_size
    require(bytes_there < LIMIT, f"{bytes_there:,} bytes, {bytes_there - LIMIT:,} too many")
    return f"{bytes_there:,} bytes"


PROOF = "chld_a_panic_path_survives"


def panics(made):
    return any(name == PROOF for name, _ in symbols("-u", made))


def seeded_object():
    """The same with a panic in an exported function, and with a call of libc in
    the child's half."""
    global _seeded
    if _seeded is None:
        copy = Copy("seeded")
        copy.append("src/ffi/ask.rs", """
#[unsafe(no_mangle)]
pub extern "C" fn chld_seeded_panic(index: usize) -> c_int {
    [3, 1, 4, 1, 5][index]
}
""")
        run_head = "fn run(&self) -> ! {"
        copy.spoil("src/start/child.rs", run_head, run_head + " let _ = crate::sys::host::pid();")
        _seeded = copy.object("chld_prove_no_panic")
    return _seeded


_seeded = None


@check("no panic path survives")
def no_panic():
    # The tree as it is, built with the trap in the panic handler.
    made = Copy("trapped").object("chld_prove_no_panic")
    require(not panics(made), f"{PROOF} is called")
    require(panics(seeded_object()), "this check does not see a seeded panic")
    named = [name for made in (BUILD / "chld.o", LIBRARY)
             for name, _ in symbols(made) if re.search(r"panic|core3fmt|core\.\.fmt", name)]
    require(not named, f"what is shipped has {', '.join(named)}")

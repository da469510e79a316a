"""What the checks have in common: running programs, scratch copies, verdicts."""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
HEADER = ROOT / "include" / "chld.h"
LISTS = ROOT / "c-tests" / "lists"

CC = shlex.split(os.environ.get("CC", "gcc"))
CARGO = shlex.split(os.environ.get("CARGO", "cargo"))
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]

# A make inside this one would take over its parent's options, and cargo its
# target directory.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CARGO_TARGET_DIR")}
ENVIRONMENT["LC_ALL"] = "C"


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def require(condition, message):
    if not condition:
        raise Failed(message)


def need(program):
    if not shutil.which(program):
        raise Skipped(f"{program} is not installed")
    return program


def run(*command, cwd=ROOT, env=None, succeed=True, timeout=170):
    """Runs a program to its end. With `succeed`, a failure is the check's."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, cwd=cwd, env={**ENVIRONMENT, **(env or {})}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} took longer than {timeout} seconds") from None
    if succeed and done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()
        raise Failed("\n".join([f"{shlex.join(command)}: {done.returncode}", *output[-25:]]))
    return done


# As on a kernel before Linux 5.3: c-tests/deny.c, which `make check` builds.
DENY = BUILD / "c-tests/deny"
NO_PIDFDS = [DENY, "pidfd_open=ENOSYS,clone:pidfd=EINVAL,clone3=ENOSYS,waitid:pidfd=EINVAL,"
             "pidfd_send_signal=ENOSYS", "--"]


def can_deny_pidfds():
    return DENY.exists() and run(*NO_PIDFDS, "true", succeed=False).returncode == 0


def words(path, section=None):
    """The first word of each line of a list, without comments; of one
    section "[name]" of it, if `section` is given."""
    found, here = [], None
    for line in path.read_text().splitlines():
        bare = line.split("#", 1)[0].strip()
        if bare.startswith("["):
            here = bare.strip("[]")
        elif bare and here == section:
            found.append(bare.split()[0])
    require(found, f"{path.name} has nothing in {section or 'it'}")
    return found


_scratch = None


def scratch():
    """A directory that is gone when the checks are."""
    global _scratch
    if _scratch is None:
        _scratch = tempfile.TemporaryDirectory(prefix="chld-checks-")
    return Path(_scratch.name)


def clean():
    if _scratch:
        _scratch.cleanup()


class Copy:
    """The tree in scratch, to be built or spoilt there. All copies share one
    target directory, and so what cargo has built of other crates."""

    def __init__(self, name):
        self.root = scratch() / name
        top = str(ROOT)
        shutil.copytree(ROOT, self.root, symlinks=True, ignore=lambda folder, _: (
            {"target", "build", ".git", "vendor"} if folder == top else set()))
        self.target = scratch() / "target"
        self.target.mkdir(exist_ok=True)
        (self.root / "target").symlink_to(self.target)
        # To cargo the copies are one package: this is newer than what it has built.
        (self.root / "src/lib.rs").touch()
        if (ROOT / "vendor").exists():
            (self.root / "vendor").symlink_to(ROOT / "vendor")

    def spoil(self, path, old, new):
        file = self.root / path
        text = file.read_text()
        require(old in text, f"{path} has no {old!r}: teach this check its new text")
        file.write_text(text.replace(old, new, 1))

    def append(self, path, text):
        with open(self.root / path, "a") as file:
            file.write(text)

    def object(self, *cfgs):
        """build/chld.o, made as the Makefile makes what is shipped, but with these
        cfgs set."""
        flags = [os.environ.get("RUSTFLAGS", ""), *(f"--cfg {cfg}" for cfg in cfgs)]
        raw = self.target / "release" / "libchld.a"
        raw.unlink(missing_ok=True)  # another copy's
        run("make", "build/chld.o", "CARGOFLAGS=--locked --offline",
            cwd=self.root, env={"RUSTFLAGS": " ".join(flags).strip()})
        return self.root / "build" / "chld.o"


CHECKS = []


def check(name):
    """Registers a check. It returns a remark or None, or raises Failed or
    Skipped; it is called in the order in which checks are defined."""
    def register(function):
        CHECKS.append((name, function))
        return function
    return register

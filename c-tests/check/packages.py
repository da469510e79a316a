"""What is given away: the source tarball, and the Debian packages built from it."""

import hashlib
import re
import subprocess

from .built import symbols
from .documented import blocks, run_commands, workplace
from .installed import (VERSION, Tree, cmake_user, compile_user, judge, layouts, pkg_config,
                        project)
from .tools import CARGO, ROOT, Skipped, check, need, require, run, scratch

# No network, and nothing that was downloaded before.
OFFLINE = {"CARGO_NET_OFFLINE": "true"}
LIMIT = 10_000_000  # bytes, unpacked


def no_network():
    """What to put before a command that must not have a network, if the system
    lets this process take it away; cargo is set to be offline anyway."""
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
        except OSError:
            break
    return []


def tarball(folder, **environment):
    """What `make dist` compresses, made in a folder of its own."""
    made = scratch() / folder / f"libchld-{VERSION}.tar"
    done = run("make", f"O={made.parent}", made, env=environment, succeed=False)
    if re.search("failed to (download|get|load|sync)|no matching package", done.stderr):
        raise Skipped("the crates are not there, and cannot be fetched")
    require(done.returncode == 0, done.stderr)
    return made


_source = None


def source():
    """The tarball, unpacked where cargo finds neither a network nor a registry."""
    global _source
    if _source is None:
        if not (ROOT / ".git").exists():
            raise Skipped("this is no git checkout")
        (scratch() / "empty-home").mkdir(exist_ok=True)
        OFFLINE["CARGO_HOME"] = str(scratch() / "empty-home")
        run("tar", "-xf", tarball("dist"), "-C", scratch())
        _source = scratch() / f"libchld-{VERSION}"
    return _source


@check("make dist: the same bytes each time")
def reproducible():
    source()
    first, again = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (
        scratch() / f"dist/libchld-{VERSION}.tar", tarball("dist-again", TZ="Asia/Tokyo")))
    require(first == again, "two tarballs of one commit differ")
    other = tarball("dist-again", SOURCE_DATE_EPOCH="1")
    require(hashlib.sha256(other.read_bytes()).hexdigest() != first, "this sees no difference")


@check("make dist: libc is the only crate in the tarball, which unpacks to under 10 MB")
def small():
    here = source()
    vendored = sorted(path.name for path in (here / "vendor").iterdir())
    require(vendored == ["libc"], f"vendored: {vendored}")
    size = sum(path.lstat().st_size for path in here.rglob("*") if not path.is_dir())
    require(size < LIMIT, f"it unpacks to {size:,} bytes")
    return f"{size:,} bytes"


@check("make dist: the tarball builds offline, with nothing downloaded before")
def offline():
    here = source()
    metadata = [*CARGO, "metadata", "--locked", "--format-version=1"]
    run(*metadata, cwd=here, env=OFFLINE)
    config = here / ".cargo/config.toml"
    config.rename(config.with_suffix(".off"))
    done = run(*metadata, cwd=here, env=OFFLINE, succeed=False)
    require(done.returncode != 0, "cargo finds the crates elsewhere: this check shows nothing")
    config.with_suffix(".off").rename(config)
    run(*no_network(), "make", cwd=here, env=OFFLINE, timeout=600)
    made, own = (symbols("-D", "--defined-only", top / "build/libchld.so") for top in (here, ROOT))
    require(made == own, "what it builds has other functions")
    return "in a namespace without network" if no_network() else "with cargo's --offline only"


@check("make dist: a C project builds in the four ways that README.md shows, without network")
def four_ways():
    here, prefix = source(), scratch() / "from-tarball"
    run(*no_network(), "make", "install", f"PREFIX={prefix}", cwd=here, env=OFFLINE, timeout=600)
    ways = [one.code for one in blocks((here / "README.md").read_text())
            if len(re.findall("^cc ", one.code, re.M)) == 4]
    require(len(ways) == 1, "README.md does not show four ways in one block")
    done = run_commands(ways[0], "four-ways", workplace("four-ways", here), prefix, no_network())
    require(done.stderr.count("ls exited with code 0") == 4, done.stderr)


def build_packages():
    for program in ("dpkg-buildpackage", "dh", "lintian"):
        need(program)
    here = source()
    lacking = run("dpkg-checkbuilddeps", cwd=here, succeed=False).stderr
    if lacking:
        raise Skipped(lacking.strip())
    run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=here, env=OFFLINE, timeout=600)
    return list(scratch().glob("libchld*.deb")), next(scratch().glob("libchld*.changes"))


@check("the Debian packages are built, have nothing for lintian, and are complete")
def debian():
    here, (packages, changes) = source(), build_packages()
    require(len(packages) == 2, f"built: {packages}")
    lintian = ["lintian", "--display-info", "--pedantic", "--fail-on=error,warning,info,pedantic"]
    done = run(*lintian, changes, succeed=False)
    require(done.returncode == 0, done.stdout + done.stderr)
    require(run(*lintian, "--no-override", changes, succeed=False).returncode != 0,
            "lintian does not even see what is overridden")

    tree = Tree("unpacked", layouts()[1], destdir=True)
    for package in packages:
        run("dpkg-deb", "-x", package, tree.top)
    there = {re.sub(r"(share/man/.*)\.gz$", r"\1", name) for name in tree.files()
             if not name.startswith(("share/doc/", "share/lintian/"))}
    require(there == tree.expected(here / "build"),
            f"only there, or only expected: {sorted(there ^ tree.expected(here / 'build'))}")
    judge(compile_user(project("debian-pkg-config"), "user",
                       *pkg_config(tree, f"--define-variable=prefix={tree.root}", "--cflags",
                                   "--libs")), tree, True)
    need("cmake")
    judge(cmake_user(project("debian-cmake"), tree, "chld::static"), tree, False)

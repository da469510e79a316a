"""`make install`: what it lays out, and a C project that is built against it, by
pkg-config and by CMake, with the shared and with the static library."""

import os
import re
from pathlib import Path

from .linking import EMPTY, STRICT, USES, static_program
from .tools import BUILD, CC, ROOT, Failed, check, need, require, run, scratch

VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
SONAME = f"libchld.so.{VERSION.split('.')[0]}"


def layouts():
    """LIBDIR below the prefix: the plain one, and that of Debian."""
    triplet = run(*CC, "-print-multiarch", succeed=False).stdout.strip()
    return ["lib", f"lib/{triplet or 'some-triplet'}"]


class Tree:
    """A tree that `make install` fills: with PREFIX, as a user does, or with
    PREFIX=/usr below a DESTDIR, as a packager does."""

    def __init__(self, name, libdir, destdir=False):
        self.top = scratch() / name
        prefix = Path("/usr") if destdir else self.top
        self.root = self.top / "usr" if destdir else self.top
        self.libdir, self.lib = libdir, self.root / libdir
        self.words = [f"PREFIX={prefix}", f"LIBDIR={prefix / libdir}"]
        if destdir:
            self.words.append(f"DESTDIR={self.top}")

    def make(self, goal):
        run("make", goal, *self.words)
        return self

    def paths(self):
        return {str(path.relative_to(self.root)): path for path in self.root.rglob("*")}

    def files(self):
        return {name: path for name, path in self.paths().items()
                if path.is_symlink() or not path.is_dir()}

    def expected(self, build=BUILD):
        headers = [*(ROOT / "include").glob("*.h*"), *(ROOT / "include/chld").iterdir()]
        names = {str(path.relative_to(ROOT)) for path in headers}
        names |= {f"{self.libdir}/{name}" for name in (
            "libchld.a", "libchld.so", SONAME, f"libchld.so.{VERSION}", "pkgconfig/chld.pc",
            "cmake/chld/chld-config.cmake", "cmake/chld/chld-config-version.cmake")}
        pages = (build / "man").glob("*.[137]")
        return names | {f"share/man/man{path.suffix[1:]}/{path.name}" for path in pages}

    def naming(self, path):
        """The files with this path in them."""
        return sorted(name for name, file in self.files().items()
                      if str(path).encode() in file.read_bytes())


def lay_out(tree):
    tree.make("install")
    there, expected = set(tree.files()), tree.expected()
    require(there == expected, f"only installed, or only expected: {sorted(there ^ expected)}")
    for link in (SONAME, "libchld.so"):
        path = tree.lib / link
        require(path.resolve().name == f"libchld.so.{VERSION}", f"{link} leads elsewhere")
        require(not os.path.isabs(os.readlink(path)), f"{link} is an absolute link")
    prefix = tree.words[0].split("=")[1]
    require(f"{tree.libdir}/pkgconfig/chld.pc" in tree.naming(prefix),
            f"chld.pc does not name {prefix}, or this check does not see it")
    for path in (ROOT, "/.cargo/", *([tree.top] if tree.top != tree.root else [])):
        require(not tree.naming(path), f"{path} is named in {tree.naming(path)}")


# Directories in which others have files too: they may stay.
COMMON = re.compile(r"usr|include|lib|[\w-]+-[\w-]+|pkgconfig|cmake|share|man\d?")


@check("make install lays everything out, and make uninstall leaves nothing")
def install():
    trees = []
    for number, libdir in enumerate(layouts()):
        for destdir in (False, True):
            tree = Tree(f"laid-out-{number}-{destdir}", libdir, destdir)
            lay_out(tree)
            (tree.lib / "other.txt").write_text("not ours\n")
            tree.make("uninstall")
            left = {name for name, path in tree.paths().items()
                    if not (path.is_dir() and COMMON.fullmatch(path.name))}
            require(left == {f"{libdir}/other.txt"}, f"uninstall left {sorted(left)}")
            trees.append(tree)
    pages = sum(name.startswith("share/man") for name in trees[0].expected())
    return f"{pages} man pages" if pages else "there are no man pages here"


_trees = None


def trees():
    global _trees
    if _trees is None:
        _trees = [Tree(f"installed-{number}", libdir).make("install")
                  for number, libdir in enumerate(layouts())]
    return _trees


def project(name):
    folder = scratch() / name
    folder.mkdir(parents=True)
    (folder / "user.c").write_text(USES)
    return folder


def judge(program, tree, shared):
    """Runs it, and sees what it is linked to."""
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(need("readelf"), "-dW", program).stdout)
    chld = [name for name in needed if "chld" in name]
    require(chld == ([SONAME] if shared else []), f"{program.name} needs {needed}")
    run(program, env={"LD_LIBRARY_PATH": str(tree.lib)} if shared else None)


def pkg_config(tree, *words):
    environment = {"PKG_CONFIG_PATH": str(tree.lib / "pkgconfig")}
    return run(need("pkg-config"), *words, "chld", env=environment).stdout.split()


def compile_user(folder, name, *flags):
    run(*CC, *STRICT, "-o", name, "user.c", *flags, cwd=folder)
    return folder / name


@check("installed: a C project uses the shared library by pkg-config")
def pkg_config_shared():
    for tree in trees():
        folder = project(f"pkg-config-shared/{tree.top.name}")
        judge(compile_user(folder, "user", *pkg_config(tree, "--cflags", "--libs")), tree, True)
    require(pkg_config(tree, "--modversion") == [VERSION], "chld.pc has another version")


@check("installed: a C project uses the static library by pkg-config")
def pkg_config_static():
    remark = "also with libc static: --static"
    for tree in trees():
        folder = project(f"pkg-config-static/{tree.top.name}")
        libdir = pkg_config(tree, "--variable=libdir")[0]
        judge(compile_user(folder, "user", *pkg_config(tree, "--cflags"), f"{libdir}/libchld.a"),
              tree, False)
        try:
            static_program("static-libc", EMPTY)
        except Failed:
            remark = "not with -static: there is no static C library"
            continue
        told = pkg_config(tree, "--static", "--cflags", "--libs")
        judge(compile_user(folder, "all-static", "-static", *told), tree, False)
    return remark


CMAKE_PROJECT = """\
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(chld {version} REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE {target})
"""


def cmake(folder, tree, text, *words):
    (folder / "CMakeLists.txt").write_text(text)
    return run(need("cmake"), "-S", ".", "-B", "made", f"-DCMAKE_C_COMPILER={CC[0]}",
               f"-DCMAKE_PREFIX_PATH={tree.root}", *words, cwd=folder).stderr


def cmake_user(folder, tree, target):
    cmake(folder, tree, CMAKE_PROJECT.format(target=target, version=VERSION))
    run("cmake", "--build", "made", cwd=folder)
    return folder / "made" / "user"


@check("installed: a C project uses the shared library by CMake")
def cmake_shared():
    for tree in trees():
        judge(cmake_user(project(f"cmake-shared/{tree.top.name}"), tree, "chld::chld"), tree, True)


@check("installed: a C project uses the static library by CMake")
def cmake_static():
    for tree in trees():
        judge(cmake_user(project(f"cmake-static/{tree.top.name}"), tree, "chld::static"), tree,
              False)


CPP_USER = """\
#include <chld.hpp>
int main() { return chld::run({"true"}, chld::input("x")).status.code; }
"""


@check("installed: a C++ project uses chld.hpp by pkg-config and by CMake")
def cpp():
    tree = trees()[0]
    folder = scratch() / "cpp-project"
    folder.mkdir()
    (folder / "user.cpp").write_text(CPP_USER)
    run(need("g++"), "-std=c++11", "-o", "user", "user.cpp",
        *pkg_config(tree, "--cflags", "--libs"), cwd=folder)
    judge(folder / "user", tree, True)
    text = CMAKE_PROJECT.format(target="chld::static", version=VERSION)
    cmake(folder, tree, text.replace("(user C)", "(user CXX)").replace("user.c)", "user.cpp)"),
          "-DCMAKE_CXX_COMPILER=g++")
    run("cmake", "--build", "made", cwd=folder)
    judge(folder / "made/user", tree, False)


@check("installed: find_package() takes the versions of its own series, and no other")
def cmake_versions():
    major, minor, patch = map(int, VERSION.split("."))
    taken = [f"{major}", f"{major}.{minor}", VERSION, f"{VERSION} EXACT", f"0.0...{VERSION}",
             f"{VERSION}...<{major + 1}"]
    refused = [f"{major + 1}", f"{major}.{minor + 1}", f"{major}.{minor}.{patch + 1}",
               f"{major}.{minor}.{patch + 1} EXACT", f"0.0...<{VERSION}",
               f"{VERSION}.1...{major + 1}"]
    if major == 0 and minor > 0:
        refused.append(f"0.{minor - 1}")
    lines = ["cmake_minimum_required(VERSION 3.19)", "project(versions C)"]
    for version in taken + refused:
        lines += [f"find_package(chld {version} QUIET)",
                  f'message("{version}: ${{chld_FOUND}}")', "unset(chld_DIR CACHE)"]
    told = cmake(project("cmake-versions"), trees()[0], "\n".join(lines))
    expected = [f"{version}: 1" for version in taken] + [f"{version}: 0" for version in refused]
    require(told.split("\n")[:-1] == expected, told)


@check("installed: the tree can be moved")
def moved():
    need("pkg-config")
    need("cmake")
    tree = Tree("to-be-moved", layouts()[1]).make("install")
    new = Tree("moved", tree.libdir)
    tree.root.rename(new.root)
    told = pkg_config(new, f"--define-variable=prefix={new.root}", "--cflags", "--libs")
    judge(compile_user(project("moved-pkg-config"), "user", *told), new, True)
    for number, target in enumerate(("chld::chld", "chld::static")):
        judge(cmake_user(project(f"moved-cmake-{number}"), new, target), new, number == 0)

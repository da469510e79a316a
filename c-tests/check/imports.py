"""Which file of the Rust source imports which: down the table of README.md, and in no circle."""

import re

from .source import code, sources
from .tools import ROOT, check, require

# The structs of ffi/ contain each other, as those of the header do.
MAY_BE_CIRCULAR = "src/ffi/"


def modules(files):
    """{("set", "next"): "src/set/next.rs"}"""
    no_name = re.compile(r"^src/(lib\.rs)?|(/mod)?\.rs$")
    return {tuple(no_name.sub("", path).split("/")): path for path in files}


def paths(text, before=()):
    """The paths of a use tree: "a::{b, c::d}" has (a, b) and (a, c, d)."""
    text = text.strip()
    if text.startswith("{"):
        depth, part = 0, ""
        for letter in text[1:-1] + ",":
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                yield from paths(part, before) if part.strip() else ()
                part = ""
            else:
                part += letter
    elif "::" in text:
        first, rest = text.split("::", 1)
        yield from paths(rest, (*before, first.strip()))
    else:
        yield (*before, text.split(" as ")[0].strip())


def absolute(path, module, is_folder):
    """The path from the crate's root. None for a name that is no path."""
    if path[0] == "crate":
        return path[1:]
    if path[0] not in ("super", "self"):
        return (*module, *path) if is_folder else None
    home = module
    while path and path[0] in ("super", "self"):
        home = home[:-1] if path[0] == "super" else home
        path = path[1:]
    return (*home, *path)


def imports(files):
    """{path: the paths that it imports}"""
    known, found = modules(files), {}
    for module, path in known.items():
        text = code(files[path])
        named = [one for use in re.findall(r"\buse\s+([^;]+);", text) for one in paths(use)]
        named += [tuple(one.split("::")) for one in
                  re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse\s+[^;]+;", "", text))]
        found[path] = set()
        for one in named:
            full = absolute(one, module, path.endswith("/mod.rs")) or ()
            parts = (full[:n] for n in range(len(full), 0, -1))
            nearest = next((known[part] for part in parts if part in known), path)
            found[path] |= {nearest} - {path}
    return found


def circles(graph):
    """The paths that lead back to themselves."""
    def reached(start):
        seen, left = set(), [start]
        while left:
            for path in graph[left.pop()] - seen:
                seen.add(path)
                left.append(path)
        return seen
    return [path for path in graph if path in reached(path)]


def folders():
    """The folders of src/ in the order of README.md: each imports only those after it."""
    return re.findall(r"^\| `(\w+)/` \|", (ROOT / "README.md").read_text(), re.M)


def wrong(files):
    graph, order = imports(files), folders()
    place = {path: order.index(path.split("/")[1]) for path in files if path.count("/") > 1}
    for path, others in graph.items():
        for other in others:
            if path in place and other in place and place[other] < place[path]:
                yield f"{path} imports {other}, which is above it in README.md"
    for path in circles(graph):
        if not path.startswith(MAY_BE_CIRCULAR):
            yield f"{path} imports itself, through other files"


@check("imports run down the table of README.md, and in no circle")
def one_way():
    for files in ({"src/sys/fd.rs": "use crate::{set::{next, turn}};", "src/set/next.rs": ""},
                  {"src/wait/one.rs": "fn f() { super::any::g() }",
                   "src/wait/any.rs": "use super::one;"},
                  {"src/set/a.rs": "use super::b::C;", "src/set/b.rs": "use crate::set::d;",
                   "src/set/d.rs": "use super::a::{E as F, G};"}):
        require(list(wrong(files)), f"this check does not see what is wrong with {files}")
    files = sources()
    folder_names = {path.split("/")[1] for path in files if path.count("/") > 1}
    require(folder_names == set(folders()), "README.md has other folders than src/")
    found = list(wrong(files))
    require(not found, "\n".join(found))
    return f"{len(files)} files in {len(folder_names)} folders"

"""What a newcomer does: installs the library, and types the lines of a README."""

import functools
import re

from .conformance import compare
from .documented import dead_links
from .installed import Tree
from .tools import NO_PIDFDS, ROOT, Failed, can_deny_pidfds, check, require, run, scratch

BINDINGS = ROOT / "bindings"


@functools.cache
def prefix():
    """Where `make install` has put the library."""
    return Tree("prefix", "lib").make("install").root


def folder(binding):
    """Where the newcomer begins."""
    path = scratch() / f"newcomer-{binding}"
    path.mkdir(exist_ok=True)
    return path


def environment():
    """Where compilers and loaders find that. On a user's system the defaults do."""
    return {
        "PKG_CONFIG_PATH": str(prefix() / "lib/pkgconfig"),
        "LD_LIBRARY_PATH": str(prefix() / "lib"),
        "LIBCHLD": str(ROOT),
    }


def blocks(binding, language):
    """The code of this language in the README of a binding, block by block."""
    text = (BINDINGS / binding / "README.md").read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    require(found, f"bindings/{binding}/README.md has no {language}")
    return found


def printed(binding, output):
    """Fails unless the output is that in the README."""
    want = blocks(binding, "text")[0]
    if output != want:
        raise Failed(f"it prints {output!r}, and by the README {want!r}")


def conformance(*command, **how):
    """Compares what a program prints with the list, with pidfds and without."""
    remark = compare(run(*command, **how, succeed=False).stdout)
    if not can_deny_pidfds():
        return f"{remark}; not without pidfds: c-tests/deny is not built, or not allowed"
    compare(run(*NO_PIDFDS, *command, **how, succeed=False).stdout)
    return f"{remark}, with pidfds and without"


@check("the READMEs of the bindings lead to files and headings that are there")
def links():
    overview, *pages = [BINDINGS / "README.md", *sorted(BINDINGS.glob("*/README.md"))]
    dead = [f"{page.relative_to(ROOT)} leads to {target}" for page in (overview, *pages)
            for target in dead_links(page, page.read_text())]
    require(not dead, "\n".join(dead))
    text = overview.read_text()
    missing = [page.parent.name for page in pages if f"]({page.parent.name}/README.md)" not in text]
    require(not missing, f"bindings/README.md does not have {', '.join(missing)}")
    return f"{1 + len(pages)} pages"

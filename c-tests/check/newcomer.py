"""What a newcomer does: installs the library, and types the lines of a README."""

import functools
import re

from .conformance import compare
from .installed import Tree
from .tools import NO_PIDFDS, ROOT, Failed, can_deny_pidfds, require, run, scratch

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

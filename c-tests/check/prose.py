"""How the documents and the comments are written: words, sentences, links."""

import re
import tokenize
from io import StringIO

from .tools import ROOT, check, require

# {a word or phrase: what to write instead}. A wrong word is a whole word, in any case.
WORDS = {
    r"for ever": "forever",
    r"whom|whoever|whosoever": "the thread that, the caller",
    r"rungs?|ladders?|by degrees": "step, stop sequence",
    r"graveyards?|bury|buries|buried": "detached children, closed while running",
    r"strangers?": "foreign child, orphan",
    r"shall": "must, should",
    r"wants? to be|(?:is|are|was|were) to be": "must, should",
    r"but for|save for|besides": "except, in addition",
    r"also (?:if|when)": "even if, even when",
    r"so many|as many as": "the number of, up to",
    r"now and then": "occasionally",
    r"in time": "before the timeout",
    r"tells?|told|telling|says?|said|saying|hears? of|heard of|hear from":
        "return, report, print, show",
    r"answers?|answered|answering": "return, report; result",
    r"knows? of|known of|learns?|learnt|learned": "detect, look up, have",
    r"where(?:ver)? the kernel has (?:those|them|it|one)": "if the kernel supports",
    r"time limits?": "timeout",
    r"(?:child|children|process|processes|program|programs)(?: that)?(?: has| have| had)?"
    r" (?:ended|ends)": "exit, terminate, has exited",
}
WRONG = re.compile(r"\b(?:" + "|".join(WORDS) + r")\b", re.I)

# (file, text with such a word that is right there)
RIGHT = []

# Written by others, or made by programs.
EXCLUDED = ("src/ffi/", "docs/man/", "include/chld.h", "docs/performance.md", "LICENSE")


def c_comments(text):
    """The comments of C and Rust, one after the other; of // lines those that stand together."""
    strings = r"""[bc]*"(?:\\.|[^"\\])*"|b?'(?:\\[^']+|[^'\\\n])'"""
    for match in re.finditer(rf"{strings}|/\*.*?\*/|(?://[^\n]*\n?[ \t]*)+", text, re.S):
        if match.group().startswith("/"):
            yield match.start(), re.sub(r"^[ \t]*(?://[/!]?|/?\*+/?)|\*/", "", match.group(), flags=re.M)


def hash_comments(text):
    for match in re.finditer(r"(?:(?:^|(?<=\s))#[^\n]*\n?[ \t]*)+", text):
        yield match.start(), re.sub(r"^[ \t]*#+!?", "", match.group(), flags=re.M)


def python_comments(text):
    """Comments and docstrings."""
    yield from hash_comments_of_python(text)


def hash_comments_of_python(text):
    starts = [0]
    for line in text.splitlines(True):
        starts.append(starts[-1] + len(line))
    before = None
    for token in tokenize.generate_tokens(StringIO(text).readline):
        place = starts[token.start[0] - 1] + token.start[1]
        if token.type == tokenize.COMMENT:
            yield place, token.string.lstrip("#!")
        elif token.type == tokenize.STRING and before in (None, tokenize.NEWLINE, tokenize.INDENT, tokenize.NL):
            yield place, token.string.strip("\"'")
        if token.type not in (tokenize.COMMENT,):
            before = token.type

"""The header's prose as man(7): names of functions, parameters and constants in their
fonts, a sentence on each line."""

import errno
import re

ERRNOS = set(errno.errorcode.values())
TOKEN = re.compile(r"""
    `(?P<code>[^`]+)`
  | (?P<own>\bchld_\w+)\((?P<arguments>[^)]*)\)
  | (?P<manual>\b[a-z_]\w*)\((?P<section>[1-8])\)
  | (?P<function>\b[a-z_]\w*)\(\)
  | (?P<minus>-)(?P<negative>E[A-Z0-9]{2,})\b
  | (?P<errno>\bE[A-Z0-9]{2,})\b
  | (?P<constant>\b(?:CHLD|RLIMIT|SA|CLD|O|CLONE|CLOSE|CAP|PR)_[A-Z_0-9]+\*?
        |\bSIG(?!NALS)[A-Z]+(?:[+-]\d)?|\bNULL\b|\bPOLL(?:IN|OUT)\b)
  | (?P<path>(?<![\w.])/(?:proc|dev|bin|etc|sys)\b(?:/[\w.+-]*\w)*|\bdocs/\w+\.md)
  | <(?P<include>[a-z/]+\.h)>
""", re.X)


def escape(text):
    """Plain text, with what roff would change."""
    text = text.replace("\\", r"\e").replace("…", "...").replace("~", r"\(ti").replace("^", r"\(ha")
    return re.sub(r"(?<![\w-])-(?=[\dE])", r"\\-", text)


def literal(text):
    """Lines that must come out as they are: of a program."""
    for plain, roff in (("\\", r"\e"), ("'", r"\(aq"), ("`", r"\(ga"), ("^", r"\(ha"),
                        ("~", r"\(ti"), ("-", r"\-")):
        text = text.replace(plain, roff)
    return [r"\&" + line if line.startswith(".") else line for line in text.splitlines()]


def program(text):
    return [".PP", ".in +4n", ".EX", *literal(text), ".EE", ".in"]


def bold(text):
    return rf"\fB{text}\fP"


def italic(text):
    return rf"\fI{text}\fP"


def reference(name, section):
    return bold(name) + f"({section})"


def token(match, page):
    found = match.groupdict()
    if found["code"]:
        inner = TOKEN.fullmatch(found["code"])
        if inner and not inner["code"]:
            return token(inner, page)
        if re.fullmatch(r"[a-z_][\w.]*", found["code"]):
            return italic(found["code"])
        return bold(escape(found["code"]))
    if found["own"]:
        if found["arguments"]:
            return f"{bold(found['own'])}({escape(found['arguments'])})"
        return bold(found["own"]) + ("()" if found["own"] in page.functions else "(3)")
    if found["manual"]:
        return reference(found["manual"], found["section"])
    if found["function"]:
        return bold(found["function"]) + "()"
    if found["negative"]:
        return bold(r"\-" + found["negative"])
    if found["errno"]:
        return bold(found["errno"]) if found["errno"] in ERRNOS else found["errno"]
    if found["constant"]:
        return bold(escape(found["constant"]))
    if found["path"]:
        return italic(found["path"])
    return italic(f"<{found['include']}>")


def inline(text, page):
    parts, at = [], 0
    for match in TOKEN.finditer(text):
        parts += [escape(text[at:match.start()]), token(match, page)]
        at = match.end()
    return "".join([*parts, escape(text[at:])])


def sentences(text):
    return re.split(r"(?<=[.!?:])\s+(?=[A-Z`\"(/])", text)


def prose(text, page):
    """Lines of roff: each sentence begins a line, and none is longer than 80."""
    lines = []
    for sentence in sentences(text):
        line = ""
        for word in inline(sentence, page).split():
            if line and len(line) + 1 + len(word) > 80:
                lines.append(line)
                line = ""
            line += (" " if line else "") + word
        lines.append(line)
    return [r"\&" + one if one[0] in ".'" else one for one in lines]


def capital(text):
    """A sentence's first letter; not that of code."""
    first = re.match(r"[\w`/(]+", text)
    if not first or not first.group().isalpha():
        return text
    return text[0].upper() + text[1:]

"""The header's prose as mdoc(7): what is code there becomes a macro here."""

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
    """Text for a text line."""
    text = text.replace("\\", r"\e").replace("…", "...").replace("~", r"\(ti")
    return re.sub(r"(?<![\w-])-(?=\d)", r"\\-", text)


def literal(text):
    """Text that must come out as it is: of a program."""
    for plain, mdoc in (("\\", r"\e"), ("'", r"\(aq"), ("`", r"\(ga"), ("^", r"\(ha"),
                        ("~", r"\(ti"), ("-", r"\-")):
        text = text.replace(plain, mdoc)
    return [r"\&" + line if line.startswith(".") else line for line in text.splitlines()]


def macro(match, page):
    """The macro for a token, or None if it is none after all."""
    found = match.groupdict()
    if found["code"]:
        inner = TOKEN.fullmatch(found["code"])
        if inner and not inner["code"]:
            return macro(inner, page)
        if re.fullmatch(r"[a-z_]\w*", found["code"]):
            return "Fa " + found["code"]
        return "Ql " + quoted(found["code"])
    if found["own"]:
        if found["arguments"]:
            arguments = [quoted(one) for one in found["arguments"].split(", ")]
            return " ".join(["Fn", found["own"], *arguments])
        if found["own"] in page.functions:
            return "Fn " + found["own"]
        return f"Xr {found['own']} 3"
    if found["manual"]:
        return f"Xr {found['manual']} {found['section']}"
    if found["function"]:
        return "Fn " + found["function"]
    if found["negative"]:
        return r"Pf \- Er " + found["negative"]
    if found["errno"]:
        return "Er " + found["errno"] if found["errno"] in ERRNOS else None
    for kind, name in (("constant", "Dv"), ("path", "Pa"), ("include", "In")):
        if found[kind]:
            return f"{name} {escape(found[kind])}"
    return None


def quoted(word):
    word = escape(word)
    return f'"{word}"' if " " in word else word


def sentences(text):
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(])|(?<=[a-z]\.)\s+(?=[a-z]+\[)", text)


def prose(text, page):
    """Lines of mdoc: a sentence begins a line, and so does a macro."""
    lines = []
    for sentence in sentences(text):
        at, plain = 0, ""
        for match in TOKEN.finditer(sentence):
            if match.start() < at:
                continue
            before = re.search(r"\S*$", sentence[at:match.start()]).group()
            after = re.match(r"\S*", sentence[match.end():]).group()
            made = macro(match, page)
            ending = re.fullmatch(r"('s)?([),.;:!?]*)", after)
            if made is None or before not in ("", "(") or not ending:
                continue
            plain += sentence[at:match.start() - len(before)]
            lines += wrap(plain)
            name, _, arguments = made.partition(" ")
            genitive = ["Ns 's"] if ending.group(1) else []
            lines.append(" ".join([f".{name}", *before, arguments, *genitive, *ending.group(2)]))
            at, plain = match.end() + len(after), ""
        lines += wrap(plain + sentence[at:])
    return lines


def wrap(text):
    lines, line = [], ""
    for word in escape(text.replace("`", "")).split():
        if line and len(line) + 1 + len(word) > 78:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    if line:
        lines.append(line)
    return [r"\&" + one if one[0] in ".'" else one for one in lines]


def capital(text, names=()):
    """A sentence's first letter; not that of a name, nor of code."""
    first = re.match(r"[\w`/(]+", text)
    if not first or first.group() in names or not first.group().isalpha():
        return text
    return text[0].upper() + text[1:]

"""include/chld.h as data: what each comment says, by the tags it must have.

A function's comment is paragraphs of prose, among them those that begin with
"`parameter`:"; then a line "Returns VALUE, -ERRNO when, -ERRNO when. Notes.";
then, each at the beginning of a line, "Ownership: ..." where a handle, a
descriptor or memory passes, and "Thread-safe ... async-signal-safe ... blocks
... Since X.Y.". A comment that is not like this is an error, with its name.
"""

import re
from dataclasses import dataclass, field


class Malformed(Exception):
    """The header is not as the manual needs it; says where."""


@dataclass
class Constant:
    name: str
    text: str  # empty: it shares the comment of the one before


@dataclass
class Member:
    names: list
    text: str


@dataclass
class Type:
    name: str
    declaration: str  # as the header has it, without comments
    text: str
    members: list


@dataclass
class Error:
    names: list
    text: str


@dataclass
class Function:
    name: str
    result: str
    parameters: list   # declarations
    prose: list        # paragraphs; the first one is the summary
    described: list    # (names, text) of parameters
    value: str = ""
    errors: list = field(default_factory=list)
    notes: str = ""
    ownership: str = ""
    tags: dict = field(default_factory=dict)


# The tags of the last sentences, and how each may begin.
HEADS = {
    "threads": r"Thread-safe",
    "signals": r"(?:[Nn]ot |)[Aa]sync-signal-safe",
    "blocking": r"[Nn]ever blocks|Blocks|Does not block",
    "cancellation": r"Not a cancellation point",
    "since": r"Since",
}
REQUIRED = ("threads", "signals", "blocking", "since")
HEAD = re.compile(r"(?:^|(?<=[.,;] ))(?:%s)\b" % "|".join(
    f"(?P<{name}>{pattern})" for name, pattern in HEADS.items()))

CLAUSE = re.compile(r"(?:^|[,;:] (?:or |and )?| or | and )(?=-E[A-Z0-9]{2,}\b)")
ERRNOS = re.compile(r"(?:-E[A-Z0-9]+(?:, | |$))+")
HANDLES = re.compile(r"\bchld_(id|set|capturing) \*ret$")


def unwrap(lines):
    return " ".join(line.strip() for line in lines).strip()


def paragraphs(comment):
    """The lines of each paragraph of a /** comment */."""
    lines = [re.sub(r"^\s*\*? ?", "", line) for line in comment.strip().splitlines()]
    groups = [[]]
    for line in lines:
        if line.strip():
            groups[-1].append(line)
        elif groups[-1]:
            groups.append([])
    return [group for group in groups if group]


def prose(comment):
    return " ".join(unwrap(group) for group in paragraphs(comment))


def split_tags(name, text):
    """{tag: sentence} of the last sentences of a comment."""
    found = list(HEAD.finditer(text))
    if not found or found[0].start() != 0:
        raise Malformed(f"{name}: its tags begin with {text[:40]!r}")
    tags = {}
    for match, after in zip(found, [*found[1:], None]):
        said = text[match.start():after.start() if after else len(text)].strip(" ,;.")
        if match.lastgroup in tags:
            raise Malformed(f"{name}: says {match.lastgroup} twice")
        tags[match.lastgroup] = said[0].upper() + said[1:]
    for tag in REQUIRED:
        if tag not in tags:
            raise Malformed(f"{name}: its comment does not say {tag}")
    if not re.fullmatch(r"Since \d+\.\d+", tags["since"]):
        raise Malformed(f"{name}: {tags['since']!r} is no version")
    tags["since"] = tags["since"].split()[1]
    return tags


def split_returns(name, text):
    """(value, errors, notes) of "VALUE, -ERRNO when; -ERRNO when. Notes."."""
    sentence, _, notes = text.partition(". ")
    sentence = sentence.rstrip(".")
    parts = [part for part in CLAUSE.split(sentence) if part]
    value = "" if sentence.startswith("-E") else parts.pop(0)
    if not value:
        raise Malformed(f"{name}: does not say what it returns on success")
    errors, waiting = [], []
    for part in parts:
        match = ERRNOS.match(part)
        waiting += re.findall(r"E[A-Z0-9]+", match.group())
        when = part[match.end():].strip()
        if when:
            errors.append(Error(waiting, when))
            waiting = []
    if waiting:
        raise Malformed(f"{name}: does not say when it returns {', '.join(waiting)}")
    return value.rstrip(",;:"), errors, notes


def parse_function(comment, declaration):
    match = re.fullmatch(r"(.*?)(chld_\w+)\((.*)\)", unwrap(declaration.splitlines()))
    result, name, inside = match.groups()
    # A callback's own commas are in its parentheses.
    parameters = re.split(r",\s*(?![^()]*\))", re.sub(r"\s+", " ", inside))
    if parameters == ["void"]:
        parameters = []
    groups = paragraphs(comment)
    last = groups.pop()
    if not groups or not last[0].startswith("Returns "):
        raise Malformed(f"{name}: the last paragraph of its comment is not \"Returns ...\"")
    function = Function(name, result.strip(), parameters, [], [])
    for group in groups:
        describe(function, group)
    close(function, last)
    return function


def describe(function, lines):
    if not lines[0].startswith("`"):
        function.prose.append(unwrap(lines))
        return
    for line in lines:
        match = re.match(r"((?:`\w+`(?:, )?)+): (.*)", line)
        if match:
            names = re.findall(r"`(\w+)`", match.group(1))
            for one in names:
                if not any(re.search(rf"\b{one}\b", place) for place in function.parameters):
                    raise Malformed(f"{function.name}: has no parameter {one}")
            function.described.append([names, match.group(2)])
        else:
            function.described[-1][1] += " " + line.strip()


def close(function, lines):
    """The last paragraph: Returns, Ownership, tags."""
    name = function.name
    starts = {}
    for number, line in enumerate(lines):
        for word in ("Ownership:", "Thread-safe"):
            if line.startswith(word):
                starts.setdefault(word, number)
    if "Thread-safe" not in starts:
        raise Malformed(f"{name}: no line of its comment begins with \"Thread-safe\"")
    tags = starts["Thread-safe"]
    owned = starts.get("Ownership:", tags)
    returns = unwrap(lines[:owned])
    function.value, function.errors, function.notes = split_returns(name, returns[8:])
    function.ownership = unwrap(lines[owned:tags])[len("Ownership: "):]
    function.tags = split_tags(name, unwrap(lines[tags:]))
    gives = any(HANDLES.search(one) for one in function.parameters) or name.endswith("_fd")
    if gives and name != "chld_close_fd" and not function.ownership:
        raise Malformed(f"{name}: gives something out, and has no \"Ownership:\"")


def parse_type(comment, declaration):
    plain = re.sub(r"^\s*/\*\*.*?\*/\n", "", declaration, flags=re.M | re.S)
    name = re.search(r"(\w+);$", plain).group(1)
    members = []
    inside = declaration[declaration.find("{") + 1:declaration.rfind("}")]
    # A member without a comment shares that of the one above.
    for said, code in re.findall(r"(?:/\*\*(.*?)\*/)?\s*([^/]+?;)", inside, re.S):
        place = re.search(r"\(\*(\w+)\)|(\w+)(?:\[\w+\])?;$", code)
        if said or not members:
            members.append(Member([], prose(said)))
        members[-1].names.append(place.group(1) or place.group(2))
    return Type(name, plain, prose(comment), members)


ITEM = re.compile(
    r"(?:/\*\*((?:(?!\*/).)*)\*/\n)?"
    r"(?:#define (CHLD_[A-Z_0-9]+) -?\d+$"
    r"|(typedef (?:struct \w+ \{.*?^\} \w+|[^;{]*);)"
    r"|([a-z][^;#{}/]*\bchld_\w+\([^;]*\));)", re.S | re.M)


def parse(text):
    """(constants, types, functions) of the header, in its order."""
    start, end = text.index("/*\n * Statuses and signals"), text.index("/*\n * Initialisers")
    constants, types, functions = [], [], []
    for comment, constant, kind, function in ITEM.findall(text[start:end]):
        if constant:
            constants.append(Constant(constant, prose(comment) if comment else ""))
        elif not comment:
            raise Malformed(f"nothing is said of {(kind or function).splitlines()[0]}")
        elif kind:
            types.append(parse_type(comment, kind))
        else:
            functions.append(parse_function(comment, function))
    return constants, types, functions

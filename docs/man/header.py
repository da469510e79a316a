"""include/chld.h as data: each comment in its parts, by the form that it must have.

A function's comment has these parts, in this order, with an empty line between:

    One sentence of summary.
    `parameter`: ...            each parameter, each on a line of its own
    Paragraphs of description.
    Returns VALUE, or           or "Returns VALUE." if it cannot fail
    -ERRNO, -ERRNO: when.       each on a line of its own
    The errors of chld_x(), ...
    Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
    Ownership: ...              where a handle, a descriptor or memory passes
    Since X.Y.

The lines of one part that go on are indented by two spaces, except in paragraphs. A
comment that is not like this is an error, with its name.
"""

import re
from dataclasses import dataclass, field


class Malformed(Exception):
    """The header is not as the manual needs it; the message names the place."""


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
    names: list  # empty: the errors of another function
    text: str


@dataclass
class Function:
    name: str
    result: str
    parameters: list   # declarations
    prose: list        # paragraphs, each its lines; the first one is the summary
    described: list    # (names, text) of parameters
    value: str = ""
    errors: list = field(default_factory=list)
    ownership: str = ""
    tags: dict = field(default_factory=dict)


# The attributes in their order, and how each may begin.
TAGS = {
    "threads": r"Thread-safe",
    "signals": r"(?:Not async|Async)-signal-safe",
    "blocking": r"Never blocks|Blocks",
    "cancellation": r"Not a cancellation point",
    "stack": r"Stack: \d+ KB",
}
TAG = re.compile(r"(?:^|(?<=\. ))(?:%s)" % "|".join(
    f"(?P<{name}>{pattern})" for name, pattern in TAGS.items()))
ERRNOS = re.compile(r"(-E[A-Z0-9]+(?:, -E[A-Z0-9]+)*): (.+\.)")
OTHERS = "The errors of "
# What passes something to the caller, or takes it.
PASSES = re.compile(r"\bchld_(?:id|set|capture_id) \*ret$")


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


def parameter_name(declaration):
    place = re.search(r"\(\*(\w+)\)|(\w+)$", declaration)
    return place.group(1) or place.group(2)


def parse_function(comment, declaration):
    match = re.fullmatch(r"(.*?)(chld_\w+)\((.*)\)", unwrap(declaration.splitlines()))
    result, name, inside = match.groups()
    # A callback's own commas are in its parentheses.
    parameters = re.split(r",\s*(?![^()]*\))", re.sub(r"\s+", " ", inside))
    if parameters == ["void"]:
        parameters = []
    function = Function(name, result.strip(), parameters, [], [])
    groups = paragraphs(comment)
    if len(groups) < 3 or not groups[-1][0].startswith("Thread-safe"):
        raise Malformed(f"{name}: the last paragraph does not begin with \"Thread-safe\"")
    if not groups[-2][0].startswith("Returns "):
        raise Malformed(f"{name}: the paragraph before the last is not \"Returns ...\"")
    summary, *middle = groups[:-2]
    describe(function, summary, middle)
    returns(function, groups[-2])
    attributes(function, groups[-1])
    return function


def describe(function, summary, groups):
    name = function.name
    if summary[0].startswith("`") or not re.fullmatch(r"[A-Z](?:(?![.!?] [A-Z]).)*\.", unwrap(summary)):
        raise Malformed(f"{name}: its summary is not one sentence")
    function.prose.append(summary)
    if groups and groups[0][0].startswith("`"):
        for line in groups[0]:
            match = re.match(r"((?:`\w+`(?:, )?)+): (.*)", line)
            if match:
                function.described.append([re.findall(r"`(\w+)`", match.group(1)), match.group(2)])
            else:
                function.described[-1][1] += " " + line.strip()
        groups = groups[1:]
    there = [parameter_name(one) for one in function.parameters]
    described = [one for names, _ in function.described for one in names]
    if described != there:
        raise Malformed(f"{name}: its parameters are {', '.join(there)}, described are "
                        f"{', '.join(described) or 'none'}")
    if any(group[0].startswith("`") and re.match("`\\w+`(, `\\w+`)*: ", group[0]) for group in groups):
        raise Malformed(f"{name}: parameters come right after the summary")
    function.prose += groups


def returns(function, lines):
    """"Returns VALUE, or", and a line for each errno."""
    name = function.name
    items = []
    for line in lines:
        if not items or line.startswith(("-E", OTHERS)):
            items.append(line)
        else:
            items[-1] += " " + line.strip()
    first, *errors = items
    ending = re.search(r", or$|:$|\.$", first)
    if not ending or (ending.group() == ".") != (not errors):
        raise Malformed(f"{name}: does not say what it returns, and then with \"or\" its errnos")
    function.value = first[len("Returns "):ending.start()]
    if re.search(r"-E[A-Z0-9]+\b", function.value):
        raise Malformed(f"{name}: an errno has no line of its own")
    for item in errors:
        match = ERRNOS.fullmatch(item)
        if item.startswith(OTHERS):
            function.errors.append(Error([], item[len(OTHERS):]))
        elif match:
            function.errors.append(Error(re.findall(r"E[A-Z0-9]+", match.group(1)), match.group(2)))
        else:
            raise Malformed(f"{name}: does not say when it returns {item[1:40]}")


def attributes(function, lines):
    """Thread safety and what follows it; ownership; since."""
    name = function.name
    items = []
    for line in lines:
        if not items or line.startswith(("Ownership:", "Since ")):
            items.append(line)
        else:
            items[-1] += " " + line.strip()
    since = re.fullmatch(r"Since (\d+\.\d+)\.", items.pop())
    if not since:
        raise Malformed(f"{name}: its comment does not say since")
    found = list(TAG.finditer(items[0]))
    for match, after in zip(found, [*found[1:], None]):
        text = items[0][match.start():after.start() if after else len(items[0])]
        function.tags[match.lastgroup] = text.strip().rstrip(".")
    for tag in TAGS:
        if tag not in function.tags:
            raise Malformed(f"{name}: its comment does not say {tag}")
    if [match.lastgroup for match in found] != list(TAGS):
        raise Malformed(f"{name}: its attributes are not in the order {', '.join(TAGS)}")
    function.tags["since"] = since.group(1)
    function.ownership = " ".join(items[1:]).removeprefix("Ownership:").strip()
    passes = any(PASSES.search(one) for one in function.parameters) or name.endswith("_fd")
    if passes and not function.ownership:
        raise Malformed(f"{name}: gives something out, and has no \"Ownership:\"")


def parse_type(comment, declaration):
    plain = re.sub(r"^\s*/\*\*.*?\*/\n", "", declaration, flags=re.M | re.S)
    name = re.search(r"(\w+);$", plain).group(1)
    members = []
    inside = declaration[declaration.find("{") + 1:declaration.rfind("}")]
    for said, code in re.findall(r"(?:/\*\*(.*?)\*/)?\s*([^/]+?;)", inside, re.S):
        place = re.search(r"\(\*(\w+)\)|(\w+)(?:\[\w+\])?;$", code)
        if "{" in declaration and not said:
            raise Malformed(f"nothing is said of {name}.{place.group(1) or place.group(2)}")
        members.append(Member([place.group(1) or place.group(2)], prose(said)))
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

"""How documents and comments are written: the words, and the length of sentences."""

import io
import re
import tokenize

from .tools import ROOT, check, require

# {words: what to write instead}
WORDS = {
    r"for ever": "forever",
    r"whom|who(?:so)?ever": "the thread that, the caller",
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
    r"tells?|told|telling|says?|said|saying|hears? (?:of|from)|heard of":
        "return, report, print, show",
    r"answered|answering": "return, report",
    r"knows? of|known of|learns?|learnt|learned|learning": "detect, look up, have",
    r"where(?:ver)? the kernel has (?:those|them|it|one)": "if the kernel supports",
    r"time limits?": "timeout",
    r"(?:child|children|process|processes|programs?|leader|copy|command)(?: that)?"
    r"(?: has| have| had)? (?:ended|ends)|it ha[sd] ended": "exit, terminate, has exited",
}
# A phrase may go on in the next line of a comment.
WRONG = [(re.compile(rf"\b(?:{words})\b".replace(" ", r"[\s*/#]+"), re.I), better)
         for words, better in WORDS.items()]

# (file, what stands there): where such a word is right.
ALLOWED = {
    ("README.md", "| learn it |"): "a person does",
    ("c-tests/helpers/act.c", "act say OUT ERR"): "a name",
}

# A header that is being rewritten.

C_COMMENT = re.compile(r"""
    (?: [bc]?"(?:\\.|[^"\\])*" | b?'(?:\\[^']+|[^'\\\n])' )
  | (?P<comment> /\*.*?\*/ | (?: //[^\n]*\n?[\ \t]* )+ )
""", re.X | re.S)
HASH_COMMENT = re.compile(r"(?P<comment>(?:^[ \t]*#[^\n]*\n?)+)|[ \t](?P<end>#[ !][^\n]*)", re.M)
CODE_IN_TEXT = re.compile(r"`[^`]*`")


def commented(pattern, text):
    for match in pattern.finditer(text):
        group = match.lastgroup
        if group:
            yield text.count("\n", 0, match.start(group)) + 1, match[group]


def python_prose(text):
    """Comments, docstrings, and the names of checks."""
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
            continue
        if token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT):
            yield token.start[0], token.string
        before = token.type
    for match in re.finditer(r'^ *@check\(f?"([^"]*)"', text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match[1]


def markdown_prose(text):
    """A document without its blocks of code. The lines keep their numbers."""
    # An item of a list may go on with four blanks; a block of code follows an empty line.
    yield 1, re.sub(r"^(```+).*?^\1$|^<!--.*?-->$|(?<=\n\n)(?:    [^\n]*\n|\n(?=    ))+",
                    lambda match: "\n" * match.group().count("\n"), text, flags=re.M | re.S)


def readers():
    """(pattern of files, how their prose is found)"""
    for folder in ("src", "c-tests", "bench", "examples", "tools", "include", "packaging",
                   "docs/man"):
        for ending in ("rs", "c", "h", "hpp", "cpp"):
            yield f"{folder}/**/*.{ending}", lambda text: commented(C_COMMENT, text)
        yield f"{folder}/**/*.py", python_prose
        for ending in ("sh", "mk", "txt", "awk"):
            yield f"{folder}/**/*.{ending}", lambda text: commented(HASH_COMMENT, text)
    for path in ("Makefile", ".ci/run", "docs/*.mk", "debian/rules", "Cargo.toml"):
        yield path, lambda text: commented(HASH_COMMENT, text)
    for ending in ("rs", "go", "js", "ts"):
        yield f"bindings/**/*.{ending}", lambda text: commented(C_COMMENT, text)
    for ending in ("rb", "pm", "pl", "sh", "toml"):
        yield f"bindings/**/*.{ending}", lambda text: commented(HASH_COMMENT, text)
    yield "docs/man/*.7", lambda text: [(1, re.sub("^[.]..*", "", text, flags=re.M))]
    for path in ("*.md", "docs/*.md", "examples/**/*.md", "bindings/**/*.md"):
        yield path, markdown_prose


def all_prose():
    """(path, [(line, text)]) of each file."""
    for pattern, find in readers():
        for file in sorted(ROOT.glob(pattern)):
            path = str(file.relative_to(ROOT))
            if not {"node_modules", "target"} & {*file.parts}:
                yield path, list(find(file.read_text()))


def wrong_words(path, prose):
    for line, text in prose:
        text = CODE_IN_TEXT.sub(lambda match: "\n" * match.group().count("\n"), text)
        for pattern, better in WRONG:
            for match in pattern.finditer(text):
                start = text.rfind("\n", 0, match.start()) + 1
                whole = text[start:].split("\n", 1)[0].strip()
                if not any(path == file and right in whole for file, right in ALLOWED):
                    number = line + text.count("\n", 0, match.start())
                    yield f'{path}:{number}: "{match.group()}" (write: {better}): {whole}'


NEXT_SENTENCE = re.compile(r"""(?<=[.!?])[*"')]*\s+(?=["'(*]*(?:[A-Z]|code\b))""")


def sentences(text):
    """The sentences of a document; a heading, an item and a cell begin a new one."""
    (_, text), = markdown_prose(text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", CODE_IN_TEXT.sub("code", text))
    text = re.sub(r"^[ \t]*(?:#+|[-*]|\d+\.)[ \t]|^\||\|$|(?<!\\)\|", "\n\n", text, flags=re.M)
    for part in re.split(r"\n\s*\n", text):
        yield from filter(length, NEXT_SENTENCE.split(" ".join(part.split())))


def length(sentence):
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


@check("documents and comments use the words that readers know")
def words():
    for find, text in ((markdown_prose, "It waits for\never.\n\n    told\n"),
                       (python_prose, 'x = "told"  # told\n'),
                       (python_prose, '"""Told."""\n'),
                       (lambda text: commented(C_COMMENT, text), 'char *s = "// told"; // told\n'),
                       (lambda text: commented(HASH_COMMENT, text), "# told\nCC = told\n")):
        require(len(list(wrong_words("x", find(text)))) == 1, f"this check misreads {text!r}")
    files = list(all_prose())
    found = [one for path, prose in files for one in wrong_words(path, prose)]
    require(not found, "\n".join(found))
    return f"{len(files)} files"


MOST_WORDS = 30
FEW_WORDS = 18


def too_long(text):
    return [one for one in sentences(text) if length(one) > MOST_WORDS]


@check(f"no sentence of README.md and the guide has more than {MOST_WORDS} words")
def short_sentences():
    require(too_long("A " + "very " * 40 + "long one.") and not too_long("A short one.\n\n- " * 40),
            "this check does not count words")
    remarks = []
    for path in ("README.md", "docs/guide.md", "docs/faq.md"):
        all_of_it = list(sentences((ROOT / path).read_text()))
        long = too_long((ROOT / path).read_text())
        require(not long, f"{path}:\n" + "\n".join(long))
        few = sum(length(one) < FEW_WORDS for one in all_of_it)
        remarks.append(f"{path}: {few * 100 // len(all_of_it)} % of {len(all_of_it)} sentences have"
                       f" fewer than {FEW_WORDS} words")
    return "\n".join(remarks)

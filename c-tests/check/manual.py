"""The manual: made from comments that leave nothing out, clean to mandoc, found
by man under every name, and with the answers that a reader looks for."""

import errno
import re
import shutil
import sys

from .tools import (BUILD, CC, HEADER, LISTS, ROOT, WARNINGS, Failed, Skipped, check, need, require,
                    run, scratch, words)

GENERATE = ROOT / "docs/man/generate.py"
OPTIONS = ROOT / "docs/options.md"
FUNCTION = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s[^;/#]*?\b(chld_\w+)\(([^;]*)\);", re.S)


def functions():
    """{name: (comment in one line, parameters)} of the header."""
    return {name: (re.sub(r"\s*\n \*\s*", " ", comment), inside)
            for comment, name, inside in FUNCTION.findall(HEADER.read_text())}


def made(name="manual", **sources):
    """A tree of man pages, as one is installed."""
    flat, tree = scratch() / f"{name}-flat", scratch() / name
    given = [f"--{key}={path}" for key, path in sources.items()]
    run(sys.executable, GENERATE, flat, *given)
    for file in flat.glob("*.[1-8]"):
        folder = tree / f"man{file.suffix[1:]}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
    return tree


def installed():
    """The pages of a tree that `make install` has laid out."""
    prefix = scratch() / "with-manual"
    run("make", "install", f"PREFIX={prefix}")
    return prefix / "share/man"


def spoilt(file, old, new):
    text = file.read_text()
    require(old in text, f"{file.name} has no {old!r}: teach this check its new text")
    path = scratch() / f"spoilt-{file.name}"
    path.write_text(text.replace(old, new, 1))
    return path


END = "timeout. Not a cancellation point. Stack: 6 KB.\n * Since 0.1.\n */\nint chld_wait("
WAIT = " * Thread-safe. Not async-signal-safe: see chld_peek(). Blocks, no longer than the\n * timeout."
# What a comment may not leave out, and what the generator prints then.
SPOILT = [
    ("header", WAIT, WAIT.replace("Thread-safe. ", ""), 'does not begin with "Thread-safe"'),
    ("header", WAIT, WAIT.replace("Not async-signal-safe: see chld_peek(). ", ""),
     "does not say signals"),
    ("header", WAIT, WAIT.replace("Blocks, no longer than the\n * timeout.", ""), "does not say blocking"),
    ("header", END, END.replace("Not a cancellation point. ", ""), "does not say cancellation"),
    ("header", END, END.replace(" Stack: 6 KB.", ""), "does not say stack"),
    ("header", END, END.replace("Not a cancellation point. Stack: 6 KB.",
                                "Stack: 6 KB. Not a cancellation point."), "are not in the order"),
    ("header", END, END.replace(" * Since 0.1.\n", ""), "does not say since"),
    ("header", " * Returns 0, or\n * -ETIMEDOUT: the child has", " * Gives 0, or\n * -ETIMEDOUT: the child has",
     'is not "Returns ..."'),
    ("header", " * Returns 0, or\n * -ETIMEDOUT: the child has",
     " * Returns 0, or -EBADF, or\n * -ETIMEDOUT: the child has", "has no line of its own"),
    ("header", " * -EBUSY: no call has seen the exit yet.", " * -EBUSY", "does not say when it returns"),
    ("header", " * Ownership: close the set", " * Close the set", 'has no "Ownership:"'),
    ("header", "/**\n * One step of a plan.\n */\n", "", "nothing is said of typedef struct chld_stop_step"),
    ("header", "    /**\n     * The number of descriptors.\n     */\n", "", "nothing is said of chld_capture_wait.count"),
    ("header", " * `timeout_ms`: the most milliseconds", " * `time`: the most milliseconds",
     "its parameters are id, timeout_ms, ret"),
    ("header", " * `id`: the child.\n * `timeout_ms`: the most", " * `timeout_ms`: the most",
     "its parameters are id, timeout_ms, ret"),
    ("header", " * Waits until a child has exited, and returns its status.\n",
     " * Waits until a child has exited. It returns its status.\n", "its summary is not one sentence"),
    ("header", "int chld_pid(chld_id id);", "int chld_number(chld_id id);", "chld_number"),
    ("options", "`CHLD_SPAWN_SHELL` (step `exec`)", "`CHLD_SPAWN_SHELL` (step `exce`)", "is no step"),
    ("options", "`nice` (step `nice`)", "`nice` (no step)", "nothing is said of nice"),
]


@check("the manual is not made from a comment that leaves something out")
def complete():
    for kind, old, new, complaint in SPOILT:
        path = spoilt({"header": HEADER, "options": OPTIONS}[kind], old, new)
        try:
            made("spoilt", **{kind: path})
        except Failed as why:
            require(complaint in str(why), f"without {old!r} the generator says: {why}")
        else:
            raise Failed(f"the generator does not miss {old!r}")
    made()
    return f"{len(SPOILT)} omissions seen"


# A page of one line only names another; long lines do no harm.
NO_FAULT = re.compile(r"input text line longer than 80 bytes")


def lint(tree):
    """The complaints of mandoc and groff, and references to pages that do not exist."""
    said = []
    for folder in sorted(tree.glob("man*")):
        pages = {file.name: text for file in sorted(folder.iterdir())
                 if not (text := file.read_text()).startswith(".so ")}
        done = run(need("mandoc"), "-Tlint", "-Wstyle", *pages, cwd=folder, succeed=False)
        said += (done.stdout + done.stderr).splitlines()
        if shutil.which("groff"):
            for name in pages:
                done = run("groff", "-man", "-ww", "-z", "-Tutf8", name, cwd=folder, succeed=False)
                said += done.stderr.splitlines()
        for name, text in pages.items():
            for other, number in re.findall(r"\\fB(chld\w*)\\fP\((\d)\)", text):
                if not (tree / f"man{number}/{other}.{number}").exists():
                    said.append(f"{name} refers to {other}({number})")
    return [line for line in said if not NO_FAULT.search(line)]


@check("mandoc -Wstyle and groff -ww have no complaint about the manual")
def clean():
    tree = made()
    page = tree / "man3/chld_wait.3"
    whole = page.read_text()
    for old, new in ((".SH NOTES", ".SX NOTES"), (".EE\n", ""),
                     (r"\fBchld_peek\fP(3)", r"\fBchld_peak\fP(3)")):
        require(old in whole, f"chld_wait.3 has no {old!r}: teach this check its new text")
        page.write_text(whole.replace(old, new, 1))
        require(lint(tree), f"this check does not see {new!r} for {old!r}")
    page.write_text(whole)
    said = lint(tree)
    require(not said, "\n".join(said))
    return f"{sum(1 for _ in tree.glob('man*/*'))} files"


def readers():
    """The programs that show manual pages, with what keeps words whole."""
    found = {}
    for program, words_whole in (("man", ["--nh", "--nj"]), ("mman", [])):
        if not shutil.which(program):
            continue
        db = run(program, "--version", succeed=False).stdout.startswith("man 2")
        found[program] = [program, *(words_whole if db else [])]
    if not found:
        raise Skipped("neither man nor mman is installed")
    return found


def shown(reader, tree, name):
    done = run(*reader, "-M", tree, name, env={"MANWIDTH": "100", "MANPAGER": "cat"})
    return re.sub(".\b", "", done.stdout)


def section(text, title):
    match = re.search(rf"^{title}\n(.*?)(?=^\S)", text, re.M | re.S)
    require(match, f"the page has no section {title}")
    return match.group(1)


def said_of(text, title, name):
    """What a subsection has about a function: its own item, or all of it."""
    match = re.search(rf"^   {title}\n(.*?)(?=^ {{0,3}}\S|\Z)", text, re.M | re.S)
    if not match:
        return ""
    parts = re.split(r"^ +((?:chld_\w+\(\)(?:,\s+)?)+)\n", match.group(1), flags=re.M)
    for heads, body in zip(parts[1::2], parts[2::2]):
        if f"{name}()" in heads:
            return " ".join(body.split())
    return " ".join(parts[0].split()) if len(parts) == 1 else ""


# As man-pages(7) has them.
SECTIONS = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "ERRORS", "STEPS", "ATTRIBUTES",
            "HISTORY", "NOTES", "EXAMPLES", "SEE ALSO"]
OPTIONAL = {"ERRORS", "STEPS"}


def unsafe_by_convention():
    """The functions that docs/CONVENTIONS.md forbids to signal handlers."""
    text = (ROOT / "docs/CONVENTIONS.md").read_text()
    listed = re.search(r"## Signal handlers.*?All others may", text, re.S).group()
    names = set(re.findall(r"`(chld_\w+)`", listed))
    require(len(names) > 10, "docs/CONVENTIONS.md is not understood")
    return names | {name for name in words(LISTS / "exports.txt") if name.startswith("chld_capture")}


def wrong_about(text, name, unsafe):
    """What the page that is shown for a function lacks."""
    first, *middle, last = text.strip().splitlines()
    titles = [line for line in middle if re.fullmatch("[A-Z ]+", line) and line[0] != " "]
    if [title for title in SECTIONS if title in titles or title not in OPTIONAL] != titles:
        yield f"its sections are {', '.join(titles)}"
    if "libchld" not in first or "libchld" not in last:
        yield "the first or the last line does not name libchld"
    if not re.search(rf"\b{name}\b", section(text, "NAME")):
        yield "NAME has another function"
    if f"{name}(" not in section(text, "SYNOPSIS"):
        yield "SYNOPSIS does not declare it"
    may = "May not be" if name in unsafe else "May be|May then be"
    if not re.search(rf"(?:{may}) called from a signal handler\.",
                     said_of(text, "Signal safety", name)):
        yield "ATTRIBUTES and docs/CONVENTIONS.md differ about signal handlers"
    for title in ("Thread safety", "Blocking and cancellation", "Stack"):
        if not said_of(text, title, name):
            yield f"nothing under {title}"
    if "EXAMPLES" in titles and "It prints:" not in section(text, "EXAMPLES"):
        yield "EXAMPLES has no program"
    if "chld(7)" not in text:
        yield "chld(7) is not under SEE ALSO"


def compiles(text):
    """The declarations of SYNOPSIS are those of the header."""
    source = scratch() / "synopsis.c"
    source.write_text(re.sub(r"^ +", "", section(text, "SYNOPSIS"), flags=re.M))
    run(*CC, "-std=c11", *WARNINGS, "-fsyntax-only", "-I", HEADER.parent, source)


@check("man shows every function's page, typed as in the header")
def every_function():
    tree, unsafe, remarks = installed(), unsafe_by_convention(), []
    exported = words(LISTS / "exports.txt")
    for program, reader in readers().items():
        wrong, pages = [], {}
        for name in exported:
            text = shown(reader, tree, name)
            pages.setdefault(text, name)
            wrong += [f"{program} {name}: {what}" for what in wrong_about(text, name, unsafe)]
        require(not wrong, "\n".join(wrong))
        for text in pages:
            compiles(text)
        try:
            compiles(next(iter(pages)).replace("chld_id", "int", 1))
        except Failed:
            pass
        else:
            raise Failed("this check takes a wrong declaration for right")
        remarks.append(f"{program}: {len(exported)} functions on {len(pages)} pages")
    other = shown(reader, tree, "chld_pid")
    for name, page in (("chld_wait", other), ("chld_pid", other.replace("May be", "May not be")),
                       ("chld_pid", other.replace("Thread-safe.", "")),
                       ("chld_pid", other.replace("libchld Manual", "")),
                       ("chld_pid", re.sub("^EXAMPLES$", "EXAMPLE", other, flags=re.M))):
        require(list(wrong_about(page, name, unsafe)), "this check takes a wrong page for right")
    return "\n".join(remarks)


# Starts that fail, each as "step errno", by the library's own words.
FAILURES = r"""
#include <chld.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void fails(const char *program, const chld_spawn_options *options)
{
    const char *argv[] = {program, NULL};
    chld_error error;
    chld_id id;

    if (chld_spawn(&id, argv, options, &error) == 0)
        exit(1);
    printf("%s %d\n", chld_step_name(error.step), error.code);
}

#define FAILS(set) do { \
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT; \
        set; \
        fails("true", &options); \
    } while (0)

int main(void)
{
    static const char *const nameless[] = {"=x", NULL};
    static const chld_fd_map closed = {4000, 3};
    static const chld_limit crossed = {0, 0, 2, 1};

    for (int step = 1; chld_step_name(step); step++)
        printf("step %s\n", chld_step_name(step));
    fails(NULL, NULL);
    fails("/no/such/program", NULL);
    fails("/etc/passwd", NULL);
    fails("/", NULL);
    FAILS(options.flags = 1ull << 63);
    FAILS(options.env_set = nameless);
    FAILS((options.out.mode = CHLD_STDIO_FD, options.out.fd = 4000));
    FAILS((options.in.mode = CHLD_STDIO_PATH, options.in.path = "/no/such/file"));
    FAILS((options.fds = &closed, options.fds_count = 1));
    FAILS((options.limits = &crossed, options.limits_count = 1));
    FAILS((options.group_mode = CHLD_GROUP_JOIN, options.group = 1));
    FAILS(options.flags = CHLD_SPAWN_TERMINAL);
    FAILS(options.death_signal = 65);
    FAILS(options.mask_mode = 9);
    FAILS(options.cwd = "/no/such/place");
    FAILS((options.flags = CHLD_SPAWN_CGROUP, options.cgroup_fd = 4000));
    return 0;
}
"""


def failures():
    """(the steps, the (step, errno) of starts that have failed)"""
    source, program = scratch() / "failures.c", scratch() / "failures"
    source.write_text(FAILURES)
    run(*CC, "-std=c11", *WARNINGS, "-I", HEADER.parent, "-o", program, source,
        BUILD / "libchld.a")
    lines = [line.split() for line in run(program).stdout.splitlines()]
    seen = [(step, errno.errorcode[int(code)]) for step, code in lines if step != "step"]
    return [name for word, name in lines if word == "step"], seen


def answers(text, steps, seen):
    """What the page of chld_spawn fails to answer."""
    part = section(text, "STEPS")
    items = dict(re.findall(r'^ +CHLD_STEP_\w+ \("(\w+)"\)\n(.*?)(?=^ +CHLD_STEP_|\Z)', part,
                            re.M | re.S))
    for name in steps:
        if not re.search(r"\bE[A-Z0-9]{3,}\b|[Tt]hose of \w+\(2\)|None known", items.get(name, "")):
            yield f"with which errno the step {name} fails"
    for step, code in seen:
        if not re.search(rf"\b{code}\b|[Tt]hose of open\(2\)", items.get(step, "")):
            yield f"{code} at the step {step}, which was seen"
    comment = functions()["chld_spawn"][0]
    for name in set(re.findall(r"-(E[A-Z0-9]+)", comment)):
        if not re.search(rf"-{name}\b", section(text, "ERRORS")):
            yield f"-{name}, which the header has"
    for name in set(re.findall(r"\bE[A-Z0-9]{3,}\b", OPTIONS.read_text())):
        if not re.search(rf"\b{name}\b", part):
            yield f"{name}, which docs/options.md has"
    if "May not be called from a signal handler." not in section(text, "ATTRIBUTES"):
        yield "whether it may be called from a handler"
    closers = [name for name, (_, inside) in functions().items()
               if "close" in name and "chld_id id" in inside]
    require(len(closers) >= 2, "the header is not understood")
    for closer in closers:
        if f"{closer}(3)" not in said_of(text, "Ownership", "chld_spawn"):
            yield f"what {closer} closes"


@check("man chld_spawn shows what can fail, whether handlers may call it, and who closes what")
def spawn():
    tree, (steps, seen) = installed(), failures()
    named = len(re.findall(r"#define CHLD_STEP_", HEADER.read_text())) - 1
    require(len(steps) == named, f"{len(steps)} steps have names, the header has {named}")
    for program, reader in readers().items():
        text = shown(reader, tree, "chld_spawn")
        wrong = list(answers(text, steps, seen))
        require(not wrong, f"{program} chld_spawn does not say: " + "; ".join(wrong))
        for old in ('("chdir")', "May not be called", "chld_close_fd(3)", "ENOEXEC", "ETXTBSY"):
            require(old in text, f"the page has no {old!r}: teach this check its new text")
            require(list(answers(text.replace(old, ""), steps, seen)),
                    f"this check does not miss {old!r}")
    return f"{len(steps)} steps, {len(seen)} failed starts"


@check("chld(7) leads to every page of the manual")
def overview():
    tree = made()
    text = (tree / "man7/chld.7").read_text()
    named = set(re.findall(r"\\fB(chld_\w+)\\fP\(3\)", text))
    pages = {file.stem for file in (tree / "man3").iterdir()
             if not file.read_text().startswith(".so ")}
    # One function of a page is as good as another.
    led = {link.stem if link.stem in pages else link.read_text().split("/")[1].strip()[:-2]
           for link in (tree / f"man3/{name}.3" for name in named) if link.exists()}
    require(pages == led, f"chld(7) does not lead to {', '.join(sorted(pages - led))}")
    lost = [name for name in named if not (tree / f"man3/{name}.3").exists()]
    require(not lost, f"chld(7) leads to {', '.join(lost)}")
    return f"{len(pages)} pages"

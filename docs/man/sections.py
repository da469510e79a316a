"""The sections of a page of section 3, in the order of man-pages(7)."""

import re

from header import parameter_name
from markup import bold, capital, inline, italic, program, prose, reference


def items(pairs):
    """(head, lines) each as a tagged paragraph."""
    return [line for head, body in pairs for line in [".TP", head, *body]]


def functions_named(names):
    return ", ".join(bold(name) + "()" for name in names)


def name(page):
    return [".SH NAME", ", ".join(page.functions) + r" \- " + page.title,
            ".SH LIBRARY", r"libchld (\fI\-lchld\fP)"]


def declared(declaration):
    """A parameter: what is type is bold, its name is italic."""
    if declaration == "void":
        return bold("void")
    one = parameter_name(declaration)
    before, after = re.fullmatch(rf"(.*)\b{one}\b(.*)", declaration).groups() \
        if "(*" not in declaration else declaration.split(one, 1)
    return (bold(before) if before else "") + italic(one) + (bold(after) if after else "")


def synopsis(functions):
    lines = [".SH SYNOPSIS", ".nf", r"\fB#include <chld.h>\fP", ".PP"]
    for one in functions:
        start = one.result + " " * (not one.result.endswith("*")) + f"{one.name}("
        parameters = [declared(parameter) for parameter in one.parameters or ["void"]]
        whole = len(start) + len(", ".join(one.parameters))
        between = bold(",") + (" " if whole < 76 else "\n" + " " * len(start))
        lines += (bold(start) + between.join(parameters) + bold(");")).splitlines()
    return lines + [".fi"]


def paragraph(lines, page):
    """A paragraph of a comment: prose, a program, or a list after its first lines."""
    if lines[0].startswith("    "):
        return program("\n".join(line[4:] for line in lines))
    start = next((at for at, line in enumerate(lines) if line.startswith("- ")), len(lines))
    made = [".PP", *prose(" ".join(lines[:start]), page)] if start else []
    text = ""
    for line in [*lines[start:], "- "]:
        if line.startswith("- ") and text:
            made += [r".IP \(bu 2", *prose(text, page)]
            text = ""
        text += line.removeprefix("- ").strip() + " "
    return made


def description(functions, types, constants, page):
    lines = [".SH DESCRIPTION"]
    for one in functions:
        if len(functions) > 1:
            lines.append(f".SS {one.name}()")
        summary, *rest = one.prose
        lines += prose(" ".join(summary), page)
        lines += items((", ".join(map(italic, names)), prose(capital(text), page))
                       for names, text in one.described)
        for group in rest:
            lines += paragraph(group, page)
    for one in types:
        lines += [f".SS The type {one.name}", *prose(one.text, page), *program(one.declaration)]
        members = [member for member in one.members if member.text]
        if "{" in one.declaration:
            lines += items((", ".join(map(italic, member.names)), prose(capital(member.text), page))
                           for member in members)
    for prefix, group in constants:
        alone = group[0][0] == [prefix]
        lines.append(f".SS The constant {prefix}" if alone else f".SS Constants {prefix}*")
        lines += items((", ".join(map(bold, names)), prose(text, page)) for names, text in group)
    return lines


def shared(functions, say):
    """{a text: the names of the functions that have it}"""
    groups = {}
    for one in functions:
        if say(one):
            groups.setdefault(say(one), []).append(one.name)
    return groups


def returns(functions, page):
    lines = [".SH RETURN VALUE"]
    for value, names in shared(functions, lambda one: one.value).items():
        *others, last = [f"{name}()" for name in names]
        who = f"{', '.join(others)} and {last} return" if others else f"{last} returns"
        where = " on success" if value == "0" and any(
            one.errors for one in functions if one.name in names) else ""
        lines += [".PP"] * (len(lines) > 1) + prose(f"{who} {value}{where}.", page)
    if any(one.errors for one in functions):
        lines += [".PP", *prose("On failure, the result is a negative errno value. The "
                                "variable `errno` is left unchanged.", page)]
    return lines


def errors(functions, page):
    lines = []
    for one in functions:
        if not one.errors:
            continue
        named = [error for error in one.errors if error.names]
        if len(functions) > 1:
            lines.append(f".SS {one.name}()")
        lines += items((", ".join(bold(r"\-" + name) for name in error.names),
                        prose(capital(error.text), page)) for error in named)
        for error in one.errors:
            if not error.names:
                alone = lines[-1:] == [f".SS {one.name}()"]
                lines += [] if alone else [".PP"]
                lines += prose(f"{one.name}() also returns the errors of {error.text}", page)
    return [".SH ERRORS", *lines] if lines else []


STEPS = """Errors in the options themselves are found before there is a process. Otherwise the steps
are taken in this order. If one fails, those above it were done, the later ones in a child that
no longer exists. The errnos are positive here, as in `reterr`."""


def steps(constants, rows, page):
    """The errors of each step of a start, from docs/options.md."""
    lines = [".SH STEPS", *prose(" ".join(STEPS.split()), page)]
    for constant in constants:
        short = constant.name[len("CHLD_STEP_"):].lower()
        lines += [".TP", rf'{bold(constant.name)} (\(dq{short}\(dq)', *prose(constant.text, page)]
        if short == "none":
            continue
        lines.append(".RS")
        for row in rows[short]:
            lines += [".TP", inline(row.option.replace("`", ""), page),
                      *prose(capital(row.errnos) + ".", page)]
            if row.since != "any":
                lines += prose(f"Since Linux: {row.since}.", page)
            if row.without:
                lines += prose(f"Without: {row.without}.", page)
        lines.append(".RE")
    return lines


def each(title, functions, say, page):
    """A subsection with one thing about each function. Functions for which it
    is the same are together."""
    groups = shared(functions, say)
    if not groups:
        return []
    if len(groups) == 1 and len(next(iter(groups.values()))) == len(functions):
        return [f".SS {title}", *prose(next(iter(groups)), page)]
    return [f".SS {title}", *items((functions_named(names), prose(text, page))
                                   for text, names in groups.items())]


def handlers(function):
    said = function.tags["signals"]
    if said.startswith("Not"):
        return f"{said}. May not be called from a signal handler."
    return f"{said}. May {'then ' if ',' in said else ''}be called from a signal handler."


def attributes(functions, page):
    return [".SH ATTRIBUTES",
            *each("Thread safety", functions, lambda one: one.tags["threads"] + ".", page),
            *each("Signal safety", functions, handlers, page)]


def notes(functions, page):
    def blocking(one):
        return f"{one.tags['blocking']}. {one.tags['cancellation']}."

    def stack(one):
        return one.tags["stack"].removeprefix("Stack: ") + "."

    return [".SH NOTES", *each("Blocking and cancellation", functions, blocking, page),
            *each("Stack", functions, stack, page),
            *each("Ownership", functions, lambda one: capital(one.ownership), page)]


def history(functions):
    return [".SH HISTORY", *(line for version, names in shared(
        functions, lambda one: one.tags["since"]).items()
        for line in [functions_named(names), f"appeared in libchld {version}."])]


def example(source):
    """A program of docs/man/examples, and what it prints by the comment that it begins
    with."""
    comment, code = source.split(" */\n", 1)
    printed = "\n".join(line[5:] for line in comment.split("Prints:\n")[1].splitlines())
    return [*program(code.strip("\n")), ".PP", "It prints:", *program(printed)]


def examples(source):
    return [".SH EXAMPLES", *example(source)[1:]]


def see_also(page):
    pages = [reference(one, 3) for one in sorted(page.see)] + [reference("chld", 7)]
    return [".SH SEE ALSO", *(one + "," for one in pages[:-1]), pages[-1]]

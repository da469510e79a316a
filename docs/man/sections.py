"""The sections of a page of section 3."""

from markup import capital, literal, prose


def items(pairs):
    """A list of (mdoc after .It, lines)."""
    lines = [".Bl -tag -width Ds"]
    for head, body in pairs:
        lines += [".It " + head, *body]
    return lines + [".El"]


def listed(macro, names):
    return " , ".join(f"{macro} {name}" for name in names)


def name(page):
    heads = [f".Nm {one} ," for one in page.functions]
    heads[-1] = heads[-1][:-2]
    return [".Sh NAME", *heads, ".Nd " + page.title, ".Sh LIBRARY", r"libchld (\-lchld)"]


def synopsis(functions):
    lines = [".Sh SYNOPSIS", ".In chld.h"]
    for one in functions:
        lines += [".Ft " + one.result, ".Fo " + one.name]
        lines += [f'.Fa "{parameter}"' for parameter in one.parameters or ["void"]]
        lines.append(".Fc")
    return lines


def description(functions, types, constants, page):
    lines = [".Sh DESCRIPTION"]
    for one in functions:
        if len(functions) > 1:
            lines.append(f".Ss {one.name}()")
        summary, *rest = one.prose
        lines += prose(summary, page)
        if one.described:
            lines += items((listed("Fa", names), prose(capital(text), page))
                           for names, text in one.described)
        for paragraph in rest:
            lines += [".Pp", *prose(paragraph, page)]
    for one in types:
        lines += [f".Ss The type {one.name}", *prose(one.text, page),
                  ".Bd -literal -offset indent", *literal(one.declaration), ".Ed"]
        said = [member for member in one.members if member.text]
        if said:
            lines += [".Pp", "Its members:",
                      *items((listed("Fa", member.names), prose(capital(member.text), page))
                             for member in said)]
    for prefix, group in constants:
        alone = group[0][0] == [prefix]
        lines.append(f".Ss The constant {prefix}" if alone else f".Ss Constants {prefix}*")
        lines += items((listed("Dv", names), prose(text, page)) for names, text in group)
    return lines


def shared(functions, say):
    """{what is said: the names of the functions of which it is}"""
    groups = {}
    for one in functions:
        if say(one):
            groups.setdefault(say(one), []).append(one.name)
    return groups


def returns(functions, page):
    lines = [".Sh RETURN VALUES"]
    for value, names in shared(functions, lambda one: one.value).items():
        *others, last = [f"{name}()" for name in names]
        who = f"{', '.join(others)} and {last} return" if others else f"{last} returns"
        lines += prose(f"{who} {value}.", page)
    if any(one.errors for one in functions):
        lines += [".Pp", "A negative result is an errno value, negated;", ".Va errno",
                  "itself is left alone."]
    return lines


def example(source):
    """A program of docs/man/examples, and what the comment that it begins with
    says it prints."""
    comment, code = source.split(" */\n", 1)
    printed = "\n".join(line[5:] for line in comment.split("Prints:\n")[1].splitlines())
    return [".Bd -literal -offset indent", *literal(code.strip("\n")), ".Ed", ".Pp", "It prints:",
            ".Bd -literal -offset indent", *literal(printed), ".Ed"]


def errors(functions, page):
    lines = []
    for one in functions:
        if not one.errors:
            continue
        lines += [".Pp", *prose(f"{one.name}() may return:", page)]
        for error in one.errors:
            lines += [] if error is not one.errors[0] else [".Bl -tag -width Ds"]
            lines += [".It " + " , ".join(r"Pf \- Er " + name for name in error.names),
                      *prose(capital(error.text) + ".", page)]
        lines.append(".El")
        if one.notes:
            lines += [".Pp", *prose(one.notes, page)]
    return [".Sh ERRORS", *lines[1:]] if lines else []


STEPS = """What is wrong with the options themselves is found before there is a process. Else a
step stands before those that are taken after it: if one fails, those above it were done, in a
child that is gone by then. An errno is here as `reterr` has it, positive."""


def steps(constants, rows, page):
    """What each step of a start can say, from docs/options.md."""
    lines = [".Sh STEPS", *prose(STEPS, page), ".Bl -tag -width Ds"]
    for constant in constants:
        short = constant.name[len("CHLD_STEP_"):].lower()
        lines += [f".It Dv {constant.name} Pq Dq {short}", *prose(constant.text, page)]
        if short == "none":
            continue
        lines.append(".Bl -tag -width Ds -compact")
        for row in rows[short]:
            option = row.option.replace("`", "")
            lines += [f".It {option}", *prose(capital(row.errnos) + ".", page)]
            if row.since != "any":
                lines += prose(f"Since Linux: {row.since}.", page)
            if row.without:
                lines += prose(f"Without: {row.without}.", page)
        lines.append(".El")
    return lines + [".El"]


def attribute(title, functions, say, page):
    """A section that says one thing of each function, of those together of
    which it is the same."""
    groups = shared(functions, say)
    if not groups:
        return []
    if len(groups) == 1 and sum(map(len, groups.values())) == len(functions):
        return [f".Sh {title}", *prose(next(iter(groups)), page)]
    return [f".Sh {title}", *items((listed("Fn", names), prose(text, page))
                                   for text, names in groups.items())]


def handlers(function):
    said = function.tags["signals"]
    if said.startswith("Not"):
        return f"{said}. May not be called from a signal handler."
    return f"{said}. May {'then ' if ',' in said else ''}be called from a signal handler."


def blocking(function):
    rest = function.tags.get("cancellation")
    return function.tags["blocking"] + "." + (f" {rest}." if rest else "")


def attributes(functions, page):
    return [*attribute("OWNERSHIP", functions, lambda one: capital(one.ownership), page),
            *attribute("THREADS", functions, lambda one: one.tags["threads"] + ".", page),
            *attribute("SIGNAL HANDLERS", functions, handlers, page),
            *attribute("BLOCKING", functions, blocking, page)]


def see_also(page):
    lines = [".Sh SEE ALSO", *(f".Xr {one} 3 ," for one in sorted(page.see)), ".Xr chld 7"]
    return lines


def history(functions):
    versions = sorted({one.tags["since"] for one in functions})
    lines = [".Sh HISTORY"]
    for version in versions:
        names = [one.name for one in functions if one.tags["since"] == version]
        lines += [f".Fn {one} ," for one in names[:-1]] + [f".Fn {names[-1]}"]
        lines.append(f"appeared in libchld {version}.")
    return lines

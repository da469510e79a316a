"""What the tests name, against what there is."""

import re

from .tools import LISTS, ROOT, check, require, words

# Functions of numbers and texts: they reach nothing that calls share.
PURE = re.compile(r"chld_(status_|signal_|sigset_|step_name|error_text|version)")


def missing(functions, text):
    return [name for name in functions
            if not PURE.match(name) and not re.search(rf"\b{name}\(", text)]


@check("c-tests/every_call.c makes every call")
def every_call():
    functions = words(LISTS / "exports.txt")
    text = (ROOT / "c-tests/every_call.c").read_text()
    wrong = missing(functions, text)
    less = missing(functions, text.replace("chld_wait_any(", ""))
    require(set(less) - set(wrong) == {"chld_wait_any"},
            "this check does not see a call that is missing")
    require(not wrong, f"it does not call {', '.join(wrong)}")
    return f"{sum(not PURE.match(name) for name in functions)} functions"

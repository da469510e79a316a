"""The stack that each function needs, from the object that is shipped.

The need of a function is its frame and the largest need of what it calls or takes the
address of. The functions of libc that are called are small; what they need is in the
reserve, except for those that the header names. Callbacks come on top.
"""

import platform
import re
from collections import defaultdict

from . import elf
from .tools import BUILD, HEADER, Failed, Skipped, check, need, require, run

RESERVE = 256
# strerror_r() looks for a catalog of the locale. Measured with glibc 2.36.
LIBC = {"chld_error_text": 5000}
FUNCTION = re.compile(r"[0-9a-f]+ <(.*)>:$")
REFERENCE = re.compile(r"\s+[0-9a-f]+:\s+R_X86_64_\w+\s+"
                       r"(?:\.text\.(?:unlikely\.)?)?(\S+?)(?:[-+]0x[0-9a-f]+)?$")
PUSH = re.compile(r"\tpush")
RESERVED = re.compile(r"\tsub +\$0x([0-9a-f]+),%rsp|\tadd +\$0xf{8}([0-9a-f]{8}),%rsp")


def frames(disassembly):
    """({function: bytes of its frame at most}, {function: what it refers to})"""
    frame, refers = defaultdict(int), defaultdict(set)
    function = None
    for line in disassembly.splitlines():
        if (start := FUNCTION.match(line)):
            function = start.group(1)
            frame[function] = 8  # the return address
        elif (reference := REFERENCE.match(line)):
            refers[function].add(reference.group(1))
        elif PUSH.search(line):
            frame[function] += 8
        elif (more := RESERVED.search(line)):
            less, negative = more.groups()
            frame[function] += int(less, 16) if less else 2**32 - int(negative, 16)
    return frame, refers


def needs(disassembly):
    """{function: the most bytes of stack that a call needs}"""
    frame, refers = frames(disassembly)
    found = {}

    def need_of(name, path):
        if name in path:
            raise Failed(f"{name} calls itself: its need has no bound")
        if name not in found:
            inner = [need_of(other, path | {name}) for other in refers[name] - {name}
                     if other in frame]
            found[name] = frame[name] + max(inner, default=0)
        return found[name]

    for name in list(frame):
        need_of(name, frozenset())
    return found


def promised(header):
    """{function: KB} by the header's comments."""
    function = r"/\*\*((?:(?!\*/).)*)\*/\s[^;/#]*?\b(chld_\w+)\([^;]*;"
    return {name: re.search(r"Stack: (\d+) KB", comment)
            for comment, name in re.findall(function, header, re.S)}


def wrong(header, measured):
    for name, said in promised(header).items():
        need_now = measured[name] + LIBC.get(name, 0) + RESERVE
        if not said:
            yield f"{name}: no stack need"
        elif need_now > int(said.group(1)) * 1024:
            yield f"{name}: needs {need_now} bytes, and {said.group(1)} KB are promised"
        elif int(said.group(1)) > 1 and int(said.group(1)) * 1024 > need_now * 2:
            yield f"{name}: needs {need_now} bytes only, and {said.group(1)} KB are asked for"


@check("stack: functions need no more than the header promises, and not much less")
def stack():
    if platform.machine() != "x86_64":
        raise Skipped("the header's figures are those of x86-64")
    object_file = BUILD / "chld.o"
    measured = needs(run(need("objdump"), "-dr", "--no-show-raw-insn", object_file).stdout)
    handler, = elf.Object(object_file).functions("handler::on_sigchld")
    header = HEADER.read_text()
    asked = re.search(r"The\s+handler\s+needs\s+(\d+)\s+KB", header.replace("\n *", ""))
    asked = int(asked.group(1))
    require(measured[handler] + RESERVE <= asked * 1024,
            f"the SIGCHLD handler needs {measured[handler]} bytes, and {asked} KB are promised")
    found = list(wrong(header, measured))
    require(not found, "\n".join(found))
    for old, new in (("Stack: 15 KB", "Stack: 14 KB"), ("Stack: 15 KB", "Stack: 40 KB"),
                     (" Stack: 15 KB.", "")):
        require(old in header, f"the header has no {old!r}: teach this check its new text")
        require(list(wrong(header.replace(old, new), measured)), f"{new!r} for {old!r} is not seen")
    most = max((measured[name], name) for name in promised(header))
    return f"{len(promised(header))} functions; {most[1]} needs most: {most[0]:,} bytes"

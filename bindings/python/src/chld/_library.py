"""Loads libchld, and converts between Python's values and C's."""

from __future__ import annotations

import ctypes
import math
import operator
import os
from typing import Any, Iterable, Mapping, Sequence, Union

from . import _abi

StrPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def _load() -> Any:
    name = "libchld.so.0"
    bundled = os.path.join(os.path.dirname(__file__), name)
    path = os.environ.get("CHLD_LIBRARY") or (bundled if os.path.exists(bundled) else name)
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _abi.FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    have = library.chld_version().decode()
    want = f"{_abi.VERSION_MAJOR}.{_abi.VERSION_MINOR}."
    if not have.startswith(want):
        raise ImportError(f"{path} is libchld {have}, and this package needs {want}x")
    return library


lib: Any = _load()
# A forked copy of the program must not keep the pipes of its original open.
os.register_at_fork(after_in_child=lib.chld_after_fork)


def check(result: int) -> int:
    """Raises the exception that Python has for an errno: ProcessLookupError, ..."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def text(function: Any, struct: Any) -> str:
    """What a function like chld_status_text() writes."""
    buffer = ctypes.create_string_buffer(512)
    check(function(struct, buffer, len(buffer)))
    return os.fsdecode(buffer.value)


def encode(word: StrPath, what: str) -> bytes:
    """A string for C, which ends at the first NUL: a string that has one is refused."""
    try:
        encoded = os.fsencode(word)
    except TypeError:
        kind = type(word).__name__
        raise TypeError(f"{what} must be str, bytes or os.PathLike, not {kind}") from None
    if b"\0" in encoded:
        raise ValueError(f"{what} has an embedded null byte: {word!r}")
    return encoded


def words(args: Sequence[StrPath]) -> list[bytes]:
    """The arguments of a program."""
    if isinstance(args, (str, bytes, os.PathLike)):
        raise TypeError(f"args must be a list of arguments, not {type(args).__name__}: "
                        f"[{args!r}], or ['sh', '-c', ...] for a command line")
    encoded = [encode(word, "argument") for word in args]
    if not encoded:
        raise ValueError("args must not be empty")
    return encoded


def variables(environment: Mapping[Any, Any], what: str) -> list[bytes]:
    """The entries NAME=value of an environment."""
    entries = []
    for name, value in environment.items():
        key = encode(name, f"name in {what}")
        if not key or b"=" in key:
            raise ValueError(f"illegal variable name in {what}: {name!r}")
        entries.append(key + b"=" + encode(value, f"value of {name!r} in {what}"))
    return entries


def integer(kind: Any, value: Any, what: str) -> int:
    """A number for C. ctypes would cut one that does not fit, which then is another number."""
    number = operator.index(value)
    if kind(number).value != number:
        raise OverflowError(f"{what} is out of range: {number}")
    return number


def identity(value: Any, what: str) -> int:
    """A uid or gid. To the kernel the largest one means "unchanged"."""
    number = operator.index(value)
    if number < 0:
        raise ValueError(f"{what} must not be negative: {number}")
    return integer(ctypes.c_uint32, number, what)


def array(kind: Any, values: Iterable[Any]) -> Any:
    """A C array."""
    values = list(values)
    return (kind * len(values))(*values)


def strings(entries: Iterable[bytes]) -> Any:
    """A char *[] with NULL at its end."""
    return array(ctypes.c_char_p, [*entries, None])


def milliseconds(seconds: float | None) -> int:
    """The milliseconds of a timeout: rounded up, -1 for None, at most what an int holds."""
    if seconds is None:
        return -1
    return min(max(0, math.ceil(seconds * 1000)), 2**31 - 1)


def version() -> str:
    """The version of the library."""
    return str(lib.chld_version().decode())


def engine() -> str:
    """The mechanism by which exits are detected: "pidfd" or "sigchld"."""
    return {_abi.ENGINE_PIDFD: "pidfd", _abi.ENGINE_SIGCHLD: "sigchld"}[lib.chld_engine()]

"""What concerns the whole process: foreign children, SIGCHLD, the terminal."""

from __future__ import annotations

import ctypes
import termios
from typing import Any

from . import _abi
from ._library import check, integer, lib
from ._status import Status

_SURROUNDINGS = {
    "sigchld-ignored": _abi.ENV_SIGCHLD_IGNORED, "nocldwait": _abi.ENV_NOCLDWAIT,
    "sigchld-blocked": _abi.ENV_SIGCHLD_BLOCKED,
    "handler-overwritten": _abi.ENV_HANDLER_OVERWRITTEN, "no-pidfd": _abi.ENV_NO_PIDFD,
    "stdin-closed": _abi.ENV_STDIN_CLOSED, "stdout-closed": _abi.ENV_STDOUT_CLOSED,
    "stderr-closed": _abi.ENV_STDERR_CLOSED,
}


def environment() -> set[str]:
    """What in this process can cost children their statuses, for a message to a person."""
    bits = ctypes.c_uint32()
    check(lib.chld_environment(bits))
    return {name for name, bit in _SURROUNDINGS.items() if bits.value & bit}


def subreaper(on: bool = True) -> None:
    """Orphaned descendants become children of this process: see reap_foreign()."""
    check(lib.chld_subreaper(1 if on else 0))


def reap_foreign() -> list[tuple[int, Status]]:
    """Reaps all children that have exited and are not this library's: the duty of pid 1 and of
    subreapers. Not for a program in which other code waits for children of its own.
    """
    found: list[tuple[int, Status]] = []
    callback: Any = lib.chld_reap_foreign.argtypes[0]
    check(lib.chld_reap_foreign(callback(
        lambda pid, raw, _: found.append((pid, Status._of(raw.contents)))), None))
    return found


def reap() -> int:
    """Reaps the children of this library that have exited, such as those whose handles are
    closed. Returns their number. Other calls do this, too.
    """
    return check(lib.chld_reap())


def sigchld_install(*, notify: bool = False) -> None:
    """Installs a SIGCHLD handler that reaps this library's children as they exit, and calls the
    earlier handler. With `notify` it does not reap, and only wakes what waits.
    """
    check(lib.chld_sigchld_install(_abi.SIGCHLD_NOTIFY if notify else 0))


def sigchld_remove() -> None:
    """Ends what sigchld_install() began."""
    check(lib.chld_sigchld_remove())


def take_terminal(fd: int = 0, modes: list[Any] | None = None) -> None:
    """Takes the terminal back after a child with foreground=True has stopped or exited.

    `modes`: from termios.tcgetattr() before the child was started.
    """
    check(lib.chld_terminal_take(integer(ctypes.c_int, fd, "fd"), None))
    if modes is not None:
        termios.tcsetattr(fd, termios.TCSADRAIN, modes)

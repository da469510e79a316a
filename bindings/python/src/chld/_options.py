"""The options of a start: from Python's names to chld_spawn_options."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from ctypes import c_int
from typing import Any, Iterable, Mapping, Protocol, Sequence, TypedDict, Union

from . import _abi
from ._library import (StrPath, array, check, encode, identity, integer, lib, strings,
                       variables)

#: A new pipe to the stream. The values of these are those of the subprocess module.
PIPE = -1
#: For stderr: the child's stdout.
STDOUT = -2
#: /dev/null.
DEVNULL = -3
#: The same, as chld.h calls it.
NULL = DEVNULL
#: The stream is closed in the child.
CLOSED = -4
#: A new pseudo-terminal, the same for all streams that ask for one.
PTY = -5
#: For stdout: the child's stderr.
STDERR = -6
#: For group: the child leads a new process group.
NEW = -1

_MODES = {PIPE: _abi.STDIO_PIPE, STDOUT: _abi.STDIO_STDOUT, DEVNULL: _abi.STDIO_NULL,
          CLOSED: _abi.STDIO_CLOSED, PTY: _abi.STDIO_PTY, STDERR: _abi.STDIO_STDERR}


class HasFileno(Protocol):
    def fileno(self) -> int: ...


#: None inherits. A number below 0 is one of the constants, another number a descriptor. A
#: path is opened, as `<` and `>` do it. An object with fileno() is an open file.
Stream = Union[None, int, StrPath, HasFileno]


class SpawnOptions(TypedDict, total=False):
    """The keyword arguments of spawn(), run() and all others that start a child."""

    stdin: Stream
    stdout: Stream
    stderr: Stream
    #: The whole environment, as in subprocess. None inherits it.
    env: Mapping[Any, Any] | None
    #: Variables to add or to replace.
    env_set: Mapping[Any, Any]
    #: Names of variables to remove.
    env_unset: Iterable[StrPath]
    #: The working directory: a path, or the descriptor of a directory.
    cwd: StrPath | int | None
    #: The program, if it differs from args[0]: a path, or a descriptor.
    program: StrPath | int | None
    #: Which PATH finds the program: "parent", "child" (that of its environment) or "none".
    search: str
    #: A file that is executable but no program is run by /bin/sh.
    shell_fallback: bool
    #: Descriptors that the child gets under the same number.
    pass_fds: Iterable[int]
    #: Descriptors that the child gets: its number -> the caller's.
    fds: Mapping[int, int]
    #: The child keeps all descriptors that are inheritable.
    inherit_fds: bool
    #: The process group: None (the caller's), NEW, or the number of a group.
    group: int | None
    #: The child leads a new session.
    session: bool
    #: The terminal on stdin becomes the controlling terminal of the session.
    terminal: bool
    #: The child's group becomes the foreground group of its terminal.
    foreground: bool
    #: (rows, columns) of the pseudo-terminal.
    window: tuple[int, int]
    #: The pseudo-terminal does not echo.
    no_echo: bool
    #: close() kills the child, and its group if it leads one.
    kill_on_close: bool
    #: The kernel kills the child when this program dies (Linux 7.1).
    kill_on_death: bool
    #: No zombie, no SIGCHLD: only the handle can see the exit (Linux 7.1).
    private: bool
    #: Orphaned descendants become children of the child.
    subreaper: bool
    no_new_privs: bool
    #: The descriptor of a cgroup's directory.
    cgroup: int
    #: The cgroup is the child's own: kill_tree() kills all that is in it.
    cgroup_own: bool
    #: RLIMIT_* -> (soft, hard), as for resource.setrlimit().
    limits: Mapping[int, tuple[int, int]]
    #: The CPUs on which the child may run.
    cpus: Iterable[int]
    umask: int
    #: Added to the niceness.
    nice: int
    uid: int
    gid: int
    #: The supplementary groups.
    groups: Sequence[int]
    #: The signal that the child gets when the thread that started it exits.
    death_signal: int
    #: The signals that the child ignores, and no others.
    ignore_signals: Iterable[int]
    #: The child ignores what the caller ignores, SIGPIPE and SIGXFSZ included.
    inherit_signals: bool
    #: The signals that the child blocks.
    block_signals: Iterable[int]
    #: The child blocks what the calling thread blocks.
    inherit_mask: bool
    #: Signals that have their default disposition in the child.
    reset_signals: Iterable[int]


_FLAGS = {
    "inherit_fds": _abi.SPAWN_INHERIT_FDS, "shell_fallback": _abi.SPAWN_SHELL,
    "session": _abi.SPAWN_SESSION, "terminal": _abi.SPAWN_TERMINAL,
    "foreground": _abi.SPAWN_FOREGROUND, "no_echo": _abi.SPAWN_PTY_NO_ECHO,
    "kill_on_close": _abi.SPAWN_KILL_ON_CLOSE, "kill_on_death": _abi.SPAWN_KILL_ON_DEATH,
    "private": _abi.SPAWN_PRIVATE, "subreaper": _abi.SPAWN_SUBREAPER,
    "no_new_privs": _abi.SPAWN_NO_NEW_PRIVS,
}
_IDENTITIES = {"uid": _abi.SPAWN_UID, "gid": _abi.SPAWN_GID}
_SEARCHES = {"parent": _abi.SEARCH_PARENT, "child": _abi.SEARCH_CHILD, "none": _abi.SEARCH_NONE}


def _signals(numbers: Iterable[int]) -> int:
    """A set of signals as a number: bit n - 1 is signal n."""
    return sum(1 << (number - 1) for number in set(numbers))


class Builder:
    """Fills a chld_spawn_options. `raw` and what it points to live as long as this."""

    def __init__(self, options: Mapping[str, Any]):
        self.raw = _abi.spawn_options(size=ctypes.sizeof(_abi.spawn_options))
        if not options.keys() & {"ignore_signals", "inherit_signals"}:
            # Python ignores SIGXFSZ, and programs are not prepared for that.
            self.raw.reset = _signals([signal.SIGXFSZ])
        self.kept: list[Any] = []
        for name, value in options.items():
            if name in _FLAGS:
                self.raw.flags |= _FLAGS[name] if value else 0
            elif name in _IDENTITIES:
                self.raw.flags |= _IDENTITIES[name]
                setattr(self.raw, name, identity(value, name))
            elif hasattr(self, f"set_{name}"):
                if value is not None:
                    getattr(self, f"set_{name}")(value)
            else:
                raise TypeError(f"unexpected keyword argument {name!r}")

    def keep(self, array: Any) -> Any:
        self.kept.append(array)
        return array

    def stream(self, value: Stream, name: str) -> Any:
        if isinstance(value, int):
            if value >= 0:
                return _abi.stdio(mode=_abi.STDIO_FD, fd=integer(c_int, value, name))
            if value not in _MODES:
                raise ValueError(f"{name} is {value}, which is no constant of this module")
            return _abi.stdio(mode=_MODES[value])
        if isinstance(value, (str, bytes, os.PathLike)):
            return _abi.stdio(mode=_abi.STDIO_PATH, path=encode(value, f"path of {name}"))
        if value is not None and hasattr(value, "fileno"):
            return _abi.stdio(mode=_abi.STDIO_FD, fd=value.fileno())
        raise TypeError(f"{name} must be a constant, a descriptor, a path or a file, "
                        f"not {type(value).__name__}")

    def set_stdin(self, value: Stream) -> None:
        self.raw.in_ = self.stream(value, "stdin")

    def set_stdout(self, value: Stream) -> None:
        self.raw.out = self.stream(value, "stdout")

    def set_stderr(self, value: Stream) -> None:
        self.raw.err = self.stream(value, "stderr")

    def set_env(self, value: Mapping[Any, Any]) -> None:
        self.raw.env = self.keep(strings(variables(value, "env")))

    def set_env_set(self, value: Mapping[Any, Any]) -> None:
        self.raw.env_set = self.keep(strings(variables(value, "env_set")))

    def set_env_unset(self, value: Iterable[StrPath]) -> None:
        self.raw.env_unset = self.keep(strings(encode(one, "name in env_unset") for one in value))

    def set_cwd(self, value: StrPath | int) -> None:
        if isinstance(value, int):
            self.raw.flags |= _abi.SPAWN_CWD_FD
            self.raw.cwd_fd = integer(c_int, value, "cwd")
        else:
            self.raw.cwd = encode(value, "cwd")

    def set_program(self, value: StrPath | int) -> None:
        if isinstance(value, int):
            self.raw.flags |= _abi.SPAWN_PROGRAM_FD
            self.raw.program_fd = integer(c_int, value, "program")
        else:
            self.raw.program = encode(value, "program")

    def set_search(self, value: str) -> None:
        if value not in _SEARCHES:
            raise ValueError(f"search is {value!r}, and must be one of {', '.join(_SEARCHES)}")
        self.raw.search = _SEARCHES[value]

    def set_pass_fds(self, value: Iterable[int]) -> None:
        self.set_fds({fd: fd for fd in value})

    def set_fds(self, value: Mapping[int, int]) -> None:
        have = [(self.raw.fds[at].source, self.raw.fds[at].target)
                for at in range(self.raw.fds_count)]
        more = [(integer(c_int, source, "descriptor"), integer(c_int, target, "descriptor"))
                for target, source in value.items()]
        maps = [*have, *more]
        self.raw.fds = self.keep(array(_abi.fd_map, maps))
        self.raw.fds_count = len(maps)

    def set_umask(self, value: int) -> None:
        self.raw.flags |= _abi.SPAWN_UMASK
        self.raw.umask = integer(ctypes.c_uint32, value, "umask")

    def set_nice(self, value: int) -> None:
        self.raw.nice = integer(c_int, value, "nice")

    def set_death_signal(self, value: int) -> None:
        self.raw.death_signal = integer(c_int, value, "death_signal")

    def set_group(self, value: int) -> None:
        self.raw.group_mode = _abi.GROUP_NEW if value == NEW else _abi.GROUP_JOIN
        self.raw.group = 0 if value == NEW else integer(c_int, value, "group")

    def set_window(self, value: tuple[int, int]) -> None:
        self.raw.rows, self.raw.columns = (integer(ctypes.c_uint16, one, "window")
                                           for one in value)

    def set_cgroup(self, value: int) -> None:
        self.raw.flags |= _abi.SPAWN_CGROUP
        self.raw.cgroup_fd = integer(c_int, value, "cgroup")

    def set_cgroup_own(self, value: bool) -> None:
        self.raw.flags |= _abi.SPAWN_CGROUP_OWN if value else 0

    def set_limits(self, value: Mapping[int, tuple[int, int]]) -> None:
        mask = 2**64 - 1  # resource.RLIM_INFINITY is -1
        limits = [(integer(c_int, resource, "limit"), 0, soft & mask, hard & mask)
                  for resource, (soft, hard) in value.items()]
        self.raw.limits = self.keep(array(_abi.limit, limits))
        self.raw.limits_count = len(limits)

    def set_cpus(self, value: Iterable[int]) -> None:
        """An array of unsigned long, as the kernel has it."""
        bits = sum(1 << cpu for cpu in set(value))
        width = 8 * ctypes.sizeof(ctypes.c_ulong)
        words = [bits >> at & (1 << width) - 1 for at in range(0, bits.bit_length(), width)]
        mask = self.keep(array(ctypes.c_ulong, words))
        self.raw.cpus = ctypes.cast(mask, ctypes.c_void_p)
        self.raw.cpus_size = ctypes.sizeof(mask)

    def set_groups(self, value: Sequence[int]) -> None:
        self.raw.flags |= _abi.SPAWN_GROUPS
        groups = [identity(one, "groups") for one in value]
        self.raw.groups = self.keep(array(ctypes.c_uint32, groups))
        self.raw.groups_count = len(value)

    def set_ignore_signals(self, value: Iterable[int]) -> None:
        self.raw.signals_mode = _abi.SIGNALS_IGNORING
        self.raw.ignored = _signals(value)

    def set_inherit_signals(self, value: bool) -> None:
        self.raw.signals_mode = _abi.SIGNALS_INHERIT if value else _abi.SIGNALS_USUAL

    def set_block_signals(self, value: Iterable[int]) -> None:
        self.raw.mask_mode = _abi.MASK_BLOCKED
        self.raw.blocked = _signals(value)

    def set_inherit_mask(self, value: bool) -> None:
        self.raw.mask_mode = _abi.MASK_INHERIT if value else _abi.MASK_EMPTY

    def set_reset_signals(self, value: Iterable[int]) -> None:
        self.raw.reset |= _signals(value)


def supports(**options: Any) -> bool:
    """Whether this system can start a child with these options, such as private=True."""
    result = lib.chld_supports(Builder(options).raw.flags)
    return result not in (-errno.ENOSYS, -errno.EPERM) and check(result) == 0

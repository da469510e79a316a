"""spawn(): a child with its streams."""

from __future__ import annotations

import ctypes
import io
import signal as signals
from typing import (IO, TYPE_CHECKING, Any, AnyStr, Generator, Generic, Literal, Sequence,
                    overload)

from . import _abi
from ._capture import Capture, CaptureOptions
from ._errors import TimeoutExpired, spawn_error
from ._handle import Handle
from ._library import StrPath, check, integer, lib, strings, words
from ._lines import Lines
from ._options import PIPE, PTY, Builder, SpawnOptions
from ._plan import Plan
from ._result import Result, Text, finish
from ._set import Event, EventKind, Set
from ._status import Status

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: For a child whose caller was interrupted, if it has no stop plan of its own.
INTERRUPTED = ((signals.SIGTERM, 0.25), (signals.SIGKILL, 2.0))


class Child(Handle, Generic[AnyStr]):
    """A child that spawn() has started. In a `with` block:

        with chld.spawn(["make"], stdout=chld.PIPE, text=True) as make:
            for line in make:
                print(line, end="")
        print(make.status)

    At the end of the block the child has exited: its pipes are closed and it is waited for.
    If the block raises an exception, Control-C included, the child is stopped. `async with`,
    `async for` and `await` do the same in asyncio.
    """

    def __init__(self, args: Sequence[StrPath], *, text: bool, encoding: str | None,
                 errors: str | None, stop: Plan, options: SpawnOptions):
        super().__init__(args)
        self._text: dict[str, Any] = {"text": text, "encoding": encoding, "errors": errors}
        self._text_mode = Text(text, encoding, errors)
        self._plan = stop
        self._streams = {name: options.get(name) for name in ("stdin", "stdout", "stderr")}
        self._files: dict[str, IO[Any]] = {}
        self._reading = ctypes.c_uint64()  # the capture of lines(), which closing ends

    def _spawn(self, options: SpawnOptions) -> None:
        argv = strings(words(self.args))
        builder, error = Builder(options), _abi.error()
        try:
            self._started(lib.chld_spawn(self._handle, argv, builder.raw, error), error)
        except BaseException:  # a signal handler may raise after the start
            if self._handle.value:
                lib.chld_kill(self._handle, signals.SIGKILL)
                self.close()
            raise

    # The streams

    def _file(self, name: str, which: int, mode: str) -> IO[AnyStr] | None:
        if self._streams[name] not in (PIPE, PTY):
            return None
        if name not in self._files:
            fd = check(lib.chld_take_fd(self._handle, which))
            text = self._text_mode
            self._files[name] = (
                io.open(fd, mode + "b") if text.encoding is None
                else io.open(fd, mode, encoding=text.encoding, errors=text.errors))
        return self._files[name]

    @property
    def stdin(self) -> IO[AnyStr] | None:
        """A file that writes to the child's stdin, if that is a pipe. As long as you do not
        ask for a file, lines(), capture() and the end of a `with` block close the pipe.
        """
        return self._file("stdin", _abi.STDIN, "w")

    @property
    def stdout(self) -> IO[AnyStr] | None:
        """A file that reads the child's stdout, if that is a pipe. Then lines() and capture()
        cannot read it any more. The end of a pseudo-terminal is an OSError with EIO here, but
        not for lines() and capture().
        """
        return self._file("stdout", _abi.STDOUT, "r")

    @property
    def stderr(self) -> IO[AnyStr] | None:
        """As stdout."""
        return self._file("stderr", _abi.STDERR, "r")

    def _read(self, tagged: bool, **how: Any) -> Lines[Any]:
        self._release_lines()
        self._reading = ctypes.c_uint64()
        return Lines(self, self._reading, self._streams, tagged, stop=self._plan, **how,
                     **self._text)

    def lines(self, *, input: AnyStr | None = None,
              timeout: float | None = None) -> Lines[AnyStr]:
        """The lines of stdout and stderr, those that are pipes, for `for` and `async for`.

        At the timeout the child is stopped, and TimeoutExpired is raised after the last line.
        """
        return self._read(False, input=input, timeout=timeout)

    def tagged_lines(self, *, input: AnyStr | None = None,
                     timeout: float | None = None) -> Lines[tuple[str, AnyStr]]:
        """As lines(): pairs of "stdout" or "stderr" and a line."""
        return self._read(True, input=input, timeout=timeout)

    def __iter__(self) -> Lines[AnyStr]:
        return self.lines()

    def __aiter__(self) -> Lines[AnyStr]:
        return self.lines()

    def capture(self, *, input: AnyStr | None = None, timeout: float | None = None,
                check: bool = False, **options: Unpack[CaptureOptions]) -> Result[AnyStr]:
        """Feeds the child, reads its pipes and waits for it, as run() does."""
        capture = Capture({**options, **self._streams}, input=input, timeout=timeout,
                          stop=self._plan, **self._text)
        with Set() as set:
            set._capture(self, capture)
            result: Any = set.wait().result
        finish(result, timeout, check)
        return result  # type: ignore[no-any-return]

    # Its end

    def _watch(self, set: Set, stops: bool, continuations: bool) -> Set:
        set.add(self, stops=stops, continuations=continuations)
        return set

    def wait_change(self, timeout: float | None = None, *, stops: bool = True,
                    continuations: bool = True) -> Status:
        """Waits until the child has stopped, was continued, or has exited.

        Stops need SIGCHLD: the library installs a handler, which calls the earlier one.
        """
        with Set() as set:
            status = self._watch(set, stops, continuations).wait(timeout).status
        assert status is not None
        return status

    def _stopped(self, event: Event) -> Status:
        if event.kind == EventKind.SURVIVED or event.status is None:
            raise TimeoutExpired(self.args, 0.0)
        return event.status

    def _release_lines(self) -> None:
        lib.chld_capture_close(self._reading, None)

    def stop(self, plan: Plan = None) -> Status:
        """Stops the child by a plan, and returns how it exited. Without a plan: that of
        spawn(). Raises TimeoutExpired if it has survived the last step.
        """
        if self._status is not None:
            return self._status
        self._release_lines()
        with Set() as set:
            set.stop(self, self._plan if plan is None else plan)
            return self._stopped(set.wait())

    async def stop_async(self, plan: Plan = None) -> Status:
        """stop() in asyncio."""
        if self._status is not None:
            return self._status
        self._release_lines()
        with Set() as set:
            set.stop(self, self._plan if plan is None else plan)
            return self._stopped(await set.wait_async())

    async def wait_async(self) -> Status:
        """wait() in asyncio. `await child` is the same."""
        if self._status is None and not self._look():
            from ._aio import reactor  # slow to import, and most programs do without

            with reactor() as loop:
                await loop.wait(self)
        assert self._status is not None
        return self._status

    def __await__(self) -> Generator[Any, None, Status]:
        return self.wait_async().__await__()

    def release(self) -> int:
        """Gives the child back to the program, which then waits for it with os.waitpid().
        Returns its pid.
        """
        pid = ctypes.c_int()
        check(lib.chld_release(self._handle, pid))
        self._closed = True
        return pid.value

    def _close_streams(self) -> None:
        """All ends that the caller has, so that the child sees the end of its input."""
        self._release_lines()
        for name in ("stdout", "stderr", "stdin"):
            if name in self._files:
                try:
                    self._files[name].close()
                except BrokenPipeError:  # what was buffered: nobody reads it
                    pass
        for which in (_abi.STDIN, _abi.STDOUT, _abi.STDERR):
            lib.chld_close_fd(self._handle, which)

    def __enter__(self) -> Child[AnyStr]:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._closed:
            return
        try:
            if kind is None:
                self._close_streams()
                self.wait()
        finally:
            if self._status is None:
                self.stop(self._plan or INTERRUPTED)
            self._close_streams()
            self.close()

    async def __aenter__(self) -> Child[AnyStr]:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if self._closed:
            return
        try:
            if kind is None:
                self._close_streams()
                await self.wait_async()
        finally:
            if self._status is None:
                await self.stop_async(self._plan or INTERRUPTED)
            self._close_streams()
            self.close()


@overload
def spawn(args: Sequence[StrPath], *, text: Literal[True], encoding: str | None = None,
          errors: str | None = None, stop: Plan = None,
          **options: Unpack[SpawnOptions]) -> Child[str]: ...
@overload
def spawn(args: Sequence[StrPath], *, text: bool = False, encoding: str,
          errors: str | None = None, stop: Plan = None,
          **options: Unpack[SpawnOptions]) -> Child[str]: ...
@overload
def spawn(args: Sequence[StrPath], *, text: Literal[False] = False, encoding: None = None,
          errors: None = None, stop: Plan = None,
          **options: Unpack[SpawnOptions]) -> Child[bytes]: ...


def spawn(args: Sequence[StrPath], *, text: bool = False, encoding: str | None = None,
          errors: str | None = None, stop: Plan = None,
          **options: Unpack[SpawnOptions]) -> Child[Any]:
    """Starts a child and returns when it has executed its program. See Child.

    `args` is a list: the program and its arguments. The streams are inherited unless
    `stdin`, `stdout` or `stderr` say something else, such as chld.PIPE. `stop` is the plan by
    which the child is stopped. All other options are described in SpawnOptions.

    Raises SpawnError if the program cannot be run.
    """
    child: Child[Any] = Child(args, text=text, encoding=encoding, errors=errors, stop=stop,
                              options=options)
    child._spawn(options)
    return child


def spawn_detached(args: Sequence[StrPath], **options: Unpack[SpawnOptions]) -> None:
    """Starts a child for which nobody waits: it has no handle, and leaves no zombie."""
    builder, error = Builder(options), _abi.error()
    builder.raw.flags |= _abi.SPAWN_DETACHED
    if lib.chld_spawn(None, strings(words(args)), builder.raw, error) < 0:
        raise spawn_error(error)


def adopt(pid: int) -> Child[bytes]:
    """Takes over a child that the program has started by other means, such as os.fork()."""
    child: Child[bytes] = Child([f"pid {pid}"], text=False, encoding=None,
                                errors=None, stop=None, options={})
    check(lib.chld_adopt(child._handle, integer(ctypes.c_int, pid, "pid")))
    child._pid = pid
    return child

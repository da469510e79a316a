"""What is printed: a line of progress, what fails and what is skipped as it
happens, and both again at the end."""

import collections
import re
import sys
import threading
import time

MOST_LINES = 60  # of one failure
MOST_NAMES = 3  # of what is skipped for one reason
NO_TIME = "there was no time left"

_lock = threading.Lock()
_began = time.monotonic()
_place = ""  # which item of how many runs
_line = ""  # what a terminal shows below everything else
_heard = _began  # when a line was printed last
_skipped = collections.defaultdict(list)  # reason -> names
_failed = []  # texts


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _print(text):
    global _heard
    clear = "\r\033[K" if _line else ""
    print(f"{clear}{text}\n{_line}" if _line else text, end="" if _line else "\n", flush=True)
    _heard = time.monotonic()


def say(text):
    with _lock:
        _print(text)


def begin(number, of, name):
    global _place
    _place = f"{number} of {of}, "
    progress(name)


def progress(text):
    """Where the run is: the last line of a terminal; elsewhere a line of its own
    when nothing was printed for a minute."""
    global _line
    text = f"[{_place}{clock(time.monotonic() - _began)}] {text}"
    with _lock:
        if sys.stdout.isatty():
            _line = text
            print(f"\r\033[K{text}", end="", flush=True)
        elif time.monotonic() - _heard > 60:
            _print(text)


def end_progress():
    global _line
    with _lock:
        if _line:
            print("\r\033[K", end="", flush=True)
        _line = ""


def skipped(name, why):
    _skipped[why].append(name)
    say(f"skipped: {name}: {why}")


def failed(name, text):
    """`text` begins with what went wrong; indented lines have more."""
    _failed.append(f"FAILED: {name}: {text}")
    say(_failed[-1])


def indented(text):
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES} lines more"]
    return "\n".join("    " + line for line in lines)


# How the programs that are started here, and those that they start, print it.
SKIP = re.compile(r"^skipped:? +(.*?)(?: \([\d.]+ s\))?$")
SKIPPED_TEST = re.compile(r"^(\S+ test_\S+ \S+|\w+: [^,]+, faults_\S+ \S+): (?:skipped: )?(.*)$")
FINE = re.compile(r"^ok |^test .* ok$")
FAILURE = re.compile(r"^ *FAIL|^failed: |^test .* FAILED$|^error|^make.*: \*\*\* |panicked at")


def skips_of(name, output):
    """Takes over the skips that a program prints."""
    for line in output.splitlines():
        if found := SKIP.match(line):
            test = SKIPPED_TEST.match(found[1])
            skipped(*(test.groups() if test else (name, found[1])))


def failures_of(output):
    """The lines of a program's output that show what failed, with 20 after each."""
    lines, left = [], 0
    for line in output.splitlines():
        left = 20 if FAILURE.search(line) else 0 if FINE.match(line) else left - 1
        if left > 0:
            lines.append(line)
    return "\n".join(lines or output.splitlines()[-20:])


def summary():
    """What was skipped and why, and what failed, below everything else."""
    if _skipped:
        say("\nSkipped:")
    for why, names in sorted(_skipped.items(), key=lambda pair: -len(pair[1])):
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        say(f"  {len(names):4}  {why}\n        {', '.join(names[:MOST_NAMES])}{more}")
    if _failed:
        say("\nFailed:")
    for text in _failed:
        say(text)
    say("")

"""What is measured: the contenders, the rows, and what is to be reached."""

from dataclasses import dataclass, field

# Name, and the package without which it is left out.
CONTENDERS = {
    "raw": "gcc",
    "chld": "gcc",
    "chld_sigchld": "gcc",
    "posix_spawn": "gcc",
    "fork": "gcc",
    "skalibs": "skalibs-dev",
    "libuv": "libuv1-dev",
    "glib": "libglib2.0-dev",
    "apr": "libapr1-dev",
    "rust": "rustc",
    "python": "python3",
}
OURS = ("chld", "chld_sigchld")
LOOPS = [name for name in CONTENDERS if name not in ("rust", "python")]


@dataclass
class Row:
    label: str
    command: str
    metrics: tuple = ("wall",)
    # By metric: what the library with its default engine is to reach.
    limits: dict = field(default_factory=dict)
    contenders: list = field(default_factory=lambda: list(CONTENDERS))
    # BENCH_DENY, see deny.c.
    deny: str = ""
    # How many descriptors, and processes, it needs.
    needs: int = 0
    # Takes seconds: not in every round.
    heavy: bool = False


def spawn_rows(megabytes):
    sizes = [Row(f"spawn + wait, parent of {size} MB", f"spawn {size} 0 0", limits={"wall": 1.05},
                 heavy=size > 500)
             for size in (5, megabytes)]
    descriptors = [Row(f"spawn with {count:,} open descriptors", f"spawn 5 {count} 0",
                       limits={"wall": limit}, needs=count)
                   for count, limit in ((1000, 0.60), (8000, 0.15))]
    without = [Row(f"spawn without {what}", f"spawn 5 0 0", deny=what,
                   contenders=["raw", "chld", "posix_spawn", "fork"])
               for what in ("clone3", "close_range", "pidfd")]
    pipes = Row("spawn with three pipes", "spawn 5 0 3", limits={"wall": 1.05})
    return [*sizes, pipes, *descriptors, *without]


def loop_rows(counts, burst, many):
    both, limits = ("wall", "cpu"), {"wall": 1.05, "cpu": 1.05}
    exits = [Row(f"one exit among {count:,}", f"exit {count}", both, limits, LOOPS,
                 needs=2 * count, heavy=count > 1000)
             for count in counts]
    streams = [Row(f"many short children, {threads} thread{'s' * (threads > 1)}",
                   f"many {many} {threads}", ("wall",), {"wall": 1.0}, LOOPS)
               for threads in (1, 2)]
    bursts = Row(f"burst of {burst:,}", f"burst {burst}", both, limits, LOOPS, needs=2 * burst,
                 heavy=burst > 500)
    return [*exits, bursts, *streams]


def other_rows(mebibytes):
    return [
        Row("capture, caller's buffer", f"capture {mebibytes} buffer", limits={"wall": 1.02},
            heavy=mebibytes > 100),
        Row("capture, growing", f"capture {mebibytes} grows", limits={"wall": 0.8},
            heavy=mebibytes > 100),
        Row("wake-up, blocking", "wake blocking", limits={"wall": 1.1}),
        Row("wake-up, loop", "wake loop", limits={"wall": 1.1}, contenders=LOOPS),
        Row("wait with a limit: exit to return", "limit", ("wall", "wakeups"),
            {"wall": 1.05, "wakeups": 1}),
        Row("wait with a limit: overshoot", "overshoot", ("wall", "wakeups"),
            {"wall": 1.1, "wakeups": 1}),
    ]


def rows(quick, megabytes):
    if quick:
        return (spawn_rows(megabytes or 256) + loop_rows((10, 100, 1000), 200, 512)
                + other_rows(32))
    return (spawn_rows(megabytes or 1024) + loop_rows((10, 100, 1000, 8000), 1000, 2048)
            + other_rows(256))

"""What is measured: the contenders, the rows, and the aims."""

from dataclasses import dataclass, field

# Name, and the package without which it is left out.
CONTENDERS = {
    "raw": "gcc",
    "raw_all": "gcc",
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
# raw_all is raw where nobody waits for many.
ALONE = [name for name in CONTENDERS if name != "raw_all"]
LOOPS = [name for name in CONTENDERS if name not in ("rust", "python")]
# Where a process takes seconds.
FEW = ["raw", "chld", "chld_sigchld", "posix_spawn", "fork"]
FEW_LOOPS = ["raw", "raw_all", *FEW[1:4], "skalibs", "libuv", "glib"]
THREADED = ["raw", "chld", "chld_sigchld", "libuv", "glib"]

# What the library with its default engine is to reach, as a ratio to raw: by the
# beginning of a row's name, and by metric. Each has at least one row.
TARGETS = {
    "spawn + wait, parent of": {"wall": 1.05},
    "spawn with three pipes": {"wall": 1.05},
    "spawn with 1,000 open descriptors": {"wall": 0.60},
    "spawn with 8,000 open descriptors": {"wall": 0.15},
    "one exit among 10": {"wall": 1.05, "cpu": 1.05},
    "one exit among 100": {"wall": 1.05, "cpu": 1.05},
    "one exit among 1,000": {"wall": 1.05, "cpu": 1.05},
    "one exit among 8,000": {"wall": 1.05, "cpu": 1.05},
    "burst of": {"wall": 1.05, "cpu": 1.05},
    "many short children, 1 thread": {"wall": 1.0},
    "many short children, 2 threads": {"wall": 1.0},
    "capture, caller's buffer": {"wall": 1.02},
    "capture, growing": {"wall": 0.8},
    "not pinned: 1 MiB in blocks of 64 KiB": {"wall": 0.95},
    "not pinned: 1 MiB in blocks of 4 KiB": {"wall": 0.95},
    "not pinned: 16 MiB in blocks of 64 KiB": {"wall": 0.6},
    "not pinned: 16 MiB in blocks of 4 KiB": {"wall": 1.0},
    "not pinned: 256 MiB in blocks of 64 KiB": {"wall": 0.55},
    "not pinned: 256 MiB in blocks of 4 KiB": {"wall": 0.95},
    "not pinned: 256 MiB, growing": {"wall": 0.6},
    "not pinned: 256 MiB, callback": {"wall": 0.6},
    "wake-up, blocking": {"wall": 1.08},
    "wake-up, loop": {"wall": 1.08},
    "wait with a limit: exit to return": {"wall": 1.08, "wakeups": 1},
    "wait with a limit: overshoot": {"wall": 1.1, "wakeups": 1},
}
# The chart: rows that matter to a user, by the beginning of their names, in a user's words.
CHARTED = {
    "spawn + wait, parent of 256": "start a child\\nfrom 256 MB",
    "spawn with 1,000": "with 1,000\\ndescriptors open",
    "one exit among 1,000": "one exit\\namong 1,000",
    "not pinned: 16 MiB in blocks of 64": "capture\\n16 MiB",
    "not pinned: 200 children": "run 200,\\n8 at a time",
}
IN_CHART = ("chld", "posix_spawn", "libuv", "glib", "python")

FOOTPRINT_TARGETS = {"bytes": 24576, "heap": 0, "threads": 0}


@dataclass
class Row:
    label: str
    command: str
    metrics: tuple = ("wall",)
    contenders: list = field(default_factory=lambda: ALONE)
    # BENCH_DENY, see deny.c.
    deny: str = ""
    # How many descriptors, and processes, it needs.
    descriptors: int = 0
    # And how much memory.
    megabytes: int = 0
    # Takes seconds: not in every round.
    heavy: bool = False
    # How many times as long as others it measures: what precedes is long, too.
    longer: int = 1
    # To one CPU, as what is compared is work. Two processes at work at the same time
    # are not.
    pinned: bool = True

    @property
    def limits(self):
        exact = TARGETS.get(self.label)
        return exact or next((limits for beginning, limits in TARGETS.items()
                              if self.label.startswith(beginning + " ")), {})

    @property
    def steady(self):
        """Two runs have to agree on it."""
        return self.command.startswith("spawn") and not self.deny

    @property
    def visits(self):
        """How many in a round."""
        return 3 if self.steady and self.longer == 1 else 1


@dataclass
class Sizes:
    """How large the rows are that come in sizes."""

    megabytes: tuple
    descriptors: tuple
    exits: tuple
    burst: int
    many: int
    mebibytes: int
    flow: tuple
    runs: int


SIZES = {
    "smoke": Sizes((5, 16), (100,), (10, 50), 20, 128, 1, (1,), 16),
    "quick": Sizes((5, 256), (1000, 8000), (10, 100, 1000), 200, 512, 32, (1, 16), 100),
    "full": Sizes((5, 256, 4096), (1000, 8000), (10, 100, 1000, 8000), 1000, 1024, 256,
                  (1, 16, 256), 200),
}


def of_megabytes(size):
    return f"{size} MB" if size < 1024 else f"{size // 1024} GB"


def spawn_rows(sizes):
    parents = [Row(f"spawn + wait, parent of {of_megabytes(size)}", f"spawn {size} 0 0",
                   contenders=FEW if size > 1023 else ALONE, megabytes=size, heavy=size > 1023,
                   longer=12 if size > 1023 else 4 if size > 100 else 1)
               for size in sizes.megabytes]
    pipes = Row("spawn with three pipes", "spawn 5 0 3")
    descriptors = [Row(f"spawn with {count:,} open descriptors", f"spawn 5 {count} 0",
                       descriptors=count)
                   for count in sizes.descriptors]
    without = [Row(f"spawn without {what}", "spawn 5 0 0", deny=what,
                   contenders=["raw", "chld", "posix_spawn", "fork"])
               for what in ("clone3", "close_range", "pidfd")]
    return [*parents, pipes, *descriptors, *without]


def loop_rows(sizes):
    both = ("wall", "cpu")
    exits = [Row(f"one exit among {count:,}", f"exit {count}", both,
                 FEW_LOOPS if count > 1000 else LOOPS, descriptors=2 * count,
                 megabytes=count // 2, heavy=count > 1000)
             for count in sizes.exits]
    burst = Row(f"burst of {sizes.burst:,}", f"burst {sizes.burst}", both, LOOPS,
                descriptors=2 * sizes.burst, heavy=sizes.burst > 500)
    return [*exits, burst,
            Row("many short children, 1 thread", f"many {sizes.many} 1", contenders=LOOPS),
            Row("many short children, 2 threads", f"many {sizes.many} 2", contenders=THREADED)]


def other_rows(sizes):
    def capture(label, form, contenders):
        return Row(f"capture, {label}", f"capture {sizes.mebibytes} {form} 128",
                   contenders=contenders, megabytes=3 * sizes.mebibytes,
                   heavy=sizes.mebibytes > 100)
    limited = ("wall", "wakeups")
    return [
        capture("caller's buffer", "into", ALONE),
        capture("growing", "growing", ALONE),
        capture("callback", "pieces", ["raw", *OURS, "libuv"]),
        capture("to a descriptor", "splice", ["raw", *OURS]),
        Row("wake-up, blocking", "wake blocking"),
        Row("wake-up, loop", "wake loop", contenders=LOOPS),
        Row("wait with a limit: exit to return", "limit", limited),
        Row("wait with a limit: overshoot", "overshoot", limited),
    ]


def flow_rows(sizes):
    """What a child writes while it is captured, each on a CPU of its own if there are
    two that are idle."""
    def flow(size, label, form, kib, contenders):
        return Row(f"not pinned: {size} MiB{label}", f"capture {size} {form} {kib}",
                   contenders=contenders, megabytes=3 * size, heavy=size > 100, pinned=False,
                   longer=8 if size < 100 else 1)
    few = ["raw", "chld", "posix_spawn", "libuv", "rust", "python"]
    blocks = [flow(size, f" in blocks of {kib} KiB", "into", kib, few)
              for size in sizes.flow for kib in (64, 4)]
    return [*blocks, flow(sizes.flow[-1], ", growing", "growing", 64, few),
            flow(sizes.flow[-1], ", callback", "pieces", 64, ["raw", "chld", "libuv"])]


def program_rows(sizes):
    """What programs do, on all CPUs there are."""
    runner = Row(f"not pinned: {sizes.runs} children, 8 at a time, captured",
                 f"runner {sizes.runs} 8", contenders=["raw", "chld", "rust", "python"],
                 longer=8, pinned=False)
    stop = Row("not pinned: stop 50 at once", "stop 50", contenders=LOOPS, descriptors=200,
               pinned=False)
    pipeline = Row(f"not pinned: pipeline of three, {sizes.mebibytes} MiB",
                   f"pipeline {sizes.mebibytes}", contenders=["raw", "chld", "python"],
                   megabytes=2 * sizes.mebibytes, heavy=sizes.mebibytes > 100, pinned=False)
    return [runner, stop, pipeline]


def rows(size):
    sizes = SIZES[size]
    return (spawn_rows(sizes) + loop_rows(sizes) + other_rows(sizes) + flow_rows(sizes)
            + program_rows(sizes))


def targets_without_row():
    """Which of the targets the full benchmark does not measure."""
    measured = {id(row.limits): row.metrics for row in rows("full")}
    return [f"{beginning}, {metric}" for beginning, limits in TARGETS.items()
            for metric in limits if metric not in measured.get(id(limits), ())]

"""The tools: their options and messages, and what the checks of them share with those of
the examples that do as much. The manual pages are in toolbox_manual.py."""

import os
import re
import select
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from .tools import (BUILD, CC, ENVIRONMENT, ROOT, Failed, Skipped, check, need, require, run,
                    scratch)

TOOLS = ("chld-timeout", "chld-init")
EXAMPLES = ("parallel", "supervise")
PATIENCE = 60  # how long anything may take before it counts as hung


def place(name, build=BUILD):
    """Where make puts it."""
    return build / ("tools" if name in TOOLS else "examples") / name


def path(name):
    require(place(name).exists(), f"{place(name)} was not built: make tools")
    return str(place(name))


def until(condition, what):
    """The condition's value once it is true; it is looked at again and again."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise Failed(f"{what}: not in {PATIENCE} seconds")


def state(pid):
    """The letter that /proc has for a process, None if there is none."""
    try:
        return (open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split() or [None])[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(pid):
    try:
        return [int(word) for word in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except FileNotFoundError:
        return []


def is_gone(pid):
    return state(pid) in (None, "Z")


def new_mark():
    """A variable of the environment by which all that a check starts is found."""
    return "CHLD_TOOLBOX", str(uuid.uuid4())


def is_marked(pid, mark):
    try:
        return "=".join(mark).encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # it has exited, or is somebody else's


def end_marked(mark):
    """Kills them, each by a descriptor that was opened before it was looked at."""
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        if not is_marked(pid, mark):
            continue
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if is_marked(pid, mark):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)


def forget_ignored():
    """In a new process: what the checks' own caller ignores, as in the background of
    a script, is not ignored."""
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "TSTP", "TTIN", "TTOU"):
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)


class Tool:
    """A tool that runs, in a session of its own. When it is left, nothing is left of
    what it has started."""

    def __init__(self, name, *arguments, stdin=subprocess.DEVNULL, before=None, program=None):
        def prepare():
            forget_ignored()
            if before:
                before()
        self.mark = variable, value = new_mark()
        self.process = subprocess.Popen(
            [program or path(name), *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, preexec_fn=prepare, start_new_session=True,
            # Along a PATH that can be searched, what is not found is not there.
            env={**ENVIRONMENT, "PATH": os.defpath, variable: value})
        self.pid = self.process.pid
        self.is_alone = program is None  # the tool itself, not what starts it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_marked(self.mark)
        self.process.communicate(timeout=PATIENCE)

    def line(self):
        """The next line of its stdout, which is read byte by byte for end()'s sake."""
        text, end = b"", time.monotonic() + PATIENCE
        while not text.endswith(b"\n"):
            left = max(0, end - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"it has written {text!r}, and not a whole line")
            byte = self.process.stdout.read(1)
            if not byte:
                break
            text += byte
        return text.decode().rstrip("\n")

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        """(exit code, stdout, stderr), when everybody has closed both."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed("it has not ended, or somebody it started has not") from None
        return self.process.returncode, out.decode(), err.decode()


def end_of(name, *arguments, **more):
    with Tool(name, *arguments, **more) as tool:
        return tool.end()


def first_process(name, *arguments):
    """A tool as the first process of a pid namespace, under unshare. Without root, that
    needs a user namespace."""
    need("unshare")
    options = ["-pf", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        options.insert(0, "-Ur")
    if run("unshare", *options, "true", succeed=False).returncode != 0:
        raise Skipped("unshare may not make a pid namespace")
    return Tool(name, *options, path(name), *arguments, program="unshare")


def same(what, is_, should):
    require(is_ == should, f"{what}: {is_!r}, not {should!r}")


def codes(name, table):
    """Runs each line of a table of arguments and exit codes."""
    for arguments, code in table:
        same(f"{name} {' '.join(map(str, arguments))}", end_of(name, *arguments)[0], code)


def on_help(name):
    """The options in a tool's help: {(short or None, long, argument or not)}"""
    code, out, err = end_of(name, "--help")
    same(f"{name} --help", (code, err), (0, ""))
    pattern = r"^ +(?:-(\w), )?--([a-z-]+)(\[?=[\w:]+\]?)?(?:  |$)"
    return {(short or None, long, bool(argument))
            for short, long, argument in re.findall(pattern, out, re.M)}


def page(name):
    return ROOT / f"tools/{name}.1"


def on_page(name):
    """The same of its manual page."""
    text = page(name).read_text()
    found = set()
    for item in re.findall(r"^\.It (.*Fl -.*)$", text, re.M):
        short = re.search(r"\bFl (\w)", item)
        long = re.search(r"\bFl -([a-z-]+)", item).group(1)
        found.add((short.group(1) if short else None, long, " = Ns Ar " in item))
    return found


def taken_by(name):
    """The long options that the tool's own source hands to getopt_long()."""
    text = (ROOT / f"tools/{name.removeprefix('chld-')}.c").read_text()
    return {(letter if letter.islower() or letter == "0" else None, long, kind != "no")
            for long, kind, letter in
            re.findall(r'\{"([a-z-]+)", (no|required|optional)_argument, NULL, \'(\w)\'\}', text)}


@check("tools: --help, the manual page and getopt_long have the same options")
def options():
    count = 0
    for name in TOOLS:
        shown, taken = on_help(name), taken_by(name)
        require(len(shown) >= 4, f"{name}: only {shown} is seen in its help")
        same(f"{name}: in its help, but not in its manual", shown - on_page(name), set())
        same(f"{name}: in its manual, but not in its help", on_page(name) - shown, set())
        # h and V are for the long options only.
        taken = {(None if long in ("help", "version") else short, long, argument)
                 for short, long, argument in taken}
        same(f"{name}: what it takes against what it shows", taken ^ shown, set())
        count += len(shown)
    return f"{count} options"


@check("tools: --version and --help on stdout, errors on stderr with 125")
def manners():
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    for name in TOOLS:
        same(name, end_of(name, "--version"), (0, f"{name} (libchld) {version}\n", ""))
        for wrong in (["--no-such-option"], ["-?"], []):
            code, out, err = end_of(name, *wrong)
            same(f"{name} {wrong}", (code, out, "--help" in err), (125, "", True))
        with open("/dev/full", "w") as full:
            done = subprocess.run([path(name), "--help"], stdout=full, stderr=subprocess.PIPE)
        same(f"{name} --help to a full disk", done.returncode, 125)


@check("tools: make install-tools lays out programs and manuals, and they can be removed")
def install():
    root = scratch() / "tools"
    make = ["make", f"DESTDIR={root}", "PREFIX=/usr"]
    run(*make, "install-tools", cwd=ROOT)
    files = {str(file.relative_to(root)) for file in root.rglob("*") if not file.is_dir()}
    same("installed", files, {f"usr/bin/{name}" for name in TOOLS}
         | {f"usr/share/man/man1/{name}.1" for name in TOOLS})
    done = run(root / "usr/bin/chld-timeout", "0.1", "sleep", "60", succeed=False)
    same("the installed chld-timeout", done.returncode, 124)
    run(*make, "uninstall-tools", cwd=ROOT)
    left = [file for file in root.rglob("*") if not file.is_dir()]
    same("left after make uninstall-tools", left, [])


@check("tools and examples: the sanitizers find no leak and no error in them")
def leaks():
    made = scratch() / "sanitized"
    flags = "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
    trial = ["-x", "c", "-", "-o", scratch() / "trial", *flags.split()]
    if subprocess.run([*CC, *trial], input="int main(void) { return 0; }", text=True,
                      capture_output=True).returncode != 0:
        raise Skipped("the compiler has no sanitizers")
    run("make", *(place(name, made) for name in (*TOOLS, *EXAMPLES)), f"O={made}", f"CFLAGS={flags}",
        f"CC={' '.join(CC)}", cwd=ROOT)
    run_each(lambda name: (str(place(name, made)), []))


def run_each(started_by):
    """A short run of each tool, in which it does most of what it can. `started_by`
    gives, for its name, the program to start and that program's first arguments."""
    programs = Path(tempfile.mkdtemp(dir=scratch())) / "list"
    programs.write_text("""one restart=never: true
two: false
three: sed -i /^two/d %s; kill -HUP $PPID; sleep 0.3; kill -TERM $PPID; sleep 600
""" % programs)
    for name, arguments, code in [
        ("chld-timeout", ["-vk", "1", "0.2", "sleep", "600"], 124),
        ("chld-timeout", ["x", "true"], 125),
        ("parallel", ["-lj2", "sh", "-c", "echo $0; exit $0", ":::", "0", "1", "2"], 2),
        ("parallel", ["-t0.2", "sleep", ":::", "0", "600"], 1),
        ("chld-init", ["-svr1:2", "sh", "-c", "sleep 600 & sh -c 'sleep 0.1 &'; sleep 0.2; exit 4"],
         4),
        ("supervise", ["-d0.01", programs], 0),
    ]:
        program, first = started_by(name)
        done, _, err = end_of(name, *first, *arguments, program=program)
        require(done == code, f"{name} {arguments}: {done}, not {code}\n{err}")


NO_PIDFDS = ",".join(["clone3=ENOSYS", "clone:pidfd=EINVAL", "pidfd_open=ENOSYS",
                      "pidfd_send_signal=ENOSYS", "waitid:pidfd=EINVAL", "ioctl:pidfd=ENOTTY"])


@check("tools and examples: they work where there are no pidfds")
def without_pidfds():
    run("make", "build/c-tests/deny", cwd=ROOT)
    deny = str(BUILD / "c-tests" / "deny")
    if run(deny, NO_PIDFDS, "--", "true", succeed=False).returncode == 77:
        raise Skipped("the kernel offers no seccomp filters")
    run_each(lambda name: (deny, [NO_PIDFDS, "--", path(name)]))


def is_gnu(program):
    """Whether a program of this name is there, and is that of GNU coreutils."""
    need(program)
    if "GNU coreutils" not in run(program, "--version", succeed=False).stdout:
        raise Skipped(f"{program} is not that of GNU coreutils")
    return program

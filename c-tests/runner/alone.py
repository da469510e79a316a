"""One process in a session of its own, of which nothing may be left."""

import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

# PATH of the tests: that of the tester may have directories that not every user
# may search, which shows in the answer to a program that is missing.
TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def living_members(session):
    """The processes of a session that have not exited, except its leader."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == session:
            continue
        try:
            name, rest = (entry / "stat").read_text(errors="replace").rsplit(")", 1)
        except OSError:
            continue  # it has exited meanwhile
        state, _, _, of_session = rest.split()[:4]
        if int(of_session) == session and state not in "ZX":
            yield name + ")"


def what_stays(session):
    """Its living members; those that are about to exit are given two seconds."""
    for _ in range(100):
        left = list(living_members(session))
        if not left:
            break
        time.sleep(0.02)
    return left


def run_alone(command, environment, seconds):
    """Runs a command in a session of its own; (exit status, output).

    Until the very end the leader is a zombie at least, so its group cannot be
    anybody else's when it is killed.
    """
    with tempfile.TemporaryDirectory(prefix="chld-test-") as directory:
        os.chmod(directory, 0o777)  # some tests go on as another user
        environment = {**os.environ, **environment, "TMPDIR": directory, "PATH": TOOLS}
        with open(os.path.join(directory, "output"), "w+b") as output:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            kill = lambda: os.killpg(process.pid, signal.SIGKILL)
            timer = threading.Timer(seconds, kill)
            timer.start()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            timer.cancel()
            timer.join()
            left = what_stays(process.pid)
            if left:
                kill()
            status = process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
    if left:
        text += f"left running: {len(left)} processes, the first is {left[0]}\n"
    return (status or "left") if left else status, text

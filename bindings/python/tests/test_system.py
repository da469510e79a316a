"""What concerns the whole process: each test is one of its own, as it changes much."""

import os
import pty
import signal
import sys
import termios
import unittest

import chld
from case import sh


def alone(function):
    """Runs a test in a forked copy."""
    def test(self):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                function(self)
                code = 0
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", flush=True)
            finally:
                os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    return test


HANDLER = """
import chld, os, signal, time
calls = []
signal.signal(signal.SIGCHLD, lambda *_: calls.append(1))
chld.sigchld_install()
child = chld.spawn(["true"])
while not calls:
    time.sleep(0.01)
try:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    raise SystemExit("the handler has not reaped the child")
except ChildProcessError:
    pass
assert child.wait().exit_code == 0
chld.sigchld_remove()
"""


class System(unittest.TestCase):
    @alone
    def test_orphans_are_reaped_with_their_statuses(self):
        chld.subreaper()
        chld.run(sh("(sleep 0.1; exit 7) & exit 0"))
        found = []
        while not found:
            found = chld.reap_foreign()
        self.assertEqual([status.exit_code for _, status in found], [7])
        chld.subreaper(False)

    def test_a_handler_reaps_and_calls_the_earlier_one(self):
        """In a fresh process: a copy inherits the handler of this one."""
        chld.run([sys.executable, "-c", HANDLER], check=True, timeout=60)

    @alone
    def test_what_the_process_lacks_is_named(self):
        self.assertNotIn("stdin-closed", chld.environment())
        os.close(0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.assertLessEqual({"stdin-closed", "sigchld-ignored"}, chld.environment())

    @alone
    def test_children_whose_handles_are_closed_are_reaped(self):
        child = chld.spawn(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        child.close()
        chld.reap()
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_a_status_is_reproduced(self):
        for script in ("exit 9", "kill -TERM $$"):
            pid = os.fork()
            if pid == 0:
                chld.run(sh(script)).status.reproduce()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self.assertEqual(code, chld.run(sh(script)).returncode)

    def test_the_terminal_is_taken_back(self):
        pid, terminal = pty.fork()
        if pid == 0:
            code = 1
            try:
                modes = termios.tcgetattr(0)
                with chld.spawn(sh("stty -echo; set -- $(cat /proc/$$/stat); [ $8 = $$ ]"),
                                group=chld.NEW, foreground=True) as child:
                    child.wait()
                chld.take_terminal(0, modes)
                same = termios.tcgetattr(0) == modes and os.tcgetpgrp(0) == os.getpgrp()
                code = 0 if same and child.returncode == 0 else 2
            finally:
                os._exit(code)
        try:
            while os.read(terminal, 1024):
                pass
        except OSError:  # the end of a terminal
            pass
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


if __name__ == "__main__":
    unittest.main()

"""What the tests of the installed chld package have in common."""

import os
import time
import unittest

import chld


def sh(script):
    return ["sh", "-c", script]


def is_gone(pid):
    """No process has this pid, or it has exited and its parent has not waited for it."""
    try:
        with open(f"/proc/{int(pid)}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def descriptors():
    return sorted(int(name) for name in os.listdir("/proc/self/fd"))


class Case(unittest.TestCase):
    """After each test: no child, no descriptor."""

    def setUp(self):
        self.before = descriptors()

    def tearDown(self):
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        self.assertEqual(descriptors(), self.before)


    def wait_until_gone(self, pid):
        """Fails if the process lives for another two seconds."""
        deadline = time.monotonic() + 2
        while not is_gone(pid):
            self.assertLess(time.monotonic(), deadline, f"{pid} lives")
            chld.run(["true"])  # any call reaps a child whose handle is closed

"""chld.spawn(): streams, lines, signals, exits."""

import os
import signal
import tempfile
import time
import unittest

import chld
from case import Case, descriptors, sh


class Child(Case):
    def test_files(self):
        with chld.spawn(["cat"], stdin=chld.PIPE, stdout=chld.PIPE, text=True) as cat:
            cat.stdin.write("pear\n")
            cat.stdin.close()
            self.assertEqual(cat.stdout.read(), "pear\n")
            self.assertIsNone(cat.stderr)
        self.assertEqual(cat.returncode, 0)
        self.assertTrue(cat.stdout.closed)

    def test_a_block_closes_the_pipes_and_waits(self):
        with chld.spawn(sh("cat; sleep 0.2; exit 4"), stdin=chld.PIPE, stdout=chld.PIPE) as child:
            self.assertIsNone(child.poll())
        self.assertEqual(child.status.exit_code, 4)

    def test_an_exception_in_the_block_stops_the_child(self):
        with self.assertRaises(ZeroDivisionError):
            with chld.spawn(["sleep", "60"]) as child:
                1 / 0
        self.assertEqual(child.returncode, -signal.SIGTERM)

    def test_wait_has_a_timeout_and_leaves_the_child(self):
        with chld.spawn(["cat"], stdin=chld.PIPE) as child:
            begun = time.monotonic()
            with self.assertRaises(chld.TimeoutExpired) as caught:
                child.wait(0.2)
            self.assertGreaterEqual(time.monotonic() - begun, 0.2)
            self.assertIsNone(caught.exception.result)
            self.assertIsNone(child.poll())

    def test_signals_and_stop(self):
        with chld.spawn(sh("trap '' TERM; echo; exec sleep 60"), stdout=chld.PIPE) as child:
            child.stdout.readline()
            with self.assertRaises(chld.TimeoutExpired):
                child.stop([(signal.SIGTERM, 0.1)])
            status = child.stop([(signal.SIGTERM, 0.1), (signal.SIGKILL, 5)])
            self.assertEqual(status.signal, signal.SIGKILL)
            self.assertEqual(child.stop(), status)
            with self.assertRaises(ProcessLookupError):
                child.kill(signal.SIGTERM)
        with chld.spawn(["sleep", "60"], group=chld.NEW) as child:
            child.kill_group(signal.SIGTERM)
        self.assertEqual(child.returncode, -signal.SIGTERM)
        with chld.spawn(sh("sleep 60 & sleep 60")) as child:
            self.assertEqual(child.kill_tree(), 0)
        self.assertEqual(child.returncode, -signal.SIGKILL)

    def test_closing_kills_if_asked(self):
        child = chld.spawn(["sleep", "60"], kill_on_close=True)
        pid = child.pid
        child.close()
        self.wait_until_gone(pid)

    def test_capture_as_a_method(self):
        with chld.spawn(["tr", "a-z", "A-Z"], stdin=chld.PIPE, stdout=chld.PIPE,
                        text=True) as child:
            done = child.capture(input="pear", check=True)
        self.assertEqual((done.stdout, done.stderr), ("PEAR", None))

    def test_adopt_and_release(self):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], os.environ)
        with chld.adopt(pid) as child:
            self.assertEqual(child.wait().exit_code, 9)
        child = chld.spawn(sh("exit 8"))
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child.release(), 0)[1]), 8)
        with self.assertRaises(OSError):
            child.wait()
        with chld.spawn(["true"]) as child:
            os.waitpid(child.release(), 0)

    def test_detached(self):
        with tempfile.NamedTemporaryFile() as file:
            self.assertIsNone(chld.spawn_detached(sh("echo done"), stdout=file.name))
            for _ in range(500):
                if file.read():
                    break
                time.sleep(0.01)
            else:
                self.fail("it wrote nothing")
        with self.assertRaises(FileNotFoundError):
            chld.spawn_detached(["/no/such/program"])

    def test_usage_and_status_outlive_the_handle(self):
        with chld.spawn(["true"]) as child:
            child.wait()
            self.assertGreater(child.usage().max_resident_kib, 0)
        self.assertEqual(child.wait().exit_code, 0)
        self.assertIn("exited with code 0", repr(child))

    def test_a_forked_copy_has_no_descriptors_of_the_library(self):
        with chld.spawn(["cat"], stdin=chld.PIPE):
            pid = os.fork()
            if pid == 0:
                clean = descriptors() == self.before
                works = chld.run(["echo", "x"]).stdout == b"x\n"
                os._exit(0 if clean and works else 1)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)


class Lines(Case):
    def test_lines_of_both_streams(self):
        with chld.spawn(sh("echo a; echo b >&2; printf c"), stdout=chld.PIPE, stderr=chld.PIPE,
                        text=True) as child:
            lines = child.tagged_lines()
            self.assertEqual(sorted(lines), [("stderr", "b\n"), ("stdout", "a\n"),
                                             ("stdout", "c")])
            self.assertEqual(lines.result.returncode, 0)

    def test_lines_come_as_they_are_written(self):
        with chld.spawn(sh("echo first; read answer; echo $answer"), stdin=chld.PIPE,
                        stdout=chld.PIPE, text=True) as child:
            stdin = child.stdin
            lines = child.lines()
            self.assertEqual(next(lines), "first\n")
            stdin.write("second\n")
            stdin.flush()
            self.assertEqual(list(lines), ["second\n"])

    def test_a_line_of_any_length_is_whole(self):
        with chld.spawn(sh("head -c 300000 /dev/zero; echo; echo end"), stdout=chld.PIPE) as child:
            self.assertEqual([len(line) for line in child], [300001, 4])

    def test_a_loop_can_be_left(self):
        with chld.spawn(["yes"], stdout=chld.PIPE) as yes:
            for line in yes:
                self.assertEqual(line, b"y\n")
                break
        self.assertEqual(yes.returncode, -signal.SIGPIPE)

    def test_nothing_is_read_until_a_line_is_wanted(self):
        with chld.spawn(sh("yes | head -c 2000000; echo; echo end"), stdout=chld.PIPE) as child:
            lines = child.lines()
            next(lines)
            self.assertLess(len(lines._queue), 300000)
            self.assertEqual(list(lines)[-1], b"end\n")

    def test_the_timeout_of_lines(self):
        with chld.spawn(sh("echo a; exec sleep 60"), stdout=chld.PIPE) as child:
            lines = child.lines(timeout=0.3)
            self.assertEqual(next(lines), b"a\n")
            with self.assertRaises(chld.TimeoutExpired):
                next(lines)
        self.assertEqual(child.returncode, -signal.SIGTERM)

    def test_lines_of_a_terminal(self):
        with chld.spawn(sh("tty; echo b >&2"), stdin=chld.PTY, stdout=chld.PTY, stderr=chld.PTY,
                        text=True) as child:
            tty, line = child
        self.assertRegex(tty, "^/dev/.*\n$")
        self.assertEqual(line, "b\n")

    def test_input_and_a_progress_bar(self):
        with chld.spawn(["cat"], stdin=chld.PIPE, stdout=chld.PIPE, text=True) as cat:
            self.assertEqual(list(cat.lines(input="1%\r2%\r\nend")), ["1%\r2%\n", "end"])


if __name__ == "__main__":
    unittest.main()

"""chld.run() and the options of a start."""

import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import chld
from case import Case, sh


class Run(Case):
    def test_text_is_decoded_as_by_subprocess(self):
        script = sh(r"printf 'a\r\nb\rc\n'")
        self.assertEqual(chld.run(script, text=True).stdout,
                         subprocess.run(script, capture_output=True, text=True).stdout)
        self.assertEqual(chld.run(script).stdout, b"a\r\nb\rc\n")

    def test_input_of_the_wrong_type_is_refused(self):
        with self.assertRaisesRegex(TypeError, "text=True"):
            chld.run(["cat"], input="text")
        with self.assertRaisesRegex(ValueError, "exclude"):
            chld.run(["cat"], input=b"", stdin=chld.DEVNULL)
        self.assertEqual(chld.run(["cat"], input=bytearray(b"x")).stdout, b"x")
        self.assertEqual(chld.run(["cat"], input=memoryview(b"y")).stdout, b"y")

    def test_empty_input_is_the_end_of_the_file(self):
        self.assertEqual(chld.run(["cat"], input=b"", timeout=10).stdout, b"")

    def test_input_that_nobody_reads_is_no_error(self):
        self.assertEqual(chld.run(["true"], input=b"x" * 1000000).returncode, 0)

    def test_check_raises_an_error_with_the_result(self):
        with self.assertRaises(chld.CalledProcessError) as caught:
            chld.run(sh("echo out; echo err >&2; exit 7"), check=True, text=True)
        error = caught.exception
        self.assertIsInstance(error, subprocess.CalledProcessError)
        self.assertEqual((error.returncode, error.stdout, error.stderr), (7, "out\n", "err\n"))
        self.assertIn("exited with code 7", str(error))
        self.assertEqual(pickle.loads(pickle.dumps(error)).result, error.result)

    def test_max_output_cuts_and_says_so(self):
        done = chld.run(["head", "-c", "5000", "/dev/zero"], max_output=100)
        self.assertEqual((len(done.stdout), done.truncated), (100, True))

    def test_the_last_bytes_can_be_kept(self):
        many = sh("seq 1 1000; seq 1 1000 >&2")
        done = chld.run(many, text=True, max_output=10, keep="tail")
        self.assertEqual((done.stdout, done.stderr, done.truncated),
                         ("\n999\n1000\n", "\n999\n1000\n", True))
        self.assertEqual(chld.run(many, text=True, max_output=8, keep="ends").stdout,
                         "1\n2\n000\n")
        for wrong in ({"keep": "tail"}, {"keep": "middle"}, {"max_output": 0}):
            with self.assertRaises(ValueError):
                chld.run(["true"], **wrong)

    def test_a_tee_gets_the_output_as_well(self):
        with tempfile.TemporaryFile() as file:
            done = chld.run(sh("echo a; echo b >&2"), tee_stdout=file, tee_stderr=file.fileno())
            file.seek(0)
            self.assertEqual((done.stdout, done.stderr), (b"a\n", b"b\n"))
            self.assertEqual(sorted(file.read()), sorted(b"a\nb\n"))

    def test_the_output_of_descendants_is_waited_for_if_asked(self):
        late = sh("(sleep 0.3; echo late) & echo early")
        self.assertEqual(chld.run(late, until_eof=True).stdout, b"early\nlate\n")
        done = chld.run(late)
        self.assertEqual((done.stdout, done.held), (b"early\n", True))

    def test_the_result_has_the_figures(self):
        done = chld.run(sh("i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done"))
        self.assertGreater(done.usage.user_seconds + done.usage.system_seconds, 0)
        self.assertGreater(done.elapsed, 0)
        self.assertGreater(done.pid, 1)
        self.assertTrue(done.success)

    def test_a_stop_plan_is_followed_at_the_timeout(self):
        trap = sh("trap 'echo bye; exit 5' INT; while :; do sleep 0.02; done")
        with self.assertRaises(chld.TimeoutExpired) as caught:
            chld.run(trap, timeout=0.3, stop=[(signal.SIGINT, 10), (signal.SIGKILL, 2)])
        result = caught.exception.result
        self.assertEqual((result.returncode, result.stdout), (5, b"bye\n"))
        self.assertEqual(result.stop_signal, signal.SIGINT)

    def test_a_tree_is_stopped_as_a_whole(self):
        with self.assertRaises(chld.TimeoutExpired) as caught:
            chld.run(sh("setsid sleep 60 & echo $!; wait"), timeout=0.3,
                     stop=chld.StopPlan([(signal.SIGKILL, 2)], target="tree"))
        self.wait_until_gone(caught.exception.result.stdout)

    def test_a_child_that_survives_its_plan_is_reported(self):
        with self.assertRaises(chld.TimeoutExpired) as caught:
            chld.run(sh("trap '' TERM; echo $$; exec sleep 60"), timeout=0.2,
                     stop=[(signal.SIGTERM, 0.1)])
        result = caught.exception.result
        self.assertIsNone(result.returncode)
        os.kill(int(result.stdout), signal.SIGKILL)
        self.wait_until_gone(result.stdout)

    def test_a_missing_program_is_a_file_not_found(self):
        error = None
        try:
            chld.run(["/no/such/program"])
        except FileNotFoundError as caught:
            error = caught
        self.assertIsInstance(error, chld.SpawnError)
        self.assertEqual(error.filename, "/no/such/program")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.step, type(again)), (str(error), "exec", type(error)))

    def test_threads_run_children_at_the_same_time(self):
        codes = []

        def work(number):
            for n in range(10):
                done = chld.run(sh(f"echo {number} {n}; exit {n}"), text=True)
                codes.append((done.returncode, done.stdout) == (n, f"{number} {n}\n"))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [True] * 80)

    def test_the_handler_of_a_signal_runs_while_run_waits(self):
        seen = []
        before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(time.monotonic()))
        try:
            begun = time.monotonic()
            chld.run(sh(f"kill -USR1 {os.getpid()}; exec sleep 0.5"))
            self.assertLess(seen[0] - begun, 0.4)
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_an_exception_of_a_handler_stops_the_child_by_its_plan(self):
        def handler(*_):
            raise RuntimeError("enough")

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            with tempfile.NamedTemporaryFile() as file:
                with self.assertRaisesRegex(RuntimeError, "enough"):
                    chld.run(sh(f"trap 'echo stopped; exit' HUP; kill -USR1 {os.getpid()}; "
                                "while :; do sleep 0.02; done"),
                             stop=[(signal.SIGHUP, 10)], stdout=file.name)
                self.assertEqual(file.read(), b"stopped\n")
        finally:
            signal.signal(signal.SIGUSR1, before)


class Interrupted(unittest.TestCase):
    """A signal handler raises an exception at some moment of a call: no child is left."""

    class Alarm(Exception):
        pass

    def setUp(self):
        def handler(*_):
            raise self.Alarm

        self.before = signal.signal(signal.SIGALRM, handler)
        # Python cannot raise an exception in __del__, and prints it.
        self.hook, sys.unraisablehook = sys.unraisablehook, lambda _: None

    def tearDown(self):
        signal.signal(signal.SIGALRM, self.before)
        sys.unraisablehook = self.hook

    def no_child(self):
        with self.assertRaises(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def interrupt(self, function):
        hits = 0
        for n in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, (n + 1) * 2e-5)
                function()
            except self.Alarm:
                hits += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertGreater(hits, 0)

    def test_run(self):
        self.interrupt(lambda: chld.run(["sleep", "0.005"]))
        self.no_child()

    def test_a_pipeline(self):
        self.interrupt(lambda: chld.run_pipeline([["sleep", "0.005"], ["cat"]]))
        self.no_child()

    def test_a_block_with_lines(self):
        def lines():
            with chld.spawn(sh("echo a; sleep 0.005"), stdout=chld.PIPE) as child:
                list(child)

        self.interrupt(lines)
        # If the exception comes between spawn() and the block, the child runs to its end.
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            chld.run(["true"])  # any call reaps a child whose handle is closed
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
        self.fail("a child is left")


class Options(Case):
    def output(self, script, **options):
        return chld.run(sh(script), text=True, check=True, **options).stdout.strip()

    def test_the_environment(self):
        self.assertEqual(chld.run(["/usr/bin/env"], env={"A": "1"}).stdout, b"A=1\n")
        self.assertEqual(self.output("echo $HOME-$B", env_set={"B": "2"}, env_unset=["HOME"]),
                         "-2")
        with self.assertRaisesRegex(ValueError, "illegal variable name"):
            chld.run(["true"], env={"A=B": "1"})

    def test_streams_by_path_descriptor_and_constant(self):
        with tempfile.TemporaryFile() as file:
            chld.run(sh("echo out; echo err >&2"), stdout=file, stderr=file)
            file.seek(0)
            self.assertEqual(file.read(), b"out\nerr\n")
        self.assertEqual(self.output("cat", stdin="/dev/null"), "")
        self.assertEqual(self.output("[ -e /proc/self/fd/2 ] || echo closed",
                                     stderr=chld.CLOSED), "closed")
        done = chld.run(sh("echo a; echo b >&2"), stdout=chld.STDERR)
        self.assertEqual((done.stdout, done.stderr), (None, b"a\nb\n"))
        with self.assertRaises(ValueError):
            chld.run(["true"], stdout=-99)
        with self.assertRaises(TypeError):
            chld.run(["true"], stdout=1.5)

    def test_descriptors(self):
        reader, writer = os.pipe()
        self.output(f"echo x >&{writer}", pass_fds=[writer])
        self.output("echo y >&9", fds={9: writer})
        os.close(writer)
        self.assertEqual(os.read(reader, 10), b"x\ny\n")
        os.close(reader)
        self.assertEqual(self.output("ls /proc/self/fd | wc -l"), "4")

    def test_directories_groups_and_numbers(self):
        self.assertEqual(self.output("pwd", cwd="/usr"), "/usr")
        folder = os.open("/usr", os.O_RDONLY)
        self.assertEqual(self.output("pwd", cwd=folder), "/usr")
        os.close(folder)
        self.assertEqual(self.output("umask", umask=0o123), "0123")
        self.assertEqual(int(self.output("nice", nice=3)), os.nice(0) + 3)
        self.assertEqual(self.output("ulimit -n", limits={resource.RLIMIT_NOFILE: (50, 60)}), "50")
        cpu = min(os.sched_getaffinity(0))
        self.assertEqual(self.output("grep Cpus_allowed_list /proc/self/status",
                                     cpus=[cpu]).split()[-1], str(cpu))
        own = 'read -r pid name state ppid group session rest < /proc/$$/stat; echo $((pid - %s))'
        self.assertEqual(self.output(own % "group", group=chld.NEW), "0")
        self.assertEqual(self.output(own % "session", session=True), "0")

    def masks(self, **options):
        """The numbers of SigBlk and SigIgn in /proc/self/status."""
        lines = chld.run(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"], **options).stdout
        return [int(line.split()[1], 16) for line in lines.splitlines()]

    def test_signals(self):
        def bit(number):
            return 1 << number - 1

        # The interpreter ignores SIGPIPE and SIGXFSZ.
        self.assertEqual(self.masks()[1] & (bit(signal.SIGPIPE) | bit(signal.SIGXFSZ)), 0)
        self.assertTrue(self.masks(inherit_signals=True)[1] & bit(signal.SIGPIPE))
        self.assertEqual(self.masks(ignore_signals=[signal.SIGUSR1])[1], bit(signal.SIGUSR1))
        self.assertEqual(self.masks(inherit_signals=True, reset_signals=[signal.SIGPIPE])[1]
                         & bit(signal.SIGPIPE), 0)
        self.assertEqual(self.masks(block_signals=[signal.SIGUSR2])[0], bit(signal.SIGUSR2))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        self.assertEqual(self.masks()[0], 0)
        self.assertEqual(self.masks(inherit_mask=True)[0], bit(signal.SIGUSR2))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def test_the_program_can_differ_from_its_name(self):
        self.assertEqual(chld.run(["name", "-c", "echo $0"], program="/bin/sh").stdout, b"name\n")
        program = os.open("/bin/true", os.O_RDONLY)
        self.assertEqual(chld.run(["name"], program=program).returncode, 0)
        os.close(program)

    def test_a_pseudo_terminal_has_its_size(self):
        done = chld.run(["stty", "size"], stdin=chld.PTY, stdout=chld.PTY, stderr=chld.PTY,
                        window=(33, 77))
        self.assertEqual(done.stdout.split(), [b"33", b"77"])

    def test_unknown_options_and_values_are_refused(self):
        with self.assertRaisesRegex(TypeError, "no_such_option"):
            chld.run(["true"], no_such_option=1)
        with self.assertRaisesRegex(ValueError, "search"):
            chld.run(["true"], search="everywhere")
        with self.assertRaisesRegex(ValueError, "target"):
            chld.run(["true"], stop=chld.StopPlan(target="everybody"))
        with self.assertRaisesRegex(ValueError, "empty"):
            chld.run([])

    def test_numbers_that_do_not_fit_are_refused(self):
        for name, value in {"uid": 2**32, "gid": 2**64, "groups": [2**32], "nice": 2**31,
                            "umask": 2**32, "stdout": 2**32 + 1, "cwd": 2**32, "group": 2**32,
                            "window": (65536, 1), "fds": {3: 2**32}}.items():
            with self.assertRaises(OverflowError, msg=name):
                chld.run(["true"], **{name: value})
        for name, value in {"uid": -1, "gid": -1, "groups": [-1]}.items():
            with self.assertRaises(ValueError, msg=name):
                chld.run(["true"], **{name: value})
        with chld.spawn(["cat"], stdin=chld.PIPE) as child:
            with self.assertRaises(OverflowError):
                child.kill(2**32 + signal.SIGKILL)
        with self.assertRaises(chld.SpawnError):
            chld.run(["true"], uid=2**32 - 1)  # which would mean "unchanged"

    def test_what_the_kernel_supports_can_be_asked(self):
        if chld.supports(private=True):
            self.assertEqual(chld.run(["true"], private=True).returncode, 0)
        else:
            with self.assertRaises(chld.SpawnError):
                chld.run(["true"], private=True)


if __name__ == "__main__":
    unittest.main()

"""The chld package that is installed: what the conformance list does not cover."""

import asyncio
import os
import pickle
import resource
import signal
import subprocess
import tempfile
import threading
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

    def test_what_the_kernel_supports_can_be_asked(self):
        if chld.supports(private=True):
            self.assertEqual(chld.run(["true"], private=True).returncode, 0)
        else:
            with self.assertRaises(chld.SpawnError):
                chld.run(["true"], private=True)


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
                os._exit(0 if descriptors() == self.before else 1)
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
            self.assertLess(len(lines._queue.whole), 300000)
            self.assertEqual(list(lines)[-1], b"end\n")

    def test_the_timeout_of_lines(self):
        with chld.spawn(sh("echo a; exec sleep 60"), stdout=chld.PIPE) as child:
            lines = child.lines(timeout=0.3)
            self.assertEqual(next(lines), b"a\n")
            with self.assertRaises(chld.TimeoutExpired):
                next(lines)
        self.assertEqual(child.returncode, -signal.SIGTERM)

    def test_input_and_a_progress_bar(self):
        with chld.spawn(["cat"], stdin=chld.PIPE, stdout=chld.PIPE, text=True) as cat:
            self.assertEqual(list(cat.lines(input="1%\r2%\r\nend")), ["1%\r2%\n", "end"])


class Pipelines(Case):
    def test_a_pipeline(self):
        with tempfile.NamedTemporaryFile() as words:
            words.write(b"pear\nfig\npear\n")
            words.flush()
            done = chld.run_pipeline([["sort"], ["uniq", "-c"], ["sort", "-rn"]],
                                     stdin=words.name, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["2", "pear", "1", "fig"])
        self.assertEqual([stage.returncode for stage in done.stages], [0, 0, 0])
        self.assertEqual((done.failed, done.returncode), (0, 0))

    def test_the_rightmost_failure_counts(self):
        done = chld.run_pipeline([sh("exit 3"), sh("echo e >&2; exit 4"), ["cat"]])
        self.assertEqual((done.failed, done.returncode, done.status.exit_code), (2, 4, 0))
        self.assertEqual(done.stderr, b"e\n")
        with self.assertRaisesRegex(chld.CalledProcessError, "stage 1 exited with code 3"):
            chld.run_pipeline([sh("exit 3"), ["cat"]], check=True)

    def test_options_of_stages(self):
        done = chld.run_pipeline([chld.Stage(["pwd"], cwd="/usr"), ["cat"]], cwd="/", input=b"")
        self.assertEqual(done.stdout, b"/usr\n")

    def test_a_stage_that_cannot_start_is_named(self):
        with self.assertRaises(FileNotFoundError) as caught:
            chld.run_pipeline([["sleep", "60"], ["/no/such/program"]])
        self.assertEqual((caught.exception.stage, caught.exception.step), (2, "exec"))

    def test_a_timeout_stops_all_stages(self):
        with self.assertRaises(chld.TimeoutExpired) as caught:
            chld.run_pipeline([["sleep", "60"], ["sleep", "60"]], timeout=0.2)
        stages = caught.exception.result.stages
        self.assertEqual([stage.returncode for stage in stages], [-15, -15])

    def test_in_asyncio_and_in_a_set(self):
        done = asyncio.run(chld.run_pipeline_async([["echo", "b"], ["cat"]]))
        self.assertEqual(done.stdout, b"b\n")
        with chld.Set() as loop:
            child = loop.run_pipeline([["echo", "c"], ["cat"]], text=True)
            (event,) = loop
            self.assertEqual(event.result.stdout, "c\n")
            self.assertIs(event.child, child)


class Sets(Case):
    def test_many_children_in_one_loop(self):
        got = {}
        with chld.Set() as loop:
            for n in range(30):
                loop.run(sh(f"echo {n}; exit {n}"), text=True)
            self.assertEqual(len(loop), 30)
            for event in loop:
                self.assertEqual(event.kind, chld.EventKind.CAPTURED)
                got[event.result.returncode] = event.result.stdout
        self.assertEqual(got, {n: f"{n}\n" for n in range(30)})

    def test_exits_stops_and_removal(self):
        with chld.Set() as loop, chld.spawn(sh("kill -STOP $$; exit 3")) as one, \
                chld.spawn(["cat"], stdin=chld.PIPE) as other:
            loop.add(one, stops=True)
            loop.add(other)
            loop.remove(other)
            event = loop.wait(10)
            self.assertEqual((event.kind, event.last), (chld.EventKind.STOPPED, False))
            one.kill(signal.SIGCONT)
            event = loop.wait(10)
            self.assertEqual((event.kind, event.last), (chld.EventKind.EXITED, True))
            self.assertEqual((event.status.exit_code, len(loop)), (3, 0))
            with self.assertRaises(chld.TimeoutExpired):
                loop.wait(0)

    def test_fifty_stubborn_children_stop_in_the_time_of_one(self):
        plan = [(signal.SIGTERM, 0.3), (signal.SIGKILL, 5)]
        with chld.Set() as loop:
            children = [chld.spawn(sh("trap '' TERM; echo; exec sleep 60"), stdout=chld.PIPE)
                        for _ in range(50)]
            for child in children:
                child.stdout.readline()
            begun = time.monotonic()
            for child in children:
                loop.stop(child, plan)
            self.assertEqual({event.status.signal for event in loop}, {signal.SIGKILL})
            self.assertLess(time.monotonic() - begun, 4)
            for child in children:
                child.stdout.close()
                child.close()

    def test_a_thread_can_wake_a_set(self):
        with chld.Set() as loop:
            threading.Timer(0.1, loop.wake).start()
            self.assertEqual(loop.wait(10).kind, chld.EventKind.WOKEN)

    def test_one_that_survives_its_plan(self):
        with chld.Set() as loop, chld.spawn(sh("trap '' TERM; echo; exec sleep 60"),
                                            stdout=chld.PIPE) as child:
            child.stdout.readline()
            loop.stop(child, [(signal.SIGTERM, 0.1)])
            self.assertEqual(loop.wait(10).kind, chld.EventKind.SURVIVED)
            child.kill()
            self.assertEqual(loop.wait(10).kind, chld.EventKind.EXITED)


class Asyncio(Case):
    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))

    def test_waits(self):
        async def main():
            child = chld.spawn(sh("sleep 0.1; exit 6"))
            one, two = await asyncio.gather(child, child.wait_async())
            child.close()
            self.assertEqual((one.exit_code, two), (6, one))
            return await chld.run_async(["cat"], input="text", text=True)

        self.assertEqual(self.run_async(main()).stdout, "text")

    def test_a_wait_that_is_given_up_leaves_the_child(self):
        async def main():
            async with chld.spawn(["cat"], stdin=chld.PIPE) as child:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(child.wait_async(), 0.1)
                self.assertIsNone(child.poll())
                closing = asyncio.create_task(child.wait_async())
                await asyncio.sleep(0)
                child.stdin.close()
                self.assertEqual((await closing).exit_code, 0)

        self.run_async(main())

    def test_lines(self):
        async def main():
            async with chld.spawn(sh("for i in 1 2 3; do echo $i; sleep 0.05; done"),
                                  stdout=chld.PIPE, text=True) as child:
                lines = [line async for line in child]
            self.assertEqual(child.returncode, 0)
            return lines

        self.assertEqual(self.run_async(main()), ["1\n", "2\n", "3\n"])

    def test_lines_of_a_child_without_a_block(self):
        async def main():
            return [line async for line in chld.spawn(["echo", "a"], stdout=chld.PIPE)]

        self.assertEqual(self.run_async(main()), [b"a\n"])

    def test_an_exception_in_the_block_stops_the_child(self):
        async def main():
            with self.assertRaises(ZeroDivisionError):
                async with chld.spawn(["sleep", "60"]) as child:
                    1 / 0
            return child.returncode

        self.assertEqual(self.run_async(main()), -signal.SIGTERM)

    def test_output_that_cannot_be_decoded_is_an_error_of_its_own_task(self):
        async def main():
            return await asyncio.gather(
                chld.run_async(["printf", r"\377"], encoding="utf-8"),
                chld.run_async(["echo", "a"], encoding="utf-8"), return_exceptions=True)

        wrong, right = self.run_async(main())
        self.assertIsInstance(wrong, UnicodeDecodeError)
        self.assertEqual(right.stdout, "a\n")

    def test_a_cancelled_task_stops_its_child_by_the_plan(self):
        async def main(file):
            task = asyncio.create_task(chld.run_async(
                sh("trap 'echo bye; exit' HUP; echo hello; while :; do sleep 0.02; done"),
                stop=[(signal.SIGHUP, 10)], stdout=file))
            while not os.fstat(file.fileno()).st_size:
                await asyncio.sleep(0.01)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        with tempfile.TemporaryFile() as file:
            self.run_async(main(file))
            file.seek(0)
            self.assertEqual(file.read(), b"hello\nbye\n")

    def test_timeout_and_check(self):
        async def main():
            with self.assertRaises(chld.TimeoutExpired):
                await chld.run_async(["sleep", "60"], timeout=0.1)
            with self.assertRaises(chld.CalledProcessError):
                await chld.run_async(["false"], check=True)
            with self.assertRaises(FileNotFoundError):
                await chld.run_async(["/no/such/program"])

        self.run_async(main())


if __name__ == "__main__":
    unittest.main()

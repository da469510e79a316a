"""Pipelines, sets, asyncio."""

import asyncio
import os
import signal
import tempfile
import threading
import time
import unittest

import chld
from case import Case, sh


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

    def test_children_of_a_pipeline(self):
        children = chld.spawn_pipeline([["tr", "a-z", "A-Z"], ["rev"], ["cat"]], text=True,
                                       stdin=chld.PIPE, stdout=chld.PIPE, group=chld.NEW)
        first, _, last = children
        with first.stdin as stdin, last.stdout as stdout:
            stdin.write("pear\n")
            stdin.close()
            self.assertEqual(stdout.read(), "RAEP\n")
        self.assertEqual([child.wait().exit_code for child in children], [0, 0, 0])
        with self.assertRaises(FileNotFoundError) as caught:
            chld.spawn_pipeline([["sleep", "60"], ["/no/such/program"]])
        self.assertEqual(caught.exception.stage, 2)

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

    def test_one_thread_starts_what_another_waits_for(self):
        codes = []

        def take(loop):
            while len(codes) < 200:
                codes.append(loop.wait(30).result.returncode)

        with chld.Set() as loop:
            thread = threading.Thread(target=take, args=(loop,))
            thread.start()
            for n in range(200):
                loop.run(sh(f"exit {n}"))
            thread.join()
        self.assertEqual(sorted(codes), list(range(200)))

    def test_a_start_that_takes_long_delays_no_event(self):
        with tempfile.TemporaryDirectory() as folder, chld.Set() as loop:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            slow = threading.Thread(target=loop.run, args=(["true"],), kwargs={"stdout": fifo})
            slow.start()  # it opens the fifo, and waits for a reader
            quick = loop.run(["true"])
            self.assertIs(loop.wait(10).child, quick)
            self.assertTrue(slow.is_alive())
            with open(fifo, "rb"):
                slow.join()
                self.assertEqual(loop.wait(10).result.returncode, 0)

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

    def test_the_events_of_a_set(self):
        async def main():
            with chld.Set() as loop:
                for code in (1, 2, 3):
                    loop.run(sh(f"exit {code}"))
                return [event.result.returncode async for event in loop]

        self.assertEqual(sorted(self.run_async(main())), [1, 2, 3])

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

//! What the conformance list does not have: pipelines, sets, lines, plans, streams.

use chld::{Cancel, Capture, Command, Event, Keep, Pipeline, Set, Signal, State, Stdio};
use chld::{StopPlan, Stream, Watch};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Long enough for any machine, and short enough for a test that hangs.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_pipeline_has_every_status_and_pipefail() {
    let result = Pipeline::new()
        .stage(sh("printf 'b\\na\\n'; exit 3"))
        .stage(Command::new("sort"))
        .output()
        .unwrap();
    assert_eq!(result.output.stdout, b"a\nb\n");
    assert_eq!(result.output.status.code(), Some(0));
    assert_eq!(result.pipefail.code(), Some(3));
    assert_eq!(result.failed, Some(0));
    let codes: Vec<_> = result.stages.iter().map(|stage| stage.status.code()).collect();
    assert_eq!(codes, [Some(3), Some(0)]);
}

#[test]
fn a_pipeline_names_the_stage_that_cannot_start() {
    let mut pipeline = Pipeline::new();
    pipeline.stage(Command::new("true")).stage(Command::new("/no/such/program"));
    let error = pipeline.spawn().unwrap_err();
    assert_eq!((error.stage(), error.step()), (Some(1), Some("exec")));
    let mut pipeline = Pipeline::new();
    pipeline.stage(Command::new("true")).stage(Command::new("echo").arg("a\0b"));
    assert_eq!(pipeline.output().unwrap_err().stage(), Some(1));
}

#[test]
fn a_pipeline_is_children_when_spawned() {
    let mut pipeline = Pipeline::new();
    pipeline.stage(sh("echo $$")).stage(Command::new("cat").stdout(Stdio::piped()));
    let mut children = pipeline.spawn().unwrap();
    let pid = children[0].id();
    let mut text = String::new();
    children[1].take_stdout().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.trim(), pid.to_string());
    assert!(children.iter().all(|child| child.wait().unwrap().success()));
}

#[test]
fn lines_come_whole_and_break_stops_the_child() {
    let mut lines = Vec::new();
    let output = sh("echo one; echo two >&2; sleep 0.1; printf three").lines(|stream, line| {
        lines.push((stream, String::from_utf8(line.to_vec()).unwrap()));
        ControlFlow::Continue(())
    });
    assert!(output.unwrap().status.success());
    lines.sort_by_key(|(_, line)| line.clone());
    let expected =
        [(Stream::Stdout, "one\n"), (Stream::Stdout, "three"), (Stream::Stderr, "two\n")];
    assert_eq!(lines, expected.map(|(stream, line)| (stream, line.to_string())));

    let output = sh("echo one; exec sleep 60").lines(|_, _| ControlFlow::Break(())).unwrap();
    assert_eq!(output.status.signal(), Some(Signal::TERM));
}

#[test]
fn a_panic_in_the_callback_of_lines_comes_out() {
    let unwound = std::panic::catch_unwind(|| {
        let _ = sh("echo one; exec sleep 60").lines(|_, _| panic!("on purpose"));
    });
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"on purpose"));
}

#[test]
fn as_much_is_kept_as_was_asked_for() {
    for (keep, kept) in [
        (Keep::Head(4), "0123"),
        (Keep::Tail(4), "6789"),
        (Keep::HeadTail(4), "0189"),
        (Keep::Nothing, ""),
        (Keep::All, "0123456789"),
    ] {
        let capture = Capture::new().keep_stdout(keep);
        let output = sh("printf 0123456789").capture(capture).output().unwrap();
        assert_eq!(output.stdout, kept.as_bytes());
        assert_eq!(output.stdout_info.total, 10);
        assert_eq!(output.stdout_info.truncated, kept.len() < 10);
    }
}

#[test]
fn a_tee_gets_what_is_captured() {
    let (mut from, to) = std::os::unix::net::UnixStream::pair().unwrap();
    let output = sh("printf both").capture(Capture::new().tee_stdout(to)).output().unwrap();
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_bytes(), &output.stdout[..]), (&b"both"[..], &b"both"[..]));
}

#[test]
fn streams_can_be_taken() {
    let mut child = Command::new("tr")
        .args(["a-z", "A-Z"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.take_stdin().unwrap();
    assert!(child.take_stdin().is_none());
    stdin.write_all(b"text").unwrap();
    drop(stdin);
    let mut text = String::new();
    child.take_stdout().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "TEXT");
    assert!(child.wait().unwrap().success());
}

#[test]
fn wait_closes_stdin_and_wait_with_output_reads() {
    let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let child =
        sh("echo out; echo err >&2").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
}

#[test]
fn waits_end_with_their_timeout() {
    let child = Command::new("sleep").arg("60").spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(child.is_running().unwrap());
    let begun = Instant::now();
    assert_eq!(child.wait_timeout(Duration::from_millis(50)).unwrap(), None);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL));
    child.kill().unwrap();
    assert_eq!(child.signal(Signal::TERM).unwrap_err().raw_os_error(), 3);
}

#[test]
fn a_stop_plan_goes_on_to_its_next_step() {
    let mut command = sh("trap '' INT; echo ready; while :; do sleep 0.05; done");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    child.take_stdout().unwrap().read_exact(&mut byte).unwrap();
    let plan = StopPlan::new().step(Signal::INT, Duration::from_millis(50));
    let status = child.stop(&plan.step_forever(Signal::KILL)).unwrap();
    assert_eq!((status.state(), status.signal()), (State::Killed, Some(Signal::KILL)));
    assert_eq!(status.to_string(), "killed by SIGKILL");
}

#[test]
fn a_set_reports_exits_stops_and_captures() {
    let set = Set::new().unwrap();
    let child = sh("kill -STOP $$; exit 7").spawn().unwrap();
    set.add(&child, Watch { stops: true, ..Watch::default() }).unwrap();
    let run = set.run(sh("cat; exit 4").input("fed")).unwrap();
    let (mut exited, mut captured) = (None, None);
    while !set.is_empty() {
        match set.wait(Some(LONG)).unwrap().expect("an event") {
            Event::Stopped(id, _) => id.signal("CONT".parse::<Signal>().unwrap()).unwrap(),
            Event::Exited(id, status) => exited = Some((id, status.code())),
            Event::Captured { id, output } => captured = Some((id, output)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(exited, Some((child.handle(), Some(7))));
    let (id, output) = captured.unwrap();
    assert_eq!((id, output.status.code(), &output.stdout[..]), (run, Some(4), &b"fed"[..]));
    assert!(set.next().unwrap().is_none());
}

#[test]
fn a_set_runs_pipelines_and_stops_what_it_runs() {
    let set = Set::new().unwrap();
    let mut pipeline = Pipeline::new();
    pipeline.input("b\na\n").stage(Command::new("sort")).stage(Command::new("cat"));
    let id = set.run_pipeline(&pipeline).unwrap();
    match set.wait(Some(LONG)).unwrap() {
        Some(Event::Pipeline { id: reported, output }) => {
            assert_eq!((reported, &output.output.stdout[..]), (id, &b"a\nb\n"[..]));
            assert_eq!(output.stages.len(), 2);
        }
        other => panic!("{other:?}"),
    }
    let id = set.run(Command::new("sleep").arg("60")).unwrap();
    set.stop(id, Duration::ZERO, &StopPlan::kill()).unwrap();
    match set.wait(Some(LONG)).unwrap() {
        Some(Event::Captured { output, .. }) => {
            assert_eq!(output.status.signal(), Some(Signal::KILL));
        }
        other => panic!("{other:?}"),
    }
    let id = set.run(Command::new("sleep").arg("60").kill_on_drop(true)).unwrap();
    set.remove(id).unwrap();
    assert!(id.pid().is_err());
}

#[test]
fn a_set_is_woken_and_has_a_descriptor() {
    let set = Set::new().unwrap();
    assert!(set.as_fd().as_raw_fd() >= 0);
    let waker = set.waker();
    let thread = std::thread::spawn(move || waker.wake());
    assert!(matches!(set.wait(Some(LONG)).unwrap(), Some(Event::Woken)));
    thread.join().unwrap().unwrap();
    assert!(set.wait(Some(Duration::from_millis(20))).unwrap().is_none());
    drop(set);
    assert!(waker.wake().is_err());
}

#[test]
fn threads_share_a_set() {
    const RUNS: usize = 40;
    let set = Set::new().unwrap();
    let captured = std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    loop {
                        match set.wait(Some(LONG)).unwrap().expect("an event") {
                            Event::Captured { output, .. } if output.stdout == b"text" => {
                                count += 1
                            }
                            Event::Woken => return count,
                            other => panic!("{other:?}"),
                        }
                    }
                })
            })
            .collect();
        for number in 0..RUNS {
            let keep = if number % 2 == 0 { Keep::All } else { Keep::Head(4) };
            let capture = Capture::new().keep_stdout(keep);
            set.run(sh("printf text").capture(capture)).unwrap();
        }
        while !set.is_empty() {
            std::thread::yield_now();
        }
        waiters
            .into_iter()
            .map(|waiter| {
                while !waiter.is_finished() {
                    set.waker().wake().unwrap();
                    std::thread::yield_now();
                }
                waiter.join().unwrap()
            })
            .sum::<usize>()
    });
    assert_eq!(captured, RUNS);
}

#[test]
fn a_cancelled_command_does_not_run_long_even_if_cancelled_before() {
    let cancel = Cancel::new().unwrap();
    cancel.cancel();
    let output = Command::new("sleep").arg("60").cancel(&cancel).output().unwrap();
    assert!(output.cancelled && !output.timed_out);
}

#[test]
fn the_settings_arrive() {
    let output =
        sh("umask; ulimit -n; nice; echo \"$0 ${HOME-none} $A\"; ps -o pgid= -p $$ | tr -d ' '")
            .umask(0o27)
            .limit(7, Some(100), Some(100))
            .nice(3)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("A", "b")
            .process_group(0)
            .output()
            .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let own = std::process::Command::new("nice").output().unwrap().stdout;
    let own: i32 = String::from_utf8(own).unwrap().trim().parse().unwrap();
    let nice = (own + 3).to_string();
    assert_eq!(lines[..4], ["0027", "100", &nice, "sh none b"]);
    assert_eq!(lines[4], output.pid.to_string());
}

#[test]
fn arg0_and_fds_arrive() {
    let (mut from, to) = std::os::unix::net::UnixStream::pair().unwrap();
    let output = Command::new("sh")
        .arg0("renamed")
        .args(["-c", "echo there >&7; echo $0"])
        .fd(to, 7)
        .output()
        .unwrap();
    let mut text = [0; 6];
    from.read_exact(&mut text).unwrap();
    assert_eq!((&text, &output.stdout[..]), (b"there\n", &b"renamed\n"[..]));
}

#[test]
fn a_terminal_is_a_terminal() {
    let output = sh("test -t 0 && test -t 1 && stty size")
        .stdin(Stdio::pty())
        .stdout(Stdio::pty())
        .pty_size(30, 90)
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"30 90\r\n");

    let mut command = sh("read line; stty size");
    let child = command.stdin(Stdio::pty()).stdout(Stdio::pty()).pty_no_echo(true).spawn().unwrap();
    let mut terminal = std::fs::File::from(child.stdout().unwrap().try_clone_to_owned().unwrap());
    child.resize_pty(40, 100).unwrap();
    terminal.write_all(b"\n").unwrap();
    let mut text = [0; 8];
    terminal.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"40 100\r\n");
    assert!(child.wait().unwrap().success());
}

#[test]
#[expect(clippy::zombie_processes)] // this crate waits for it
fn a_child_can_be_adopted_and_released() {
    let own = std::process::Command::new("sh").args(["-c", "exit 9"]).spawn().unwrap();
    let child = chld::Child::adopt(own.id() as i32).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    let child = Command::new("sleep").arg("60").spawn().unwrap();
    child.signal(Signal::KILL).unwrap();
    let pid = child.release().unwrap();
    let own = chld::Child::adopt(pid).unwrap();
    assert_eq!(own.wait().unwrap().signal(), Some(Signal::KILL));
}

#[test]
fn statuses_convert_and_usage_is_there() {
    let child = sh("exit 5").spawn().unwrap();
    let status = child.wait().unwrap();
    let own: std::process::ExitStatus = status.try_into().unwrap();
    assert_eq!(
        (own.code(), status.shell_code(), status.wait_word()),
        (Some(5), Some(5), Some(0x500))
    );
    assert_eq!(status.exit_ok().unwrap_err().to_string(), "the child exited with code 5");
    assert!(child.usage().unwrap().max_resident_kib > 0);
}

#[test]
fn a_name_of_a_variable_is_checked() {
    for name in ["", "A=B", "A\0B"] {
        let error = sh("true").env(name, "value").spawn().unwrap_err();
        assert_eq!((error.step(), error.raw_os_error()), (Some("environment"), 22), "{name:?}");
    }
}

#[test]
fn nobody_waits_for_a_detached_child() {
    let (mut from, to) = std::os::unix::net::UnixStream::pair().unwrap();
    sh("echo there").stdout(std::os::fd::OwnedFd::from(to)).spawn_detached().unwrap();
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    assert_eq!(text, "there\n");
}

/// Opening a FIFO lasts until its other end is opened.
#[test]
fn a_start_that_takes_long_delays_no_event() {
    let fifo = std::env::temp_dir().join(format!("chld-rust-fifo-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let set = Set::new().unwrap();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| set.run(Command::new("cat").stdin(Stdio::path(&fifo))).unwrap());
        let quick = set.run(&sh("exit 3")).unwrap();
        let Some(Event::Captured { id, output }) = set.wait(Some(LONG)).unwrap() else {
            panic!("no capture");
        };
        assert_eq!((id, output.status.code()), (quick, Some(3)));
        assert!(!slow.is_finished());
        std::fs::write(&fifo, "text").unwrap();
        let slow = slow.join().unwrap();
        let Some(Event::Captured { id, output }) = set.wait(Some(LONG)).unwrap() else {
            panic!("no capture");
        };
        assert_eq!((id, &output.stdout[..]), (slow, &b"text"[..]));
    });
    std::fs::remove_file(&fifo).unwrap();
}

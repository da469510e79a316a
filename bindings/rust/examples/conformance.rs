//! The conformance list of the bindings (`bindings/conformance.txt`): one line per item.
//!
//! `conformance ctrl-c` is the process of its own of the item of that name.

use chld::{Cancel, Command, Error, Output, Signal, State, Stdio, StopPlan};
use std::ffi::{OsStr, c_int};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

type Verdict = Result<(), Box<dyn std::error::Error>>;

/// Fails the item unless the two are equal.
macro_rules! equal {
    ($is:expr, $should:expr) => {{
        let (is, should) = (&$is, &$should);
        if is != should {
            return Err(format!("{} is {is:?}, not {should:?}", stringify!($is)).into());
        }
    }};
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn exits(script: &str, code: i32) -> Verdict {
    let status = sh(script).spawn()?.wait()?;
    equal!((status.state(), status.code(), status.signal()), (State::Exited, Some(code), None));
    Ok(())
}

fn is_killed(script: &str, signal: i32) -> Verdict {
    let status = sh(script).spawn()?.wait()?;
    equal!((status.code(), status.signal()), (None, Some(Signal(signal))));
    Ok(())
}

fn missing() -> Verdict {
    let error = Command::new("/no/such/program").spawn().unwrap_err();
    equal!((error.raw_os_error(), error.step()), (2, Some("exec")));
    equal!(error.item(), OsStr::new("/no/such/program"));
    Ok(())
}

fn captured() -> Verdict {
    let script = r#"echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3"#;
    let output = sh(script).current_dir("/").env("CHILD", "captured").input("captured").output()?;
    equal!(output.status.code(), Some(3));
    equal!(output.stdout, b"/ captured CAPTURED\n");
    equal!(output.stderr.len(), 100_000);
    Ok(())
}

fn slow() -> Verdict {
    let mut command = sh("exec sleep 60");
    let output =
        command.timeout(Duration::from_millis(200)).stop_plan(StopPlan::kill()).output()?;
    equal!((output.status.signal(), output.timed_out), (Some(Signal::KILL), true));
    Ok(())
}

fn stops(script: &str, signal: Option<Signal>, code: Option<i32>) -> Verdict {
    let child = sh(script).spawn()?;
    let stop = child.wait_change(None)?.ok_or("no change")?;
    equal!((stop.state(), stop.signal()), (State::Stopped, Some("STOP".parse()?)));
    child.signal(Signal::TERM)?;
    child.signal("CONT".parse::<Signal>()?)?;
    let status = child.wait()?;
    equal!((status.signal(), status.code()), (signal, code));
    Ok(())
}

const BOTH: &str = "echo a; echo b >&2";

fn merged() -> Verdict {
    let output = sh(BOTH).stderr(Stdio::stdout()).output()?;
    equal!((output.stdout, output.stderr), (b"a\nb\n".to_vec(), vec![]));
    Ok(())
}

fn discarded() -> Verdict {
    let output = sh(BOTH).stderr(Stdio::null()).output()?;
    equal!((output.stdout, output.stderr), (b"a\n".to_vec(), vec![]));
    let output = sh(BOTH).stdout(Stdio::null()).output()?;
    equal!((output.stdout, output.stderr), (vec![], b"b\n".to_vec()));
    Ok(())
}

/// A file in a directory of this process's own.
fn scratch(name: &str) -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("chld-rust-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(name))
}

fn redirected() -> Verdict {
    let (one, two) = (scratch("one")?, scratch("two")?);
    std::fs::write(&one, "text\n")?;
    let mut cat = Command::new("cat");
    let output = cat.stdin(Stdio::path(&one)).stdout(Stdio::path(&two)).output()?;
    equal!((output.stdout.len(), std::fs::read(&two)?), (0, b"text\n".to_vec()));
    std::fs::remove_file(&two)?;
    // The copies go to the child; the program's own stay open.
    let (from, to) = (File::open(&one)?, File::create(&two)?);
    let output = Command::new("cat").stdin(from.try_clone()?).stdout(to.try_clone()?).output()?;
    equal!((output.stdout.len(), std::fs::read(&two)?), (0, b"text\n".to_vec()));
    equal!((from.metadata()?.len(), to.metadata()?.len()), (5, 5));
    std::fs::remove_dir_all(one.parent().ok_or("no parent")?)?;
    Ok(())
}

fn large() -> Verdict {
    let input: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 251) as u8).collect();
    let output = sh("head -c 10000000 /dev/zero >&2; cat").input(input.clone()).output()?;
    equal!((output.stdout == input, output.stderr.len()), (true, 10_000_000));
    Ok(())
}

fn bytes() -> Verdict {
    let odd = OsStr::from_bytes(&[0xff, 0xfe, 0x80]);
    let mut command = sh(r#"printf '%s|%s' "$1" "$BYTES""#);
    let output = command.arg("sh").arg(odd).env("BYTES", odd).output()?;
    equal!(output.stdout, [0xff, 0xfe, 0x80, b'|', 0xff, 0xfe, 0x80]);
    Ok(())
}

/// Refused, by the step that would have had the string.
fn refused(result: chld::Result<Output>, step: &str) -> Verdict {
    let error: std::io::Error = result.err().ok_or("not refused")?.into();
    equal!(error.kind(), std::io::ErrorKind::InvalidInput);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    equal!(inner.and_then(Error::step), Some(step));
    Ok(())
}

fn nul_argument() -> Verdict {
    refused(Command::new("echo").arg("shown\0cut").output(), "arguments")?;
    refused(Command::new("ec\0ho").output(), "arguments")
}

fn nul_environment() -> Verdict {
    refused(Command::new("true").env("A\0B", "value").output(), "environment")?;
    refused(Command::new("true").env("A", "val\0ue").output(), "environment")?;
    refused(Command::new("true").env_remove("A\0B").output(), "environment")
}

fn nul_path() -> Verdict {
    refused(Command::new("true").current_dir("/\0tmp").output(), "chdir")?;
    refused(Command::new("true").stdin(Stdio::path("/dev/null\0")).output(), "open")
}

fn timeout_partial() -> Verdict {
    let begun = Instant::now();
    let output = sh("echo begun; exec sleep 60").timeout(Duration::from_millis(300)).output()?;
    equal!((output.timed_out, output.stdout), (true, b"begun\n".to_vec()));
    equal!(begun.elapsed() < Duration::from_secs(5), true);
    Ok(())
}

fn cancel() -> Verdict {
    let cancel = Cancel::new()?;
    let other = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.cancel();
        Instant::now()
    });
    let output = sh("echo begun; exec sleep 60").cancel(&cancel).output()?;
    let cancelled_at = thread.join().map_err(|_| "the thread panicked")?;
    equal!((output.cancelled, output.timed_out), (true, false));
    equal!(output.status.signal(), Some(Signal::TERM));
    equal!(cancelled_at.elapsed() < Duration::from_secs(2), true);
    Ok(())
}

static INTERRUPTED: OnceLock<Cancel> = OnceLock::new();

extern "C" fn on_interrupt(_signal: c_int) {
    if let Some(cancel) = INTERRUPTED.get() {
        cancel.cancel();
    }
}

unsafe extern "C" {
    fn signal(signal: c_int, handler: extern "C" fn(c_int)) -> usize;
}

/// What a program does that must not leave its children behind at Control-C.
fn interruptible() -> Verdict {
    let cancel = INTERRUPTED.get_or_init(|| Cancel::new().expect("two descriptors"));
    // SAFETY: the handler only calls what is async-signal-safe.
    unsafe { signal(Signal::INT.0, on_interrupt) };
    let mut sleep = Command::new("sh");
    let output = sleep
        .args(["-c", "echo $$ >&2; exec sleep 60"])
        .stderr(Stdio::inherit())
        .cancel(cancel)
        .output()?;
    equal!(output.cancelled, true);
    Ok(())
}

fn ctrl_c() -> Verdict {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program).arg("ctrl-c").stderr(Stdio::piped()).spawn()?;
    let mut stderr = child.take_stderr().ok_or("no pipe")?;
    std::thread::sleep(Duration::from_millis(500));
    child.signal(Signal::INT)?;
    let status = child.wait_timeout(Duration::from_secs(2))?.ok_or("it goes on")?;
    equal!(status.to_string(), "exited with code 0");
    // The end of the pipe: nobody has it open, so the sleep is gone.
    let mut pid = String::new();
    stderr.read_to_string(&mut pid)?;
    equal!(PathBuf::from(format!("/proc/{}", pid.trim())).exists(), false);
    Ok(())
}

fn beside() -> Verdict {
    let script = |code: usize| ["-c".to_string(), format!("sleep 0.1; exit {code}")];
    let mut ours = Vec::new();
    let mut own = Vec::new();
    for number in 0..200 {
        ours.push(Command::new("sh").args(script(number % 256)).spawn()?);
        if number < 40 {
            own.push(std::process::Command::new("sh").args(script(number)).spawn()?);
        }
    }
    for (number, child) in ours.iter().enumerate() {
        equal!(child.wait()?.code(), Some((number % 256) as i32));
    }
    for (number, child) in own.iter_mut().enumerate() {
        equal!(child.wait()?.code(), Some(number as i32));
    }
    Ok(())
}

fn error_step() -> Verdict {
    let error = Command::new("true").current_dir("/no/such/directory").output().unwrap_err();
    equal!((error.raw_os_error(), error.step()), (2, Some("chdir")));
    equal!(error.item(), OsStr::new("/no/such/directory"));
    equal!(error.to_string(), "chdir /no/such/directory: No such file or directory");
    Ok(())
}

const TRAP: &str = "trap 'exit 123' TERM; kill -STOP $$; exit 7";

fn main() {
    if std::env::args().nth(1).as_deref() == Some("ctrl-c") {
        if let Err(why) = interruptible() {
            eprintln!("{why}");
            std::process::exit(1);
        }
        return;
    }
    let items: [(&str, &dyn Fn() -> Verdict); 24] = [
        ("success", &|| exits("exit 0", 0)),
        ("failure", &|| exits("exit 1", 1)),
        ("pretender", &|| exits("exit 143", 143)),
        ("segfault", &|| is_killed("ulimit -c 0; kill -SEGV $$", 11)),
        ("abort", &|| is_killed("ulimit -c 0; kill -ABRT $$", 6)),
        ("missing", &missing),
        ("captured", &captured),
        ("slow", &slow),
        ("stopped", &|| stops("kill -STOP $$; exit 7", Some(Signal::TERM), None)),
        ("caught", &|| stops(TRAP, None, Some(123))),
        ("merged-stderr", &merged),
        ("discarded", &discarded),
        ("redirected", &redirected),
        ("large-output", &large),
        ("bytes", &bytes),
        ("nul-argument", &nul_argument),
        ("nul-environment", &nul_environment),
        ("nul-path", &nul_path),
        ("string-for-list # a name and arguments are different calls", &|| {
            let error = Command::new("echo true").output().unwrap_err();
            equal!((error.step(), error.item()), (Some("exec"), OsStr::new("echo true")));
            Ok(())
        }),
        ("timeout-partial", &timeout_partial),
        ("cancel", &cancel),
        ("ctrl-c", &ctrl_c),
        ("beside", &beside),
        ("error-step", &error_step),
    ];
    let mut failed = false;
    for (name, item) in items {
        match item() {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                failed = true;
                println!("not ok {name}: {why}");
            }
        }
    }
    std::process::exit(failed.into());
}

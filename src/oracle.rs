//! The library against the system's own headers, which c-tests/oracle.c asks.
#![allow(unsafe_code)]

use crate::status::signals;
use crate::status::word::{State, Status};
use crate::sys::fd::OwnedFd;
use crate::sys::wait::{self, Change, WaitId};
use crate::sys::{Errno, host, pidfd, raw, signal};
use core::ffi::{CStr, c_char};
use std::collections::HashSet;
use std::ffi::CString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

#[derive(Default, Debug, PartialEq, Eq)]
#[repr(C)]
struct Word {
    exited: i32,
    exit_status: i32,
    signaled: i32,
    term_signal: i32,
    core: i32,
    stopped: i32,
    stop_signal: i32,
    continued: i32,
}

unsafe extern "C" {
    safe fn oracle_word(word: i32, ret: &mut Word);
    fn oracle_constant(name: *const c_char, ret: &mut i64) -> i32;
    fn oracle_layout(name: *const c_char, offset: &mut usize, size: &mut usize) -> i32;
    safe fn oracle_wait4(pid: i32, options: i32, word: &mut i32, figures: &mut [i64; 9]) -> i32;
    safe fn oracle_signal(i: usize, ret: &mut i32) -> *const c_char;
    safe fn oracle_realtime(lowest: &mut i32, highest: &mut i32);
    safe fn oracle_signal_name(number: i32) -> *const c_char;
    safe fn oracle_signal_known(number: i32) -> i32;
    safe fn oracle_errno_text(number: i32) -> *const c_char;
    safe fn oracle_set_disposition(number: i32, kind: i32) -> i32;
    safe fn oracle_disposition(number: i32) -> i32;
    safe fn oracle_mask() -> u64;
}

/// A string of the oracle's, or `None` for NULL.
fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: NULL, or a C string that lasts until this thread's next question.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned())
}

/// The value in the headers; `None` where they lack it.
fn constant(name: &str) -> Option<i64> {
    let c_name = CString::new(name).unwrap();
    let mut value = 0;
    // SAFETY: a live C string.
    match unsafe { oracle_constant(c_name.as_ptr(), &mut value) } {
        1 => Some(value),
        0 => {
            eprintln!("skipped: these headers have no {name}");
            None
        }
        _ => panic!("c-tests/oracle.c does not have {name}"),
    }
}

/// The offset of what the headers lack.
const NOWHERE: usize = usize::MAX;

/// (offset, size) of a struct or a member in the headers.
fn layout(name: &str) -> (usize, usize) {
    let (c_name, mut offset, mut size) = (CString::new(name).unwrap(), 0, 0);
    // SAFETY: a live C string.
    let known = unsafe { oracle_layout(c_name.as_ptr(), &mut offset, &mut size) };
    assert_eq!(known, 1, "c-tests/oracle.c does not have {name}");
    (offset, size)
}

/// What the macros answer, in the library's terms.
fn by_macros(word: i32) -> Result<Status, Errno> {
    let mut is = Word::default();
    oracle_word(word, &mut is);
    let (state, code) = match [is.exited, is.signaled, is.stopped, is.continued] {
        [0, 0, 0, 0] => return Err(Errno::EINVAL),
        [1, 0, 0, 0] => (State::Exited, is.exit_status),
        [0, 1, 0, 0] if is.core == 1 => (State::Dumped, is.term_signal),
        [0, 1, 0, 0] => (State::Killed, is.term_signal),
        [0, 0, 1, 0] => (State::Stopped, is.stop_signal),
        [0, 0, 0, 1] => (State::Continued, libc::SIGCONT),
        _ => panic!("the macros contradict each other on {word:#x}"),
    };
    Ok(Status { state, code })
}

/// 100,000 words beyond the kernel's 16 bits, the same in every run.
fn words_beyond() -> impl Iterator<Item = i32> {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let random = core::iter::repeat_with(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as i32
    });
    let edges = [i32::MIN, i32::MAX, -1, -2, -0xffff, -0x10000, 0x10000, 0x1ffff];
    edges.into_iter().chain(random).filter(|word| !(0..=0xffff).contains(word)).take(100_000)
}

#[test]
fn every_word_decodes_as_the_macros_read_it() {
    for word in (0..=0xffff).chain(words_beyond()) {
        assert_eq!(Status::decode(word), by_macros(word), "{word:#x}");
    }
}

/// Exactly the statuses that the macros can read have a word.
#[test]
fn encode_is_the_inverse() {
    let key = |status: Status| (status.state as i32, status.code);
    let told: HashSet<_> = (0..=0xffff).filter_map(|word| by_macros(word).ok().map(key)).collect();
    let numbers: Vec<i32> = (-300..=300).chain([i32::MIN, i32::MAX, 0x1_0001]).collect();
    for state in (-1..=16).filter_map(State::from_number) {
        for &code in &numbers {
            let status = Status { state, code };
            match status.encode() {
                // There is one word for "continued", whatever the code.
                Ok(word) if state == State::Continued => assert_eq!(word, 0xffff),
                Ok(word) => assert_eq!(by_macros(word), Ok(status), "{word:#x}"),
                Err(_) => assert!(!told.contains(&key(status)), "{status:?} has no word"),
            }
        }
    }
}

/// A word that the kernel makes comes back bit by bit.
#[test]
fn a_word_of_the_kernels_survives_decoding_and_encoding() {
    let exits_and_stops = (0..=0xff).flat_map(|code| [code << 8, code << 8 | 0x7f]);
    let ends = (1..0x7f).flat_map(|signal| [signal, signal | 0x80]);
    for word in exits_and_stops.chain(ends).chain([0xffff]) {
        assert_eq!(Status::decode(word).and_then(Status::encode), Ok(word), "{word:#x}");
    }
}

macro_rules! same_as_headers {
    ($($owner:ident: $($name:ident)*;)*) => {
        $($({
            if let Some(theirs) = constant(stringify!($name)) {
                assert_eq!($owner::$name as i64, theirs, stringify!($name));
            }
        })*)*
    };
}

#[test]
fn constants_are_those_of_the_headers() {
    same_as_headers! {
        libc: E2BIG EAGAIN EACCES EBADF EBUSY ECHILD EINTR EINVAL EIO EMFILE ENAMETOOLONG
            ENODATA ENODEV ENOENT ENOEXEC ENOMEM ENOSYS ENOTDIR EPERM EPIPE ERANGE ESRCH
            ESTALE ETIMEDOUT CLD_EXITED CLD_KILLED CLD_DUMPED CLD_STOPPED CLD_CONTINUED P_PID
            P_PIDFD SIG_DFL SIG_IGN SIG_SETMASK SIG_UNBLOCK AT_FDCWD FD_CLOEXEC F_DUPFD_CLOEXEC
            F_GETFD F_SETFD F_OK O_CLOEXEC O_DIRECTORY O_RDONLY O_WRONLY PATH_MAX POLLIN
            PROT_READ PROT_WRITE MAP_PRIVATE MAP_ANONYMOUS MADV_WIPEONFORK CLOCK_MONOTONIC
            RLIMIT_CORE CLONE_VM CLONE_VFORK CLONE_FILES CLONE_PIDFD WEXITED WSTOPPED
            WCONTINUED WNOHANG WNOWAIT P_ALL SIG_BLOCK SA_NOCLDSTOP SA_NOCLDWAIT SA_NODEFER
            SA_ONSTACK SA_RESETHAND SA_RESTART SA_SIGINFO O_NONBLOCK EPOLLIN EPOLLONESHOT
            EPOLL_CLOEXEC EPOLL_CTL_ADD EPOLL_CTL_MOD PR_SET_CHILD_SUBREAPER MAP_FAILED
            SYS_chdir SYS_clone SYS_close SYS_dup3 SYS_execve SYS_exit_group SYS_faccessat
            SYS_getdents64 SYS_openat SYS_rt_sigaction SYS_rt_sigprocmask SYS_setpgid
            SYS_setsid SYS_unshare SYS_waitid SYS_write;
        raw: SIGSET_BYTES CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC;
    }
}

#[test]
fn errnos_have_the_words_of_the_c_library() {
    for number in 1..=133 {
        let theirs = text(oracle_errno_text(number)).unwrap();
        // Where C has no words it makes some up with the number, we without.
        let made_up = theirs.strip_suffix(&format!(" {number}")).map(str::to_lowercase);
        let theirs = made_up.unwrap_or(theirs);
        let mut buffer = [0; 128];
        assert_eq!(host::errno_text(Errno(number), &mut buffer), theirs.as_bytes(), "{number}");
    }
}

/// "const NAME: type = 123;", also in hexadecimal.
fn number_written_out(line: &str) -> Option<(String, i64)> {
    let line = line.trim().trim_start_matches("pub ");
    let (name, rest) = line.strip_prefix("const ")?.split_once(": ")?;
    let value = rest.split_once(" = ")?.1.strip_suffix(';')?.replace('_', "");
    let number = match value.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => value.parse(),
    };
    Some((name.to_owned(), number.ok()?))
}

/// What src/sys had to write as a number, because the libc crate lacks it.
#[test]
fn numbers_written_out_are_those_of_the_headers() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sys")).unwrap();
    let text: String = files.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).collect();
    let written: Vec<(String, i64)> = text.lines().filter_map(number_written_out).collect();
    for needed in ["SYS_CLONE3", "SYS_PIDFD_OPEN", "CLEAR_SIGHAND", "PTHREAD_CANCEL_DISABLE"] {
        assert!(written.iter().any(|(name, _)| name == needed), "{needed} was not found");
    }
    for (name, ours) in written {
        let theirs = match name.as_str() {
            "CLEAR_SIGHAND" | "INTO_CGROUP" => format!("CLONE_{name}"),
            "PTHREAD_CANCEL_DISABLE" => name,
            call if call.starts_with("SYS_") => format!("SYS_{}", call[4..].to_lowercase()),
            _ => continue, // the library's own
        };
        if let Some(value) = constant(&theirs) {
            assert_eq!(ours, value, "{theirs}");
        }
    }
}

macro_rules! same_layout {
    ($($type:ident = $theirs:literal $($member:ident)*;)*) => {
        $({
            assert_eq!(layout($theirs), (0, size_of::<libc::$type>()), $theirs);
            $({
                let name = concat!($theirs, ".", stringify!($member));
                assert_eq!(layout(name).0, core::mem::offset_of!(libc::$type, $member), "{name}");
            })*
        })*
    };
}

#[test]
fn structs_are_laid_out_as_in_the_headers() {
    same_layout! {
        pollfd = "struct pollfd" fd events revents;
        timespec = "struct timespec" tv_sec tv_nsec;
        rlimit = "struct rlimit" rlim_cur rlim_max;
        sigset_t = "sigset_t";
        nfds_t = "nfds_t";
        siginfo_t = "siginfo_t" si_signo si_code;
    }
}

/// clone3's arguments are private to `sys::clone`: its text is read.
#[test]
fn clone_args_are_in_the_kernels_order() {
    let (_, rest) = include_str!("sys/clone.rs").split_once("struct CloneArgs {").unwrap();
    let mut offset = 0;
    for member in rest.split_once('}').unwrap().0.trim().lines() {
        let (name, kind) = member.trim().trim_end_matches(',').split_once(": ").unwrap();
        match layout(&format!("struct clone_args.{name}")) {
            (NOWHERE, _) => eprintln!("skipped: these headers have no clone_args.{name}"),
            (theirs, _) => assert_eq!(offset, theirs, "{name}"),
        }
        offset += match kind {
            "u64" => 8,
            "[u64; 2]" => 16,
            _ => panic!("{name} is no u64"),
        };
    }
    assert!(offset >= 64, "the kernel takes no fewer");
}

/// A shell that runs `script`; its stdin stays open until the `Child` lets go.
fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap()
}

fn pidfd_of(child: &Child) -> Option<OwnedFd> {
    let skipped = |errno: &Errno| eprintln!("skipped: pidfd_open says {errno:?}");
    pidfd::open(child.id() as i32).inspect_err(skipped).ok()
}

fn peek(wait_id: WaitId, options: i32) -> Change {
    crate::sys::retry(|| wait::waitid(wait_id, options | wait::PEEK)).unwrap().unwrap()
}

/// One zombie, seen through the raw waitid and then through wait4.
#[test]
#[allow(clippy::zombie_processes)] // wait4 reaps it
fn waitid_tells_what_wait4_tells() {
    let ends = ["exit 0", "exit 1", "exit 42", "exit 255", "kill -TERM $$", "kill -KILL $$"];
    for script in ends {
        let child = shell(&format!("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; {script}"));
        let pid = child.id() as i32;
        let change = peek(WaitId::Pid(pid), wait::EXITED);
        if let Some(pidfd) = pidfd_of(&child) {
            let by_pidfd = peek(WaitId::Pidfd(pidfd.number()), wait::EXITED);
            assert_eq!((by_pidfd.pid, by_pidfd.status), (pid, change.status));
        }
        let (mut word, mut theirs) = (0, [0; 9]);
        assert_eq!(oracle_wait4(pid, 0, &mut word, &mut theirs), pid);
        assert_eq!(Ok(Status::of_change(&change)), by_macros(word), "{script}");
        let u = change.usage;
        let micros = |[seconds, micros]: [isize; 2]| seconds * 1_000_000 + micros;
        let ours = [
            micros(u.user_time), micros(u.system_time), u.max_resident, u.minor_faults,
            u.major_faults, u.blocks_in, u.blocks_out, u.voluntary_switches,
            u.involuntary_switches,
        ];
        // A zombie may still be on its way off the CPU: that much more time, and a
        // switch, can be on its account by the later look.
        let still_counted = [true, true, false, false, false, false, false, true, true];
        for ((ours, theirs), more) in ours.into_iter().zip(theirs).zip(still_counted) {
            let (ours, slack) = (ours as i64, if more { 1000 } else { 0 });
            assert!(ours <= theirs && theirs <= ours + slack, "{script}: {ours} {theirs}");
        }
        assert!(theirs[0] + theirs[1] > 0 && theirs[2] > 0 && theirs[3] > 0, "{theirs:?}");
    }
}

#[test]
fn a_stop_and_a_continuation_read_as_the_macros_read_them() {
    let mut child = shell("kill -STOP $$; read line; exit 3");
    let pid = child.id() as i32;
    let expect = |options, flag, state| {
        let (mut word, mut figures) = (0, [0; 9]);
        let change = peek(WaitId::Pid(pid), options | wait::EXITED);
        assert_eq!(oracle_wait4(pid, flag, &mut word, &mut figures), pid);
        assert_eq!(Ok(Status::of_change(&change)), by_macros(word), "{word:#x}");
        assert_eq!(Status::of_change(&change).state, state);
    };
    expect(wait::STOPPED, libc::WUNTRACED, State::Stopped);
    signal::kill(pid, libc::SIGCONT).unwrap();
    expect(wait::CONTINUED, libc::WCONTINUED, State::Continued);
    assert_eq!(child.wait().unwrap().code(), Some(3)); // closes its stdin first
}

/// PIDFD_GET_INFO, against the status that the reaper got.
#[test]
fn a_stolen_status_is_the_word_that_waitpid_stored() {
    for script in ["exit 7", "kill -KILL $$"] {
        let mut child = shell(script);
        let pidfd = pidfd_of(&child);
        let word = child.wait().unwrap().into_raw();
        match pidfd.and_then(|pidfd| pidfd::exit_word(pidfd.number())) {
            Some(recovered) => assert_eq!(recovered, word, "{script}"),
            None => eprintln!("skipped: this kernel does not tell (Linux 6.15 does)"),
        }
    }
}

#[test]
fn signal_macros_and_names_agree() {
    let mut number = 0;
    let theirs: Vec<(String, i32)> = (0..)
        .map_while(|i| text(oracle_signal(i, &mut number)).map(|name| (name, number)))
        .collect();
    for (name, number) in &theirs {
        assert_eq!(signals::number(name.as_bytes()), Ok(*number), "{name}");
        let ours = signals::name(*number).unwrap().to_str().unwrap().to_owned();
        assert!(theirs.contains(&(ours, *number)), "{number}");
    }
    for number in 1..=64 {
        // SIGIO is SIGPOLL; the one is BSD's name, the other System V's.
        if let Some(bare) = text(oracle_signal_name(number)) {
            assert_eq!(signals::number(bare.as_bytes()), Ok(number), "{bare}");
            let name = signals::name(number).unwrap().to_str().unwrap();
            assert!(name[3..] == bare || (name == "SIGIO" && bare == "POLL"), "{number}: {name}");
        }
    }
    for number in -5..=200 {
        let ours = signals::name(number).is_some() && signals::text(number).is_some();
        assert_eq!(ours, oracle_signal_known(number) == 1, "signal {number}");
    }
}

#[test]
fn realtime_signals_count_from_where_c_does() {
    let (mut lowest, mut highest) = (0, 0);
    oracle_realtime(&mut lowest, &mut highest);
    assert_eq!(signal::realtime_range(), (lowest, highest));
    for number in lowest..=highest {
        let expected = match number {
            _ if number == lowest => "SIGRTMIN".to_owned(),
            _ if number == highest => "SIGRTMAX".to_owned(),
            _ => format!("SIGRTMIN+{}", number - lowest),
        };
        assert_eq!(signals::name(number).map(CStr::to_bytes), Some(expected.as_bytes()));
        let from_above = format!("SIGRTMAX-{}", highest - number);
        assert_eq!(signals::number(from_above.as_bytes()), Ok(number));
    }
}

/// The kernel's own sigaction, in the layout that `raw` writes out.
#[test]
fn raw_dispositions_are_those_that_c_sees() {
    let number = libc::SIGUSR2;
    for (kind, handled) in [(0, false), (1, false), (2, true)] {
        assert_eq!(oracle_set_disposition(number, kind), 0);
        assert_eq!(raw::has_handler(number), handled, "kind {kind}");
        raw::set_default(number).unwrap();
        assert_eq!(oracle_disposition(number), 0, "kind {kind}");
    }
}

#[test]
fn raw_masks_are_those_that_c_sees() {
    let before = oracle_mask();
    let some = 1 << (libc::SIGUSR1 - 1) | 1 << (libc::SIGRTMIN() - 1) | 1 << 63;
    assert_eq!(raw::exchange_mask(some), Ok(before));
    assert_eq!(oracle_mask(), some);
    let blocked = signal::AllBlocked::enter().unwrap();
    assert_eq!(oracle_mask(), !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1)));
    drop(blocked);
    assert_eq!(oracle_mask(), some);
    raw::set_mask(before).unwrap();
}

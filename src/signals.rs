//! Signals by name and by number. Pure, and safe in a signal handler.

use crate::sys::{Errno, Result, signal};
use core::ffi::CStr;

struct Known {
    number: i32,
    name: &'static CStr,
    text: &'static CStr,
}

macro_rules! known {
    ($($number:ident $name:literal $text:literal;)*) => {
        &[$(Known { number: libc::$number, name: $name, text: $text }),*]
    };
}

/// The first entry with a number gives its name; later ones are its aliases.
static KNOWN: &[Known] = known! {
    SIGHUP c"SIGHUP" c"hangup";
    SIGINT c"SIGINT" c"interrupt";
    SIGQUIT c"SIGQUIT" c"quit";
    SIGILL c"SIGILL" c"illegal instruction";
    SIGTRAP c"SIGTRAP" c"trace or breakpoint trap";
    SIGABRT c"SIGABRT" c"aborted";
    SIGBUS c"SIGBUS" c"bus error";
    SIGFPE c"SIGFPE" c"arithmetic error";
    SIGKILL c"SIGKILL" c"killed";
    SIGUSR1 c"SIGUSR1" c"user signal 1";
    SIGSEGV c"SIGSEGV" c"segmentation fault";
    SIGUSR2 c"SIGUSR2" c"user signal 2";
    SIGPIPE c"SIGPIPE" c"broken pipe";
    SIGALRM c"SIGALRM" c"alarm clock";
    SIGTERM c"SIGTERM" c"terminated";
    SIGCHLD c"SIGCHLD" c"child status changed";
    SIGCONT c"SIGCONT" c"continued";
    SIGSTOP c"SIGSTOP" c"stopped";
    SIGTSTP c"SIGTSTP" c"stopped from the terminal";
    SIGTTIN c"SIGTTIN" c"stopped at terminal input";
    SIGTTOU c"SIGTTOU" c"stopped at terminal output";
    SIGURG c"SIGURG" c"urgent socket condition";
    SIGXCPU c"SIGXCPU" c"CPU time limit exceeded";
    SIGXFSZ c"SIGXFSZ" c"file size limit exceeded";
    SIGVTALRM c"SIGVTALRM" c"virtual timer expired";
    SIGPROF c"SIGPROF" c"profiling timer expired";
    SIGWINCH c"SIGWINCH" c"window size changed";
    SIGIO c"SIGIO" c"input or output possible";
    SIGSYS c"SIGSYS" c"bad system call";
    SIGIOT c"SIGIOT" c"aborted";
};

#[cfg(target_os = "linux")]
static KNOWN_HERE: &[Known] = known! {
    SIGSTKFLT c"SIGSTKFLT" c"coprocessor stack fault";
    SIGPWR c"SIGPWR" c"power failure";
    SIGPOLL c"SIGPOLL" c"input or output possible";
    SIGCHLD c"SIGCLD" c"child status changed";
};
#[cfg(not(target_os = "linux"))]
static KNOWN_HERE: &[Known] = &[];

fn all() -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().chain(KNOWN_HERE)
}

/// Names from SIGRTMIN upwards; the last real-time signal is SIGRTMAX instead.
static REALTIME: [&CStr; 31] = [
    c"SIGRTMIN", c"SIGRTMIN+1", c"SIGRTMIN+2", c"SIGRTMIN+3", c"SIGRTMIN+4", c"SIGRTMIN+5",
    c"SIGRTMIN+6", c"SIGRTMIN+7", c"SIGRTMIN+8", c"SIGRTMIN+9", c"SIGRTMIN+10", c"SIGRTMIN+11",
    c"SIGRTMIN+12", c"SIGRTMIN+13", c"SIGRTMIN+14", c"SIGRTMIN+15", c"SIGRTMIN+16",
    c"SIGRTMIN+17", c"SIGRTMIN+18", c"SIGRTMIN+19", c"SIGRTMIN+20", c"SIGRTMIN+21",
    c"SIGRTMIN+22", c"SIGRTMIN+23", c"SIGRTMIN+24", c"SIGRTMIN+25", c"SIGRTMIN+26",
    c"SIGRTMIN+27", c"SIGRTMIN+28", c"SIGRTMIN+29", c"SIGRTMIN+30",
];

/// `None` for a number that is no signal, and for those that libc keeps to
/// itself (32 and 33 with glibc, 32 to 34 with musl).
pub fn name(number: i32) -> Option<&'static CStr> {
    if let Some(known) = all().find(|known| known.number == number) {
        return Some(known.name);
    }
    let (lowest, highest) = signal::realtime_range();
    match number {
        _ if number < lowest || number > highest => None,
        _ if number == highest => Some(c"SIGRTMAX"),
        _ => REALTIME.get(number.wrapping_sub(lowest) as usize).copied(),
    }
}

pub fn text(number: i32) -> Option<&'static CStr> {
    if let Some(known) = all().find(|known| known.number == number) {
        return Some(known.text);
    }
    name(number).map(|_| c"real-time signal")
}

/// Reads "KILL", "SIGKILL", "sigkill", "9", "RTMIN+3" or "SIGRTMAX-1".
pub fn number(name: &[u8]) -> Result<i32> {
    let found = match decimal(name) {
        Some(number) => check(number).is_ok().then_some(number),
        None => {
            let bare = strip_prefix(name, b"SIG").unwrap_or(name);
            by_name(bare).or_else(|| realtime(bare))
        }
    };
    found.ok_or(Errno::EINVAL)
}

/// EINVAL unless `number` is a signal that can be sent. 0 is none: to learn
/// whether a child is still there, look at it.
pub fn check(number: i32) -> Result<()> {
    let (_, highest) = signal::realtime_range();
    if (1..=highest).contains(&number) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn by_name(bare: &[u8]) -> Option<i32> {
    let matches = |known: &&Known| {
        let name = known.name.to_bytes();
        name.get(3..).is_some_and(|name| name.eq_ignore_ascii_case(bare))
    };
    all().find(matches).map(|known| known.number)
}

fn realtime(bare: &[u8]) -> Option<i32> {
    let (lowest, highest) = signal::realtime_range();
    let offset = |rest: &[u8], sign: u8| match rest {
        [] => Some(0),
        [first, digits @ ..] if *first == sign => decimal(digits),
        _ => None,
    };
    let number = if let Some(rest) = strip_prefix(bare, b"RTMIN") {
        lowest.checked_add(offset(rest, b'+')?)?
    } else {
        highest.checked_sub(offset(strip_prefix(bare, b"RTMAX")?, b'-')?)?
    };
    (lowest..=highest).contains(&number).then_some(number)
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Digits only, and no more than four of them.
fn decimal(digits: &[u8]) -> Option<i32> {
    if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value: i32, digit| {
        value.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0') as i32)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_number() {
        let (_, highest) = signal::realtime_range();
        for n in 1..=highest {
            let Some(name) = name(n) else {
                assert!((32..libc::SIGRTMIN()).contains(&n), "signal {n} has no name");
                continue;
            };
            let full = name.to_bytes();
            assert_eq!(number(full), Ok(n));
            assert_eq!(number(&full[3..]), Ok(n));
            assert_eq!(number(&full.to_ascii_lowercase()), Ok(n));
            assert!(text(n).is_some_and(|text| !text.is_empty()));
        }
    }

    #[test]
    fn numbers_and_realtime_offsets_are_read() {
        assert_eq!(number(b"9"), Ok(9));
        assert_eq!(number(b"RTMIN+3"), Ok(libc::SIGRTMIN() + 3));
        assert_eq!(number(b"sigrtmax-2"), Ok(libc::SIGRTMAX() - 2));
        assert_eq!(number(b"SIGCLD"), Ok(libc::SIGCHLD));
        assert_eq!(number(b"iot"), Ok(libc::SIGABRT));
    }

    #[test]
    fn what_is_no_signal_is_einval() {
        let wrong: [&[u8]; 14] = [
            b"", b"SIG", b"0", b"65", b"-1", b"99999", b"KILLS", b"KIL", b" KILL", b"RTMIN-1",
            b"RTMIN+31", b"RTMAX-31", b"RTMIN+", b"RTMAX-x",
        ];
        for name in wrong {
            assert_eq!(number(name), Err(Errno::EINVAL), "{name:?}");
        }
        for n in [i32::MIN, -1, 0, 65, i32::MAX] {
            assert!(name(n).is_none() && text(n).is_none());
        }
    }
}

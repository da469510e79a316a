//! Signals by name and by number. Pure, and safe in a signal handler.

use crate::sys::{Errno, Result, cstr, signal};
use core::ffi::CStr;

/// The numbers, and in the same order "NAME\0words\0" one after the other: a
/// table of pointers would have to be relocated in every process.
///
/// The first entry with a number gives its name; later ones are its aliases.
struct Known {
    numbers: &'static [i32],
    texts: &'static [u8],
}

macro_rules! known {
    ($($number:ident $words:literal;)*) => {
        Known {
            numbers: &[$(libc::$number),*],
            texts: concat!($(stringify!($number), "\0", $words, "\0"),*).as_bytes(),
        }
    };
}

static KNOWN: Known = known! {
    SIGHUP "hangup";
    SIGINT "interrupt";
    SIGQUIT "quit";
    SIGILL "illegal instruction";
    SIGTRAP "trace or breakpoint trap";
    SIGABRT "aborted";
    SIGBUS "bus error";
    SIGFPE "arithmetic error";
    SIGKILL "killed";
    SIGUSR1 "user signal 1";
    SIGSEGV "segmentation fault";
    SIGUSR2 "user signal 2";
    SIGPIPE "broken pipe";
    SIGALRM "alarm clock";
    SIGTERM "terminated";
    SIGCHLD "child status changed";
    SIGCONT "continued";
    SIGSTOP "stopped";
    SIGTSTP "stopped from the terminal";
    SIGTTIN "stopped at terminal input";
    SIGTTOU "stopped at terminal output";
    SIGURG "urgent socket condition";
    SIGXCPU "CPU time limit exceeded";
    SIGXFSZ "file size limit exceeded";
    SIGVTALRM "virtual timer expired";
    SIGPROF "profiling timer expired";
    SIGWINCH "window size changed";
    SIGIO "input or output possible";
    SIGSYS "bad system call";
    SIGIOT "aborted";
};

#[cfg(target_os = "linux")]
static KNOWN_HERE: Known = known! {
    SIGSTKFLT "coprocessor stack fault";
    SIGPWR "power failure";
    SIGPOLL "input or output possible";
    SIGCLD "child status changed";
};
#[cfg(not(target_os = "linux"))]
static KNOWN_HERE: Known = Known { numbers: &[], texts: b"" };

/// The libc crate does not have this old name.
#[cfg(target_os = "linux")]
mod libc {
    pub use ::libc::*;
    pub const SIGCLD: i32 = SIGCHLD;
}

/// (number, name, words) of all that are known.
fn all() -> impl Iterator<Item = (i32, &'static CStr, &'static CStr)> {
    [&KNOWN, &KNOWN_HERE].into_iter().flat_map(|known| {
        let mut texts = known.texts;
        known.numbers.iter().map(move |number| {
            let name = first_text(&mut texts);
            (*number, name, first_text(&mut texts))
        })
    })
}

/// Takes the text in front off a list of them.
fn first_text(texts: &mut &'static [u8]) -> &'static CStr {
    let first = cstr::until_nul(texts).unwrap_or_default();
    *texts = texts.get(first.count_bytes().wrapping_add(1)..).unwrap_or_default();
    first
}

/// Names from SIGRTMIN upwards; the last real-time signal is SIGRTMAX instead.
static REALTIME: &[u8] = b"SIGRTMIN\0SIGRTMIN+1\0SIGRTMIN+2\0SIGRTMIN+3\0SIGRTMIN+4\0\
    SIGRTMIN+5\0SIGRTMIN+6\0SIGRTMIN+7\0SIGRTMIN+8\0SIGRTMIN+9\0SIGRTMIN+10\0\
    SIGRTMIN+11\0SIGRTMIN+12\0SIGRTMIN+13\0SIGRTMIN+14\0SIGRTMIN+15\0SIGRTMIN+16\0\
    SIGRTMIN+17\0SIGRTMIN+18\0SIGRTMIN+19\0SIGRTMIN+20\0SIGRTMIN+21\0SIGRTMIN+22\0\
    SIGRTMIN+23\0SIGRTMIN+24\0SIGRTMIN+25\0SIGRTMIN+26\0SIGRTMIN+27\0SIGRTMIN+28\0\
    SIGRTMIN+29\0SIGRTMIN+30\0";

/// `None` for a number that is no signal, and for those that libc keeps to
/// itself (32 and 33 with glibc, 32 to 34 with musl).
pub fn name(number: i32) -> Option<&'static CStr> {
    if let Some((_, name, _)) = all().find(|known| known.0 == number) {
        return Some(name);
    }
    let (lowest, highest) = signal::realtime_range();
    if number < lowest || number > highest {
        return None;
    }
    if number == highest {
        return Some(c"SIGRTMAX");
    }
    let mut texts = REALTIME;
    (lowest..number).for_each(|_| _ = first_text(&mut texts));
    Some(first_text(&mut texts)).filter(|name| !name.is_empty())
}

pub fn text(number: i32) -> Option<&'static CStr> {
    if let Some((_, _, words)) = all().find(|known| known.0 == number) {
        return Some(words);
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

/// The same, or 0, which asks whether the process can be signalled.
pub fn check_or_none(number: i32) -> Result<()> {
    if number == 0 { Ok(()) } else { check(number) }
}

/// EINVAL unless `number` is a signal that can be sent.
pub fn check(number: i32) -> Result<()> {
    let (_, highest) = signal::realtime_range();
    if (1..=highest).contains(&number) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Whether its default is to stop, to go on, or nothing.
pub fn end_nobody(number: i32) -> bool {
    let stop = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    let harmless = [libc::SIGCONT, libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];
    stop.contains(&number) || harmless.contains(&number)
}

fn by_name(bare: &[u8]) -> Option<i32> {
    let matches = |name: &CStr| {
        name.to_bytes().get(3..).is_some_and(|name| name.eq_ignore_ascii_case(bare))
    };
    all().find(|known| matches(known.1)).map(|known| known.0)
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

//! Which processes there are, and whose children they are: /proc.

use crate::sys::directory;
use crate::sys::{self, Errno, Result, cstr, fd, host};
use crate::status::text::Text;
use core::ffi::CStr;

/// One process, or thread, as its "stat" describes it.
#[derive(Clone, Copy, Default)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// When it was started, in ticks: with the pid, this names one process.
    pub start: u64,
    pub threads: u32,
    /// Of the main thread.
    pub state: u8,
}

/// What a process, or the busiest of its threads, can still do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Stopped or exited. The kernel stops a thread on its way back to user mode,
    /// so it is not in the middle of a fork.
    Stopped,
    /// In the kernel until something happens. It may be in a fork.
    Asleep,
    Running,
}

impl Process {
    pub fn is(&self, other: &Process) -> bool {
        self.pid == other.pid && self.start == other.start
    }

    /// Only the status is left. A process whose main thread has exited shows as a
    /// zombie, too, but lives as long as it has other threads.
    pub fn is_dead(&self) -> bool {
        self.activity() == Activity::Stopped && self.state != b'T' && self.threads <= 1
    }

    /// Of the main thread, or of the thread that this describes. In a tracing stop
    /// ("t") it counts as asleep: its tracer may have caught it at the entry of a
    /// fork.
    pub fn activity(&self) -> Activity {
        match self.state {
            b'T' | b'Z' | b'X' | b'x' => Activity::Stopped,
            b'R' => Activity::Running,
            _ => Activity::Asleep,
        }
    }
}

/// What /proc shows for a pid.
pub enum Sight {
    There(Process),
    Gone,
    /// It is there, but this process may not look at it: the mount option hidepid,
    /// or a security module.
    Hidden(Errno),
}

#[inline(never)]
pub fn look(pid: i32) -> Result<Sight> {
    let mut path = [0u8; 32];
    let mut text = Text::new(&mut path);
    text.push("/proc/").push_number(pid).push("/stat");
    text.finish();
    look_at(pid, &path)
}

fn look_at(pid: i32, path: &[u8]) -> Result<Sight> {
    let mut content = [0u8; 512];
    match read(path, &mut content) {
        Ok(size) => {
            let content = content.get(..size).unwrap_or_default();
            parse(pid, content).map(Sight::There).ok_or(Errno::EIO)
        }
        // No other error means that it is not there.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(Sight::Gone),
        Err(errno @ (Errno::EACCES | Errno::EPERM)) => Ok(Sight::Hidden(errno)),
        Err(errno) => Err(errno),
    }
}

fn read(path: &[u8], content: &mut [u8]) -> Result<usize> {
    let path = cstr::until_nul(path).ok_or(Errno::EINVAL)?;
    let file = fd::open(path, libc::O_RDONLY, 0)?;
    // The kernel makes the whole line for the first read.
    sys::retry(|| fd::read(file.number(), content))
}

/// "pid (name) state parent group session …", the number of threads being field
/// 20, the start field 22. The name may hold anything, a parenthesis included.
pub fn parse(pid: i32, content: &[u8]) -> Option<Process> {
    let end = content.iter().rposition(|byte| *byte == b')')?;
    let mut fields = content.get(end.wrapping_add(2)..)?.split(|byte| *byte == b' ');
    let state = *fields.next()?.first()?;
    let mut next = |skipped| Some(number(fields.nth(skipped)?));
    Some(Process {
        pid,
        parent: next(0)? as i32,
        group: next(0)? as i32,
        session: next(0)? as i32,
        threads: next(13)? as u32,
        start: next(1)?,
        state,
    })
}

fn number(digits: &[u8]) -> u64 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| {
        number.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0') as u64)
    })
}

/// Visits every process by its pid. They come in ascending order.
pub fn each(visit: &mut dyn FnMut(i32) -> Result<()>) -> Result<()> {
    let directory = fd::open(c"/proc", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    directory::each(directory.number(), |entry| entry.number().map_or(Ok(()), &mut *visit))
}

/// What the busiest thread of a process does. `process` was looked at just now.
pub fn activity_of_all(process: &Process) -> Result<Activity> {
    if process.threads <= 1 {
        return Ok(process.activity());
    }
    let mut path = [0u8; 32];
    let mut text = Text::new(&mut path);
    text.push("/proc/").push_number(process.pid).push("/task");
    text.finish();
    match activity_of_threads(process, cstr::until_nul(&path).unwrap_or_default()) {
        // It exits just now: the next look shows that.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(Activity::Running),
        other => other,
    }
}

/// The kernel lists threads in the order in which they were made. So a thread that
/// another makes before it is seen stopped comes later in the list. The list skips
/// threads if one that it has passed exits: then the numbers differ.
fn activity_of_threads(process: &Process, path: &CStr) -> Result<Activity> {
    let directory = fd::open(path, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    let (mut busiest, mut count) = (Activity::Stopped, 0u32);
    directory::each(directory.number(), |entry| {
        let Some(thread) = entry.number() else { return Ok(()) };
        count = count.wrapping_add(1);
        let seen = match look_at_thread(process.pid, thread)? {
            // An exited thread leaves the list soon, unless it is the main one.
            Sight::There(seen) if seen.state == b'T' || thread == process.pid => {
                seen.activity()
            }
            Sight::There(seen) => seen.activity().max(Activity::Asleep),
            Sight::Gone => Activity::Running,
            Sight::Hidden(errno) => return Err(errno),
        };
        busiest = busiest.max(seen);
        Ok(())
    })?;
    match look(process.pid)? {
        Sight::There(now) if now.is(process) && now.threads == count => Ok(busiest),
        _ => Ok(Activity::Running),
    }
}

fn look_at_thread(pid: i32, thread: i32) -> Result<Sight> {
    let mut path = [0u8; 48];
    let mut text = Text::new(&mut path);
    text.push("/proc/").push_number(pid).push("/task/").push_number(thread).push("/stat");
    text.finish();
    look_at(thread, &path)
}

/// Whether /proc is that of the calling process's own pid namespace: the pids
/// of another one are other processes' here. False without a /proc.
pub fn is_ours() -> Result<bool> {
    let mut target = [0u8; 16];
    match fd::read_link(c"/proc/self", &mut target) {
        Ok(_) => Ok(number(&target) == host::pid() as u64),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        let line = b"7 (a) S 1 2 (b) T 5 6 7 0 -1 4 0 0 0 0 1 1 0 0 20 0 3 0 4321 99 3";
        let one = parse(7, line).expect("well-formed");
        assert_eq!((one.parent, one.group, one.session), (5, 6, 7));
        assert_eq!((one.threads, one.start), (3, 4321));
        assert!(one.activity() == Activity::Stopped && !one.is_dead());
        assert!(parse(7, b"7 (a) Z 5").is_none());
    }

    #[test]
    fn a_zombie_with_threads_lives() {
        let zombie = |threads| Process { state: b'Z', threads, ..Default::default() };
        assert!(zombie(1).is_dead() && zombie(0).is_dead() && !zombie(2).is_dead());
        assert!(!Process { state: b'S', threads: 1, ..Default::default() }.is_dead());
    }

    #[test]
    fn this_process_is_in_its_own_proc() {
        let Sight::There(me) = look(host::pid()).expect("a /proc") else { panic!("is there") };
        assert_eq!(me.parent as u32, std::os::unix::process::parent_id());
        assert!(is_ours().expect("a /proc"));
        let mut found = false;
        each(&mut |pid| {
            found |= pid == host::pid();
            Ok(())
        })
        .expect("a /proc");
        assert!(found);
        assert!(matches!(look(i32::MAX), Ok(Sight::Gone)));
    }

    /// This test itself runs while it looks.
    #[test]
    fn the_busiest_thread_counts() {
        let Sight::There(me) = look(host::pid()).expect("a /proc") else { panic!("is there") };
        assert!(activity_of_all(&me).expect("a /proc") == Activity::Running);
    }
}

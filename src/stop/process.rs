//! Which processes there are, and whose children they are: /proc.

use crate::sys::raw::{self, DirectoryBuffer};
use crate::sys::{Errno, Result, cstr, fd, host};
use crate::status::text::Text;

/// One process, as its "stat" tells.
#[derive(Clone, Copy, Default)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// When it was started, in ticks: with the pid, this names one process.
    pub start: u64,
    /// Ended, and only its status is left.
    pub is_zombie: bool,
}

impl Process {
    pub fn is(&self, other: &Process) -> bool {
        self.pid == other.pid && self.start == other.start
    }
}

/// Asks about one process. ENOENT, or ESRCH, if it is not there.
pub fn look(pid: i32) -> Result<Process> {
    let mut path = [0u8; 32];
    let mut text = Text::new(&mut path);
    text.push("/proc/").push_number(pid).push("/stat");
    text.finish();
    let path = cstr::until_nul(&path).ok_or(Errno::EINVAL)?;
    let file = fd::open(path, libc::O_RDONLY, 0)?;
    let mut content = [0u8; 512];
    let size = fd::read_full(file.number(), &mut content)?;
    parse(pid, content.get(..size).unwrap_or_default()).ok_or(Errno::EIO)
}

/// "pid (name) state parent group session …", the start being field 22. The
/// name may hold anything, a parenthesis included.
fn parse(pid: i32, content: &[u8]) -> Option<Process> {
    let end = content.iter().rposition(|byte| *byte == b')')?;
    let mut fields = content.get(end.wrapping_add(2)..)?.split(|byte| *byte == b' ');
    let state = fields.next()?;
    let mut next = |skipped| Some(number(fields.nth(skipped)?));
    Some(Process {
        pid,
        parent: next(0)? as i32,
        group: next(0)? as i32,
        session: next(0)? as i32,
        start: next(15)?,
        is_zombie: matches!(state, b"Z" | b"X" | b"x"),
    })
}

fn number(digits: &[u8]) -> u64 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| {
        number.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0') as u64)
    })
}

/// Tells of every process, by its pid. They come in ascending order.
pub fn each(mut tell: impl FnMut(i32)) -> Result<()> {
    let directory = fd::open(c"/proc", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    let mut buffer = DirectoryBuffer([0; 1024]);
    loop {
        let size = raw::read_directory(directory.number(), &mut buffer)?;
        if size == 0 {
            return Ok(());
        }
        raw::each_number(buffer.0.get(..size).unwrap_or_default(), &mut tell);
    }
}

/// Whether /proc is that of the calling process's own pid namespace: the pids
/// of another one are other processes' here.
pub fn is_ours() -> bool {
    let mut target = [0u8; 16];
    let read = fd::read_link(c"/proc/self", &mut target);
    read.is_ok() && number(&target) == host::pid() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        let line = b"7 (a) S 1 2 (b) T 5 6 7 0 -1 4 0 0 0 0 1 1 0 0 20 0 1 0 4321 99 3";
        let one = parse(7, line).expect("well-formed");
        assert_eq!((one.parent, one.group, one.session, one.start), (5, 6, 7, 4321));
        assert!(!one.is_zombie);
        assert!(parse(7, b"7 (a) Z 5").is_none());
    }

    #[test]
    fn this_process_is_in_its_own_proc() {
        let me = look(host::pid()).expect("a /proc");
        assert_eq!(me.parent as u32, std::os::unix::process::parent_id());
        assert!(is_ours());
        let mut found = false;
        each(|pid| found |= pid == host::pid()).expect("a /proc");
        assert!(found);
    }
}

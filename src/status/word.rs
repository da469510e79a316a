//! How a child exited: from the kernel's words and into them. Pure.

use crate::status::signals;
use crate::sys::zeroed::{zeroed_enum, zeroed_struct};
use crate::sys::{Errno, Result, host, signal, wait};
use crate::status::text::Text;

/// How a child is or ended. The numbers are public: CLD_* where there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(i32)]
pub enum State {
    #[default]
    Running = 0,
    Exited = libc::CLD_EXITED,
    Killed = libc::CLD_KILLED,
    Dumped = libc::CLD_DUMPED,
    Stopped = libc::CLD_STOPPED,
    Continued = libc::CLD_CONTINUED,
    Lost = 15,
}

zeroed_enum!(State::Running);

impl State {
    pub fn from_number(number: i32) -> Option<State> {
        use State::*;
        let all = [Running, Exited, Killed, Dumped, Stopped, Continued, Lost];
        all.into_iter().find(|state| *state as i32 == number)
    }
}

zeroed_struct! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Status {
        pub state: State,
        /// The exit code, or the signal that killed, stopped or continued it.
        pub code: i32,
    }
}

/// The bit of a wait status word that means "core dumped".
const CORE: i32 = 0x80;
const WORD_CONTINUED: i32 = 0xffff;

impl Status {
    /// No exit code, and nothing that could be taken for one.
    pub const NO_CODE: i32 = -1;
    pub const RUNNING: Status = Status { state: State::Running, code: Status::NO_CODE };
    pub const LOST: Status = Status { state: State::Lost, code: Status::NO_CODE };

    /// Reads a wait status word as the W* macros do. EINVAL for a word that
    /// none of them knows.
    pub fn decode(word: i32) -> Result<Status> {
        let (signal, code) = (word & 0x7f, word >> 8 & 0xff);
        let (state, code) = match signal {
            _ if word == WORD_CONTINUED => (State::Continued, libc::SIGCONT),
            0 => (State::Exited, code),
            0x7f if word & 0xff == 0x7f => (State::Stopped, code),
            0x7f => return Err(Errno::EINVAL),
            _ if word & CORE != 0 => (State::Dumped, signal),
            _ => (State::Killed, signal),
        };
        Ok(Status { state, code })
    }

    /// The wait status word for this. EINVAL for one that has none.
    pub fn encode(self) -> Result<i32> {
        let signal = (1..0x7f).contains(&self.code);
        let byte = (0..=0xff).contains(&self.code);
        match self.state {
            State::Exited if byte => Ok(self.code << 8),
            State::Killed if signal => Ok(self.code),
            State::Dumped if signal => Ok(self.code | CORE),
            State::Stopped if byte => Ok(self.code << 8 | 0x7f),
            State::Continued if self.code == libc::SIGCONT => Ok(WORD_CONTINUED),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What waitid reported, as the word that waitpid would have.
    pub fn of_change(change: &wait::Change) -> Status {
        let code = change.status;
        let state = match change.code {
            libc::CLD_EXITED => State::Exited,
            libc::CLD_KILLED => State::Killed,
            libc::CLD_DUMPED => State::Dumped,
            libc::CLD_CONTINUED => State::Continued,
            _ => State::Stopped, // CLD_STOPPED, and CLD_TRAPPED under a debugger
        };
        Status { state, code: if state == State::Exited { code & 0xff } else { code } }
    }

    pub fn has_exited(self) -> bool {
        matches!(self.state, State::Exited | State::Killed | State::Dumped | State::Lost)
    }

    /// What a shell's `$?` would be.
    pub fn shell_code(self) -> Result<i32> {
        match self.state {
            State::Exited => Ok(self.code),
            State::Killed | State::Dumped | State::Stopped => Ok(self.code.wrapping_add(128)),
            State::Lost => Err(Errno::ENODATA),
            State::Running | State::Continued => Err(Errno::EINVAL),
        }
    }

    pub fn write(self, text: &mut Text) {
        match self.state {
            State::Running => text.push("running"),
            State::Exited => text.push("exited with code ").push_number(self.code),
            State::Killed => signal_text(text, "killed", self.code),
            State::Dumped => signal_text(text, "killed", self.code).push(", core dumped"),
            State::Stopped => signal_text(text, "stopped", self.code),
            State::Continued => text.push("continued"),
            State::Lost => text.push("exited, status unknown (reaped by other code)"),
        };
    }

    /// Ends the calling process in the same way; returns only if the status
    /// is of no end.
    pub fn raise(self) -> Errno {
        match self.state {
            State::Exited => host::exit_now(self.code),
            State::Killed | State::Dumped if !signals::end_nobody(self.code) => {
                signal::die_by(self.code, self.state == State::Dumped);
                // No signal of this system, or pid 1 of a namespace.
                host::exit_now(self.code.wrapping_add(128))
            }
            _ => Errno::EINVAL,
        }
    }
}

fn signal_text<'t, 'b>(text: &'t mut Text<'b>, verb: &str, number: i32) -> &'t mut Text<'b> {
    text.push(verb).push(" by ");
    let (Some(name), Some(words)) = (signals::name(number), signals::text(number)) else {
        return text.push("signal ").push_number(number);
    };
    text.push_bytes(name.to_bytes());
    let words = words.to_bytes();
    // Twice the same word: "killed by SIGKILL (killed)".
    if words != verb.as_bytes() {
        text.push(" (").push_bytes(words).push(")");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(status: Status) -> String {
        let mut buffer = [0u8; 128];
        let mut text = Text::new(&mut buffer);
        status.write(&mut text);
        let length = text.finish();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn what_decodes_encodes_to_the_same_word() {
        for word in 0..=0xffff {
            if let Ok(status) = Status::decode(word) {
                let kept = match status.state {
                    // The W* macros do not look at the other bits.
                    State::Exited => word & 0xff00,
                    State::Killed | State::Dumped => word & 0xff,
                    _ => word,
                };
                assert_eq!(status.encode(), Ok(kept), "{word:#x}");
            }
        }
    }

    #[test]
    fn texts_read_like_sentences() {
        let of = |state, code| text_of(Status { state, code });
        assert_eq!(of(State::Exited, 42), "exited with code 42");
        assert_eq!(of(State::Killed, 9), "killed by SIGKILL");
        assert_eq!(
            of(State::Dumped, 11),
            "killed by SIGSEGV (segmentation fault), core dumped"
        );
        assert_eq!(of(State::Stopped, 19), "stopped by SIGSTOP");
        assert_eq!(of(State::Killed, 33), "killed by signal 33");
        assert_eq!(text_of(Status::LOST), "exited, status unknown (reaped by other code)");
    }

    #[test]
    fn only_an_end_or_a_stop_has_a_shell_code() {
        let code = |state, code| Status { state, code }.shell_code();
        assert_eq!(code(State::Exited, 255), Ok(255));
        assert_eq!(code(State::Dumped, 6), Ok(134));
        assert_eq!(code(State::Stopped, 20), Ok(148));
        assert_eq!(code(State::Lost, 0), Err(Errno::ENODATA));
        assert_eq!(code(State::Running, 0), Err(Errno::EINVAL));
        assert_eq!(code(State::Continued, 18), Err(Errno::EINVAL));
    }
}

//! What the table keeps of one child. Plain data: only the holder of the lock
//! reads or writes it.

use super::list::{Links, List};
use crate::status::word::Status;
use crate::sys::fd::Held;
use crate::sys::memory::stored;
use crate::sys::paged::Parked;
use crate::sys::wait::WaitId;
use crate::sys::zeroed::{zeroed_enum, zeroed_struct};

/// The figures of rusage that the kernel keeps for a child, in the order of
/// `chld_resources`.
pub type Usage = [u64; 9];

#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Phase {
    /// Claimed by a start that is under way, or free.
    #[default]
    Starting = 0,
    Running,
    /// Other code has reaped it, and nobody has asked the kernel how it exited.
    Gone,
    /// The same, and a call is asking.
    Asking,
    /// How it exited is known.
    Exited,
}

zeroed_enum!(Phase::Starting);

zeroed_struct! {
    /// All-zero is a free slot.
    pub struct Slot {
        /// 0 when the slot is free.
        pub handle: u64,
        /// The handle is not closed.
        pub is_open: bool,
        pub phase: Phase,
        /// The number is this child's own: it runs, or its zombie is there.
        pub owns_pid: bool,
        /// Calls at work: the slot is not reused, and its descriptors are not closed.
        pub uses: u32,
        /// Those of them that need the number: the zombie is not reaped.
        pub holds: u32,
        pub pid: i32,
        pub pidfd: Held,
        /// `chld_exit_fd()` has given the pidfd to the program.
        pub shares_pidfd: bool,
        /// An eventfd that stands in for a pidfd, where there is none (any more).
        pub exit_event: Held,
        /// The parent's ends of the child's stdin, stdout and stderr.
        pub streams: [Held; 3],
        /// Which of them are pseudo-terminals.
        pub terminals: [bool; 3],
        /// A capture or a stop sequence is under way.
        pub is_captured: bool,
        /// It moves bytes there: they can be neither closed nor taken.
        pub moves_bytes: bool,
        /// The directory of the cgroup that it has for itself.
        pub cgroup: Held,
        /// It was started as the leader of a group of its own.
        pub leads_group: bool,
        pub kills_on_close: bool,
        /// The kernel reaps it by itself and keeps the status for the pidfd. Its number
        /// is never held: nothing may be done by that.
        pub is_private: bool,
        /// The caller's pointer, as a number: the library never follows it.
        pub user: usize,
        /// The result of a capture in a set.
        pub result: Parked,
        /// Its memberships in sets.
        pub members: List,
        /// The sets that will still report the exit by the pidfd.
        pub watched_by: u32,
        /// Index + 1 in the list of its pid's bucket.
        pub next_by_pid: u32,
        /// Closed while it ran, and in the list of those.
        pub is_detached: bool,
        pub in_detached: Links,
        pub next_free: u32,
        status: Status,
        has_usage: bool,
        usage: Usage,
    }
}

stored!(Slot, next_free);

impl Slot {
    pub fn in_detached(&mut self) -> &mut Links {
        &mut self.in_detached
    }

    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Exited => self.status,
            _ => Status::RUNNING,
        }
    }

    /// `None` before the exit, and when nobody could ask the kernel for it.
    pub fn usage(&self) -> Option<Usage> {
        (self.has_exited() && self.has_usage).then_some(self.usage)
    }

    pub fn has_exited(&self) -> bool {
        self.phase == Phase::Exited
    }

    /// It has exited, even if nobody knows how.
    pub fn is_over(&self) -> bool {
        !matches!(self.phase, Phase::Starting | Phase::Running)
    }

    pub fn record(&mut self, status: Status, usage: Option<Usage>) {
        (self.phase, self.status, self.has_usage) = (Phase::Exited, status, usage.is_some());
        self.usage = usage.unwrap_or_default();
    }

    pub fn wait_id(&self) -> WaitId {
        match self.pidfd.get() {
            Some(pidfd) if self.is_private => WaitId::Pidfd(pidfd),
            pidfd => WaitId::best(self.pid, pidfd),
        }
    }

    /// A signal, or a question about stops, reaches this child or nobody.
    pub fn can_be_named(&self) -> bool {
        self.owns_pid || self.is_private && !self.is_over()
    }
}

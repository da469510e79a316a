//! Sets and listeners as the lock's data: the receivers of an exit, or of a SIGCHLD.

use super::heap::{Heap, Node};
use super::list::{Links, List};
use crate::sys::epoll;
use crate::sys::fd::Held;
use crate::sys::memory::stored;
use crate::sys::paged::Parked;
use crate::sys::zeroed::zeroed_struct;

zeroed_struct! {
    /// A set of children. All-zero is free.
    pub struct Set {
        /// 0 when the place is free.
        pub handle: u64,
        pub is_open: bool,
        /// It depends on the SIGCHLD handler, not on pidfds.
        pub needs_handler: bool,
        /// Calls at work: the descriptors stay open.
        pub uses: u32,
        pub epoll: Held,
        /// Inside the epoll, which reports it while there is something to do that no
        /// other descriptor reports.
        pub bell: Held,
        is_rung: bool,
        /// Inside the epoll, too, once they are needed.
        pub timer: Held,
        pub pipe: Held,
        /// Index + 1 of the listener that pokes the pipe.
        pub listener: u32,
        pub members: List,
        pub count: u32,
        /// The queue of members whose exit can be reported.
        pub ready: List,
        /// Members whose stops are reported, and how many of them are due for a look.
        pub watched: List,
        pub to_look: u32,
        /// When to look at them although no SIGCHLD came; 0 for never.
        pub look_at: u64,
        /// Members by the time of their next turn.
        pub due: Heap,
        /// What the timer is set to.
        pub armed: u64,
        /// Members that a thread is at work on.
        pub busy: List,
        pub is_woken: bool,
        pub next_free: u32,
    }
}
stored!(Set, next_free);

/// What the epoll of a set reports for its own descriptors. No member has these handles.
pub const BELL: u64 = 0;
pub const TIMER: u64 = 1;
pub const PIPE: u64 = 2;

impl Set {
    /// Makes the set's descriptor readable, or leaves that to the other descriptors.
    pub fn update_bell(&mut self) {
        let rings = self.is_woken || self.to_look != 0 || !self.ready.is_empty() || !self.is_open;
        if rings != self.is_rung {
            self.is_rung = rings;
            self.ring(rings);
        }
    }

    fn ring(&self, on: bool) {
        if let (Some(epoll), Some(bell)) = (self.epoll.get(), self.bell.get()) {
            epoll::ring_bell(epoll, bell, BELL, on);
        }
    }
}

zeroed_struct! {
    /// One child's place in one set, until its exit is reported there.
    pub struct Member {
        /// What the epoll of the set reports.
        pub handle: u64,
        pub set: u64,
        pub child: u64,
        /// The set's epoll has the child's pidfd.
        pub by_pidfd: bool,
        /// In the queue of the set.
        pub is_ready: bool,
        /// In the set's list of watched members, and for what.
        pub watches: u32,
        /// A capture or a stop sequence; not here while a thread is at work on it.
        pub task: Parked,
        pub has_task: bool,
        /// A group that the child leads, or stages of its pipeline, can be stopped.
        pub leads_group: bool,
        /// That thread.
        pub worker: usize,
        /// A plan that replaces the task's own at its next turn.
        pub new_plan: Parked,
        pub in_queue: Links,
        pub in_child: Links,
        pub in_set: Links,
        pub in_watched: Links,
        pub in_busy: Links,
        pub due: Node,
        pub next_free: u32,
    }
}
stored!(Member, next_free);

impl Member {
    pub fn in_queue(&mut self) -> &mut Links {
        &mut self.in_queue
    }
    pub fn in_child(&mut self) -> &mut Links {
        &mut self.in_child
    }
    pub fn in_set(&mut self) -> &mut Links {
        &mut self.in_set
    }
    pub fn in_watched(&mut self) -> &mut Links {
        &mut self.in_watched
    }
    pub fn in_busy(&mut self) -> &mut Links {
        &mut self.in_busy
    }
    pub fn due(&mut self) -> &mut Node {
        &mut self.due
    }
}

zeroed_struct! {
    /// A self-pipe that is poked at every SIGCHLD: the program's own, or that of a
    /// call which sleeps.
    pub struct Listener {
        pub write_end: Held,
        pub links: Links,
        pub next_free: u32,
    }
}
stored!(Listener, next_free);

impl Listener {
    pub fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

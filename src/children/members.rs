//! Sets and listeners as the lock's data: who is told of an exit, or of a SIGCHLD.

use super::list::{Links, List};
use crate::sys::epoll;
use crate::sys::fd::Held;
use crate::sys::zeroed::{stored, zeroed_struct};

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
        /// Inside the epoll, which reports it while `ready` has a member.
        pub bell: Held,
        pub members: List,
        /// The queue of members whose exit can be reported.
        pub ready: List,
        pub next_free: u32,
    }
}
stored!(Set, next_free);

/// What the epoll of a set reports for the bell. No child has this handle.
pub const BELL: u64 = 0;

impl Set {
    /// Makes the set's descriptor readable, or leaves that to the pidfds.
    pub fn ring(&self, on: bool) {
        if let (Some(epoll), Some(bell)) = (self.epoll.get(), self.bell.get()) {
            epoll::ring_bell(epoll, bell, BELL, on);
        }
    }
}

zeroed_struct! {
    /// One child's place in one set, until its exit is reported there.
    pub struct Member {
        pub set: u64,
        pub child: u64,
        /// The set's epoll has the child's pidfd.
        pub by_pidfd: bool,
        /// In the queue of the set.
        pub is_ready: bool,
        pub in_queue: Links,
        pub in_child: Links,
        pub in_set: Links,
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

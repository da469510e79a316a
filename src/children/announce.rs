//! An exit is announced where no pidfd reports it: to sets, and to the exit
//! descriptor. A SIGCHLD is announced to every listener.

use super::handle;
use super::list;
use super::members::{Listener, Member};
use super::state::State;
use crate::sys::fd;

impl State {
    /// The child has just exited, or is gone.
    pub fn announce(&mut self, index: u32) {
        let Some(slot) = self.slots.get(index) else { return };
        if let Some(event) = slot.exit_event.get() {
            fd::ring(event);
            self.notice.reapers = self.notice.reapers.wrapping_sub(1);
        }
        let mut next = slot.members.first();
        while let Some(index) = next {
            next = list::after(&mut self.members, index, Member::in_child);
            if self.members.get(index).is_some_and(|member| !member.by_pidfd && member.is_plain()) {
                self.make_ready(index);
            }
        }
    }

    /// Puts a member into the queue of its set.
    pub fn make_ready(&mut self, index: u32) {
        let Some(member) = self.members.get(index).filter(|member| !member.is_ready) else { return };
        let Some(set) = self.sets.get(handle::index_of(member.set)) else { return };
        member.is_ready = true;
        set.ready.append(&mut self.members, index, Member::in_queue);
        set.update_bell();
    }

    /// Takes a member out of that queue.
    pub fn make_unready(&mut self, index: u32) {
        let Some(member) = self.members.get(index).filter(|member| member.is_ready) else { return };
        let Some(set) = self.sets.get(handle::index_of(member.set)) else { return };
        member.is_ready = false;
        set.ready.remove(&mut self.members, index, Member::in_queue);
        set.update_bell();
    }

    /// A SIGCHLD has come.
    pub fn poke_listeners(&mut self) {
        let mut next = self.notice.listeners.first();
        while let Some(index) = next {
            next = list::after(&mut self.listeners, index, Listener::links);
            let end = self.listeners.get(index).and_then(|listener| listener.write_end.get());
            end.into_iter().for_each(fd::poke);
        }
    }
}

//! What nobody needs any more is given back: zombies, descriptors, slots.

use super::handle;
use super::members::Member;
use super::state::State;
use crate::sys::{epoll, pidfd};
use crate::sys::wait::{self, Whom};

impl State {
    /// After anything that may have been the last use of something.
    pub fn release(&mut self, index: u32) {
        self.reap_zombie(index);
        let Some(slot) = self.slots.get(index).filter(|slot| slot.uses == 0) else { return };
        if !slot.is_open {
            slot.streams.iter_mut().for_each(|stream| self.closing.push(stream.take()));
        }
        if !slot.has_exited() {
            return;
        }
        let signals_group = slot.is_open && slot.leads_group && pidfd::signals_groups();
        if slot.watched_by == 0 && !signals_group && !(slot.is_open && slot.shares_pidfd) {
            self.closing.push(slot.pidfd.take());
        }
        if !slot.is_open {
            self.free(index);
        }
    }

    /// How the child exited is known, and no call needs its number any more.
    fn reap_zombie(&mut self, index: u32) {
        let Some(slot) = self.slots.get(index) else { return };
        if !slot.has_exited() || !slot.owns_pid || slot.holds != 0 {
            return;
        }
        let (whom, pid) = (slot.whom(), slot.pid);
        let reaped = wait::waitid(whom, wait::EXITED | wait::NO_HANG);
        if matches!(reaped, Err(errno) if errno.0 != libc::ECHILD) {
            // P_PIDFD was refused this time; the zombie is still there, and its pid.
            let _ = wait::waitid(Whom::Pid(pid), wait::EXITED | wait::NO_HANG);
        }
        self.disown_pid(index);
    }

    /// A slot that no handle and no call leads to.
    fn free(&mut self, index: u32) {
        while let Some(member) = self.slots.get(index).and_then(|slot| slot.members.first()) {
            self.remove_member(member);
        }
        self.leave_detached(index);
        let Some(slot) = self.slots.get(index) else { return };
        self.closing.push(slot.pidfd.take());
        self.closing.push(slot.exit_event.take());
        self.closing.push(slot.cgroup.take());
        *slot = Default::default();
        self.slots.give_back(index);
    }

    /// Gives up a slot that a start has claimed, and for which it has no child.
    pub fn abandon(&mut self, index: u32) {
        if let Some(slot) = self.slots.get(index) {
            *slot = Default::default();
            self.slots.give_back(index);
        }
    }

    /// A child leaves a set: its exit was reported there, or one of the two is gone.
    pub fn remove_member(&mut self, index: u32) {
        self.make_unready(index);
        let Some(member) = self.members.get(index) else { return };
        let (child, set, by_pidfd) = (handle::index_of(member.child), member.set, member.by_pidfd);
        let Some(slot) = self.slots.get(child) else { return };
        let Some(set) = self.sets.get(handle::index_of(set)) else { return };
        slot.members.remove(&mut self.members, index, Member::in_child);
        set.members.remove(&mut self.members, index, Member::in_set);
        self.members.give_back(index);
        if by_pidfd {
            slot.watched_by = slot.watched_by.wrapping_sub(1);
            // Closing the pidfd would not do: a forked copy may have it, too.
            if let (Some(epoll), Some(pidfd)) = (set.epoll.get(), slot.pidfd.get()) {
                epoll::remove(epoll, pidfd);
            }
        }
    }

    /// A set without an open handle, calls or members.
    pub fn release_set(&mut self, index: u32) {
        let Some(set) = self.sets.get(index) else { return };
        if set.is_open || set.uses != 0 || !set.members.is_empty() || set.handle == 0 {
            return;
        }
        self.closing.push(set.epoll.take());
        self.closing.push(set.bell.take());
        if set.needs_handler {
            self.notice.reapers = self.notice.reapers.wrapping_sub(1);
        }
        *set = Default::default();
        self.sets.give_back(index);
    }
}

//! What nobody needs any more is given back: zombies, descriptors, slots.

use super::handle;
use super::members::Member;
use super::slot::Phase;
use super::state::State;
use crate::status::word::Status;
use crate::sys::paged::Erased;
use crate::sys::{epoll, pidfd};
use crate::sys::wait::{self, WaitId};

impl State {
    /// After anything that may have been the last use of something.
    pub fn release(&mut self, index: u32) {
        self.reap_zombie(index);
        let Some(slot) = self.slots.get(index).filter(|slot| slot.uses == 0) else { return };
        if !slot.is_open {
            slot.streams.iter_mut().for_each(|stream| self.closing.push(stream.take()));
            // Nobody will ask how it exited.
            if slot.phase == Phase::Gone {
                slot.record(Status::LOST, None);
            }
        }
        if !slot.has_exited() {
            if slot.is_private && !slot.is_open {
                self.forget(index); // it needs nobody who reaps it
            }
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
        let (wait_id, pid) = (slot.wait_id(), slot.pid);
        let reaped = wait::waitid(wait_id, wait::EXITED | wait::NO_HANG);
        if matches!(reaped, Err(errno) if errno.0 != libc::ECHILD) {
            // P_PIDFD was refused this time; the zombie is still there, and its pid.
            let _ = wait::waitid(WaitId::Pid(pid), wait::EXITED | wait::NO_HANG);
        }
        self.disown_pid(index);
    }

    /// Gives up a child that no call uses, without reaping it.
    pub fn forget(&mut self, index: u32) {
        self.disown_pid(index);
        self.running = self.running.wrapping_sub(1);
        let Some(slot) = self.slots.get(index) else { return };
        slot.streams.iter_mut().for_each(|stream| self.closing.push(stream.take()));
        if slot.exit_event.get().is_some() {
            self.notice.reapers = self.notice.reapers.wrapping_sub(1);
        }
        self.free(index);
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

    /// What a member has of a capture or a stop sequence, for one who removes it: dropped
    /// without the lock.
    pub fn take_task(&mut self, index: u32) -> [Option<Erased>; 2] {
        match self.members.get(index) {
            Some(member) => [member.task.take_any(), member.new_plan.take_any()],
            None => [None, None],
        }
    }

    /// A child leaves a set: its exit was reported there, or one of the two is gone. What
    /// `take_task` takes must have been taken before.
    pub fn remove_member(&mut self, index: u32) {
        self.make_unready(index);
        self.unwatch(index);
        let Some(member) = self.members.get(index) else { return };
        let (child, set, is_busy) =
            (handle::index_of(member.child), member.set, member.worker != 0);
        self.unlink_pidfd(index);
        let Some(slot) = self.slots.get(child) else { return };
        let Some(set) = self.sets.get(handle::index_of(set)) else { return };
        slot.members.remove(&mut self.members, index, Member::in_child);
        set.members.remove(&mut self.members, index, Member::in_set);
        set.due.remove(&mut self.members, index, Member::due);
        if is_busy {
            set.busy.remove(&mut self.members, index, Member::in_busy);
        }
        set.count = set.count.wrapping_sub(1);
        if let Some(member) = self.members.get(index) {
            *member = Default::default();
        }
        self.members.give_back(index);
    }

    /// The child's pidfd no longer wakes the set.
    pub fn unlink_pidfd(&mut self, index: u32) {
        let Some(member) = self.members.get(index).filter(|member| member.by_pidfd) else { return };
        member.by_pidfd = false;
        let (child, set) = (handle::index_of(member.child), handle::index_of(member.set));
        let (Some(slot), Some(set)) = (self.slots.get(child), self.sets.get(set)) else { return };
        slot.watched_by = slot.watched_by.wrapping_sub(1);
        // Closing the pidfd would not do: a forked copy may have it, too.
        if let (Some(epoll), Some(pidfd)) = (set.epoll.get(), slot.pidfd.get()) {
            epoll::remove(epoll, pidfd);
        }
    }

    /// The set reports no stops of this child any more.
    pub fn unwatch(&mut self, index: u32) {
        let Some(member) = self.members.get(index).filter(|member| member.watches != 0) else {
            return;
        };
        member.watches = 0;
        if let Some(set) = self.sets.get(handle::index_of(member.set)) {
            set.watched.remove(&mut self.members, index, Member::in_watched);
        }
    }

    /// A set without an open handle, calls or members.
    pub fn release_set(&mut self, index: u32) {
        let Some(set) = self.sets.get(index) else { return };
        if set.is_open || set.uses != 0 || !set.members.is_empty() || set.handle == 0 {
            return;
        }
        for held in [&mut set.epoll, &mut set.bell, &mut set.timer, &mut set.pipe] {
            self.closing.push(held.take());
        }
        if set.needs_handler {
            self.notice.reapers = self.notice.reapers.wrapping_sub(1);
        }
        *set = Default::default();
        self.sets.give_back(index);
    }
}

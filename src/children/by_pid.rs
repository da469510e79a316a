//! From a number, as the kernel reports it, to the child that owns it.

use super::state::{BUCKETS, State};

fn bucket(pid: i32) -> usize {
    pid as usize % BUCKETS
}

impl State {
    /// The child of this library whose process, or zombie at least, has this pid.
    pub fn by_pid(&mut self, pid: i32) -> Option<u32> {
        let mut next = *self.by_pid.0.get(bucket(pid))?;
        while let Some(index) = next.checked_sub(1) {
            let slot = self.slots.get(index)?;
            if slot.pid == pid {
                return Some(index);
            }
            next = slot.next_by_pid;
        }
        None
    }

    /// The child begins to own its number.
    pub fn own_pid(&mut self, index: u32) {
        let Some(slot) = self.slots.get(index) else { return };
        let Some(first) = self.by_pid.0.get_mut(bucket(slot.pid)) else { return };
        slot.owns_pid = true;
        slot.next_by_pid = *first;
        *first = index.wrapping_add(1);
    }

    /// The number may be another process's from now on.
    pub fn disown_pid(&mut self, index: u32) {
        let Some(slot) = self.slots.get(index).filter(|slot| slot.owns_pid) else { return };
        slot.owns_pid = false;
        let (pid, after) = (slot.pid, slot.next_by_pid);
        let Some(first) = self.by_pid.0.get_mut(bucket(pid)) else { return };
        if *first == index.wrapping_add(1) {
            *first = after;
            return;
        }
        let mut next = *first;
        while let Some(slot) = next.checked_sub(1).and_then(|before| self.slots.get(before)) {
            if slot.next_by_pid == index.wrapping_add(1) {
                slot.next_by_pid = after;
                return;
            }
            next = slot.next_by_pid;
        }
    }
}

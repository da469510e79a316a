//! From a pid, as the kernel tells it, to the child: only the SIGCHLD engine
//! needs this.
//!
//! A hint table, indexed by the low bits of the pid, that is right as good as
//! always: pids are given out one after the other. What it says is checked, and
//! where it is wrong the table of children is searched.

use crate::life;
use crate::pin::Pin;
use crate::sigchld;
use crate::sys::memory::Lasting;
use crate::table::{self, CHILDREN, Root};
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

const SIZE: usize = 1 << 16;

/// Index + 1 of a slot, or 0. Not mapped before the engine first runs.
static HINTS: Lasting<AtomicU32> = Lasting::new(SIZE);

fn hint(pid: i32) -> Option<&'static AtomicU32> {
    HINTS.get()?.get(pid as usize % SIZE)
}

pub fn note(pin: &Pin) {
    if let Some(place) = hint(pin.pid()) {
        place.store(life::index_of(pin.handle()).wrapping_add(1), SeqCst);
    }
}

/// Notes the children that were there before the engine ran. Without memory
/// for the hints, all is searched.
pub fn note_all(root: &Root) {
    if HINTS.get_or_map().is_ok() {
        for (index, slot) in CHILDREN.each(&root.children) {
            if let Some(pin) = Pin::of_slot(slot, index) {
                note(&pin);
            }
        }
    }
}

/// The child of the library that has this pid now: one whose zombie, at least,
/// is there.
pub fn find(pid: i32) -> Option<Pin> {
    if pid <= 0 {
        return None;
    }
    let hinted = hint(pid).and_then(|place| place.load(SeqCst).checked_sub(1));
    hinted.and_then(|index| has(pid, index)).or_else(|| {
        let root = table::root_if_used()?;
        CHILDREN.each(&root.children).find_map(|(index, slot)| {
            (slot.held_pid.load(SeqCst) == pid).then(|| has(pid, index))?
        })
    })
}

/// Whether an ended child that the kernel shows is not the library's. One that is
/// being started has no pid in the table yet; asked again after the starts that
/// could be its own, the table knows. (The zombie holds its pid meanwhile.)
pub fn is_foreign_child(pid: i32) -> bool {
    find(pid).is_none() && !sigchld::is_starting() && find(pid).is_none()
}

/// For a forked copy that the kernel has not wiped.
pub fn wipe() {
    HINTS.wipe();
}

fn has(pid: i32, index: u32) -> Option<Pin> {
    let pin = Pin::of_slot(CHILDREN.get(index)?, index)?;
    (pin.slot.held_pid.load(SeqCst) == pid).then_some(pin)
}

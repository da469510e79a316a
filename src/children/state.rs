//! What the process has one of, and the way to it: through the lock.

use super::handle;
use super::list::List;
use super::members::{Listener, Member, Set};
use super::slot::Slot;
use crate::sys::fd::{self, Closing, Held};
use crate::sys::lock::{self, Guarded, Leave, Locked};
use crate::sys::memory::{self, Full, Slabs, Stored, stored};
use crate::sys::paged::Parked;
use crate::sys::signal::AllBlocked;
use crate::sys::zeroed::{Numbers, zeroed_struct};
use crate::sys::{Errno, Result, host};
use core::ops::DerefMut;

/// Pids follow one another, so they fill the buckets evenly.
pub const BUCKETS: usize = 2048;

zeroed_struct! {
    /// What a call leaves for the next one with the same handle.
    pub struct Deposit {
        pub handle: u64,
        pub value: Parked,
        pub next_free: u32,
    }
}
stored!(Deposit, next_free);

zeroed_struct! {
    /// What the SIGCHLD handler is needed for.
    pub struct Notice {
        /// Sets and exit descriptors that have no pidfd.
        pub reapers: u32,
        /// The program asked for the handler: index + 1 of its listener, and the end
        /// of the self-pipe that it reads.
        pub program: u32,
        pub pipe: Held,
        /// The program reaps by itself, and wants the handler to poke only.
        pub only_pokes: bool,
        pub listeners: List,
        /// A SIGCHLD has come. C's `sig_atomic_t` is an int; the lock makes it safe
        /// between threads, too.
        pub seen: i32,
        /// A foreign child may have exited while a start was under way.
        pub missed_foreign: bool,
    }
}

zeroed_struct! {
    /// All-zero is the empty library.
    pub struct State {
        pub slots: Slabs<Slot>,
        pub sets: Slabs<Set>,
        pub members: Slabs<Member>,
        pub listeners: Slabs<Listener>,
        pub deposits: Slabs<Deposit>,
        /// Indexes + 1 of the first slot in each bucket.
        pub by_pid: Numbers<BUCKETS>,
        /// How many slots are running or gone.
        pub running: u32,
        /// Children that were closed while they ran; the first is looked at next.
        pub detached: List,
        /// Where the next look at each running child begins.
        pub next_look: u32,
        /// Starts under way: their children are not in the table yet.
        pub starting: u32,
        pub notice: Notice,
        pub closing: Closing,
    }
}

static STATE: Guarded<State> = Guarded::new();

/// The lock, held, with every signal blocked.
pub type Section = lock::Section<State>;

impl Leave for State {
    /// What was taken out of the table is closed without the lock.
    type Rest = Option<Closing>;

    fn leave(&mut self) -> Option<Closing> {
        if self.closing.is_empty() { None } else { Some(core::mem::take(&mut self.closing)) }
    }
}

/// Takes the lock, at the first use of the library, too.
#[inline(never)]
pub fn enter() -> Result<Section> {
    prepare()?;
    enter_if_used()
}

/// EBADF if the library was never used in this process: then no handle is valid.
#[inline(never)]
pub fn enter_if_used() -> Result<Section> {
    memory::forget_if_copied(wipe);
    let section = STATE.enter()?.ok_or(Errno::EBADF)?;
    if section.owner() == 0 {
        section.set_owner(new_owner());
    }
    Ok(section)
}

/// For a guard that goes: it must not leave its use behind because a sandbox has
/// refused a call once.
#[inline(never)]
pub fn enter_surely() -> Option<Section> {
    (0..100).find_map(|_| enter_if_used().ok())
}

/// Maps the memory, before signals are blocked and before a descriptor is opened.
pub fn prepare() -> Result<()> {
    memory::forget_if_copied(wipe);
    STATE.prepare()?;
    if STATE.owner() == 0 {
        let _ = enter_if_used(); // what follows fails for the same reason
    }
    Ok(())
}

/// This process, which uses the library for the first time. A forked copy that did not
/// begin with `close_inherited` may close by itself what it has inherited.
#[cold]
fn new_owner() -> i32 {
    fd::forget_inherited();
    host::pid()
}

/// Closes what this process, a forked copy, has inherited from the library. EBUSY if it
/// has used the library: what is inherited cannot be known any more.
pub fn close_inherited() -> Result<()> {
    memory::forget_if_copied(wipe);
    if STATE.owner() != 0 {
        return Err(Errno::EBUSY);
    }
    fd::close_inherited();
    Ok(())
}

/// Takes the lock where the caller has blocked the signals already. What is taken
/// out of the table meanwhile is closed by the next section.
pub fn lock(blocked: &AllBlocked) -> Result<Locked<State>> {
    let locked = STATE.lock(blocked).ok_or(Errno::EBADF)?;
    if locked.owner() == 0 {
        locked.set_owner(new_owner());
    }
    Ok(locked)
}

/// Which process has used this memory, without the lock; 0 for none.
pub fn owner() -> i32 {
    STATE.owner()
}

/// The same for the SIGCHLD handler, before it knows whether this memory is its own.
pub fn owner_for_handler() -> i32 {
    memory::forget_if_surely_copied(wipe);
    STATE.owner()
}

/// The lock for the handler in a forked copy that has not used the library yet: it
/// leaves no owner behind.
pub fn lock_unowned(blocked: &AllBlocked) -> Option<Locked<State>> {
    STATE.lock(blocked)
}

#[cold]
fn wipe() {
    STATE.wipe();
    Slot::directory().wipe::<Slot>();
    Set::directory().wipe::<Set>();
    Member::directory().wipe::<Member>();
    Listener::directory().wipe::<Listener>();
    Deposit::directory().wipe::<Deposit>();
}

/// Takes a place for a value in one of the slabs. Maps memory if there is none left,
/// for which it has to let go of the lock.
pub fn claim<T: Stored, S: DerefMut<Target = State>>(
    lock: impl Fn() -> Result<S>,
    slabs: fn(&mut State) -> &mut Slabs<T>,
    fill: impl FnOnce(&mut State, u32) -> Result<()>,
) -> Result<u32> {
    loop {
        let mut state = lock()?;
        match slabs(&mut state).claim() {
            Ok(index) => {
                let filled = fill(&mut state, index);
                if filled.is_err() {
                    slabs(&mut state).give_back(index);
                }
                return filled.map(|()| index);
            }
            Err(Full) => {
                let missing = slabs(&mut state).missing()?;
                drop(state);
                Slabs::<T>::map(missing)?;
            }
        }
    }
}

impl State {
    /// The slot of an open handle.
    pub fn find(&mut self, child: u64) -> Result<(u32, &mut Slot)> {
        let index = handle::index_of(child);
        let slot = self.slots.get(index).ok_or(Errno::EBADF)?;
        if slot.handle == child && slot.is_open { Ok((index, slot)) } else { Err(Errno::EBADF) }
    }

    /// The slot of a handle that may have been closed, as long as there is one.
    pub fn slot_of(&mut self, child: u64) -> Option<&mut Slot> {
        let slot = self.slots.get(handle::index_of(child))?;
        (slot.handle == child && child != 0).then_some(slot)
    }

    pub fn find_set(&mut self, set: u64) -> Result<(u32, &mut Set)> {
        let index = handle::index_of(set);
        let place = self.sets.get(index).ok_or(Errno::EBADF)?;
        if place.handle == set && place.is_open { Ok((index, place)) } else { Err(Errno::EBADF) }
    }
}

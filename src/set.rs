//! Sets: independent queues of ended children, each with a descriptor to poll.
//!
//! With pidfds a set is an epoll, and nobody needs to do anything for it.
//! Without, it is a self-pipe and a stack: every child has a list of *links* to
//! the sets that want to know; who publishes its end, the SIGCHLD handler most
//! often, moves each link to the stack of its set and pokes the pipe. Links
//! belong to one child and one set, so no set ever takes another's events.

use crate::deadline::Deadline;
use crate::graveyard;
use crate::life::{self, Life};
use crate::pin::Pin;
use crate::reap::{self, Event};
use crate::sigchld::{self, Locked};
use crate::slab::{Node, Stack};
use crate::slot::Slot;
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::epoll;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::Zeroed;
use crate::sys::{Errno, Result, pidfd, poll};
use crate::table::{self, LINKS, SETS};
use crate::watch;
use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

#[derive(Default)]
#[repr(C, align(64))]
pub struct Set {
    life: Life,
    /// What is polled: an epoll, or the read end of the self-pipe.
    fd: AtomicI32,
    /// The write end; -1 makes the set an epoll's.
    poke: AtomicI32,
    /// Poked at every SIGCHLD, not only for an end.
    pub every_signal: AtomicI32,
    ready: Stack,
    next: AtomicU32,
}

/// That a set wants to know of a child. Which list it is in tells how far the
/// news has come: the child's, or the set's.
#[derive(Default)]
#[repr(C)]
pub struct Link {
    child: AtomicU64,
    /// 0 when it is nobody's.
    set: AtomicU64,
    next: AtomicU32,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Set {}
// SAFETY: the same.
#[allow(unsafe_code)]
unsafe impl Zeroed for Link {}

impl Node for Set {
    fn next(&self) -> &AtomicU32 {
        &self.next
    }
}

impl Node for Link {
    fn next(&self) -> &AtomicU32 {
        &self.next
    }
}

/// A call's hold on a set: its descriptors stay open as long as there is one.
pub struct SetPin {
    pub set: &'static Set,
    handle: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Pidfd,
    Sigchld,
}

/// What a plain wait and a plain set run on here.
pub fn engine() -> Engine {
    if pidfd::available() { Engine::Pidfd } else { Engine::Sigchld }
}

/// Opens a set; `sigchld` asks for that engine though there is a better one.
pub fn open(sigchld: bool) -> Result<SetPin> {
    if !sigchld && engine() == Engine::Pidfd {
        match epoll::create() {
            Ok(epoll) => return make(epoll, None, false),
            Err(errno) if errno.means_unsupported() => {}
            Err(errno) => return Err(errno),
        }
    }
    open_self_pipe(false)
}

/// A set on a self-pipe, which keeps the SIGCHLD handler installed.
pub fn open_self_pipe(every_signal: bool) -> Result<SetPin> {
    let (read, write) = fd::pipe(libc::O_NONBLOCK)?;
    sigchld::hold()?;
    make(read, Some(write), every_signal).inspect_err(|_| sigchld::let_go())
}

fn make(fd: OwnedFd, poke: Option<OwnedFd>, every_signal: bool) -> Result<SetPin> {
    let root = table::root()?;
    let (index, set) = SETS.take(&root.sets)?;
    set.fd.store(fd.release(), SeqCst);
    set.poke.store(poke.map_or(-1, OwnedFd::release), SeqCst);
    set.every_signal.store(every_signal as i32, SeqCst);
    set.ready.reset();
    let handle = life::new_handle(index, table::process(root));
    set.life.begin(handle);
    Ok(SetPin { set, handle })
}

impl SetPin {
    #[inline(never)]
    pub fn new(handle: u64) -> Result<SetPin> {
        table::root_if_used().ok_or(Errno::EBADF)?;
        let set = SETS.get(life::index_of(handle)).ok_or(Errno::EBADF)?;
        set.life.pin(handle)?;
        Ok(SetPin { set, handle })
    }

    pub fn handle(&self) -> u64 {
        self.handle
    }

    pub fn fd(&self) -> i32 {
        self.set.fd.load(SeqCst)
    }

    fn is_self_pipe(&self) -> bool {
        self.set.poke.load(SeqCst) >= 0
    }

    /// Wakes who polls. A full pipe is awake already; an empty one may have no memory
    /// for a byte at this moment, and nobody else to call in the next.
    pub fn poke(&self) {
        let poke = || fd::write(self.set.poke.load(SeqCst), &[0]);
        let _ = (0..100).find(|_| matches!(poke(), Ok(_) | Err(Errno::EAGAIN)));
    }

    /// Puts the pipe back to sleep. What happened before this is looked for
    /// after it, so nothing is missed; what happens later pokes again. An epoll
    /// is left as it is: it stays ready until the caller has looked.
    pub fn drain(&self) {
        if !self.is_self_pipe() {
            return;
        }
        let mut bytes = [0u8; 64];
        while matches!(fd::read(self.fd(), &mut bytes), Ok(count) if count == bytes.len()) {}
    }

    /// Invalidates the handle. What the set has goes with the last pin.
    pub fn close(&self) -> Result<()> {
        self.set.life.close()?;
        if self.is_self_pipe() {
            sigchld::let_go();
        }
        Ok(())
    }

    /// Tells of `child` when it has ended, or now if it has. EEXIST if it is in
    /// the set already.
    pub fn add(&self, child: &Pin) -> Result<()> {
        if !self.is_self_pipe() {
            let fd = child.pidfd().ok_or(Errno::ENOSYS)?;
            return epoll::add_once(self.fd(), fd, child.handle());
        }
        self.link(child)?;
        // It may have ended before the handler was there to see it.
        reap::look(child).map(drop)
    }

    fn link(&self, child: &Pin) -> Result<()> {
        // Of two who add it at once, the second finds the link of the first.
        let _locked = Locked::enter()?;
        if self.has(child)? {
            return Err(Errno::EEXIST);
        }
        if !self.take_over_link(child) {
            let (index, link) = LINKS.take(&table::root()?.links)?;
            link.child.store(child.handle(), SeqCst);
            link.set.store(self.handle, SeqCst);
            if !child.slot.watchers.push(&LINKS, index) {
                deliver(index); // published already
            }
        }
        Ok(())
    }

    /// Whether there is a link already: waiting, on its way, or told. None has left
    /// the child's list as long as that is not sealed.
    fn has(&self, child: &Pin) -> Result<bool> {
        let transit = &table::root()?.transit;
        loop {
            let ended = transit.ended();
            if self.is_listed(child) {
                return Ok(true);
            }
            if !child.slot.watchers.is_sealed() || transit.begun() == ended {
                return Ok(false);
            }
            poll::pause();
        }
    }

    fn is_listed(&self, child: &Pin) -> bool {
        let mine = |index| {
            LINKS.get(index).is_some_and(|link| {
                link.set.load(SeqCst) == self.handle && link.child.load(SeqCst) == child.handle()
            })
        };
        let slot = child.slot;
        slot.watchers.peek(&LINKS).any(mine)
            || self.set.ready.peek(&LINKS).any(mine)
            || slot.told.peek(&LINKS).any(mine)
    }

    /// Uses a link of this child to a set that was closed, so that sets can come
    /// and go while a child lives.
    fn take_over_link(&self, child: &Pin) -> bool {
        let watchers = &child.slot.watchers;
        for link in watchers.peek(&LINKS).filter_map(|index| LINKS.get(index)) {
            let owner = link.set.load(SeqCst);
            let dead = link.child.load(SeqCst) == child.handle() && SetPin::new(owner).is_err();
            if dead && link.set.compare_exchange(owner, self.handle, SeqCst, SeqCst).is_ok() {
                // If the list was sealed meanwhile, nobody can say where the link
                // is: it is made nobody's again, and a fresh one is used.
                let sealed = watchers.is_sealed();
                if sealed {
                    let _ = link.set.compare_exchange(self.handle, 0, SeqCst, SeqCst);
                }
                return !sealed;
            }
        }
        false
    }

    /// The next event. ETIMEDOUT when there is none by then.
    pub fn next(&self, deadline: Deadline) -> Result<Event> {
        graveyard::sweep();
        loop {
            let Some(child) = self.next_child(deadline)? else {
                if deadline.left_ns() == Some(0) {
                    return Err(Errno::ETIMEDOUT);
                }
                continue;
            };
            // A handle that was closed meanwhile has no event any more.
            let Ok(pin) = Pin::new(child) else { continue };
            match reap::take(&pin)? {
                Some(status) => return Ok(Event::of(&pin, 0, status)),
                None => {
                    if let Some(fd) = pin.pidfd().filter(|_| !self.is_self_pipe()) {
                        epoll::again(self.fd(), fd, child)?;
                    }
                }
            }
        }
    }

    /// A child to look at, once there is one; none at the deadline, or when a
    /// signal came.
    fn next_child(&self, deadline: Deadline) -> Result<Option<u64>> {
        if !self.is_self_pipe() {
            return epoll::next(self.fd(), deadline.left_ms());
        }
        let child = self.next_linked();
        if child.is_none() && deadline != Deadline::Now {
            match watch::sleep(&mut [poll::readable(self.fd())], deadline, true) {
                Ok(()) | Err(Errno::ETIMEDOUT) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(child)
    }

    /// The pipe is drained only when nothing is left to tell: until then it
    /// stays readable, so that the descriptor is level-triggered.
    fn next_linked(&self) -> Option<u64> {
        if let Some(child) = self.pop() {
            return Some(child);
        }
        self.drain();
        let child = self.pop()?;
        self.poke();
        Some(child)
    }

    /// The child of the next link. The link stays with the child, so that it is
    /// known to have been told.
    fn pop(&self) -> Option<u64> {
        table::root_if_used()?.transit.during(|| self.move_on())
    }

    fn move_on(&self) -> Option<u64> {
        loop {
            let index = self.set.ready.pop(&LINKS)?;
            let link = LINKS.get(index)?;
            let child = link.child.load(SeqCst);
            let pin = Pin::new(child).ok().filter(|_| link.set.load(SeqCst) == self.handle);
            match pin {
                Some(pin) => {
                    pin.slot.told.push(&LINKS, index);
                    return Some(child);
                }
                // Closed meanwhile, or nobody's.
                None => free_link(index),
            }
        }
    }
}

impl Drop for SetPin {
    fn drop(&mut self) {
        loop {
            let word = self.set.life.word();
            if !(word.is_last_pin() && word.is_closed()) {
                if self.set.life.swap(word, word.unpinned()) {
                    return;
                }
                continue;
            }
            // No handle leads here and no other call is at work.
            free_all(&self.set.ready);
            if self.set.life.swap(word, word.freed()) {
                crate::pin::close_once(&self.set.poke);
                crate::pin::close_once(&self.set.fd);
                if let Some(root) = table::root_if_used() {
                    SETS.give_back(&root.sets, life::index_of(self.handle));
                }
                return;
            }
        }
    }
}

/// Tells every set that waits for this child. Its end is published; of several
/// that publish it at once, the first to seal the list tells all.
/// Async-signal-safe.
pub fn tell(slot: &Slot) {
    if let Some(root) = table::root_if_used() {
        root.transit.during(|| slot.watchers.seal(&LINKS).for_each(deliver));
    }
}

/// Moves a link to its set and wakes that. The links of a set that was closed
/// stay with their children until here, or until they are taken over.
fn deliver(index: u32) {
    let Some(link) = LINKS.get(index) else { return };
    loop {
        let owner = link.set.load(SeqCst);
        if let Ok(set) = SetPin::new(owner) {
            set.set.ready.push(&LINKS, index);
            set.poke();
            return;
        }
        if link.set.compare_exchange(owner, 0, SeqCst, SeqCst).is_ok() {
            return free_link(index);
        }
    }
}

/// Frees the links in a list that its caller alone holds.
pub fn free_all(links: &Stack) {
    while let Some(index) = links.pop(&LINKS) {
        free_link(index);
    }
}

fn free_link(index: u32) {
    if let (Some(link), Some(root)) = (LINKS.get(index), table::root_if_used()) {
        link.set.store(0, SeqCst); // `has` may still come by
        LINKS.give_back(&root.links, index);
    }
}

/// Wakes the sets that want to hear of every SIGCHLD. Async-signal-safe.
pub fn poke_every_signal() {
    let Some(root) = table::root_if_used() else { return };
    for (index, set) in SETS.each(&root.sets) {
        if set.every_signal.load(SeqCst) != 0 {
            if let Ok(pin) = SetPin::new(set.life.word().handle(index)) {
                pin.poke();
            }
        }
    }
}

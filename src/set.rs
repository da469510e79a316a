//! Sets: independent queues of ended children, each with a descriptor to poll.
//!
//! With pidfds a set is an epoll, and nobody needs to do anything for it.
//! Without, it is a self-pipe and a stack, to which an end comes by a `link`.

use crate::deadline::Deadline;
use crate::graveyard;
use crate::life::{self, Life};
use crate::link;
use crate::pin::Pin;
use crate::reap::{self, Event};
use crate::sigchld;
use crate::slab::{Node, Stack};
use crate::sync::AtomicU32;
use crate::sys::epoll;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::Zeroed;
use crate::sys::{Errno, Result, pidfd, poll};
use crate::table::{self, CHILDREN, SETS};
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
    /// Links that were delivered.
    pub ready: Stack,
    next: AtomicU32,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Set {}
impl Node for Set {
    fn next(&self) -> &AtomicU32 {
        &self.next
    }
}

/// A call's hold on a set: its descriptors stay open as long as there is one.
pub struct SetPin {
    pub set: &'static Set,
    handle: u64,
}

/// How many ends that cannot be told now a call passes over when its time is up.
const LATE_MOST: u32 = 16;

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
    /// For a call, which may last. The last few pins are not for such: who has to
    /// tell of an end must find one, and holds it for a moment only.
    pub fn new(handle: u64) -> Result<SetPin> {
        let pin = SetPin::brief(handle)?;
        if pin.set.life.word().is_crowded() { Err(Errno::EAGAIN) } else { Ok(pin) }
    }

    #[inline(never)]
    pub fn brief(handle: u64) -> Result<SetPin> {
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
        link::add(self, child)?;
        // It may have ended before the handler was there to see it.
        reap::look(child).map(drop)
    }

    /// The next event. ETIMEDOUT when there is none by then.
    pub fn next(&self, deadline: Deadline) -> Result<Event> {
        graveyard::sweep();
        let mut late = 0u32;
        loop {
            let is_over = || deadline.left_ns() == Some(0);
            match self.try_next(deadline) {
                Ok(Some(event)) => return Ok(event),
                Ok(None) if !is_over() => {}
                Err(Errno::EAGAIN) if !is_over() => poll::pause(),
                // Others may be waiting behind it.
                Err(Errno::EAGAIN) if late < LATE_MOST => late = late.wrapping_add(1),
                Ok(None) | Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The next event, once there is one; none at the deadline, or when a signal
    /// came. EAGAIN if there is one that cannot be told now: it will come again.
    fn try_next(&self, deadline: Deadline) -> Result<Option<Event>> {
        let found = if self.is_self_pipe() {
            self.next_linked(deadline)
        } else {
            self.next_polled(deadline)
        };
        let Some(pin) = found? else { return Ok(None) };
        match reap::take(&pin) {
            Ok(Some(status)) => Ok(Some(Event::of(&pin, 0, status))),
            // Another call is reaping it, or a debugger has the zombie.
            untold => {
                self.poll_again(pin.handle())?;
                untold.and(Err(Errno::EAGAIN))
            }
        }
    }

    fn next_polled(&self, deadline: Deadline) -> Result<Option<Pin>> {
        loop {
            let Some(child) = epoll::next(self.fd(), deadline.left_ms())? else { return Ok(None) };
            match Pin::new(child) {
                Ok(pin) => return Ok(Some(pin)),
                Err(Errno::EAGAIN) => {
                    let _ = self.poll_again(child);
                    return Err(Errno::EAGAIN);
                }
                // A handle that was closed meanwhile has no event any more.
                Err(_) => {}
            }
        }
    }

    /// Has the epoll tell of a child once more. The caller has it pinned, or has
    /// just seen that as many others have as can.
    fn poll_again(&self, child: u64) -> Result<()> {
        let slot = CHILDREN.get(life::index_of(child)).ok_or(Errno::EBADF)?;
        epoll::again(self.fd(), slot.pidfd.load(SeqCst), child)
    }

    fn next_linked(&self, deadline: Deadline) -> Result<Option<Pin>> {
        let found = self.pop_or_drain()?;
        if found.is_none() && deadline != Deadline::Now {
            match watch::sleep(&mut [poll::readable(self.fd())], deadline, true) {
                Ok(()) | Err(Errno::ETIMEDOUT) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(found)
    }

    /// The pipe is drained only when nothing is left to tell: until then it
    /// stays readable, so that the descriptor is level-triggered.
    fn pop_or_drain(&self) -> Result<Option<Pin>> {
        if let Some(pin) = link::pop(self)? {
            return Ok(Some(pin));
        }
        self.drain();
        let found = link::pop(self)?;
        if found.is_some() {
            self.poke();
        }
        Ok(found)
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
            link::free_all(&self.set.ready);
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

/// Wakes the sets that want to hear of every SIGCHLD. Async-signal-safe.
pub fn poke_every_signal() {
    let Some(root) = table::root_if_used() else { return };
    for (index, set) in SETS.each(&root.sets) {
        if set.every_signal.load(SeqCst) != 0 {
            if let Ok(pin) = SetPin::brief(set.life.word().handle(index)) {
                pin.poke();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    /// A child that has ended and was reaped.
    fn ended_without_pidfd() -> Pin {
        let pin = table::claim().expect("memory");
        pin.slot.life.update(|word| Some(word.running()));
        pin.slot.publish_gone(Status::LOST);
        link::tell(pin.slot);
        pin
    }

    /// The same with what is readable, as a pidfd is then.
    fn ended() -> Pin {
        let pin = ended_without_pidfd();
        let (read, _hung_up) = fd::pipe(0).expect("descriptors");
        pin.slot.pidfd.store(read.release(), SeqCst);
        pin
    }

    fn told(set: &SetPin) -> Result<u64> {
        set.next(Deadline::Now).map(|event| event.handle)
    }

    #[test]
    fn an_end_stays_while_too_many_calls_are_at_work_on_the_child() {
        for sigchld in [false, true] {
            let set = open(sigchld).expect("a set");
            let (child, other) = (ended(), ended());
            set.add(&other).expect("memory");
            set.add(&child).expect("memory");
            let crowd: Vec<Pin> = core::iter::from_fn(|| Pin::new(child.handle()).ok()).collect();
            assert_eq!(told(&set), Ok(other.handle()), "does not stand behind the other");
            assert_eq!(told(&set), Err(Errno::ETIMEDOUT));
            assert_eq!(poll::poll(&mut [poll::readable(set.fd())], Some(0), false), Ok(1));
            drop(crowd);
            assert_eq!(told(&set), Ok(child.handle()));
            assert_eq!(told(&set), Err(Errno::ETIMEDOUT));
            set.close().expect("is open");
            child.abandon();
            other.abandon();
        }
    }

    #[test]
    fn a_set_under_too_many_calls_is_not_closed() {
        let set = open(true).expect("a set");
        let crowd: Vec<_> = core::iter::from_fn(|| SetPin::new(set.handle()).ok()).collect();
        let (other, child) = (open(true).expect("a set"), table::claim().expect("memory"));
        child.slot.life.update(|word| Some(word.running()));
        link::add(&set, &child).expect("memory");
        link::add(&other, &child).expect("memory");
        child.slot.publish_gone(Status::LOST);
        link::tell(child.slot);
        drop(crowd);
        for set in [set, other] {
            assert_eq!(told(&set), Ok(child.handle()));
            set.close().expect("is open");
        }
        child.abandon();
    }

    #[test]
    fn one_of_many_untold_ends_is_known() {
        let set = open(true).expect("a set");
        let children: Vec<Pin> = (0..70_000).map(|_| ended_without_pidfd()).collect();
        children.iter().for_each(|child| link::add(&set, child).expect("memory"));
        for at in [0, 1, 30_000, 69_999] {
            assert_eq!(children.get(at).map(|child| link::add(&set, child)), Some(Err(Errno::EEXIST)));
        }
        let in_turn = children.iter().rev().map(|child| Ok(child.handle()));
        assert!(in_turn.eq(children.iter().map(|_| told(&set))));
        set.close().expect("is open");
        children.into_iter().for_each(Pin::abandon);
    }
}

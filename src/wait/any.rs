//! Waiting for one of several children.

use super::watch::Watch;
use crate::children::child::Child;
use crate::children::look::Look;
use crate::children::lost;
use crate::children::state;
use crate::notify::sleep::sleep;
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::epoll;
use crate::sys::fd::OwnedFd;
use crate::sys::memory::{Inline, Scratch};
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result};

/// More children than this are not polled one by one.
const FEW: usize = 32;

/// How one of several children exited.
pub struct Exit {
    pub child: u64,
    pub user: usize,
    /// In the list that was waited for.
    pub position: usize,
    pub status: Status,
}

/// Waits until one of the children has exited; the first in the list if several have.
/// Handles that are 0 are skipped.
pub fn wait(handles: &[u64], deadline: Deadline) -> Result<Exit> {
    let mut inline = Inline::<_, FEW>::new();
    let mut room = Scratch::new(&mut inline, handles.len(), || None)?;
    let mut children = Children(room.get());
    children.find(handles)?;
    if children.each().next().is_none() {
        return Err(Errno::ECHILD);
    }
    if let Some(exit) = children.first_exited()? {
        return Ok(exit);
    }
    if deadline == Deadline::Now {
        return Err(Errno::ETIMEDOUT);
    }
    loop {
        if let Some(exit) = children.sleep_until_one_has(deadline)? {
            return Ok(exit);
        }
    }
}

/// Uses in memory that is not theirs to drop.
struct Children<'a>(&'a mut [Option<Child>]);

/// How many children one section looks up, looks at, or lets go of.
const AT_ONCE: usize = 64;

impl Drop for Children<'_> {
    fn drop(&mut self) {
        let mut places = self.0.iter_mut();
        while places.len() != 0 {
            let Some(mut section) = state::enter_surely() else { return };
            for child in places.by_ref().take(AT_ONCE).filter_map(Option::take) {
                child.leave(&mut section);
                if !section.closing.has_room() {
                    break;
                }
            }
        }
    }
}

/// The wakeup when one of many has exited.
enum Bell {
    /// The pidfds of a few, each by itself.
    Few,
    Many(OwnedFd),
    /// One of them has no pidfd, or a sandbox refuses epoll.
    Signal(Watch),
}

impl Children<'_> {
    fn find(&mut self, handles: &[u64]) -> Result<()> {
        for (places, handles) in self.0.chunks_mut(AT_ONCE).zip(handles.chunks(AT_ONCE)) {
            if handles.iter().all(|handle| *handle == 0) {
                continue;
            }
            let mut section = state::enter_if_used()?;
            section.sweep();
            let wanted = places.iter_mut().zip(handles).filter(|(_, handle)| **handle != 0);
            for (place, handle) in wanted {
                *place = Some(Child::enter(&mut section, *handle, false)?);
            }
        }
        Ok(())
    }

    fn each(&self) -> impl Iterator<Item = &Child> {
        self.0.iter().flatten()
    }

    fn first_exited(&self) -> Result<Option<Exit>> {
        for (chunk, places) in self.0.chunks(AT_ONCE).enumerate() {
            let mut section = state::enter_if_used()?;
            let children = places.iter().enumerate();
            for (place, child) in children.filter_map(|(place, child)| Some((place, child.as_ref()?))) {
                let look = section.look(child.index())?;
                child.refresh(&mut section);
                if matches!(look, Look::Running) {
                    continue;
                }
                let position = chunk.wrapping_mul(AT_ONCE).wrapping_add(place);
                let user = section.slots.get(child.index()).map_or(0, |slot| slot.user);
                let status = lost::complete(section, child.handle(), look)?.ok_or(Errno::ECHILD)?;
                return Ok(Some(Exit { child: child.handle(), user, position, status }));
            }
        }
        Ok(None)
    }

    fn bell(&self) -> Result<Bell> {
        if self.lacks_pidfd() {
            return Watch::alarm().map(Bell::Signal);
        }
        if self.each().count() <= FEW {
            return Ok(Bell::Few);
        }
        let epoll = match epoll::create() {
            Err(errno) if errno.means_unsupported() => return Watch::alarm().map(Bell::Signal),
            created => created?,
        };
        for child in self.each() {
            match epoll::add_once(epoll.number(), child.pidfd().unwrap_or(-1), child.handle()) {
                // The same child twice.
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(Bell::Many(epoll))
    }

    fn lacks_pidfd(&self) -> bool {
        self.each().any(|child| child.pidfd().is_none())
    }

    /// `None`: the program has closed a pidfd, and another bell is needed.
    fn sleep_until_one_has(&self, deadline: Deadline) -> Result<Option<Exit>> {
        let bell = self.bell()?;
        let mut room = [poll::SKIP; FEW];
        let fds = self.polled(&bell, &mut room);
        loop {
            // Again after an alarm is set, and after every waking.
            if let Some(exit) = self.first_exited()? {
                return Ok(Some(exit));
            }
            if !matches!(bell, Bell::Signal(_)) && self.lacks_pidfd() {
                return Ok(None);
            }
            if fds.iter().any(|one| one.revents != 0) {
                poll::pause(); // a debugger has the zombie, or it is not gone yet
            }
            match &bell {
                Bell::Signal(watch) => watch.sleep(fds, deadline)?,
                _ => sleep(fds, deadline)?,
            }
            // The signal's pipe does not show whose exit that was.
            if let (Bell::Signal(_), [pipe, ..]) = (&bell, &mut *fds) {
                pipe.revents = 0;
            }
        }
    }

    /// No more than there are children: poll refuses a list that is longer than the
    /// process may have descriptors.
    fn polled<'a>(&self, bell: &Bell, room: &'a mut [PollFd; FEW]) -> &'a mut [PollFd] {
        let mut count = 0usize;
        let mut push = |one: PollFd| {
            if let Some(place) = room.get_mut(count) {
                *place = one;
                count = count.wrapping_add(1);
            }
        };
        match bell {
            Bell::Few => self.each().filter_map(Child::pidfd).for_each(|fd| push(poll::readable(fd))),
            Bell::Many(epoll) => push(poll::readable(epoll.number())),
            // Of a child whose exit raises no signal, too.
            Bell::Signal(watch) => {
                push(watch.polled());
                let private = self.each().filter(|child| child.is_private);
                private.filter_map(Child::pidfd).for_each(|fd| push(poll::readable(fd)));
            }
        }
        room.get_mut(..count).unwrap_or_default()
    }
}

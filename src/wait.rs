//! Waiting for children, with a limit on the whole call.

use crate::deadline::Deadline;
use crate::graveyard;
use crate::pin::Pin;
use crate::reap::{self, Event};
use crate::status::Status;
use crate::sys::memory::{Inline, Scratch};
use crate::sys::poll::{self, PollFd};
use crate::sys::wait as kernel;
use crate::sys::{Errno, Result};
use crate::watch::{Alarm, Watch, sleep};

/// Waits until the child has ended. ETIMEDOUT when it has not by then.
pub fn wait(handle: u64, deadline: Deadline) -> Result<Status> {
    graveyard::sweep();
    let pin = Pin::new(handle)?;
    if deadline == Deadline::Never {
        match reap::block(&pin) {
            Err(Errno::EAGAIN) => {} // its pidfd is non-blocking: it can be polled
            other => return other,
        }
    }
    let mut watch = pin.pidfd().map(Watch::pidfd);
    loop {
        if let Some(status) = reap::take(&pin)? {
            return Ok(status);
        }
        if deadline == Deadline::Now {
            return Err(Errno::ETIMEDOUT);
        }
        match &watch {
            // Look again once the handler is there.
            None => watch = Some(Watch::of(&pin)?),
            Some(watch) => watch.sleep(&mut [watch.polled()], deadline)?,
        }
    }
}

/// Waits until one of the children has ended; the first in the list if several
/// have. Handles that are 0 are passed over.
pub fn wait_any(handles: &[u64], deadline: Deadline) -> Result<Event> {
    graveyard::sweep();
    let mut inline = Inline::<_, FEW>::new();
    let mut room = Scratch::new(&mut inline, handles.len(), || None)?;
    let pins = Pins(room.get());
    let mut any = false;
    for (place, handle) in pins.0.iter_mut().zip(handles).filter(|(_, handle)| **handle != 0) {
        *place = Some(Pin::new(*handle)?);
        any = true;
    }
    if !any {
        return Err(Errno::ECHILD);
    }
    if let Some(event) = first_ended(pins.0)? {
        return Ok(event);
    }
    if deadline == Deadline::Now {
        return Err(Errno::ETIMEDOUT);
    }
    let mut fds = [poll::SKIP; FEW + 1];
    let (count, alarm) = what_to_poll(pins.0, &mut fds)?;
    let fds = fds.get_mut(..count).unwrap_or_default();
    loop {
        // Again after the alarm is set, and after every waking.
        if let Some(event) = first_ended(pins.0)? {
            return Ok(event);
        }
        if alarm.is_none() && fds.iter().any(|one| one.revents != 0) {
            poll::pause(); // see `Watch::sleep`
        }
        sleep(fds, deadline, alarm.is_some())?;
        if let Some(alarm) = &alarm {
            alarm.drain();
        }
    }
}

/// Fills `fds` with what becomes readable when one of `pins` ends; says how
/// many they are. No more than there are children: poll refuses a list that is
/// longer than the process may have descriptors.
fn what_to_poll(
    pins: &[Option<Pin>],
    fds: &mut [PollFd; FEW + 1],
) -> Result<(usize, Option<Alarm>)> {
    let mut count = 0usize;
    let mut push = |fd| {
        if let Some(place) = fds.get_mut(count) {
            *place = poll::readable(fd);
            count = count.wrapping_add(1);
        }
    };
    let few = pins.iter().flatten().count() <= FEW;
    let known = pins.iter().flatten().all(|pin| pin.pidfd().is_some());
    let alarm = match (few, known) {
        (true, true) => None,
        (true, false) => Some(Alarm::set()?),
        (false, known) => Some(Alarm::for_all(pins, known)?),
    };
    if few {
        pins.iter().flatten().filter_map(Pin::pidfd).for_each(&mut push);
    }
    if let Some(alarm) = &alarm {
        push(alarm.fd());
    }
    Ok((count, alarm))
}

/// More children than this are not polled one by one.
const FEW: usize = 32;

/// Pins in memory that is not theirs to drop.
struct Pins<'a>(&'a mut [Option<Pin>]);

impl Drop for Pins<'_> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|place| *place = None);
    }
}

fn first_ended(pins: &[Option<Pin>]) -> Result<Option<Event>> {
    for (position, pin) in pins.iter().enumerate() {
        let Some(pin) = pin else { continue };
        if let Some(status) = reap::take(pin)? {
            return Ok(Some(Event::of(pin, position, status)));
        }
    }
    Ok(None)
}

/// Which changes `wait_change` tells of, besides the end.
#[derive(Clone, Copy)]
pub struct Changes {
    pub stopped: bool,
    pub continued: bool,
}

/// Waits until the child has stopped, was continued, or has ended.
pub fn wait_change(handle: u64, changes: Changes, deadline: Deadline) -> Result<Status> {
    graveyard::sweep();
    let pin = Pin::new(handle)?;
    let mut which = 0;
    if changes.stopped {
        which |= kernel::STOPPED;
    }
    if changes.continued {
        which |= kernel::CONTINUED;
    }
    let mut alarm = None;
    let mut block = deadline == Deadline::Never;
    loop {
        match look_for_change(&pin, which, block) {
            Ok(Some(status)) => return Ok(status),
            Err(Errno::EAGAIN) if block => block = false,
            Err(errno) => return Err(errno),
            Ok(None) => match (deadline, &alarm) {
                _ if block => {}
                (Deadline::Now, _) => return Err(Errno::ETIMEDOUT),
                // No descriptor tells of a stop; only SIGCHLD does.
                (_, None) => alarm = Some(Alarm::set()?),
                (_, Some(alarm)) => alarm.sleep(deadline)?,
            },
        }
    }
}

/// One look, which may block. A stop or continuation is told once, to one call:
/// peeked at first, because the same look may show the end, then consumed.
fn look_for_change(pin: &Pin, which: i32, block: bool) -> Result<Option<Status>> {
    let hang = if block { 0 } else { kernel::NO_HANG };
    if pin.slot.life.word().has_ended() {
        return Ok(Some(pin.slot.status()));
    }
    match reap::peek(pin, which | kernel::EXITED | hang) {
        Ok(None) => return Ok(None),
        Ok(Some(change)) if !Status::of_change(&change).has_ended() => {}
        Err(Errno::EAGAIN) => return Err(Errno::EAGAIN),
        // Ended, or gone: that is told by the usual way.
        _ => return reap::take(pin),
    }
    let consumed = kernel::waitid(pin.whom(), which | kernel::NO_HANG);
    Ok(consumed.ok().flatten().map(|change| Status::of_change(&change)))
}

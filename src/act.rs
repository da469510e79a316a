//! Signals to children: only ever to the process, or the group, that the handle
//! names.

use crate::pin::Pin;
use crate::reap;
use crate::signals;
use crate::sys::{Errno, Result, pidfd, signal, wait};
use core::sync::atomic::Ordering::SeqCst;

/// Sends `number` to the child. ESRCH once it has ended, and nothing is sent.
///
/// An end is peeked at, not published: the last pin would reap the zombie, and
/// with that its group could not be signalled any more.
pub fn kill(handle: u64, number: i32) -> Result<()> {
    signals::check(number)?;
    let pin = Pin::new(handle)?;
    if pin.slot.life.word().has_ended() {
        return Err(Errno::ESRCH);
    }
    match reap::peek(&pin, wait::EXITED | wait::NO_HANG) {
        Ok(None) => send_to_child(&pin, number),
        Ok(Some(_)) => Err(Errno::ESRCH),
        // Reaped already, by another call or by a foreign child: that can be told.
        Err(Errno::ECHILD) => reap::look(&pin).and(Err(Errno::ESRCH)),
        Err(errno) => Err(errno),
    }
}

#[inline(never)]
pub fn send_to_child(pin: &Pin, number: i32) -> Result<()> {
    let Some(fd) = pin.pidfd() else { return signal::kill(pin.pid(), number) };
    match pidfd::send_signal(fd, number) {
        // A sandbox that only knows kill. The pin keeps the zombie from being
        // reaped, so the pid is still this child's: a take reaps under pins, but
        // only where pidfds take signals, and then EPERM is the child's answer.
        Err(errno) if errno.means_unsupported() && !pidfd::takes_signals(fd) => {
            signal::kill(pin.pid(), number)
        }
        sent => sent,
    }
}

pub fn leads_group(pin: &Pin) -> bool {
    pin.slot.leads_group.load(SeqCst) != 0
}

/// Sends `number` to the group that the child was started as the leader of.
pub fn kill_group(handle: u64, number: i32) -> Result<()> {
    signals::check(number)?;
    send_to_group(&Pin::new(handle)?, number)
}

/// A group's number is kept from being another's by its leader's zombie, and
/// that by the pin, unless it was reaped before. It is not looked at here: a
/// look would publish the end, and the last pin would then reap it.
///
/// EINVAL for a child that leads none: the group that it is in is somebody
/// else's, the caller's own most often.
#[inline(never)]
pub fn send_to_group(pin: &Pin, number: i32) -> Result<()> {
    if !leads_group(pin) {
        return Err(Errno::EINVAL);
    }
    if pin.slot.life.word().is_collected() {
        return Err(Errno::ESRCH);
    }
    match pin.pidfd().map(|fd| pidfd::send_signal_to_group(fd, number)) {
        Some(Ok(())) => Ok(()),
        Some(Err(errno)) if !errno.means_unsupported() => Err(errno),
        _ => {
            // Only the number names it now. ECHILD: a foreign child has reaped it.
            reap::peek(pin, wait::EXITED | wait::NO_HANG).map_err(|_| Errno::ESRCH)?;
            signal::kill_group(pin.pid(), number)
        }
    }
}

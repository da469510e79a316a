//! The timer and the self-pipe of a set. They are opened for the first child that needs them,
//! and are the set's as soon as that child is in it: a call that fails leaves none behind.

use crate::children::members::{PIPE, TIMER};
use crate::children::state::{self, State};
use crate::notify::listener::Alarm;
use crate::sys::fd::OwnedFd;
use crate::sys::{Errno, Result, epoll, timer};

/// What the set lacks.
#[derive(Default)]
pub struct Spares {
    timer: Option<OwnedFd>,
    alarm: Option<Alarm>,
}

impl Spares {
    /// For deadlines.
    pub fn for_deadline(set: u64) -> Result<Spares> {
        let has_timer = state::enter_if_used()?.find_set(set)?.1.timer.get().is_some();
        let timer = if has_timer { None } else { Some(timer::create()?) };
        Ok(Spares { timer, alarm: None })
    }

    /// For stops: every SIGCHLD makes the set's descriptor readable, and if the handler may
    /// not run, the timer does.
    pub fn for_stops(set: u64) -> Result<Spares> {
        let mut spares = Spares::for_deadline(set)?;
        if state::enter_if_used()?.find_set(set)?.1.listener == 0 {
            spares.alarm = Some(Alarm::set()?);
        }
        Ok(spares)
    }

    /// Makes them the set's, unless another thread was first.
    pub fn keep(&mut self, state: &mut State, set: u64) -> Result<()> {
        let (_, set) = state.find_set(set)?;
        let epoll = set.epoll.get().ok_or(Errno::EBADF)?;
        let timer = self.timer.take_if(|_| set.timer.get().is_none());
        let alarm = self.alarm.take_if(|_| set.listener == 0);
        // Those that are closed because the other fails leave the epoll with that.
        let added = timer.iter().try_for_each(|timer| epoll::add(epoll, timer.number(), TIMER));
        let added = added
            .and_then(|()| alarm.iter().try_for_each(|alarm| epoll::add(epoll, alarm.fd(), PIPE)));
        if added.is_err() {
            // They are closed without the lock.
            self.timer = self.timer.take().or(timer);
            self.alarm = self.alarm.take().or(alarm);
            return added;
        }
        if let Some(timer) = timer {
            set.timer.put(timer);
        }
        if let Some((pipe, listener)) = alarm.map(Alarm::into_parts) {
            set.listener = listener.wrapping_add(1);
            set.pipe.put(pipe);
        }
        Ok(())
    }
}

//! Feeding a child and reading what it says, until it has ended, within one
//! limit.
//!
//! All is done in turns that never block: move what can be moved, look at the
//! child, take the next step of the stop sequence if it is due. Between two turns there
//! is one sleep on everything at once, so no order and no size of reads and
//! writes can make a deadlock.

use crate::act;
use crate::deadline::Deadline;
use crate::drain::Drain;
use crate::feed::{Feed, Feeder};
use crate::graveyard;
use crate::held::Held;
use crate::pin::Pin;
use crate::pipes::Pipes;
use crate::reap;
use crate::sequence::{Plan, Sequence, Target};
use crate::sink::Sink;
use crate::status::Status;
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result};
use crate::watch::Watch;

/// What the caller wants.
pub struct Setup<'a> {
    pub feed: Feed<'a>,
    /// For stdout and stderr.
    pub sinks: [Sink<'a>; 2],
    /// Wait for the end of the pipes, not only of the child.
    pub until_eof: bool,
    pub limit: Deadline,
    pub plan: Plan<'a>,
}

impl Setup<'_> {
    /// Which streams there is something to do with.
    pub fn wanted(&self) -> [bool; 3] {
        let [out, err] = self.sinks.each_ref().map(|sink| !matches!(sink, Sink::Nothing));
        [!matches!(self.feed, Feed::Nothing), out, err]
    }

    /// For a child that leads a group, or does not, and has pipes on these streams.
    /// ENOENT for a feed or a sink of a stream that has none.
    pub fn check(&self, leads_group: bool, pipes: [bool; 3]) -> Result<()> {
        self.plan.check(leads_group)?;
        let mut wanted = self.wanted().into_iter().zip(pipes);
        if wanted.any(|(wanted, pipe)| wanted && !pipe) { Err(Errno::ENOENT) } else { Ok(()) }
    }
}

pub struct Capture<'a> {
    pipes: Pipes,
    watch: Watch,
    pub feeder: Feeder<'a>,
    pub drains: [Drain<'a>; 2],
    until_eof: bool,
    pub sequence: Sequence<'a>,
    status: Option<Status>,
    /// The limit was reached.
    pub timed_out: bool,
    finished: bool,
    /// All steps are behind, and the child has not ended.
    gave_up: bool,
}

/// Whatever is polled: three pipes, or the descriptor that one goes into, and
/// the child's end.
pub const POLLED: usize = 4;

impl<'a> Capture<'a> {
    /// EBUSY if the child is being captured already; else see `Setup::check`.
    #[inline(never)]
    pub fn begin(handle: u64, setup: Setup<'a>) -> Result<Capture<'a>> {
        graveyard::sweep();
        let pin = Pin::new_unreaped(handle)?;
        let leads_group = act::leads_group(&pin);
        let pipes = Pipes::hold(pin)?;
        setup.check(leads_group, [0, 1, 2].map(|stream| pipes.fd(stream).is_some()))?;
        let [out, err] = setup.sinks;
        let drains = [(out, 1), (err, 2)].map(|(sink, i)| Drain::new(sink, pipes.fd(i).is_some()));
        Ok(Capture {
            watch: Watch::of(&pipes.pin)?,
            feeder: Feeder::new(setup.feed),
            drains,
            until_eof: setup.until_eof,
            sequence: Sequence::new(setup.plan, setup.limit),
            status: None,
            timed_out: false,
            finished: false,
            gave_up: false,
            pipes,
        })
    }

    /// Takes turns until all is done. ETIMEDOUT, or why the signals could not be
    /// sent, if the child has survived the stop sequence.
    pub fn run(&mut self) -> Result<()> {
        let mut may_have_ended = true;
        while !self.turn(may_have_ended)? {
            let mut fds = self.polled();
            match self.watch.sleep(&mut fds, self.sequence.until()) {
                Ok(()) | Err(Errno::ETIMEDOUT) => {}
                Err(errno) => return Err(errno),
            }
            let [.., end] = fds;
            may_have_ended = self.watch.may_have_told(&end);
        }
        self.outcome()
    }

    /// Once all is done.
    pub fn outcome(&self) -> Result<()> {
        if self.gave_up { Err(self.sequence.failure()) } else { Ok(()) }
    }

    /// Does what can be done now; true when there is nothing left to do.
    pub fn turn(&mut self, may_have_ended: bool) -> Result<bool> {
        if self.finished {
            return Ok(true);
        }
        // The child is looked at first: what it wrote is in the pipes by then.
        if may_have_ended || self.sequence.is_due() {
            self.watch.drain();
            self.look()?;
        }
        self.move_bytes();
        // After the limit, nobody is waited for who does not take his bytes.
        let is_late = self.sequence.reached().0 > 0 && !self.until_eof;
        let read = self.drains.iter().all(|one| one.is_done() || (is_late && one.is_stuck()));
        if self.status.is_some() && read {
            self.finish();
        } else if self.sequence.is_due() {
            self.expire();
        }
        Ok(self.finished)
    }

    fn look(&mut self) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        self.status = reap::look(&self.pipes.pin)?;
        if self.status.is_some() {
            let is_stopping = self.sequence.reached().0 > 0;
            if !self.until_eof || (is_stopping && self.sequence.target() == Target::Child) {
                self.settle();
            }
        }
        Ok(())
    }

    /// Nobody is waited for any more who holds the pipes.
    fn settle(&mut self) {
        self.until_eof = false;
        self.end_feeding();
        for (drain, stream) in self.drains.iter_mut().zip(1..) {
            if let Some(fd) = self.pipes.fd(stream) {
                drain.settle(fd);
            }
        }
    }

    fn end_feeding(&mut self) {
        if let Some(fd) = self.pipes.fd(0) {
            self.feeder.end(fd);
            self.pipes.close(0);
        }
    }

    fn move_bytes(&mut self) {
        if let Some(fd) = self.pipes.fd(0) {
            self.feeder.pump(fd);
            if self.feeder.is_done {
                self.pipes.close(0);
            }
        }
        for (drain, stream) in self.drains.iter_mut().zip(1..) {
            match self.pipes.fd(stream) {
                Some(fd) => drain.pump(fd),
                None => drain.has_ended = true,
            }
            if drain.is_broken {
                self.pipes.close(stream); // who writes must not wait for a reader
            }
        }
        // A callback that wants no more wants the child to end.
        if self.drains.iter().any(|drain| drain.stopped != 0) {
            self.sequence.hurry();
        }
    }

    /// The limit, or the time of a step, is over.
    fn expire(&mut self) {
        let (reached, _) = self.sequence.reached();
        self.timed_out |= reached == 0 && self.drains.iter().all(|drain| drain.stopped == 0);
        let child = &Held::by(&self.pipes.pin);
        match self.status {
            None if self.sequence.step(child) => {}
            None => {
                self.gave_up = true;
                self.finish();
            }
            // Somebody of the group or the tree has the pipes.
            Some(_) if self.until_eof && self.sequence.target() != Target::Child => {
                if !self.sequence.step(child) {
                    self.settle();
                }
            }
            Some(_) if self.until_eof => self.settle(),
            // A sink takes nothing more, and there is no more time.
            Some(_) if self.drains.iter().all(|one| one.is_done() || one.is_stuck()) => {
                self.finish();
            }
            // What is in the pipes is read to the last: it does not get more.
            Some(_) => {}
        }
    }

    fn finish(&mut self) {
        if self.status.is_some() {
            self.end_feeding();
            if self.sequence.reached().0 > 0 {
                self.sequence.sweep(&Held::by(&self.pipes.pin));
            }
        }
        for (drain, stream) in self.drains.iter_mut().zip(1..) {
            if let Some(fd) = self.pipes.fd(stream) {
                drain.leave(fd);
            }
        }
        self.finished = true;
    }

    /// What to wait for between two turns, and until when.
    pub fn polled(&self) -> [PollFd; POLLED] {
        let [out, err] = &self.drains;
        let stream = |i| self.pipes.fd(i);
        [
            stream(0).filter(|_| !self.feeder.is_done).map_or(poll::SKIP, poll::writable),
            stream(1).map_or(poll::SKIP, |fd| out.polled(fd)),
            stream(2).map_or(poll::SKIP, |fd| err.polled(fd)),
            if self.status.is_some() { poll::SKIP } else { self.watch.polled() },
        ]
    }

    pub fn status(&self) -> Status {
        self.status.unwrap_or(Status::RUNNING)
    }

    pub fn is_held(&self, index: usize) -> bool {
        let stream = index.wrapping_add(1);
        let drain = self.drains.get(index).zip(self.pipes.fd(stream));
        drain.is_some_and(|(drain, fd)| drain.is_held(fd))
    }
}

//! Feeding a child and reading what it writes, until it has exited, within one
//! timeout.
//!
//! All is done in turns that never block: look at the child, move what can be
//! moved, take the next step of the stop sequence if it is due. Between two turns
//! there is one sleep on everything at once, so no order and no size of reads and
//! writes can make a deadlock. A turn moves a bounded number of bytes, and
//! returns whether more can be done at once; `polled` and `until` return what to wait
//! for if not. So any loop can drive a capture: `run` is one.

use super::drain::Drain;
use super::earlier::Earlier;
use super::feed::{Feed, Feeder};
use super::outlet::Outlet;
use super::pipes::Pipes;
use super::sink::Sink;
use crate::children::child::Child;
use crate::start::failure::{Failure, Reason};
use crate::status::word::Status;
use crate::stop::sequence::{Plan, Sequence, Target};
use crate::sys::deadline::Deadline;
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result, clock};
use crate::wait::watch::Watch;
use core::iter::once;

/// What the caller wants.
pub struct Setup<'a> {
    pub feed: Feed<'a>,
    /// For stdout and stderr, and where their bytes go on to.
    pub sinks: [Sink<'a>; 2],
    pub outlets: [Option<Outlet>; 2],
    /// Wait for the end of the pipes, not only of the child.
    pub until_eof: bool,
    /// No stream is touched, not even one that has no sink.
    pub only_stops: bool,
    pub timeout: Deadline,
    /// Readable when the child must be stopped.
    pub cancel: Option<i32>,
    pub plan: Plan,
    /// When it began, on the monotonic clock.
    pub began: u64,
}

impl Setup<'_> {
    /// Which streams there is something to do with.
    pub fn wanted(&self) -> [bool; 3] {
        let [out, err] = self.sinks.each_ref().map(|sink| !matches!(sink, Sink::Nothing));
        let [also_out, also_err] = self.outlets.each_ref().map(Option::is_some);
        [!matches!(self.feed, Feed::Nothing), out || also_out, err || also_err]
    }

    /// For a child that leads a group, or does not, and has pipes on these streams.
    /// A feed or a sink needs a pipe on its stream.
    pub fn check(&self, leads_group: bool, pipes: [bool; 3]) -> Result<(), Failure> {
        self.plan.check(leads_group)?;
        let mut wanted = self.wanted().into_iter().zip(pipes);
        match wanted.position(|(wanted, pipe)| wanted && !pipe) {
            Some(stream) => Err(Failure::misuse(Reason::NoPipe, stream)),
            None => Ok(()),
        }
    }
}

pub struct Capture<'a> {
    pipes: Pipes,
    pub earlier: Earlier,
    /// Of the child, and once that has exited, of an earlier stage.
    watch: Watch,
    pub feeder: Feeder<'a>,
    pub drains: [Drain<'a>; 2],
    until_eof: bool,
    cancel: Option<i32>,
    pub sequence: Sequence,
    status: Option<Status>,
    /// The child and all earlier stages have exited.
    is_over: bool,
    /// The timeout was reached.
    pub timed_out: bool,
    /// The descriptor for that was readable before.
    pub cancelled: bool,
    finished: bool,
    /// All steps are behind, and the child has not exited.
    gave_up: bool,
    began: u64,
    ended: u64,
}

/// What may have happened since the last turn: what a turn has to ask about.
#[derive(Clone, Copy)]
pub struct Hint {
    exit: bool,
    cancel: bool,
    /// A look has just shown that the child runs.
    runs: bool,
}

impl Hint {
    pub const ALL: Hint = Hint { exit: true, cancel: true, runs: false };

    pub fn of(runs: bool) -> Hint {
        Hint { runs, ..Hint::ALL }
    }
}

/// What a turn has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Complete,
    /// The turn is over, but more can be moved at once.
    Busy,
    /// Bytes were moved, and no more can be.
    Moved,
    /// There was nothing to move.
    Idle,
}

/// Whatever is polled: three streams, or the descriptors that they go on to, the
/// cancel descriptor, and the child's exit.
pub const POLLED: usize = 5;

/// How often one turn reads or writes each stream at most, and how many bytes it
/// moves before it ends: a child that never stops writing must not keep its timeout,
/// or the caller's loop, waiting.
const ROUNDS: u32 = 16;
const MOST: u64 = 512 * 1024;

impl<'a> Capture<'a> {
    /// EBUSY if the child is being captured already; else see `Setup::check`.
    pub fn begin(handle: u64, setup: Setup<'a>) -> Result<Capture<'a>> {
        Capture::of(Pipes::hold(handle, setup.only_stops)?, Earlier::NONE, setup)
    }

    /// The same for a child that may be the last stage of a pipeline: then its slot has
    /// the caller's end of the first stage's stdin.
    #[inline(never)]
    pub fn of(pipes: Pipes, earlier: Earlier, setup: Setup<'a>) -> Result<Capture<'a>> {
        let leads_group = earlier.lead_groups(&pipes.child);
        setup.check(leads_group, [0, 1, 2].map(|stream| pipes.fd(stream).is_some()))?;
        let [reads_out, reads_err] = readers(&pipes, setup.wanted())?;
        let ([out, err], [also_out, also_err]) = (setup.sinks, setup.outlets);
        Ok(Capture {
            watch: Watch::of_all(&pipes.child, earlier.children())?,
            earlier,
            feeder: Feeder::new(setup.feed),
            drains: [Drain::new(out, also_out, reads_out), Drain::new(err, also_err, reads_err)],
            until_eof: setup.until_eof,
            cancel: setup.cancel,
            sequence: Sequence::new(setup.plan, setup.timeout),
            status: None,
            is_over: false,
            timed_out: false,
            cancelled: false,
            finished: false,
            gave_up: false,
            began: setup.began,
            ended: 0,
            pipes,
        })
    }

    /// Takes turns until all is done. ETIMEDOUT, or why the signals could not be
    /// sent, if the child has survived the stop sequence.
    pub fn run(&mut self) -> Result<()> {
        let (mut hint, mut asked) = (Hint::ALL, 0);
        loop {
            hint = match self.turn(hint)? {
                Turn::Complete => return self.outcome(),
                Turn::Busy => Self::hint_after(&mut asked),
                // Much is on its way. On the same CPU the child goes on at once, and
                // nobody has to be woken; on another, this costs nothing.
                Turn::Moved if self.is_large() => {
                    poll::give_way();
                    Self::hint_after(&mut asked)
                }
                Turn::Moved | Turn::Idle => self.sleep()?,
            };
        }
    }

    /// While bytes flow, everything else is asked about once in a millisecond.
    fn hint_after(asked: &mut u64) -> Hint {
        let now = clock::now_ns();
        if now.wrapping_sub(*asked) < 1_000_000 {
            return Hint { exit: false, cancel: false, runs: false };
        }
        *asked = now;
        Hint::ALL
    }

    fn sleep(&mut self) -> Result<Hint> {
        let mut fds = self.polled();
        match self.watch.sleep(&mut fds, self.until()) {
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(errno) => return Err(errno),
        }
        let [.., cancel, exit] = fds;
        let (exit, cancel) = (self.watch.may_have_told(&exit), cancel.revents != 0);
        Ok(Hint { exit, cancel, runs: false })
    }

    fn is_large(&self) -> bool {
        self.feeder.is_large() || self.drains.iter().any(Drain::is_large)
    }

    /// Once all is done.
    pub fn outcome(&self) -> Result<()> {
        if self.gave_up { Err(self.sequence.failure()) } else { Ok(()) }
    }

    /// Does what can be done now.
    pub fn turn(&mut self, hint: Hint) -> Result<Turn> {
        if self.finished {
            return Ok(Turn::Complete);
        }
        // The child is looked at first: what it wrote is in the pipes by then.
        if !hint.runs && (hint.exit || self.sequence.is_due()) {
            self.watch.drain();
            self.look()?;
        }
        let flow = self.move_bytes();
        // After the timeout, nobody is waited for who does not take his bytes.
        let is_late = self.sequence.reached().0 > 0 && !self.until_eof;
        let read = self.drains.iter().all(|one| one.is_done() || (is_late && one.is_stuck()));
        if self.is_over && read {
            self.finish();
        } else {
            self.look_for_cancel(hint);
            if self.sequence.is_due() {
                self.expire();
            }
        }
        Ok(if self.finished { Turn::Complete } else { flow })
    }

    fn look(&mut self) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        if self.status.is_none() {
            self.status = self.pipes.child.look()?;
        }
        if self.status.is_none() && self.watch.follow(&self.pipes.child)? {
            self.status = self.pipes.child.look()?;
        }
        self.is_over = self.status.is_some() && self.earlier.look(&mut self.watch)?;
        if self.is_over {
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

    /// Each stream in turn, so that what two of them bring comes in about the order
    /// in which it was written.
    fn move_bytes(&mut self) -> Turn {
        let before = self.moved();
        let mut goes_on = [true; 3];
        for _ in 0..ROUNDS {
            let [input, outputs @ ..] = &mut goes_on;
            *input = *input && self.feed();
            for (index, output) in outputs.iter_mut().enumerate() {
                *output = *output && self.drain(index);
            }
            if goes_on == [false; 3] || self.moved().wrapping_sub(before) >= MOST {
                break;
            }
        }
        // A callback that wants no more wants the child to be stopped.
        if self.drains.iter().any(|drain| drain.keeper.stopped != 0) {
            self.sequence.hurry();
        }
        match self.moved().wrapping_sub(before) {
            _ if goes_on != [false; 3] => Turn::Busy,
            0 => Turn::Idle,
            _ => Turn::Moved,
        }
    }

    fn moved(&self) -> u64 {
        let read = self.drains.iter().map(|drain| drain.total.wrapping_add(drain.passed));
        read.fold(self.feeder.fed, u64::wrapping_add)
    }

    /// Whether more can be fed at once.
    fn feed(&mut self) -> bool {
        let Some(fd) = self.pipes.fd(0) else { return false };
        let goes_on = self.feeder.step(fd);
        if self.feeder.is_done {
            self.pipes.close(0);
        } else if self.feeder.is_large() {
            self.pipes.enlarge(0);
        }
        goes_on
    }

    /// Whether more can be read at once.
    fn drain(&mut self, index: usize) -> bool {
        let stream = index.wrapping_add(1);
        let Some(drain) = self.drains.get_mut(index) else { return false };
        let Some(fd) = self.pipes.fd(stream) else {
            drain.end();
            return false;
        };
        let goes_on = drain.step(fd);
        if drain.is_broken {
            self.pipes.close(stream); // who writes must not wait for a reader
        } else if drain.is_large() {
            self.pipes.enlarge(stream);
        }
        goes_on
    }

    fn look_for_cancel(&mut self, hint: Hint) {
        let is_cancelled = |fd| hint.cancel && poll::is_readable(fd);
        if self.cancel.is_some_and(is_cancelled) {
            self.cancel = None;
            self.cancelled = self.sequence.reached().0 == 0;
            self.sequence.hurry();
        }
    }

    /// The timeout, or the time of a step, is over.
    fn expire(&mut self) {
        let (reached, _) = self.sequence.reached();
        let is_wanted = self.cancelled || self.drains.iter().any(|drain| drain.keeper.stopped != 0);
        self.timed_out |= reached == 0 && !is_wanted;
        if !self.is_over {
            if !self.step() {
                self.gave_up = true;
                self.earlier.look_at_all();
                self.finish();
            }
        } else if self.until_eof && self.sequence.target() != Target::Child {
            // Somebody of the group or the tree has the pipes.
            if !self.step() {
                self.settle();
            }
        } else if self.until_eof {
            self.settle();
        } else if self.drains.iter().all(|one| one.is_done() || one.is_stuck()) {
            // A descriptor takes nothing more, and there is no more time. But what is in
            // the pipes is read to the last: it does not get more.
            self.finish();
        }
    }

    fn step(&mut self) -> bool {
        self.sequence.step(stages(&self.pipes, &self.earlier))
    }

    fn finish(&mut self) {
        if self.is_over {
            self.end_feeding();
            if self.sequence.reached().0 > 0 {
                self.sequence.sweep(stages(&self.pipes, &self.earlier));
            }
        }
        for (drain, stream) in self.drains.iter_mut().zip(1..) {
            if let Some(fd) = self.pipes.fd(stream) {
                drain.leave(fd);
            }
        }
        self.finished = true;
        self.ended = clock::now_ns();
    }

    /// What to wait for between two turns.
    pub fn polled(&self) -> [PollFd; POLLED] {
        let [out, err] = &self.drains;
        let stream = |i| self.pipes.fd(i);
        [
            stream(0).filter(|_| !self.feeder.is_done).map_or(poll::SKIP, poll::writable),
            stream(1).map_or(poll::SKIP, |fd| out.polled(fd)),
            stream(2).map_or(poll::SKIP, |fd| err.polled(fd)),
            self.cancel.map_or(poll::SKIP, poll::readable),
            if self.is_over { poll::SKIP } else { self.watch.polled() },
        ]
    }

    /// And until when.
    pub fn until(&self) -> Deadline {
        self.sequence.until()
    }

    pub fn status(&self) -> Status {
        self.status.unwrap_or(Status::RUNNING)
    }

    pub fn child(&self) -> &Child {
        &self.pipes.child
    }

    pub fn leads_group(&self) -> bool {
        self.earlier.lead_groups(self.child())
    }

    /// How long it has taken, in nanoseconds.
    pub fn elapsed(&self) -> u64 {
        let until = if self.finished { self.ended } else { clock::now_ns() };
        until.saturating_sub(self.began)
    }

    pub fn is_held(&self, index: usize) -> bool {
        let stream = index.wrapping_add(1);
        let drain = self.drains.get(index).zip(self.pipes.fd(stream));
        drain.is_some_and(|(drain, fd)| drain.is_held(fd))
    }
}

/// For a set, which takes the turns.
impl Setup<'static> {
    /// A stop sequence, and no streams.
    pub fn of_stop(plan: Plan, first: Deadline) -> Setup<'static> {
        Setup {
            feed: Feed::Nothing,
            sinks: [Sink::Nothing, Sink::Nothing],
            outlets: [None, None],
            until_eof: false,
            only_stops: true,
            timeout: first,
            cancel: None,
            plan,
            began: clock::now_ns(),
        }
    }
}

impl Capture<'_> {
    /// When the next turn is due, even if nothing was reported.
    pub fn due(&self) -> Deadline {
        self.watch.slice(self.sequence.until())
    }

    /// Another stop sequence, which begins at `first`, replaces the
    /// earlier one.
    pub fn stop_by(&mut self, plan: Plan, first: Deadline) {
        self.sequence = Sequence::new(plan, first);
    }
}

/// All children that the stop sequence is for. The last stage comes first: no stage may take the
/// exit of the one before it for the end of its input.
fn stages<'c>(pipes: &'c Pipes, earlier: &'c Earlier) -> impl Iterator<Item = &'c Child> {
    once(&pipes.child).chain(earlier.children().iter().rev())
}

/// Whether stdout and stderr are read. Two that are one terminal have one reader, as
/// each read takes what the other would have got: stdout's, unless only stderr's
/// bytes are wanted.
fn readers(pipes: &Pipes, [_, out, err]: [bool; 3]) -> Result<[bool; 2]> {
    if pipes.share_terminal(1, 2)? {
        let only_err = err && !out;
        return Ok([!only_err, only_err]);
    }
    Ok([1, 2].map(|stream| pipes.fd(stream).is_some()))
}

//! Installing the SIGCHLD handler, and taking it away again.
//!
//! The handler is there as long as somebody needs it: the program, which asked
//! for it, or a set on a self-pipe. It is put on top of what was there, and
//! what was there comes back if ours is still the one in force then; a foreign
//! handler that came later stays, and ours below it only chains.

use crate::by_pid;
use crate::handler::{FUNCTIONS, LAYERS, PREVIOUS};
use crate::reap;
use crate::set::{self, Engine, SetPin};
use crate::sync;
use crate::sys::fd;
use crate::sys::kept::Kept;
use crate::sys::lock::{self, Lock};
use crate::sys::signal::{self, Disposition, is_sigchld_blocked};
use crate::sys::{Errno, Result};
use crate::table::{self, Root};
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

/// The part of the process-wide state that is the handler's. All-zero is off.
#[derive(Default)]
pub struct Notice {
    /// How many need the handler.
    holders: AtomicI32,
    /// The program, if it has asked for the handler, only wants to be told.
    only_tells: sync::AtomicBool,
    /// How many starts are under way: their children are in nobody's table yet.
    starting: AtomicI32,
    /// A SIGCHLD has come. This is C's `volatile sig_atomic_t`, which an atomic
    /// int is on every platform, and safe between threads besides.
    pub seen: AtomicI32,
    /// The set whose pipe is the program's own, or 0 when it has not asked for the
    /// handler.
    pipe: sync::AtomicU64,
    /// See `Locked`.
    lock: Lock,
}

impl Notice {
    /// Children are reaped in the handler, unless all that the program wants is
    /// to be told, and nobody else needs more. What the program wanted counts for
    /// nothing once it has removed the handler: a call that installs it at the same
    /// time may write that down after the removal.
    pub fn reaps(&self) -> bool {
        !self.only_tells.load(SeqCst)
            || self.pipe.load(SeqCst) == 0
            || self.holders.load(SeqCst) > 1
    }
}

/// The engine, if it is on in this process.
#[inline(never)]
pub fn running() -> Option<&'static Notice> {
    let engine = &table::root_if_used()?.sigchld;
    (engine.holders.load(SeqCst) > 0).then_some(engine)
}

/// The layer in force in this process, and which are buried under foreign
/// handlers. Ordinary memory, as the dispositions are inherited by a copy.
static LAYER: AtomicUsize = AtomicUsize::new(0);
static BURIED: AtomicUsize = AtomicUsize::new(0);

/// One at a time installs or removes the handler, adopts a child, or adds one to
/// a set on a self-pipe. Never taken by the handler.
pub struct Locked {
    root: &'static Root,
    _held: lock::Locked<'static>,
}

impl Locked {
    pub fn enter() -> Result<Locked> {
        let root = table::root()?;
        Ok(Locked { root, _held: root.sigchld.lock.enter() })
    }
}

/// Makes sure that the handler is installed until `let_go`, and on top now. If
/// it is installed, but too deep to be put on top once more, what lies above is
/// trusted to chain.
pub fn hold() -> Result<()> {
    let locked = Locked::enter()?;
    let first = locked.root.sigchld.holders.load(SeqCst) == 0;
    match put_on_top() {
        Err(Errno::EBUSY) if !first => {}
        other => other?,
    }
    if first {
        by_pid::note_all(locked.root);
    }
    locked.root.sigchld.holders.fetch_add(1, SeqCst);
    Ok(())
}

pub fn let_go() {
    let Ok(locked) = Locked::enter() else { return };
    if locked.root.sigchld.holders.fetch_sub(1, SeqCst) == 1 {
        take_away();
    }
}

fn ours(now: &Disposition) -> Option<usize> {
    FUNCTIONS.iter().position(|function| now.runs(*function))
}

/// EBUSY when every layer lies buried under foreign handlers.
fn put_on_top() -> Result<()> {
    let now = Disposition::of(libc::SIGCHLD)?;
    if let Some(layer) = ours(&now) {
        // Inherited over fork, never covered, or uncovered again.
        BURIED.fetch_and(!(1 << layer), SeqCst);
        LAYER.store(layer, SeqCst);
        return Ok(());
    }
    if running().is_some() {
        BURIED.fetch_or(1 << LAYER.load(SeqCst), SeqCst);
    }
    if !now.has_function() {
        BURIED.store(0, SeqCst); // nobody is left who could chain to ours
    }
    let buried = BURIED.load(SeqCst);
    let layer = (0..LAYERS).find(|layer| buried & 1 << layer == 0).ok_or(Errno::EBUSY)?;
    // Before the handler can run: what it is to chain to.
    let previous = PREVIOUS.get(layer).ok_or(Errno::EBUSY)?;
    previous.set(&now);
    let function = FUNCTIONS.get(layer).ok_or(Errno::EBUSY)?;
    let handling = Disposition::handling(*function, &now);
    let before = handling.install(libc::SIGCHLD)?;
    LAYER.store(layer, SeqCst);
    previous.set(&before);
    if !before.runs_as(&now) {
        // Another thread has installed one meanwhile, with flags of its own.
        exchange(handling, Disposition::handling(*function, &before))?;
        signal::repeat_sigchld();
    }
    Ok(())
}

fn take_away() {
    let layer = LAYER.load(SeqCst);
    let Some(previous) = PREVIOUS.get(layer) else { return };
    let Ok(now) = Disposition::of(libc::SIGCHLD) else { return };
    if ours(&now) != Some(layer) || exchange(now, previous.get()) == Ok(false) {
        // A foreign handler is on top, and may chain to ours for ever.
        BURIED.fetch_or(1 << layer, SeqCst);
    }
}

/// Installs `to` in place of `from`; false if that is no more in force. As
/// sigaction knows no compare-and-swap, what another thread has installed since
/// the look is displaced for a moment, and put back: no handler gets lost, and
/// the signals of that moment come once more. Of several that come one after the
/// other in that moment, the last stays, as it would have without us.
fn exchange(from: Disposition, to: Disposition) -> Result<bool> {
    let mut before = to.install(libc::SIGCHLD)?;
    let (mut expected, mut put) = (from, to);
    let exchanged = before.runs_as(&expected);
    while !before.runs_as(&expected) {
        (expected, put) = (put, before);
        before = put.install(libc::SIGCHLD)?;
    }
    if !exchanged {
        signal::repeat_sigchld();
    }
    Ok(exchanged)
}

/// For the program: installs the handler, or changes what it does.
pub fn install(notify: bool) -> Result<()> {
    let engine = &table::root()?.sigchld;
    if engine.pipe.load(SeqCst) == 0 {
        let pipe = set::open_self_pipe(true)?;
        if engine.pipe.compare_exchange(0, pipe.handle(), SeqCst, SeqCst).is_err() {
            pipe.close()?; // another thread was first
        }
    } else {
        let _locked = Locked::enter()?;
        // Unless it was removed meanwhile: then that came after this.
        if engine.pipe.load(SeqCst) != 0 {
            put_on_top()?;
        }
    }
    engine.only_tells.store(notify, SeqCst);
    if !notify {
        reap::everyone(0); // what ended before
    }
    Ok(())
}

/// For the program: ENOENT if it had not installed it.
pub fn remove() -> Result<()> {
    let engine = running().ok_or(Errno::ENOENT)?;
    let pipe = SetPin::new(engine.pipe.swap(0, SeqCst)).map_err(|_| Errno::ENOENT)?;
    pipe.close()
}

/// The program's own set.
fn own_set(engine: &Notice) -> Result<SetPin> {
    SetPin::new(engine.pipe.load(SeqCst)).map_err(|_| Errno::ENOENT)
}

/// The read end of the program's own self-pipe.
pub fn pipe() -> Result<i32> {
    Ok(own_set(running().ok_or(Errno::ENOENT)?)?.fd())
}

/// Whether a SIGCHLD has come since the last call. The pipe is drained before
/// the flag is cleared, and the program looks after both: a signal in between
/// is seen by that look, one after it sets both again.
pub fn take_pending() -> Result<bool> {
    let engine = running().ok_or(Errno::ENOENT)?;
    own_set(engine)?.drain();
    Ok(engine.seen.swap(0, SeqCst) != 0)
}

/// While one lives, a child that nobody knows may be one that is being started.
pub struct Starting(&'static Notice);

impl Starting {
    pub fn enter() -> Result<Starting> {
        let notice = &table::root()?.sigchld;
        notice.starting.fetch_add(1, SeqCst);
        Ok(Starting(notice))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.starting.fetch_sub(1, SeqCst);
    }
}

/// Whether a child that nobody knows may be one that is being started.
pub fn is_starting() -> bool {
    table::root_if_used().is_some_and(|root| root.sigchld.starting.load(SeqCst) != 0)
}

/// The handler stands in for a disposition under which the kernel reaped every
/// child by itself: foreign children's zombies are to be reaped as it would have.
pub fn foreign_children_were_auto_reaped() -> bool {
    running().is_some() && PREVIOUS.get(LAYER.load(SeqCst)).is_some_and(Kept::is_auto_reaping)
}

/// What stands in the way of learning how children end.
#[derive(Default)]
pub struct Surroundings {
    pub ignored: bool,
    pub auto_reaped: bool,
    pub blocked: bool,
    pub overwritten: bool,
    pub no_pidfd: bool,
    pub closed: [bool; 3],
}

pub fn surroundings() -> Result<Surroundings> {
    let now = Disposition::of(libc::SIGCHLD)?;
    Ok(Surroundings {
        ignored: now.is_ignored(),
        auto_reaped: now.has_flag(libc::SA_NOCLDWAIT),
        blocked: is_sigchld_blocked(),
        overwritten: running().is_some() && ours(&now).is_none(),
        no_pidfd: set::engine() == Engine::Sigchld,
        closed: [0, 1, 2].map(|number| !fd::is_open(number)),
    })
}

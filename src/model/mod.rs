//! The protocol of `life`, `pin`, `slot`, `slab`, `set` and `graveyard` under a
//! model checker: `make model`, docs/protocol.md.
//!
//! It is the library's own code that runs, from `act::kill` down. Three things
//! are replaced: the atomics (`sync`), the memory of the table (`memory`), and
//! of the kernel, processes (`kernel`). Threads stand for signal handlers too:
//! a handler is a thread that the one it interrupts waits for.

mod ends;
#[allow(unsafe_code)]
pub mod kernel;
#[allow(unsafe_code)]
pub mod memory;
mod sets;
mod taking;

use crate::pin::Pin;
use crate::slab::{Node, Places, Slab};
use crate::status::{State, Status};
use crate::table::{self, CHILDREN, LINKS, Root, SETS};
use crate::{by_pid, reap, sigchld};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// The table is the process's: one model at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `scene` once for each order in which its threads can take their steps,
/// with at most `preemptions` switches away from a thread that could go on.
/// LOOM_MAX_PREEMPTIONS overrides that.
fn explore(name: &str, preemptions: usize, scene: impl Fn() + Send + Sync + 'static) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound.get_or_insert(preemptions);
    checker.max_branches = 10_000;
    let bound = checker.preemption_bound;
    checker.check(move || {
        counted.fetch_add(1, SeqCst);
        table::wipe();
        kernel::wipe();
        // The memory has to be there before there is a second thread.
        map(&CHILDREN, &root().children);
        map(&SETS, &root().sets);
        map(&LINKS, &root().links);
        scene();
        assert_nothing_is_left();
    });
    let count = count.load(SeqCst);
    println!("{name}: {count} interleavings, at most {} preemptions", bound.unwrap_or(0));
}

/// A running child of the library.
fn child(pid: i32) -> u64 {
    start(pid, || kernel::start(pid))
}

/// One that has a pidfd, too.
fn child_with_pidfd(pid: i32) -> u64 {
    let handle = child(pid);
    let pin = Pin::new(handle).expect("just started");
    pin.slot.pidfd.store(kernel::pidfd(pid), SeqCst);
    handle
}

/// One that has ended before its start is over.
fn child_that_ends(pid: i32, code: i32) -> u64 {
    start(pid, || {
        kernel::start(pid);
        kernel::end(pid, code);
    })
}

/// As `launch` starts one.
fn start(pid: i32, clone: impl Fn()) -> u64 {
    let _starting = sigchld::Starting::enter().expect("memory");
    let pin = table::claim().expect("room");
    clone();
    pin.slot.pid.store(pid, SeqCst);
    pin.slot.held_pid.store(pid, SeqCst);
    pin.slot.life.update(|word| Some(word.running()));
    if sigchld::running().is_some() {
        by_pid::note(&pin);
        let _ = reap::look(&pin);
    }
    pin.handle()
}

fn exited(code: i32) -> Status {
    Status { state: State::Exited, code }
}

fn root() -> &'static Root {
    table::root().expect("memory")
}

fn map<T: Node>(slab: &Slab<T>, places: &Places) {
    let (index, _) = slab.take(places).expect("room");
    slab.give_back(places, index);
}

/// Every place was given back, and no place twice.
fn assert_nothing_is_left() {
    assert_whole(&CHILDREN, &root().children, "child");
    assert_whole(&SETS, &root().sets, "set");
    assert_whole(&LINKS, &root().links, "link");
}

fn assert_whole<T: Node>(slab: &Slab<T>, places: &Places, what: &str) {
    let all: Vec<u32> = (0..memory::MOST as u32).collect();
    let mut taken: Vec<u32> = all.iter().map(|_| slab.take(places).expect("room").0).collect();
    taken.sort();
    assert_eq!(taken, all, "each place of a {what} is free, once");
}

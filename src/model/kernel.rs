//! Processes, as a kernel shows them. Each call is one step: a read-modify-write,
//! which sees the latest state as a call under the kernel's lock does.
//!
//! It checks what the library promises: after the reap, when the pid may be
//! another's, no signal is sent to it and nothing is asked about it. A pidfd stays
//! the process's own, and may be used after that.

use super::memory::{Lasting, MOST};
use crate::sync::AtomicU32;
use crate::sys::memory::Zeroed;
use crate::sys::wait::{Change, NO_HANG, PEEK, Rusage, Whom};
use crate::sys::{Errno, Result};
use core::sync::atomic::{self, Ordering::SeqCst};

const NONE: u32 = 0;
const RUNNING: u32 = 1;
const REAPED: u32 = 2;
/// Reaped by somebody else in the program.
const STOLEN: u32 = 3;
/// Plus the exit code.
const ZOMBIE: u32 = 0x100;

#[derive(Default)]
struct Process {
    state: AtomicU32,
    /// What the library has done; not modelled.
    reaps: atomic::AtomicU32,
    signals: atomic::AtomicU32,
    /// It has changed its user: it may not be signalled.
    is_foreign: atomic::AtomicBool,
}

// SAFETY: for the model's memory, which is made by Default.
unsafe impl Zeroed for Process {}

static PROCESSES: Lasting<Process> = Lasting::new(MOST);
/// 0 and 1 are never a child.
const FIRST_PID: i32 = 2;

fn process(pid: i32) -> &'static Process {
    &PROCESSES.get_or_map().unwrap()[(pid - FIRST_PID) as usize]
}

impl Process {
    fn now(&self) -> u32 {
        self.state.fetch_or(0, SeqCst)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}

pub fn wipe() {
    PROCESSES.wipe();
    process(FIRST_PID);
}

/// A process gets this pid; after another that was reaped, perhaps.
pub fn start(pid: i32) {
    let before = process(pid).state.swap(RUNNING, SeqCst);
    assert!(before == NONE || before == REAPED);
    process(pid).reaps.store(0, SeqCst);
    process(pid).signals.store(0, SeqCst);
    process(pid).is_foreign.store(false, SeqCst);
}

/// Not modelled: to be called before anybody else runs.
pub fn change_user(pid: i32) {
    process(pid).is_foreign.store(true, SeqCst);
}

/// The process exits.
pub fn end(pid: i32, code: i32) {
    process(pid).state.swap(ZOMBIE + code as u32, SeqCst);
}

/// Somebody in the program reaps what is not theirs.
pub fn steal(pid: i32) -> bool {
    let state = process(pid).now();
    state >= ZOMBIE && process(pid).change(state, STOLEN)
}

/// How often the library has reaped it.
pub fn reaps(pid: i32) -> u32 {
    process(pid).reaps.load(SeqCst)
}

pub fn signals(pid: i32) -> u32 {
    process(pid).signals.load(SeqCst)
}

pub fn is_reaped(pid: i32) -> bool {
    process(pid).now() == REAPED
}

/// A number that no descriptor has: the library closes it.
const PIDFDS: i32 = 1 << 30;

pub fn pidfd(pid: i32) -> i32 {
    PIDFDS + pid
}

/// By pidfd.
pub fn send_signal(pidfd: i32, _signal: i32) -> Result<()> {
    let process = process(pidfd - PIDFDS);
    match process.now() {
        REAPED | STOLEN => Err(Errno::ESRCH),
        _ if process.is_foreign.load(SeqCst) => Err(Errno::EPERM),
        _ => Ok(()),
    }
}

pub fn kill(pid: i32, _signal: i32) -> Result<()> {
    let state = process(pid).now();
    assert!(state == RUNNING || state >= ZOMBIE, "a signal to a pid that may be another's");
    process(pid).signals.fetch_add(1, SeqCst);
    Ok(())
}

pub fn waitid(whom: Whom, options: i32) -> Result<Option<Change>> {
    match whom {
        Whom::Pid(pid) => one(pid, options, false),
        Whom::Pidfd(pidfd) => one(pidfd - PIDFDS, options, true),
        Whom::Any => {
            assert_eq!(options & (PEEK | NO_HANG), PEEK | NO_HANG, "foreign children are never reaped");
            let pids = FIRST_PID..FIRST_PID + MOST as i32;
            let states = pids.map(|pid| (pid, process(pid).now()));
            let there = |state: &u32| ![NONE, REAPED, STOLEN].contains(state);
            let mut ours = states.filter(|(_, state)| there(state)).peekable();
            ours.peek().ok_or(Errno::ECHILD)?;
            Ok(ours.find(|(_, state)| *state >= ZOMBIE).map(|(pid, state)| change(pid, state)))
        }
    }
}

fn one(pid: i32, options: i32, by_pidfd: bool) -> Result<Option<Change>> {
    loop {
        match process(pid).now() {
            REAPED if by_pidfd => return Err(Errno::ECHILD),
            NONE | REAPED => panic!("asked about a pid that may be another's"),
            STOLEN => return Err(Errno::ECHILD),
            RUNNING if options & NO_HANG != 0 => return Ok(None),
            RUNNING => loom::thread::yield_now(),
            zombie if options & PEEK != 0 => return Ok(Some(change(pid, zombie))),
            zombie if process(pid).change(zombie, REAPED) => {
                process(pid).reaps.fetch_add(1, SeqCst);
                return Ok(Some(change(pid, zombie)));
            }
            _ => {}
        }
    }
}

fn change(pid: i32, zombie: u32) -> Change {
    let status = (zombie - ZOMBIE) as i32;
    Change { pid, code: libc::CLD_EXITED, status, usage: Rusage::default() }
}

//! `reap::take`, which reaps with its look, among those who only look.

use super::ends::bury_all;
use super::{child_with_pidfd, explore, exited, kernel};
use crate::pin::Pin;
use crate::status::{State, Status};
use crate::sys::Errno;
use crate::{act, ask, reap};
use loom::thread::{self, JoinHandle};

const PID: i32 = 2;

/// What a `chld_wait` with 0 does. `None`: it runs, or the handle is closed.
fn take(handle: u64) -> Option<Status> {
    reap::take(&Pin::new(handle).ok()?).unwrap()
}

fn taker(handle: u64) -> JoinHandle<Option<Status>> {
    thread::spawn(move || take(handle))
}

fn assert_taken(handle: u64) {
    assert_eq!(take(handle), Some(exited(7)));
    assert!(kernel::is_reaped(PID), "a zombie stays");
    assert_eq!(kernel::reaps(PID), 1);
    ask::close(handle).unwrap();
}

#[test]
fn two_takers() {
    explore("two takers while it ends", 4, || {
        let handle = child_with_pidfd(PID);
        let takers = [taker(handle), taker(handle)];
        kernel::end(PID, 7);
        for taker in takers {
            assert!([None, Some(exited(7))].contains(&taker.join().unwrap()));
        }
        assert_taken(handle);
    });
}

#[test]
fn a_taker_a_waiter_and_a_closer() {
    explore("a taker, a waiter and a closer", 3, || {
        let handle = child_with_pidfd(PID);
        kernel::end(PID, 7);
        let taker = taker(handle);
        let waiter = thread::spawn(move || reap::block(&Pin::new(handle)?));
        ask::close(handle).unwrap();
        assert!([None, Some(exited(7))].contains(&taker.join().unwrap()));
        assert!([Ok(exited(7)), Err(Errno::EBADF)].contains(&waiter.join().unwrap()));
        bury_all();
        assert_eq!(kernel::reaps(PID), 1);
    });
}

#[test]
fn a_taker_and_the_handler() {
    explore("a taker and the handler's reap", 4, || {
        let handle = child_with_pidfd(PID);
        let handler = thread::spawn(|| reap::everyone(PID));
        let taker = taker(handle);
        kernel::end(PID, 7);
        assert!(handler.join().unwrap() <= 1);
        assert!([None, Some(exited(7))].contains(&taker.join().unwrap()));
        assert_taken(handle);
    });
}

#[test]
fn lost_only_if_stolen() {
    explore("a taker, a looker and a thief", 4, || {
        let handle = child_with_pidfd(PID);
        kernel::end(PID, 7);
        let taker = taker(handle);
        let looker = thread::spawn(move || reap::look(&Pin::new(handle).unwrap()).unwrap());
        let stolen = kernel::steal(PID);
        let told = [taker.join().unwrap(), looker.join().unwrap(), take(handle)];
        let last = told[2].expect("it has ended");
        assert!(told.iter().flatten().all(|status| *status == last), "one answer for all");
        assert!(stolen || last.state == State::Exited, "lost only if stolen");
        ask::close(handle).unwrap();
    });
}

#[test]
fn no_signal_by_number() {
    explore("a taker and a kill", 4, || {
        let handle = child_with_pidfd(PID);
        let killer = thread::spawn(move || act::kill(handle, libc::SIGTERM));
        let taker = taker(handle);
        kernel::end(PID, 7);
        assert!([Ok(()), Err(Errno::ESRCH)].contains(&killer.join().unwrap()));
        taker.join().unwrap();
        assert_eq!(kernel::signals(PID), 0, "by its pidfd only");
        assert_taken(handle);
    });
}

/// EPERM, which a sandbox may say of pidfds as well, is the answer of the child
/// here: no reason to try its number.
#[test]
fn no_signal_by_number_to_what_may_not_be_signalled() {
    explore("a taker and a kill of a foreign child's", 4, || {
        let handle = child_with_pidfd(PID);
        kernel::change_user(PID);
        let killer = thread::spawn(move || act::kill(handle, libc::SIGTERM));
        let taker = taker(handle);
        kernel::end(PID, 7);
        assert!([Err(Errno::EPERM), Err(Errno::ESRCH)].contains(&killer.join().unwrap()));
        taker.join().unwrap();
        assert_eq!(kernel::signals(PID), 0, "by its pidfd only");
        assert_taken(handle);
    });
}

#[test]
fn who_needs_the_zombie_has_it() {
    explore("a taker and a call that needs the zombie", 4, || {
        let handle = child_with_pidfd(PID);
        let taker = taker(handle);
        let holder = thread::spawn(move || {
            let pin = Pin::new_unreaped(handle).unwrap();
            if !pin.slot.life.word().is_collected() {
                reap::look(&pin).unwrap();
                assert!(!kernel::is_reaped(PID), "reaped under a pin that needs it");
            }
        });
        kernel::end(PID, 7);
        taker.join().unwrap();
        holder.join().unwrap();
        assert_taken(handle);
    });
}

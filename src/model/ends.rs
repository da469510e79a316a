//! One child, and all who are after its end at once.

use super::{child, child_that_ends, explore, exited, kernel, root};
use crate::pin::Pin;
use crate::status::{State, Status};
use crate::sys::Errno;
use crate::{act, ask, graveyard, init, launch, reap};
use core::sync::atomic::Ordering::SeqCst;
use loom::thread::{self, JoinHandle};

const PID: i32 = 2;
const OTHER: i32 = 3;

/// What a `chld_wait` with 0 does. `None`: it runs, or the handle is closed.
fn look(handle: u64) -> Option<Status> {
    let pin = Pin::new(handle).ok()?;
    let status = reap::look(&pin).unwrap();
    if status.is_none() {
        // Who saw it run can rely on its pid as long as the pin is held.
        assert!(!kernel::is_reaped(PID), "reaped under a pin that saw it run");
    }
    status
}

fn looker(handle: u64) -> JoinHandle<Option<Status>> {
    thread::spawn(move || look(handle))
}

fn assert_reaped_once(pid: i32) {
    assert!(kernel::is_reaped(pid), "a zombie stays");
    assert_eq!(kernel::reaps(pid), 1);
}

/// Empties the queue of children that were closed while they ran and have ended:
/// one look at those checked before, which begins a new round, and one at all.
pub fn bury_all() {
    graveyard::sweep();
    graveyard::sweep();
    assert_eq!(root().detached.load(SeqCst), 0, "the queue has lost one");
}

#[test]
fn two_lookers_and_a_closer_of_one_that_has_ended() {
    explore("two lookers and a closer", 3, || {
        let handle = child(PID);
        kernel::end(PID, 7);
        let lookers = [looker(handle), looker(handle)];
        ask::close(handle).unwrap();
        for looker in lookers {
            assert!([None, Some(exited(7))].contains(&looker.join().unwrap()));
        }
        assert_reaped_once(PID);
    });
}

#[test]
fn lookers_while_it_ends() {
    explore("two lookers while it ends", 5, || {
        let handle = child(PID);
        let lookers = [looker(handle), looker(handle)];
        kernel::end(PID, 7);
        for looker in lookers {
            assert!([None, Some(exited(7))].contains(&looker.join().unwrap()));
        }
        assert_eq!(look(handle), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

#[test]
fn no_signal_after_the_reap() {
    explore("kill against reap", 4, || {
        let handle = child(PID);
        let killer = thread::spawn(move || act::kill(handle, libc::SIGTERM));
        let looker = looker(handle);
        kernel::end(PID, 7);
        assert!([Ok(()), Err(Errno::ESRCH)].contains(&killer.join().unwrap()));
        looker.join().unwrap();
        assert_eq!(look(handle), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

#[test]
fn no_signal_after_the_reap_by_the_handler() {
    explore("kill against the handler's reap and a closer", 3, || {
        let handle = child(PID);
        kernel::end(PID, 7);
        let killer = thread::spawn(move || act::kill(handle, libc::SIGTERM));
        let handler = thread::spawn(|| reap::everyone(PID));
        ask::close(handle).unwrap();
        assert!([Err(Errno::EBADF), Err(Errno::ESRCH)].contains(&killer.join().unwrap()));
        handler.join().unwrap();
        assert_reaped_once(PID);
    });
}

#[test]
fn a_closer_does_not_disturb_a_waiter() {
    explore("a waiter and a closer", 4, || {
        let handle = child(PID);
        let waiter = thread::spawn(move || {
            let pin = Pin::new(handle)?;
            reap::block(&pin)
        });
        let closer = thread::spawn(move || ask::close(handle));
        kernel::end(PID, 7);
        assert!([Ok(exited(7)), Err(Errno::EBADF)].contains(&waiter.join().unwrap()));
        closer.join().unwrap().unwrap();
        bury_all();
        assert_reaped_once(PID);
    });
}

#[test]
fn a_theft_has_one_answer_for_all() {
    explore("two lookers and a thief", 4, || {
        let handle = child(PID);
        kernel::end(PID, 7);
        let lookers = [looker(handle), looker(handle)];
        let stolen = kernel::steal(PID);
        let [first, second] = lookers.map(|looker| looker.join().unwrap().expect("it has ended"));
        assert_eq!(first, second);
        assert!([exited(7), Status::LOST].contains(&first));
        assert_eq!(look(handle), Some(first), "and later the same");
        assert!(stolen || first.state == State::Exited, "lost only if stolen");
        assert_eq!(kernel::reaps(PID), !stolen as u32);
        ask::close(handle).unwrap();
    });
}

#[test]
fn the_queue_lets_go_before_the_slot_is_reused() {
    explore("the graveyard's queue and the last pin", 4, || {
        let handle = child(PID);
        let looker = looker(handle);
        let sweeper = thread::spawn(graveyard::sweep);
        ask::close(handle).unwrap();
        kernel::end(PID, 7);
        looker.join().unwrap();
        sweeper.join().unwrap();
        bury_all();
        assert_reaped_once(PID);
    });
}

#[test]
fn two_sweepers_of_one_that_ends() {
    explore("two sweeps of a closed child that ends", 6, || {
        let handle = child(PID);
        ask::close(handle).unwrap();
        let sweepers = [thread::spawn(graveyard::sweep), thread::spawn(graveyard::sweep)];
        kernel::end(PID, 7);
        sweepers.into_iter().for_each(|sweeper| sweeper.join().unwrap());
        bury_all();
        assert_reaped_once(PID);
    });
}

#[test]
fn an_old_handle_never_leads_to_a_new_child() {
    explore("an old handle against a new child with its slot and pid", 3, || {
        let old = child(PID);
        kernel::end(PID, 7);
        let looker = thread::spawn(move || look(old));
        let killer = thread::spawn(move || act::kill(old, libc::SIGTERM));
        ask::close(old).unwrap();
        // The pid comes back as soon as the kernel may give it out again.
        let pid = if kernel::is_reaped(PID) { PID } else { OTHER };
        let new = child(pid);
        assert!([None, Some(exited(7))].contains(&looker.join().unwrap()));
        assert!(killer.join().unwrap().is_err());
        assert_eq!((kernel::signals(pid), kernel::reaps(pid)), (0, 0));
        kernel::end(pid, 8);
        assert_eq!(look(new), Some(exited(8)));
        assert_reaped_once(pid);
        assert_reaped_once(PID);
        ask::close(new).unwrap();
    });
}

#[test]
fn a_pid_that_comes_back_is_the_new_child_s() {
    explore("the handler's reap against a new child with the same pid", 4, || {
        let old = child(PID);
        kernel::end(PID, 7);
        let handler = thread::spawn(|| reap::everyone(PID));
        ask::close(old).unwrap();
        let pid = if kernel::is_reaped(PID) { PID } else { OTHER };
        let new = child(pid);
        kernel::end(pid, 8);
        assert!(handler.join().unwrap() <= 2, "two have ended");
        assert_eq!(look(new), Some(exited(8)));
        assert_reaped_once(pid);
        assert_reaped_once(PID);
        ask::close(new).unwrap();
    });
}

#[test]
fn a_foreign_child_is_adopted_once() {
    explore("two adopt one child", 6, || {
        kernel::start(PID);
        let adopters = [(); 2].map(|()| thread::spawn(|| launch::adopt(PID)));
        kernel::end(PID, 7);
        let mut adopted = adopters.map(|adopter| adopter.join().unwrap());
        adopted.sort_by_key(Result::is_err);
        let [Ok(handle), Err(Errno::EEXIST)] = adopted else { panic!("{adopted:?}") };
        assert_eq!(look(handle), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

#[test]
fn a_foreign_child_may_have_the_pid_of_a_child_of_before() {
    explore("a foreign child's end with the pid of a child whose handle is open", 6, || {
        let handle = child(PID);
        kernel::end(PID, 7);
        assert_eq!(look(handle), Some(exited(7)));
        kernel::start(PID);
        let looker = looker(handle);
        let duty =
            thread::spawn(|| init::reap_foreign(|_, status| assert_eq!(status, exited(8))));
        kernel::end(PID, 8);
        let found = duty.join().unwrap();
        assert_eq!(found + init::reap_foreign(|_, _| ()), 1);
        assert_eq!(looker.join().unwrap(), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

#[test]
fn a_child_that_ends_as_it_starts_is_no_foreign_child() {
    explore("a start against reap_foreign", 6, || {
        let duty = thread::spawn(|| init::reap_foreign(|_, _| ()));
        let handle = child_that_ends(PID, 7);
        assert_eq!(duty.join().unwrap(), 0, "no foreign child was there");
        assert_eq!(look(handle), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

#[test]
fn a_child_that_is_reaped_meanwhile_is_no_foreign_child() {
    explore("a looker and reap_foreign", 4, || {
        let handle = child(PID);
        let duty = thread::spawn(|| init::reap_foreign(|_, _| ()));
        let looker = looker(handle);
        kernel::end(PID, 7);
        assert_eq!(duty.join().unwrap(), 0, "no foreign child was there");
        looker.join().unwrap();
        assert_eq!(look(handle), Some(exited(7)));
        assert_reaped_once(PID);
        ask::close(handle).unwrap();
    });
}

//! Stacks of places, and the news of an end on its way into sets.

use super::{child, explore, exited, kernel, root};
use crate::deadline::Deadline;
use crate::pin::Pin;
use crate::set::{self, SetPin};
use crate::sys::Errno;
use crate::table::LINKS;
use crate::{ask, reap, sigchld};
use loom::thread;

const PID: i32 = 2;

fn open() -> u64 {
    set::open(true).unwrap().handle()
}

fn close(set: u64) {
    SetPin::new(set).unwrap().close().unwrap();
}

fn add(set: u64, child: u64) -> Result<(), Errno> {
    SetPin::new(set)?.add(&Pin::new(child)?)
}

fn look(handle: u64) {
    if let Ok(pin) = Pin::new(handle) {
        reap::look(&pin).unwrap();
    }
}

/// How many times the set tells of the child.
fn told(set: u64, child: u64) -> usize {
    let pin = SetPin::new(set).unwrap();
    let events = core::iter::from_fn(|| pin.next(Deadline::Now).ok());
    events.map(|event| assert_eq!((event.handle, event.status), (child, exited(7)))).count()
}

#[test]
fn a_place_comes_out_of_a_stack_once() {
    explore("two pop and push back", 4, || {
        let [one, two] = [(); 2].map(|()| LINKS.take(&root().links).unwrap().0);
        LINKS.give_back(&root().links, one);
        LINKS.give_back(&root().links, two);
        let taker = || {
            let taken = LINKS.take(&root().links).unwrap().0;
            LINKS.give_back(&root().links, taken);
        };
        let threads = [thread::spawn(taker), thread::spawn(taker)];
        taker();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn added_while_it_ends_told_once() {
    explore("add against publish", 4, || {
        let (set, handle) = (open(), child(PID));
        let adder = thread::spawn(move || add(set, handle));
        let looker = thread::spawn(move || look(handle));
        kernel::end(PID, 7);
        adder.join().unwrap().unwrap();
        looker.join().unwrap();
        look(handle);
        assert_eq!(told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn added_twice_at_once_told_once() {
    explore("two add one child to one set", 3, || {
        let (set, handle) = (open(), child(PID));
        let adders = [(); 2].map(|()| thread::spawn(move || add(set, handle)));
        kernel::end(PID, 7);
        let mut added = adders.map(|adder| adder.join().unwrap());
        added.sort_by_key(Result::is_err);
        assert_eq!(added, [Ok(()), Err(Errno::EEXIST)]);
        look(handle);
        assert_eq!(told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn added_again_while_it_is_told() {
    explore("add again against deliver and take", 3, || {
        let (set, handle) = (open(), child(PID));
        add(set, handle).unwrap();
        kernel::end(PID, 7);
        let adder = thread::spawn(move || add(set, handle));
        let looker = thread::spawn(move || look(handle));
        let count = told(set, handle);
        assert_eq!(adder.join().unwrap(), Err(Errno::EEXIST));
        looker.join().unwrap();
        assert_eq!(count + told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn two_publish_told_once() {
    explore("two publish to a set", 4, || {
        let (set, handle) = (open(), child(PID));
        add(set, handle).unwrap();
        kernel::end(PID, 7);
        let looker = thread::spawn(move || look(handle));
        let handler = thread::spawn(|| reap::everyone(PID));
        looker.join().unwrap();
        handler.join().unwrap();
        assert_eq!(told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn two_take_told_once() {
    explore("two take from a set while it is told", 3, || {
        let (set, handle) = (open(), child(PID));
        add(set, handle).unwrap();
        kernel::end(PID, 7);
        let takers = [(); 2].map(|()| thread::spawn(move || told(set, handle)));
        look(handle);
        let count: usize = takers.map(|taker| taker.join().unwrap()).iter().sum();
        assert_eq!(count + told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn a_link_to_a_set_that_closes_is_freed_once() {
    explore("deliver against a set's close", 6, || {
        let (set, handle) = (open(), child(PID));
        add(set, handle).unwrap();
        kernel::end(PID, 7);
        let looker = thread::spawn(move || look(handle));
        let closer = thread::spawn(move || close(set));
        looker.join().unwrap();
        closer.join().unwrap();
        ask::close(handle).unwrap();
    });
}

/// A link to a set that is closed, before or meanwhile, and that an adder takes
/// over while the end is told. `meanwhile` says how often it was told by then.
fn explore_take_over(
    name: &'static str,
    preemptions: usize,
    closes_first: bool,
    meanwhile: fn(closed: u64, set: u64, handle: u64) -> usize,
) {
    explore(name, preemptions, move || {
        let (closed, set, handle) = (open(), open(), child(PID));
        add(closed, handle).unwrap();
        if closes_first {
            close(closed);
        }
        kernel::end(PID, 7);
        let adder = thread::spawn(move || add(set, handle));
        let looker = thread::spawn(move || look(handle));
        let count = meanwhile(closed, set, handle);
        adder.join().unwrap().unwrap();
        looker.join().unwrap();
        assert_eq!(count + told(set, handle), 1);
        close(set);
        ask::close(handle).unwrap();
    });
}

#[test]
fn a_link_that_is_taken_over_is_delivered_once() {
    explore_take_over("a link taken over, against deliver", 4, true, |_, _, _| 0);
}

#[test]
fn a_link_that_is_taken_over_is_told_once() {
    let take = |_, set, handle| told(set, handle);
    explore_take_over("a link taken over, against deliver and take", 3, true, take);
}

#[test]
fn a_link_to_a_set_that_closes_is_taken_over_or_freed() {
    let close = |closed, _, _| {
        close(closed);
        0
    };
    explore_take_over("a link taken over, against deliver and a set's close", 3, false, close);
}

#[test]
fn who_only_wants_to_be_told_leaves_no_set_deaf() {
    explore("install against remove", 4, || {
        sigchld::install(false).unwrap();
        let remover = thread::spawn(|| sigchld::remove().unwrap());
        sigchld::install(true).unwrap();
        remover.join().unwrap();
        let is_installed = sigchld::pipe().is_ok();
        let set = if is_installed { None } else { Some(open()) };
        assert_eq!(sigchld::running().unwrap().reaps(), !is_installed);
        match set {
            Some(set) => close(set),
            None => sigchld::remove().unwrap(),
        }
    });
}

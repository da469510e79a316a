//! The child's environment, without a copy of any string.
//!
//! `env_set` wins over `env_unset`, and of two entries of `env_set` with one
//! name the last one counts.

use super::failure::{At, Failure, Reason, Step};
use super::request::Request;
use crate::sys::Errno;
use crate::sys::cstr::{self, ListBuilder, StrList};
use crate::sys::memory::{Inline, Scratch};
use core::cmp::Ordering;
use core::ffi::{CStr, c_char};

/// An entry of `env_unset` or `env_set`. Sorted, the entries of one name stand
/// together, and the last of them is the one that counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change<'a> {
    name: &'a [u8],
    is_set: bool,
    position: usize,
}

/// How many places `build` needs for its list.
#[inline(never)]
pub fn size(request: &Request) -> usize {
    if request.env_set.is_none() && request.env_unset.is_none() {
        return 0;
    }
    let base = request.env.unwrap_or_else(cstr::environment);
    base.iter().count().wrapping_add(count(request.env_set)).wrapping_add(1)
}

/// The child's environment: the caller's list or its own environment, with
/// `env_unset` taken out and `env_set` put in.
#[inline(never)]
pub fn build<'a>(
    request: &Request<'a>,
    places: &'a mut Scratch<'_, *const c_char>,
) -> Result<StrList<'a>, Failure> {
    let base = request.env.unwrap_or_else(cstr::environment);
    if request.env_set.is_none() && request.env_unset.is_none() {
        return Ok(base);
    }
    if let Some((reason, index, _)) = wrong_entry(request) {
        return Err(Failure::misuse(reason, index));
    }
    let mut inline = Inline::<_, 16>::new();
    let size = count(request.env_set).wrapping_add(count(request.env_unset));
    let none = || Change { name: &[], is_set: false, position: 0 };
    let mut changes = Scratch::new(&mut inline, size, none).at(Step::Memory, 0)?;
    let changes = changes.get();
    for (place, change) in changes.iter_mut().zip(unsets(request).chain(sets(request))) {
        *place = change;
    }
    sort(changes);
    let mut list = ListBuilder::new(places.get());
    base.iter().filter(|entry| last(changes, name_of(entry)).is_none()).for_each(|e| list.push(e));
    for (change, entry) in sets(request).zip(request.env_set.into_iter().flat_map(StrList::iter)) {
        if last(changes, change.name) == Some(change) {
            list.push(entry);
        }
    }
    list.finish().ok_or(Failure::new(Step::Environment, 0, Errno::ENOMEM))
}

fn count(list: Option<StrList>) -> usize {
    list.map_or(0, |list| list.iter().count())
}

fn sets<'a>(request: &Request<'a>) -> impl Iterator<Item = Change<'a>> {
    let entries = request.env_set.into_iter().flat_map(StrList::iter).enumerate();
    entries.map(|(position, entry)| Change { name: name_of(entry), is_set: true, position })
}

fn unsets<'a>(request: &Request<'a>) -> impl Iterator<Item = Change<'a>> {
    let names = request.env_unset.into_iter().flat_map(StrList::iter).enumerate();
    names.map(|(position, name)| Change { name: name.to_bytes(), is_set: false, position })
}

/// What is set must be NAME=VALUE, what is unset must be a NAME: the first entry
/// that is not, and its position in its list.
#[inline(never)]
pub fn wrong_entry<'a>(request: &Request<'a>) -> Option<(Reason, usize, &'a CStr)> {
    let sets = request.env_set.into_iter().flat_map(StrList::iter).enumerate();
    let unsets = request.env_unset.into_iter().flat_map(StrList::iter).enumerate();
    let nameless = |entry: &CStr| {
        matches!(entry.to_bytes().iter().position(|byte| *byte == b'='), None | Some(0))
    };
    let mut wrong = sets
        .filter(|(_, set)| nameless(set))
        .map(|(index, entry)| (Reason::EnvSet, index, entry))
        .chain(
            unsets
                .filter(|(_, unset)| unset.is_empty() || cstr::has(unset, b'='))
                .map(|(index, entry)| (Reason::EnvUnset, index, entry)),
        );
    wrong.next()
}

fn name_of(entry: &CStr) -> &[u8] {
    entry.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// The change that counts for `name`.
fn last<'a>(changes: &[Change<'a>], name: &[u8]) -> Option<Change<'a>> {
    let after = changes.partition_point(|change| change.name <= name);
    let found = changes.get(after.checked_sub(1)?)?;
    (found.name == name).then_some(*found)
}

/// Heapsort: core's own sort has panic paths, and is many times the size.
fn sort(changes: &mut [Change]) {
    let count = changes.len();
    for root in (0..count / 2).rev() {
        sift_down(changes, root, count);
    }
    for end in (1..count).rev() {
        exchange(changes, 0, end);
        sift_down(changes, 0, end);
    }
}

fn sift_down(heap: &mut [Change], mut root: usize, end: usize) {
    loop {
        let left = root.wrapping_mul(2).wrapping_add(1);
        let right = left.wrapping_add(1);
        let larger = match (heap.get(left), heap.get(right)) {
            (Some(one), Some(other)) if right < end && one < other => right,
            _ => left,
        };
        if larger >= end || heap.get(root).cmp(&heap.get(larger)) != Ordering::Less {
            return;
        }
        exchange(heap, root, larger);
        root = larger;
    }
}

fn exchange(changes: &mut [Change], one: usize, other: usize) {
    let (Some(&first), Some(&second)) = (changes.get(one), changes.get(other)) else { return };
    for (position, change) in [(one, second), (other, first)] {
        if let Some(place) = changes.get_mut(position) {
            *place = change;
        }
    }
}

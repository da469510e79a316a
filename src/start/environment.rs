//! The child's environment, without a copy of any string.
//!
//! `env_set` wins over `env_unset`, and of two entries of `env_set` with one
//! name the last one counts.

use super::failure::{At, Failure, Step};
use super::request::Request;
use crate::sys::Errno;
use crate::sys::cstr::{self, ListBuilder, StrList};
use crate::sys::memory::{Inline, Scratch};
use core::cell::Cell;
use core::ffi::{CStr, c_char};

/// An entry of `env_unset` or `env_set`. Sorted, the entries of one name stand
/// together, and the last of them is the one that counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change<'a> {
    name: &'a [u8],
    /// Its position in both lists, of which `env_set` is the second.
    position: usize,
}

/// How many places `build` needs for its list.
#[inline(never)]
pub fn size(request: &Request) -> usize {
    if request.env_set.is_none() && request.env_unset.is_none() {
        return 0;
    }
    let base = request.env.unwrap_or_else(cstr::environment);
    count(Some(base)).wrapping_add(count(request.env_set)).wrapping_add(1)
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
    if let Some((reason, index, _)) = request.wrong_entry() {
        return Err(Failure::misuse(reason, index));
    }
    let unsets = count(request.env_unset);
    let mut inline = Inline::<_, 16>::new();
    let size = unsets.wrapping_add(count(request.env_set));
    let none = || Change { name: &[], position: 0 };
    let mut changes = Scratch::new(&mut inline, size, none).at(Step::Memory, 0)?;
    let changes = Cell::from_mut(changes.get()).as_slice_of_cells();
    let entries = || entries(request.env_unset).chain(entries(request.env_set));
    for ((position, entry), place) in entries().enumerate().zip(changes) {
        place.set(Change { name: name_of(entry), position });
    }
    sort(changes);
    let mut list = ListBuilder::new(places.get());
    for entry in base.iter().filter(|entry| last(changes, entry).is_none()) {
        list.push(entry);
    }
    for (position, entry) in entries().enumerate().skip(unsets) {
        if last(changes, entry) == Some(position) {
            list.push(entry);
        }
    }
    list.finish().ok_or(Failure::new(Step::Environment, 0, Errno::ENOMEM))
}

fn entries<'a>(list: Option<StrList<'a>>) -> impl Iterator<Item = &'a CStr> {
    list.into_iter().flat_map(StrList::iter)
}

fn count(list: Option<StrList>) -> usize {
    entries(list).count()
}

fn name_of(entry: &CStr) -> &[u8] {
    entry.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// The position of the change that counts for the name of `entry`.
fn last(changes: &[Cell<Change>], entry: &CStr) -> Option<usize> {
    let name = name_of(entry);
    let after = changes.partition_point(|change| change.get().name <= name);
    let found = changes.get(after.checked_sub(1)?)?.get();
    (found.name == name).then_some(found.position)
}

/// Heapsort: core's own sort has panic paths, and is many times the size.
fn sort(changes: &[Cell<Change>]) {
    let count = changes.len();
    for root in (0..count / 2).rev() {
        sift_down(changes, root);
    }
    for end in (1..count).rev() {
        let heap = changes.get(..=end).unwrap_or_default();
        if let (Some(first), Some(last)) = (heap.first(), heap.last()) {
            last.set(first.replace(last.get()));
        }
        sift_down(changes.get(..end).unwrap_or_default(), 0);
    }
}

fn sift_down(heap: &[Cell<Change>], mut root: usize) {
    loop {
        let left = root.wrapping_mul(2).wrapping_add(1);
        let right = left.wrapping_add(1);
        let place = |position| heap.get(position).map(Cell::get);
        let larger = if place(left) < place(right) { right } else { left };
        let (Some(parent), Some(child)) = (heap.get(root), heap.get(larger)) else { return };
        if parent.get() >= child.get() {
            return;
        }
        child.set(parent.replace(child.get()));
        root = larger;
    }
}

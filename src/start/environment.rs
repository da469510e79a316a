//! The child's environment, without a copy of any string.

use super::failure::{Failure, Step};
use super::request::Request;
use crate::sys::Errno;
use crate::sys::cstr::{self, ListBuilder, StrList};
use crate::sys::memory::Scratch;
use core::ffi::{CStr, c_char};

/// How many places `build` needs for its list.
#[inline(never)]
pub fn size(request: &Request) -> usize {
    if request.env_set.is_none() && request.env_unset.is_none() {
        return 0;
    }
    let base = request.env.unwrap_or_else(cstr::environment);
    let set = request.env_set.map_or(0, |set| set.iter().count());
    base.iter().count().wrapping_add(set).wrapping_add(1)
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
    if let Some((index, _)) = wrong_entry(request) {
        return Err(Failure::new(Step::Environment, index, Errno::EINVAL));
    }
    let sets = || request.env_set.into_iter().flat_map(StrList::iter);
    let unsets = || request.env_unset.into_iter().flat_map(StrList::iter);
    let mut list = ListBuilder::new(places.get());
    for entry in base.iter() {
        let name = name_of(entry);
        let gone = unsets().any(|unset| unset.to_bytes() == name);
        if !gone && !sets().any(|set| name_of(set) == name) {
            list.push(entry);
        }
    }
    // Of two entries with one name, the later counts.
    for (i, entry) in sets().enumerate() {
        let name = name_of(entry);
        if !sets().skip(i.wrapping_add(1)).any(|later| name_of(later) == name) {
            list.push(entry);
        }
    }
    list.finish().ok_or(Failure::new(Step::Environment, 0, Errno::ENOMEM))
}

/// What is set must be NAME=VALUE, what is unset must be a NAME: the first that
/// is not, and its place in its list.
#[inline(never)]
pub fn wrong_entry<'a>(request: &Request<'a>) -> Option<(usize, &'a CStr)> {
    let sets = request.env_set.into_iter().flat_map(StrList::iter).enumerate();
    let unsets = request.env_unset.into_iter().flat_map(StrList::iter).enumerate();
    let nameless = |entry: &CStr| {
        matches!(entry.to_bytes().iter().position(|byte| *byte == b'='), None | Some(0))
    };
    let mut wrong = sets.filter(|(_, set)| nameless(set)).chain(
        unsets.filter(|(_, unset)| unset.is_empty() || cstr::has(unset, b'=')),
    );
    wrong.next()
}

fn name_of(entry: &CStr) -> &[u8] {
    entry.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}

//! Lists whose links are in the values themselves, by index + 1; 0 is none. So they
//! need no memory of their own, and a wiped list is empty.

use crate::sys::memory::{Slabs, Stored};
use crate::sys::zeroed::zeroed_struct;

zeroed_struct! {
    pub struct List {
        first: u32,
        last: u32,
    }
}

zeroed_struct! {
    #[derive(Clone, Copy)]
    pub struct Links {
        next: u32,
        previous: u32,
    }
}

/// Where a value has the links of one kind of list.
pub type LinksOf<T> = fn(&mut T) -> &mut Links;

impl List {
    pub fn first(&self) -> Option<u32> {
        self.first.checked_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.first == 0
    }

    pub fn append<T: Stored>(&mut self, slabs: &mut Slabs<T>, index: u32, links: LinksOf<T>) {
        let place = index.wrapping_add(1);
        let last = core::mem::replace(&mut self.last, place);
        *next_in(slabs, &mut self.first, last, links) = place;
        if let Some(value) = slabs.get(index) {
            *links(value) = Links { next: 0, previous: last };
        }
    }

    pub fn remove<T: Stored>(&mut self, slabs: &mut Slabs<T>, index: u32, links: LinksOf<T>) {
        let Some(value) = slabs.get(index) else { return };
        let Links { next, previous } = core::mem::take(links(value));
        *next_in(slabs, &mut self.first, previous, links) = next;
        match next.checked_sub(1).and_then(|next| slabs.get(next)) {
            Some(value) => links(value).previous = previous,
            None => self.last = previous,
        }
    }
}

/// The link that leads away from `place`, which is the beginning of the list for 0.
fn next_in<'a, T: Stored>(
    slabs: &'a mut Slabs<T>,
    first: &'a mut u32,
    place: u32,
    links: LinksOf<T>,
) -> &'a mut u32 {
    match place.checked_sub(1).and_then(|before| slabs.get(before)) {
        Some(value) => &mut links(value).next,
        None => first,
    }
}

/// The one behind `index`.
pub fn after<T: Stored>(slabs: &mut Slabs<T>, index: u32, links: LinksOf<T>) -> Option<u32> {
    links(slabs.get(index)?).next.checked_sub(1)
}

//! A heap whose links are in the values themselves: the one with the least key is on
//! top, and any can be taken out. A leftist heap, so every change costs O(log n).

use crate::sys::memory::{Slabs, Stored};
use crate::sys::zeroed::zeroed_struct;

zeroed_struct! {
    /// Indexes + 1; 0 is none.
    #[derive(Clone, Copy)]
    pub struct Node {
        pub key: u64,
        is_in: bool,
        rank: u32,
        left: u32,
        right: u32,
        parent: u32,
    }
}

zeroed_struct! {
    pub struct Heap {
        top: u32,
    }
}

/// Where a value has its node.
pub type NodeOf<T> = fn(&mut T) -> &mut Node;

impl Heap {
    pub fn top(&self) -> Option<u32> {
        self.top.checked_sub(1)
    }

    /// Puts a value in, or moves it, by its key.
    pub fn insert<T: Stored>(&mut self, slabs: &mut Slabs<T>, index: u32, key: u64, of: NodeOf<T>) {
        self.remove(slabs, index, of);
        let Some(value) = slabs.get(index) else { return };
        *of(value) = Node { key, is_in: true, rank: 1, ..Node::default() };
        self.top = merge(slabs, self.top, index.wrapping_add(1), of);
    }

    pub fn remove<T: Stored>(&mut self, slabs: &mut Slabs<T>, index: u32, of: NodeOf<T>) {
        let Some(value) = slabs.get(index) else { return };
        let Node { is_in, left, right, parent, .. } = core::mem::take(of(value));
        if !is_in {
            return;
        }
        let rest = merge(slabs, left, right, of);
        if let Some(node) = node(slabs, rest, of) {
            node.parent = parent;
        }
        match node(slabs, parent, of) {
            None => self.top = rest,
            Some(above) if above.left == index.wrapping_add(1) => above.left = rest,
            Some(above) => above.right = rest,
        }
        balance(slabs, parent, of);
    }
}

fn node<T: Stored>(slabs: &mut Slabs<T>, place: u32, of: NodeOf<T>) -> Option<&mut Node> {
    place.checked_sub(1).and_then(|index| slabs.get(index)).map(of)
}

fn rank<T: Stored>(slabs: &mut Slabs<T>, place: u32, of: NodeOf<T>) -> u32 {
    node(slabs, place, of).map_or(0, |node| node.rank)
}

/// Walks down the right spines, which are O(log n) long.
fn merge<T: Stored>(slabs: &mut Slabs<T>, a: u32, b: u32, of: NodeOf<T>) -> u32 {
    let Some(key_a) = node(slabs, a, of).map(|node| node.key) else { return b };
    let Some(key_b) = node(slabs, b, of).map(|node| node.key) else { return a };
    let (upper, lower) = if key_b < key_a { (b, a) } else { (a, b) };
    let right = node(slabs, upper, of).map_or(0, |node| node.right);
    let merged = merge(slabs, right, lower, of);
    if let Some(node) = node(slabs, merged, of) {
        node.parent = upper;
    }
    if let Some(node) = node(slabs, upper, of) {
        (node.right, node.parent) = (merged, 0);
    }
    lean_left(slabs, upper, of);
    upper
}

/// The deeper side is the left one. True if the rank has changed.
fn lean_left<T: Stored>(slabs: &mut Slabs<T>, place: u32, of: NodeOf<T>) -> bool {
    let Some(Node { left, right, .. }) = node(slabs, place, of).copied() else { return false };
    let (of_left, of_right) = (rank(slabs, left, of), rank(slabs, right, of));
    let Some(node) = node(slabs, place, of) else { return false };
    if of_left < of_right {
        (node.left, node.right) = (right, left);
    }
    let before = core::mem::replace(&mut node.rank, of_left.min(of_right).wrapping_add(1));
    before != node.rank
}

fn balance<T: Stored>(slabs: &mut Slabs<T>, mut place: u32, of: NodeOf<T>) {
    while lean_left(slabs, place, of) {
        place = node(slabs, place, of).map_or(0, |node| node.parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::stored;

    zeroed_struct! {
        pub struct Value {
            pub node: Node,
            pub next_free: u32,
        }
    }
    stored!(Value, next_free);

    impl Value {
        fn node(&mut self) -> &mut Node {
            &mut self.node
        }
    }

    #[test]
    fn values_come_out_in_order_whatever_was_moved_and_taken_out() {
        let (mut slabs, mut heap) = (Slabs::<Value>::default(), Heap::default());
        let mut random = 12345u64;
        let mut next = || {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            random >> 40
        };
        let mut keys: Vec<Option<u64>> = (0..1000).map(|_| None).collect();
        for _ in 0..keys.len() {
            while slabs.claim().is_err() {
                Slabs::<Value>::map(slabs.missing().expect("room")).expect("memory");
            }
        }
        for _ in 0..20_000 {
            let index = next() as usize % keys.len();
            keys[index] = (next() % 3 != 0).then(&mut next);
            match keys[index] {
                Some(key) => heap.insert(&mut slabs, index as u32, key, Value::node),
                None => heap.remove(&mut slabs, index as u32, Value::node),
            }
            let least = keys.iter().flatten().min();
            let top = heap.top().and_then(|top| slabs.get(top)).map(|value| value.node.key);
            assert_eq!(top.as_ref(), least);
        }
        let mut sorted: Vec<u64> = keys.into_iter().flatten().collect();
        sorted.sort();
        for key in sorted {
            let top = heap.top().expect("not empty");
            assert_eq!(slabs.get(top).map(|value| value.node.key), Some(key));
            heap.remove(&mut slabs, top, Value::node);
        }
        assert!(heap.top().is_none());
    }
}

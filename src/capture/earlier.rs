//! The earlier stages of a pipeline, the last stage of which is the child that is
//! captured. A child that is no pipeline's has none.

use crate::children::child::Child;
use crate::sys::Result;
use crate::sys::list::List;
use crate::wait::ask;
use crate::wait::watch::Watch;

/// Nobody else has their handles: they are closed with this.
pub struct Earlier {
    children: List<Child>,
    /// How many of them, from the first on, have exited. All must, so the others need
    /// not be looked at before.
    exited: usize,
    /// All stages are in groups that stages lead.
    in_own_groups: bool,
}

impl Earlier {
    pub const NONE: Earlier = Earlier { children: List::new(), exited: 0, in_own_groups: false };

    pub fn new(children: List<Child>, in_own_groups: bool) -> Earlier {
        Earlier { children, exited: 0, in_own_groups }
    }

    pub fn children(&self) -> &[Child] {
        self.children.values()
    }

    /// Whether signals to the groups of the stages reach all stages. `last` is the last
    /// one.
    pub fn lead_groups(&self, last: &Child) -> bool {
        if self.children().is_empty() { last.leads_group } else { self.in_own_groups }
    }

    /// Whether all have exited. If not, `watch` is then that of one that has not.
    pub fn look(&mut self, watch: &mut Watch) -> Result<bool> {
        while let Some(child) = self.children.values().get(self.exited) {
            if child.look()?.is_some() {
                self.exited = self.exited.wrapping_add(1);
            } else if !watch.follow(child)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// For a capture that ends before all have exited: their statuses are then what they
    /// are now.
    pub fn look_at_all(&self) {
        for child in self.children() {
            let _ = child.look();
        }
    }
}

impl Drop for Earlier {
    fn drop(&mut self) {
        while let Some(child) = self.children.pop() {
            let _ = ask::close(child.handle());
        }
    }
}

//! Sets, the program's process loop: everything that children do, behind one descriptor.

pub mod changes;
pub mod member;
pub mod next;
pub mod life;
pub mod task;

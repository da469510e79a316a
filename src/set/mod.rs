//! Sets, the program's process loop: everything that children do, behind one descriptor.

pub mod begin;
pub mod changes;
pub mod event;
pub mod life;
pub mod member;
pub mod next;
pub mod spares;
pub mod task;
pub mod turn;

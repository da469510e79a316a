//! Starting a child: from a request to a running slot, or to a failure that leaves
//! nothing behind.

pub mod child;
pub mod environment;
pub mod failure;
pub mod launch;
pub mod mechanism;
pub mod plan;
pub mod request;
pub mod spawn;
pub mod starting;

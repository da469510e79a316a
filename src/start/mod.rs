//! Starting a child: from a request to a running slot, or to a failure that leaves
//! nothing behind.

pub mod birth;
pub mod child;
pub mod descriptors;
pub mod environment;
pub mod exec;
pub mod failure;
pub mod interpreter;
pub mod launch;
pub mod mechanism;
pub mod plan;
pub mod report;
pub mod request;
pub mod spawn;
pub mod starting;

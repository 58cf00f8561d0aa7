//! A coordinator's surroundings: real reveals, a node that answers as a chain with one open epoch would, and the daemon as
//! a process of its own.

pub(crate) mod daemon;
pub(crate) mod node;
pub(crate) mod proofs;

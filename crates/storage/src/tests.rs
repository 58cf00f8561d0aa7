//! Tests of the whole crate, on real files.

mod append;
mod chain;
mod crash;
mod execution;
mod faults;
mod history;
mod records;

//! The server on an ephemeral port over a real engine and database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod calls;
mod chain;
mod common;
mod cwe;
mod debug;
mod hostile;
mod logs;
mod submit;

//! What the public HTTP daemons share: the relayer, the aggregation coordinator and the discovery hub.
//!
//! In: a configuration's sections, a bound address, requests. Out: connections that are bounded in number and time
//! ([`Bounded`]), limits that remember no address ([`Limits`]), bodies that arrive in time ([`body::json`]), refusals of
//! one shape ([`Problem`]), the L2 behind a node ([`L2Section`]), a program that starts, serves and ends ([`program`],
//! [`Running`]).

pub mod body;
mod l2;
mod limits;
mod listener;
mod problem;
pub mod program;
mod running;

pub use l2::{L2Section, node_failure};
pub use limits::{Group, Groups, Limits, Rates};
pub use listener::{Bounded, From};
pub use problem::Problem;
pub use program::DaemonArgs;
pub use running::{Running, ready_flag, require_key, sqlite_folder};

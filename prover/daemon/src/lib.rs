//! The prover daemon: finds committed batches, decides which are proven together, has the proofs made and posts them.
//!
//! In: batches on L1, inputs from a node (`cwe_proofInput`), a queue that may be shared between machines. Out: calls of
//! `Rollup.proveBatches`. A [`Planner`] turns batches into jobs, a [`Workshop`]'s workers run their stages by a program
//! of its own (`cwe-prover-stage`, which holds the virtual machine and takes gigabytes), [`Posting`] brings proofs to L1.
//! Workers also do the jobs of other guests that somebody else puts into the queue and fetches (`aggregation`, `settlement`).
//! The binary `cwe-prover` and the command `cwe prove` call it. It links no virtual machine.
//!
//! Nothing is proven on the node's word: batches are those whose hashes `Rollup` has stored, and an input is executed
//! here, by the function that the guest runs, before a proof is begun. Everything survives `kill -9`: jobs, results of
//! stages and proofs are in the queue, large files are known by their hashes, and what was sent to L1 is written down
//! before.
//!
//! # Metrics
//! Those of `cwe-bridge` for the L1 and the poster, and
//!
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_prover_jobs` | gauge | jobs, label `state` |
//! | `cwe_prover_batch_planned` | gauge | last batch under a job |
//! | `cwe_prover_batch_proven` | gauge | last batch whose proof is made |
//! | `cwe_prover_stage_seconds` | histogram | seconds of a finished stage, label `stage` |
//! | `cwe_prover_stage_peak_memory_bytes` | gauge | most memory of the last run, label `stage` |
//! | `cwe_prover_stage_failures_total` | counter | stages that failed, labels `stage`, `reason` |
//! | `cwe_prover_memory_refusals_total` | counter | stages that had to wait for memory, label `stage` |
//! | `cwe_prover_jobs_dropped_total` | counter | jobs given up because L1 had no use for them |
//! | `cwe_prover_unprovable_total` | counter | looks at batches that can't be proven: report these |

mod bundling;
pub mod config;
mod daemon;
pub mod guard;
mod input;
mod job;
mod launcher;
mod memory;
mod node;
mod planner;
mod posting;
mod program;
mod progress;
mod stage;
mod view;
mod work;
mod worker;

pub use config::Config;
pub use daemon::{JobSummary, RunningProver, deployment, make_keys, run_prover, summaries};
pub use input::{Inputs, PrepareError};
pub use job::{JobBatch, PayloadError, ProofJob, kind};
pub use memory::{DoesNotFit, Memory, Needs, Reservation};
pub use node::{NodeClient, NodeError};
pub use planner::{PlanError, Planner};
pub use posting::{PostError, Posting};
pub use program::{Finished, ProgramError, StageFailure, StageProgram, StageProgress};
pub use progress::{Bars, JobName, LogLines, Observer, StageEvent, Subject};
pub use stage::StopAfter;
pub use view::{L1View, Objection, ViewError, batches_on_l1};
pub use work::{WorkError, WorkFolder};
pub use worker::{Attempt, Workshop};

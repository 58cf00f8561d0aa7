//! What the prover daemon and the program that runs stages (`cwe-prover-stage`) agree on: the stages of a validity proof
//! in their order, their names, the files between them, what each needs ([`Need`]), and what this machine has
//! ([`supply`]); and what both agree on with those who ask for proofs ([`GuestJob`]). In: nothing but the system's own figures. Both programs call it; neither links the other.

mod job;
mod memory;
mod stage;

pub use job::{Guest, GuestJob, GuestJobError};
pub use memory::{Need, ProcessMemory, Supply, gibibytes, of_process, supply};
pub use stage::Stage;

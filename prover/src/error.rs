//! What can go wrong with a guest.

/// Why a guest can't be run or measured.
#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    /// The virtual machine's configuration doesn't parse: a defect of this repository.
    #[error("prover/guests/openvm.toml is no configuration of the virtual machine: {0}")]
    Config(String),
    /// Not an ELF that the machine can run.
    #[error("guest program can't be loaded: {0}")]
    Load(String),
    /// The guest refused its input, or ran out of memory. It says why on standard output.
    #[error("guest ended with exit code {0}: its input shows nothing")]
    Refused(u32),
    /// The machine failed.
    #[error("virtual machine failed: {0}")]
    Machine(String),
    /// The guest ended well and revealed nothing: a defect of the guest.
    #[error("guest revealed no public value")]
    NoPublicValue,
    /// Keys or commitments can't be computed.
    #[error("commitments can't be computed: {0}")]
    Commitment(String),
}

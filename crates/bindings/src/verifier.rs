//! The verifier of batches' proofs that this repository publishes: which program, machine and reference string it pins.
//!
//! In: the guests' commitments (`prover/elf`) and what follows from the generated contract (`bridge/src/generated`),
//! both kept in the repository. Out: [`PublishedVerifier`], from which `BatchVerifier` is deployed and which `cwe audit`
//! compares with what is on L1.

use alloy::{
    primitives::{Address, B256, Bytes, hex},
    sol_types::SolConstructor,
};
use serde::Deserialize;

use crate::contracts::{BatchVerifier, Halo2Verifier};

const COMMITMENTS: &str = include_str!("../../../prover/elf/commitments.json");
const GENERATED: &str = include_str!("../../../bridge/src/generated/halo2-verifier.json");
/// The guest that proves batches.
const GUEST: &str = "state-transition";
/// How names of ceremonies' reference strings begin.
const CEREMONY: &str = "ptau-";

/// Runtime code of the generated verifier: it has no constructor and no immutables.
pub const HALO2_VERIFIER_CODE: &Bytes = &Halo2Verifier::DEPLOYED_BYTECODE;

/// Constructor arguments of `BatchVerifier`, but for the generated verifier's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedVerifier {
    /// Commitment to the program.
    pub exe: B256,
    /// Commitment to the virtual machine.
    pub vm: B256,
    /// Points of a proof before its scalars.
    pub commitments: u16,
    /// Scalars of a proof.
    pub evaluations: u16,
    /// Name of the reference string.
    pub srs: String,
}

/// Why the kept files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// One is not the JSON that it should be.
    #[error("{file} of this build is damaged: {source}")]
    Json {
        /// Which.
        file: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no such guest.
    #[error("prover/elf/commitments.json has no guest `{GUEST}`")]
    NoGuest,
    /// A commitment is not 32 bytes in hexadecimal.
    #[error("commitment `{0}` is not 32 bytes in hexadecimal")]
    Commitment(String),
}

#[derive(Deserialize)]
struct Commitments {
    vm: String,
    guests: std::collections::BTreeMap<String, Guest>,
}

#[derive(Deserialize)]
struct Guest {
    exe: String,
}

#[derive(Deserialize)]
struct Generated {
    srs: String,
    commitments: u16,
    evaluations: u16,
}

impl PublishedVerifier {
    /// Reads the files that were compiled in.
    ///
    /// # Errors
    /// [`PublishedError`]: one is damaged.
    pub fn read() -> Result<Self, PublishedError> {
        let commitments: Commitments = parse("prover/elf/commitments.json", COMMITMENTS)?;
        let generated: Generated = parse("bridge/src/generated/halo2-verifier.json", GENERATED)?;
        let guest = commitments.guests.get(GUEST).ok_or(PublishedError::NoGuest)?;
        Ok(Self {
            exe: commitment(&guest.exe)?,
            vm: commitment(&commitments.vm)?,
            commitments: generated.commitments,
            evaluations: generated.evaluations,
            srs: generated.srs,
        })
    }

    /// Whether the reference string is a ceremony's: under a development one anybody can prove anything.
    pub fn is_safe(&self) -> bool {
        self.srs.starts_with(CEREMONY)
    }

    /// What creates a `BatchVerifier` over the generated verifier at this address.
    pub fn creation_code(&self, halo2_verifier: Address) -> Bytes {
        let arguments = BatchVerifier::constructorCall {
            halo2Verifier_: halo2_verifier,
            exeCommitment_: self.exe,
            vmCommitment_: self.vm,
            commitments_: self.commitments,
            evaluations_: self.evaluations,
            srs_: self.srs.clone(),
        };
        [BatchVerifier::BYTECODE.as_ref(), &arguments.abi_encode()]
            .concat()
            .into()
    }
}

fn parse<'a, T: Deserialize<'a>>(file: &'static str, text: &'a str) -> Result<T, PublishedError> {
    serde_json::from_str(text).map_err(|source| PublishedError::Json { file, source })
}

fn commitment(text: &str) -> Result<B256, PublishedError> {
    hex::decode_to_array(text)
        .map(B256::new)
        .map_err(|_| PublishedError::Commitment(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_files_give_a_verifier() {
        let published = PublishedVerifier::read().unwrap();
        assert_ne!(published.exe, published.vm);
        assert!(published.commitments > 0 && published.evaluations > 0);
        assert!(published.is_safe() || published.srs.starts_with("unsafe-"));
    }

    #[test]
    fn only_a_ceremony_is_safe() {
        let mut published = PublishedVerifier::read().unwrap();
        for (name, safe) in [("ptau-0011", true), ("unsafe-ptau-", false), ("", false)] {
            published.srs = name.into();
            assert_eq!(published.is_safe(), safe, "{name}");
        }
    }

    #[test]
    fn a_commitment_has_32_bytes() {
        for text in ["", "00", "zz", &"0".repeat(66)] {
            assert!(matches!(commitment(text), Err(PublishedError::Commitment(_))), "{text}");
        }
    }
}

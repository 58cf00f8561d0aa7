//! What L1 pins of the guests: hashes of each program and of the virtual machine.

use std::collections::BTreeMap;

use openvm_sdk::{
    CpuSdk,
    config::{AggregationSystemParams, AppConfig},
};
use openvm_stark_sdk::config::{MAX_APP_LOG_STACKED_HEIGHT, app_params_with_100_bits_security};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    error::ProverError,
    machine::{Machine, vm_config},
};

/// The kept commitments, `prover/elf/commitments.json`.
pub const COMMITMENTS: &str = include_str!("../elf/commitments.json");

/// Commitments of all guests, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitments {
    /// The compiler that made the ELFs, by its commit and LLVM: others make other bytes.
    pub compiler: String,
    /// Commitment to the virtual machine's configuration, hex.
    pub vm: String,
    /// The guests.
    pub guests: BTreeMap<String, GuestCommitment>,
}

/// Commitment of one guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuestCommitment {
    /// SHA-256 of the ELF, hex.
    pub elf_sha256: String,
    /// Commitment to the program and its initial memory, hex.
    pub exe: String,
}

/// The prover for guests of this repository, without keys: they are generated when they are first needed.
///
/// # Errors
/// [`ProverError::Config`].
pub fn sdk() -> Result<CpuSdk, ProverError> {
    let params = app_params_with_100_bits_security(MAX_APP_LOG_STACKED_HEIGHT);
    CpuSdk::new(AppConfig::new(vm_config()?, params), AggregationSystemParams::default())
        .map_err(|error| ProverError::Config(error.to_string()))
}

impl Commitments {
    /// Those that are kept in the repository.
    ///
    /// # Errors
    /// The file is not what `make guests` writes.
    pub fn kept() -> Result<Self, ProverError> {
        serde_json::from_str(COMMITMENTS).map_err(|error| ProverError::Commitment(error.to_string()))
    }

    /// The commitment to a guest.
    ///
    /// # Errors
    /// There is no such guest, or the file is not what `make guests` writes.
    pub fn exe(&self, guest: &str) -> Result<[u8; 32], ProverError> {
        let guest = self.guests.get(guest);
        let hex = guest.ok_or_else(|| ProverError::Commitment("there is no such guest".into()))?;
        word(&hex.exe)
    }

    /// The commitment to the machine.
    ///
    /// # Errors
    /// The file is not what `make guests` writes.
    pub fn vm(&self) -> Result<[u8; 32], ProverError> {
        word(&self.vm)
    }

    /// Commits to guests, given by name with the ELF that is kept.
    ///
    /// # Errors
    /// [`ProverError`]: an ELF can't be loaded, or the keys not be generated.
    pub fn compute(compiler: String, elfs: &BTreeMap<String, Vec<u8>>) -> Result<Self, ProverError> {
        let (machine, sdk) = (Machine::new()?, sdk()?);
        let mut commitments = Self {
            compiler,
            vm: String::new(),
            guests: BTreeMap::new(),
        };
        for (name, elf) in elfs {
            let program = machine.load(elf)?;
            let commit = sdk
                .app_commit(program.exe)
                .map_err(|error| ProverError::Commitment(error.to_string()))?;
            commitments.vm = hex::encode(commit.app_vm_commit.as_slice());
            let guest = GuestCommitment {
                elf_sha256: sha256(elf),
                exe: hex::encode(commit.app_exe_commit.as_slice()),
            };
            commitments.guests.insert(name.clone(), guest);
        }
        Ok(commitments)
    }
}

fn word(text: &str) -> Result<[u8; 32], ProverError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| ProverError::Commitment(error.to_string()))?;
    Ok(bytes)
}

/// SHA-256 of a file, hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

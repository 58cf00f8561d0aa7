//! `scripts/usage-verifier.sh` calls this: writes the contracts that verify Split proofs, what a deployment needs to
//! know of them, and a real proof for their tests. Development's reference string unless a ceremony's is given.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, Bytes};
use clap::Parser;
use cwe_srs::{Checksum, Setup, SrsStore};
use cwe_usage_circuits::{ProvingKeys, SRS_K, SplitProof};
use cwe_usage_verifier::{Contract, description, reveal_key, sample_proof, verifier_contracts};
use eyre::{Result, WrapErr};
use serde_json::json;

/// Writes the contracts that verify Split proofs, and a proof for their tests
#[derive(Debug, Parser)]
struct Args {
    /// Folder for the contracts, halo2-split-verifier.json and reveal-key.json
    #[arg(long, value_name = "DIR")]
    contracts: PathBuf,
    /// File for a real proof with its public inputs, as JSON
    #[arg(long, value_name = "FILE")]
    proof: PathBuf,
    /// A ceremony's powers of tau (snarkjs) instead of development's reference string
    #[arg(long, value_name = "FILE", requires = "checksum")]
    powers_of_tau: Option<PathBuf>,
    /// SHA-256 of that file, as the ceremony published it
    #[arg(long, value_name = "HEX", requires = "powers_of_tau")]
    checksum: Option<Checksum>,
}

impl Args {
    fn setup(&self) -> Setup {
        match (self.powers_of_tau.clone(), self.checksum) {
            (Some(file), Some(checksum)) => Setup::PowersOfTau { file, checksum },
            _ => Setup::default(),
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let setup = args.setup();
    let name = setup.name();
    let srs = SrsStore::new(setup)?
        .params(SRS_K)
        .wrap_err("making the reference string")?;
    let keys = ProvingKeys::derive(&srs).wrap_err("deriving the keys")?;
    let verifying = keys.verifying_keys();
    for Contract { name, source } in verifier_contracts(&verifying.split, &name)? {
        write(&args.contracts.join(name).with_extension("sol"), &source)?;
    }
    write(&args.contracts.join("halo2-split-verifier.json"), &description(&name))?;
    write(
        &args.contracts.join("reveal-key.json"),
        &reveal_key(&verifying.reveal, &name)?,
    )?;
    let proof = sample_proof(&keys).wrap_err("making a proof")?;
    write(&args.proof, &format!("{:#}\n", vector(&proof, &name)))
}

fn vector(proof: &SplitProof, srs: &str) -> serde_json::Value {
    let inputs = proof.inputs.to_elements().map(|input| B256::from(input).to_string());
    json!({ "srs": srs, "inputs": inputs, "proof": Bytes::copy_from_slice(&proof.bytes).to_string() })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).wrap_err_with(|| format!("writing {}", path.display()))
}

//! The aggregated STARK, verified by one over BN254's Poseidon2: halo2 can verify that.

use std::panic::AssertUnwindSafe;

use openvm_continuations::RootSC;
use openvm_stark_backend::{StarkEngine, keygen::types::MultiStarkVerifyingKey, proof::Proof};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::BabyBearBn254Poseidon2CpuEngine;
use openvm_verify_stark_host::VmStarkProof;

use super::{Progress, Stage, StageError, aggregate, keys::KeyStore, verify};

/// A proof over BN254's Poseidon2.
pub type RootProof = Proof<RootSC>;

/// The circuit has a fixed size: a proof that doesn't fit is aggregated once more, which changes its shape.
const MAX_ATTEMPTS: usize = 8;

/// Makes the root proof of an aggregated STARK, and keeps it for making keys.
///
/// # Errors
/// [`StageError::Failed`].
pub fn prove(keys: &KeyStore, stark: VmStarkProof, progress: &mut Progress<'_>) -> Result<RootProof, StageError> {
    let failed = |error: eyre::Report| StageError::failed(Stage::Root, error);
    progress.report(0, 1);
    let sdk = keys.root()?;
    let (aggregation, prover) = (sdk.agg_prover(), sdk.root_prover());
    let engine = prover.create_engine();
    let proof = prover
        .prove(stark, &engine, MAX_ATTEMPTS, |stark| {
            aggregate::again(&aggregation, stark)
        })
        .map_err(failed)?;
    check(&prover.0.get_vk(), &proof)?;
    keys.keep_representative(&proof)?;
    progress.report(1, 1);
    Ok(proof)
}

/// Checks a root proof.
///
/// # Errors
/// [`StageError::Invalid`].
pub fn check(key: &MultiStarkVerifyingKey<RootSC>, proof: &RootProof) -> Result<(), StageError> {
    verify::guarded(AssertUnwindSafe(|| {
        let engine: BabyBearBn254Poseidon2CpuEngine = StarkEngine::new(key.inner.params.clone());
        engine
            .verify(key, proof)
            .map_err(|error| StageError::Invalid(format!("the root proof is not valid: {error:?}")))
    }))
}

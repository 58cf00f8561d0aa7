//! The halo2 circuit that verifies a halo2 proof, and whose own proofs a contract verifies cheaply.
//!
//! It does all of the verification but the last pairing, whose two points it hands on as an accumulator: the contract
//! checks them. Few columns make the contract cheap, many rows make the proof slow.

use halo2_axiom::plonk::keygen_pk2;
use openvm_static_verifier::{Halo2ProvingMetadata, Halo2ProvingPinning};
use snark_verifier_sdk::{
    CircuitExt, SHPLONK, Snark,
    evm::gen_evm_proof_shplonk,
    halo2::{
        aggregation::{AggregationCircuit, AggregationConfigParams, VerifierUniversality},
        gen_dummy_snark_from_protocol,
    },
    snark_verifier::{
        halo2_base::gates::circuit::CircuitBuilderStage,
        system::halo2::{Config, compile},
    },
};

use super::{
    Progress, Stage, StageError,
    keys::{KeyError, KeyStore, Part},
    static_verifier::InnerProof,
    verify::{self, FinalProof, Protocol},
};
use cwe_srs::Params;

/// Rows of the circuit, as a power of two: it takes three columns. 2^23 rows take one column, which makes verification
/// 48 000 gas cheaper and the proof 1.7 times as expensive (`docs/PERFORMANCE.md` §Proving).
pub const K: u32 = 22;

/// Rows that are left free.
const FREE_ROWS: usize = 20;

/// Makes the keys for proofs about proofs of `inner`.
pub(super) fn keygen(params: &Params, inner: Protocol) -> Result<(Halo2ProvingPinning, Protocol), StageError> {
    let failed = |reason: String| KeyError::Generation {
        part: Part::Wrapper,
        reason,
    };
    let mut circuit = circuit(
        CircuitBuilderStage::Keygen,
        params,
        gen_dummy_snark_from_protocol::<SHPLONK>(inner),
    );
    circuit.calculate_params(Some(FREE_ROWS));
    let config_params = circuit.builder.config_params.clone();
    tracing::info!(
        advice = ?config_params.num_advice_per_phase,
        lookups = ?config_params.num_lookup_advice_per_phase,
        "columns of the wrapper"
    );
    let pk = keygen_pk2(params, &circuit, false).map_err(|error| failed(error.to_string()))?;
    let num_pvs = circuit.num_instance();
    let protocol = compile(
        params,
        pk.get_vk(),
        Config::kzg()
            .with_num_instance(num_pvs.clone())
            .with_accumulator_indices(AggregationCircuit::accumulator_indices()),
    );
    let metadata = Halo2ProvingMetadata {
        config_params,
        break_points: circuit.break_points(),
        num_pvs,
    };
    Ok((Halo2ProvingPinning { pk, metadata }, protocol))
}

/// Proves that a halo2 proof is valid up to its accumulator.
///
/// # Errors
/// [`StageError::Invalid`] if it is not valid.
pub fn prove(keys: &KeyStore, inner: InnerProof, progress: &mut Progress<'_>) -> Result<FinalProof, StageError> {
    const STEPS: usize = 2;
    progress.report(0, STEPS);
    let protocol = keys.inner_protocol()?;
    let params = keys.srs().params(K)?;
    verify::inner(&protocol, &params, &inner)?;
    let Halo2ProvingPinning { pk, metadata } = keys.wrapper()?;
    progress.report(1, STEPS);
    let config = AggregationConfigParams::try_from(metadata.config_params)
        .map_err(|reason| StageError::failed(Stage::Wrap, reason))?;
    let circuit = circuit(CircuitBuilderStage::Prover, &params, inner.into_snark(protocol))
        .use_params(config)
        .use_break_points(metadata.break_points);
    let instances = circuit.instances();
    let proof = gen_evm_proof_shplonk(&params, &pk, circuit, instances.clone());
    let proof = FinalProof::from_parts(&instances.concat(), &proof)
        .ok_or_else(|| StageError::failed(Stage::Wrap, "the instances are not a public value's"))?;
    progress.report(STEPS, STEPS);
    Ok(proof)
}

fn circuit(stage: CircuitBuilderStage, params: &Params, snark: Snark) -> AggregationCircuit {
    let config = AggregationConfigParams {
        degree: K,
        lookup_bits: K as usize - 1,
        ..Default::default()
    };
    let mut circuit = AggregationCircuit::new::<SHPLONK>(stage, config, params, [snark], VerifierUniversality::None);
    circuit.expose_previous_instances(false);
    circuit
}

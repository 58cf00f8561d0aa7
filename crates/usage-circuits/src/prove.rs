//! Making proofs.

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::create_proof,
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
};
use rand_core::{CryptoRng, RngCore};

use crate::{
    ProofError, ProvingKeys, RevealInputs, RevealWitness, SplitInputs, SplitWitness, WitnessError,
    columns::TraceCircuit,
    fault::Fault,
    keys::CircuitKey,
    layout::Layout,
    split_hints::SplitHints,
    transcript::{Challenge, EvmTranscript},
    verify::check,
};

/// What proving is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofStage {
    /// Computing the values of all cells.
    Witness,
    /// Proving; nearly all of the time.
    Proof,
    /// Checking what was proven.
    Check,
}

/// A proof of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitProof {
    /// What it shows.
    pub inputs: SplitInputs,
    /// As `ISplitVerifier` takes it.
    pub bytes: Vec<u8>,
}

/// A proof of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealProof {
    /// What it shows.
    pub inputs: RevealInputs,
    /// The proof.
    pub bytes: Vec<u8>,
}

/// Proves a submission; `progress` is called as each stage begins. The proof is checked before it is given out.
///
/// # Errors
/// [`ProofError`].
pub fn prove_split(
    keys: &ProvingKeys,
    witness: &SplitWitness,
    rng: impl RngCore + CryptoRng,
    mut progress: impl FnMut(ProofStage),
) -> Result<SplitProof, ProofError> {
    progress(ProofStage::Witness);
    let circuit = split_circuit(witness, Layout::SPLIT)?;
    let bytes = prove(&keys.split, circuit, rng, &mut progress)?;
    Ok(SplitProof {
        inputs: *witness.inputs(),
        bytes,
    })
}

/// Proves a note; `progress` is called as each stage begins. The proof is checked before it is given out.
///
/// # Errors
/// [`ProofError`].
pub fn prove_reveal(
    keys: &ProvingKeys,
    witness: &RevealWitness,
    rng: impl RngCore + CryptoRng,
    mut progress: impl FnMut(ProofStage),
) -> Result<RevealProof, ProofError> {
    progress(ProofStage::Witness);
    let circuit = reveal_circuit(witness, Layout::REVEAL);
    let bytes = prove(&keys.reveal, circuit, rng, &mut progress)?;
    Ok(RevealProof {
        inputs: *witness.inputs(),
        bytes,
    })
}

/// The Split circuit with a submission's values.
pub(crate) fn split_circuit(witness: &SplitWitness, layout: Layout) -> Result<TraceCircuit, WitnessError> {
    let trace = SplitHints::new(witness)?.trace(&layout, Fault::default());
    Ok(TraceCircuit { trace, layout })
}

/// The Reveal circuit with a note's values.
pub(crate) fn reveal_circuit(witness: &RevealWitness, layout: Layout) -> TraceCircuit {
    let trace = witness.hints().trace(&layout, Fault::default());
    TraceCircuit { trace, layout }
}

pub(crate) fn prove(
    keys: &CircuitKey,
    circuit: TraceCircuit,
    rng: impl RngCore + CryptoRng,
    progress: &mut impl FnMut(ProofStage),
) -> Result<Vec<u8>, ProofError> {
    progress(ProofStage::Proof);
    let public = circuit.trace.public_inputs();
    let bytes = create(keys, circuit, &public, rng)?;
    progress(ProofStage::Check);
    if !check(&keys.srs, keys.key.get_vk(), &public, &bytes) {
        return Err(ProofError::SelfCheck);
    }
    Ok(bytes)
}

/// A proof, of whatever the circuit's values are.
pub(crate) fn create(
    keys: &CircuitKey,
    circuit: TraceCircuit,
    public: &[Fr],
    rng: impl RngCore + CryptoRng,
) -> Result<Vec<u8>, ProofError> {
    let mut transcript = EvmTranscript::new(Vec::new());
    create_proof::<KZGCommitmentScheme<_>, ProverSHPLONK<'_, _>, Challenge, _, _, _>(
        &keys.srs,
        &keys.key,
        &[circuit],
        &[&[public]],
        rng,
        &mut transcript,
    )?;
    Ok(transcript.stream)
}

//! Checking proofs, one by one or many in one pairing.

use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{VerifyingKey, verify_proof},
    poly::{
        VerificationStrategy,
        kzg::{
            commitment::KZGCommitmentScheme,
            multiopen::VerifierSHPLONK,
            strategy::{AccumulatorStrategy, SingleStrategy},
        },
    },
};

use crate::{
    CircuitVerifyingKey, RevealInputs, RevealProof, SplitInputs, Srs, VerificationError, VerifyingKeys,
    field::scalar,
    transcript::{Challenge, EvmTranscript},
};

/// Bytes of every Split proof.
pub const SPLIT_PROOF_BYTES: usize = 5664;
/// Bytes of every Reveal proof.
pub const REVEAL_PROOF_BYTES: usize = 3424;
/// Proofs that share a pairing. With more than some 8 000 points halo2 multiplies them by their scalars in another way,
/// which panics where one of them is the point at infinity, as the commitment to an empty column is.
pub const FOLDED: usize = 64;

/// Checks a proof of a submission.
///
/// # Errors
/// [`VerificationError`].
pub fn verify_split(keys: &VerifyingKeys, inputs: &SplitInputs, proof: &[u8]) -> Result<(), VerificationError> {
    if !inputs.in_range() {
        return Err(VerificationError::InputOutOfRange);
    }
    require_length(proof, SPLIT_PROOF_BYTES)?;
    verify(&keys.split, &inputs.to_elements().map(scalar), proof)
}

/// Checks a proof of a note.
///
/// # Errors
/// [`VerificationError`].
pub fn verify_reveal(keys: &VerifyingKeys, inputs: &RevealInputs, proof: &[u8]) -> Result<(), VerificationError> {
    require_length(proof, REVEAL_PROOF_BYTES)?;
    verify(&keys.reveal, &inputs.to_elements().map(scalar), proof)
}

/// Checks many proofs of notes: the equations of up to [`FOLDED`] of them are added up with random factors, and that sum
/// is checked by one pairing.
///
/// # Errors
/// [`VerificationError`] when any of them does not hold; which one, [`verify_reveal`] tells.
pub fn verify_reveals(keys: &VerifyingKeys, proofs: &[RevealProof]) -> Result<(), VerificationError> {
    proofs.chunks(FOLDED).try_for_each(|proofs| verify_folded(keys, proofs))
}

fn verify_folded(keys: &VerifyingKeys, proofs: &[RevealProof]) -> Result<(), VerificationError> {
    let CircuitVerifyingKey { srs, key } = &keys.reveal;
    let folded = proofs
        .iter()
        .try_fold(AccumulatorStrategy::new(srs), |strategy, proof| {
            require_length(&proof.bytes, REVEAL_PROOF_BYTES)?;
            let public = proof.inputs.to_elements().map(scalar);
            fold(srs, key, strategy, &public, &proof.bytes).ok_or(VerificationError::Invalid)
        })?;
    let holds = VerificationStrategy::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>>::finalize(folded);
    if holds { Ok(()) } else { Err(VerificationError::Invalid) }
}

fn require_length(proof: &[u8], expected: usize) -> Result<(), VerificationError> {
    let given = proof.len();
    if given == expected {
        Ok(())
    } else {
        Err(VerificationError::Length { given, expected })
    }
}

fn verify(keys: &CircuitVerifyingKey, public: &[Fr], proof: &[u8]) -> Result<(), VerificationError> {
    if check(&keys.srs, &keys.key, public, proof) {
        Ok(())
    } else {
        Err(VerificationError::Invalid)
    }
}

/// Whether all of `proof` is a proof of these inputs.
pub(crate) fn check(srs: &Srs, key: &VerifyingKey<G1Affine>, public: &[Fr], proof: &[u8]) -> bool {
    fold(srs, key, SingleStrategy::new(srs), public, proof).is_some()
}

fn fold<'srs, S>(
    srs: &'srs Srs,
    key: &VerifyingKey<G1Affine>,
    strategy: S,
    public: &[Fr],
    proof: &[u8],
) -> Option<S::Output>
where
    S: VerificationStrategy<'srs, KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'srs, Bn256>>,
{
    let mut transcript = EvmTranscript::new(proof);
    let output = verify_proof::<_, VerifierSHPLONK<'_, Bn256>, Challenge, _, _>(
        srs,
        key,
        strategy,
        &[&[public]],
        &mut transcript,
    );
    output.ok().filter(|_| transcript.stream.is_empty())
}

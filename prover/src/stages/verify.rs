//! Checking proofs off chain. Any bytes may come in; none make it panic.

use std::panic::{UnwindSafe, catch_unwind};

use cwe_srs::{Params, SrsStore};
use halo2_axiom::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    poly::commitment::ParamsProver,
};
use openvm_circuit::system::memory::merkle::public_values::UserPublicValuesProof;
use openvm_sdk::F;
use openvm_stark_backend::p3_field::PrimeField32;
use openvm_verify_stark_host::{VmStarkProof, verify_vm_stark_proof_decoded, vk::VmStarkVerifyingKey};
use snark_verifier_sdk::{
    NativeLoader, PlonkVerifier, SHPLONK,
    halo2::{POSEIDON_SPEC, PoseidonTranscript},
    snark_verifier::{
        pcs::kzg::KzgDecidingKey,
        system::halo2::transcript::evm::EvmTranscript,
        util::transcript::TranscriptRead,
        verifier::{SnarkVerifier, plonk::PlonkProtocol},
    },
};

use super::{StageError, static_verifier::InnerProof};

/// What verifying a halo2 proof takes: the fixed columns' commitments, and the order of things.
pub type Protocol = PlonkProtocol<G1Affine>;

/// Bytes of a word of the EVM.
const WORD: usize = 32;

/// Words of the accumulator: four coordinates of three limbs.
const ACCUMULATOR_WORDS: usize = 12;

/// Elements of a hash of the machine's memory.
pub(super) const DIGEST: usize = 8;

/// Bytes of a public value.
const PUBLIC_VALUE: usize = 32;

/// A proof for the contract: the accumulator, then the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalProof {
    /// Commitment to the program.
    pub exe: [u8; WORD],
    /// Commitment to the machine.
    pub vm: [u8; WORD],
    /// What the program revealed.
    pub public_value: [u8; PUBLIC_VALUE],
    /// Accumulator and transcript, as the contract takes them.
    pub bytes: Vec<u8>,
}

impl FinalProof {
    /// From all instances, in order, and the transcript.
    pub(super) fn from_parts(instances: &[Fr], transcript: &[u8]) -> Option<Self> {
        let (accumulator, rest) = instances.split_at_checked(ACCUMULATOR_WORDS)?;
        let [exe, vm, bytes @ ..] = rest else {
            return None;
        };
        let byte = |element: &Fr| {
            let [byte, rest @ ..] = element.to_bytes();
            (rest == [0; WORD - 1]).then_some(byte)
        };
        let public_value = bytes.iter().map(byte).collect::<Option<Vec<_>>>()?;
        let accumulator = accumulator.iter().flat_map(to_word);
        Some(Self {
            exe: to_word(exe),
            vm: to_word(vm),
            public_value: public_value.try_into().ok()?,
            bytes: accumulator.chain(transcript.iter().copied()).collect(),
        })
    }

    /// All instances and the transcript, if the words are canonical.
    fn parts(&self) -> Option<(Vec<Fr>, &[u8])> {
        let (accumulator, transcript) = self.bytes.split_at_checked(ACCUMULATOR_WORDS * WORD)?;
        let words = accumulator.as_chunks::<WORD>().0.iter().chain([&self.exe, &self.vm]);
        let bytes = self.public_value.iter().map(|byte| Some(Fr::from(u64::from(*byte))));
        let instances = words.map(from_word).chain(bytes).collect::<Option<_>>()?;
        Some((instances, transcript))
    }
}

fn to_word(element: &Fr) -> [u8; WORD] {
    let mut word = element.to_bytes();
    word.reverse();
    word
}

fn from_word(word: &[u8; WORD]) -> Option<Fr> {
    let mut bytes = *word;
    bytes.reverse();
    Fr::from_bytes(&bytes).into()
}

/// Checks an aggregated STARK and returns what the guest revealed.
///
/// # Errors
/// [`StageError::Invalid`].
pub fn stark(key: &VmStarkVerifyingKey, proof: &VmStarkProof) -> Result<[u8; PUBLIC_VALUE], StageError> {
    let public_value = public_value(&proof.user_pvs_proof)?;
    guarded(std::panic::AssertUnwindSafe(|| {
        verify_vm_stark_proof_decoded(key, proof)
            .map_err(|error| StageError::Invalid(format!("the STARK is not valid: {error}")))
    }))?;
    Ok(public_value)
}

/// The bytes that the guest revealed. Whether it did is not checked.
pub(super) fn public_value(proof: &UserPublicValuesProof<DIGEST, F>) -> Result<[u8; PUBLIC_VALUE], StageError> {
    let values = &proof.public_values;
    let bytes: Vec<u8> = values
        .iter()
        .map(|value| u8::try_from(value.as_canonical_u32()))
        .collect::<Result<_, _>>()
        .map_err(|_| StageError::invalid("a public value is no byte"))?;
    bytes.try_into().map_err(|_| {
        StageError::Invalid(format!(
            "the proof has {} public bytes, not {PUBLIC_VALUE}",
            values.len()
        ))
    })
}

/// Checks a proof of the circuit that verifies root proofs.
///
/// # Errors
/// [`StageError::Invalid`].
pub(super) fn inner(protocol: &Protocol, params: &Params, proof: &InnerProof) -> Result<(), StageError> {
    let mut rest = proof.proof.as_slice();
    let transcript = PoseidonTranscript::<NativeLoader, _>::from_spec(&mut rest, POSEIDON_SPEC.clone());
    plonk(protocol, params, &proof.instances, transcript)?;
    end(rest)
}

/// Checks a final proof, as the contract does.
///
/// # Errors
/// [`StageError::Invalid`]; [`StageError::Srs`] if the reference string can't be had.
pub fn final_proof(protocol: &Protocol, srs: &SrsStore, proof: &FinalProof) -> Result<(), StageError> {
    let (instances, mut rest) = proof
        .parts()
        .ok_or_else(|| StageError::invalid("the proof is too short, or a word is not below the modulus"))?;
    // Of the reference string only the first point and those of G2 are needed, and they are the same for all sizes.
    let params = srs.params(1)?;
    let transcript = EvmTranscript::<G1Affine, NativeLoader, _, _>::new(&mut rest);
    plonk(protocol, &params, &instances, transcript)?;
    end(rest)
}

fn end(rest: &[u8]) -> Result<(), StageError> {
    match rest {
        [] => Ok(()),
        _ => Err(StageError::Invalid(format!("{} bytes behind the proof", rest.len()))),
    }
}

pub(super) fn deciding_key(params: &Params) -> KzgDecidingKey<Bn256> {
    (params.get_g()[0], params.g2(), params.s_g2()).into()
}

fn plonk(
    protocol: &Protocol,
    params: &Params,
    instances: &[Fr],
    mut transcript: impl TranscriptRead<G1Affine, NativeLoader>,
) -> Result<(), StageError> {
    let key = deciding_key(params);
    let instances = [instances.to_vec()];
    guarded(std::panic::AssertUnwindSafe(|| {
        let proof = PlonkVerifier::<SHPLONK>::read_proof(&key, protocol, &instances, &mut transcript);
        proof
            .and_then(|proof| PlonkVerifier::<SHPLONK>::verify(&key, protocol, &instances, &proof))
            .map_err(|error| StageError::Invalid(format!("the halo2 proof is not valid: {error:?}")))
    }))
}

/// Runs a verifier of others; one that panics has not accepted.
pub(super) fn guarded<T>(verify: impl FnOnce() -> Result<T, StageError> + UnwindSafe) -> Result<T, StageError> {
    catch_unwind(verify).unwrap_or_else(|_| Err(StageError::invalid("the proof is malformed: its verifier gave up")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances() -> Vec<Fr> {
        (0..ACCUMULATOR_WORDS as u64 + 2 + 32).map(Fr::from).collect()
    }

    #[test]
    fn a_proof_is_the_accumulator_and_the_transcript() {
        let proof = FinalProof::from_parts(&instances(), &[1, 2, 3]).unwrap();
        assert_eq!(proof.bytes.len(), 12 * 32 + 3);
        assert_eq!((proof.bytes[63], proof.exe[31], proof.vm[31]), (1, 12, 13));
        assert_eq!(proof.public_value[0], 14);
        assert_eq!(proof.parts().unwrap(), (instances(), [1, 2, 3].as_slice()));
    }

    #[test]
    fn words_at_or_above_the_modulus_and_short_proofs_are_refused() {
        let proof = FinalProof::from_parts(&instances(), &[]).unwrap();
        for word in 0..12 {
            let mut wrong = proof.clone();
            wrong.bytes[word * 32..][..32].fill(0xff);
            assert!(wrong.parts().is_none());
        }
        let wrong = FinalProof {
            exe: [0xff; 32],
            ..proof.clone()
        };
        assert!(wrong.parts().is_none());
        let mut wrong = proof;
        wrong.bytes.pop();
        assert!(wrong.parts().is_none());
    }

    #[test]
    fn a_public_value_is_bytes() {
        let mut wrong = instances();
        wrong[20] = Fr::from(256);
        assert!(FinalProof::from_parts(&wrong, &[]).is_none());
        assert!(FinalProof::from_parts(&instances()[1..], &[]).is_none());
    }

    #[test]
    fn a_verifier_that_panics_has_not_accepted() {
        let result = guarded::<()>(|| panic!("malformed"));
        assert!(matches!(result, Err(StageError::Invalid(_))));
    }
}

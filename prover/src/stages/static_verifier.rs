//! The halo2 circuit that verifies a root proof.

use std::num::NonZeroUsize;

use halo2_axiom::halo2curves::bn256::Fr;
use openvm_static_verifier::{
    StaticVerifierShape, log_heights_per_air_from_proof, tracegen::graph_executor::GraphExecutorState,
};
use snark_verifier_sdk::{
    Snark,
    halo2::gen_snark_from_base,
    snark_verifier::system::halo2::{Config, compile},
};

use super::{
    Progress, Stage, StageError,
    keys::{InnerKey, KeyStore},
    root::{self, RootProof},
    verify::{self, Protocol},
};
use cwe_srs::Params;

/// Rows of the circuit, as a power of two: 2^21 with 13 columns takes half the time and memory of 2^23 with 4.
pub const K: u32 = 21;

/// Rows that are left free.
const FREE_ROWS: usize = 20;

/// Instances of a proof: the two commitments and the public value, byte by byte.
pub(crate) const INSTANCES: usize = 2 + 32;

/// Bytes of the largest proof that is read; one has 4.6 kB.
const MAX_PROOF_BYTES: usize = 1 << 16;

/// A proof of this circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerProof {
    /// Commitment to the program, commitment to the machine, public value.
    pub instances: Vec<Fr>,
    /// The transcript.
    pub proof: Vec<u8>,
}

impl InnerProof {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let instances = self.instances.iter().flat_map(|instance| instance.to_bytes());
        instances.chain(self.proof.iter().copied()).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (instances, proof) = bytes.split_at_checked(INSTANCES * 32)?;
        let instances = instances
            .as_chunks::<32>()
            .0
            .iter()
            .map(|word| Fr::from_bytes(word).into());
        (proof.len() <= MAX_PROOF_BYTES).then_some(())?;
        Some(Self {
            instances: instances.collect::<Option<_>>()?,
            proof: proof.into(),
        })
    }

    pub(super) fn into_snark(self, protocol: Protocol) -> Snark {
        Snark::new(protocol, vec![self.instances], self.proof)
    }
}

/// Size and columns of the circuit.
pub(super) const fn shape() -> StaticVerifierShape {
    StaticVerifierShape {
        k: K as usize,
        lookup_bits: K as usize - 1,
        minimum_rows: FREE_ROWS,
        instance_columns: 1,
    }
}

/// What verifying a proof of the circuit takes.
pub(super) fn protocol(params: &Params, key: &InnerKey) -> Protocol {
    let instances = key.pinning.metadata.num_pvs.clone();
    compile(
        params,
        key.pinning.pk.get_vk(),
        Config::kzg().with_num_instance(instances),
    )
}

/// Proves that a root proof is valid.
///
/// # Errors
/// [`StageError::Invalid`] if it is not.
pub fn prove(keys: &KeyStore, proof: &RootProof, progress: &mut Progress<'_>) -> Result<InnerProof, StageError> {
    const STEPS: usize = 3;
    progress.report(0, STEPS);
    let key = keys.inner()?;
    root::check(&key.circuit.root_vk, proof)?;
    if log_heights_per_air_from_proof(proof) != key.circuit.log_heights_per_air {
        return Err(StageError::invalid(
            "the root proof's traces have other heights than the circuit's",
        ));
    }
    progress.report(1, STEPS);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // The witness is gone before the proof is made.
    let (advice, instances) = key.generate_witness(proof, threads, &mut GraphExecutorState::new(&key.graph_program));
    let pinning = key.pinning;
    progress.report(2, STEPS);
    let params = keys.srs().params(K)?;
    let snark = gen_snark_from_base(&params, &pinning.pk, advice, instances);
    let proof = InnerProof {
        instances: snark.instances.into_iter().flatten().collect(),
        proof: snark.proof,
    };
    verify::inner(&snark.protocol, &params, &proof).map_err(|error| StageError::failed(Stage::Halo2, error))?;
    progress.report(STEPS, STEPS);
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> InnerProof {
        InnerProof {
            instances: (0..INSTANCES as u64).map(Fr::from).collect(),
            proof: vec![7; 100],
        }
    }

    #[test]
    fn a_proof_is_read_as_it_was_written() {
        assert_eq!(InnerProof::from_bytes(&proof().to_bytes()), Some(proof()));
    }

    #[test]
    fn elements_at_or_above_the_modulus_short_and_endless_files_are_refused() {
        let mut bytes = proof().to_bytes();
        bytes[..32].fill(0xff);
        assert_eq!(InnerProof::from_bytes(&bytes), None);
        assert_eq!(InnerProof::from_bytes(&proof().to_bytes()[..INSTANCES * 32 - 1]), None);
        assert_eq!(
            InnerProof::from_bytes(&vec![0; INSTANCES * 32 + MAX_PROOF_BYTES + 1]),
            None
        );
    }
}

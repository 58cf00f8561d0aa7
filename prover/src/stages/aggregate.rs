//! One STARK of all segments.
//!
//! A tree: leaves verify segments, inner nodes verify leaves, and nodes of one last kind verify those and each other until
//! one proof is left. That one is verified once more by itself, which makes it smaller.

use openvm_continuations::{circuit::inner::ProofsType, prover::ChildVkKind};
use openvm_sdk::{
    DefaultStarkEngine, SC,
    prover::{AggProver, InternalLayerMetadata},
};
use openvm_stark_backend::proof::Proof;
use openvm_verify_stark_host::VmStarkProof;

use super::{Progress, Stage, StageError, keys::KeyStore, segments::SegmentProofs};

/// Proofs that a node takes in. Three would fit into the circuits too, and need half as much memory again.
pub(super) const CHILDREN: usize = 2;

/// Aggregates the proofs of all segments.
///
/// # Errors
/// [`StageError::Failed`] if the segments' proofs don't belong together or are not valid.
pub fn aggregate(
    keys: &KeyStore,
    segments: SegmentProofs,
    progress: &mut Progress<'_>,
) -> Result<VmStarkProof, StageError> {
    let prover = keys.aggregation()?;
    let mut tree = Tree {
        total: nodes(segments.per_segment.len()),
        done: 0,
        progress,
    };
    let leaves = tree.layer(&segments.per_segment, |children| {
        prover
            .leaf_prover
            .agg_prove_no_def::<DefaultStarkEngine>(children, ChildVkKind::App)
    })?;
    let inner = tree.layer(&leaves, |children| {
        prover
            .internal_for_leaf_prover
            .agg_prove_no_def::<DefaultStarkEngine>(children, ChildVkKind::Standard)
    })?;
    let recursive = &prover.internal_recursive_prover;
    let mut proofs = tree.layer(&inner, |children| {
        recursive.agg_prove_no_def::<DefaultStarkEngine>(children, ChildVkKind::Standard)
    })?;
    // The last round makes the one proof smaller.
    let mut last = false;
    while !last {
        last = proofs.len() == 1;
        proofs = tree.layer(&proofs, |children| {
            recursive.agg_prove_no_def::<DefaultStarkEngine>(children, ChildVkKind::RecursiveSelf)
        })?;
    }
    let inner = proofs
        .pop()
        .ok_or_else(|| StageError::invalid("there are no segments"))?;
    Ok(VmStarkProof {
        inner,
        user_pvs_proof: segments.user_public_values,
        deferral_merkle_proofs: None,
    })
}

/// Verifies a proof by another one of the same kind.
pub(super) fn again(prover: &AggProver, proof: VmStarkProof) -> eyre::Result<VmStarkProof> {
    // Only for the names of spans.
    let mut layer = InternalLayerMetadata {
        internal_recursive_layer: 0,
        internal_node_idx: 0,
        proofs_type: ProofsType::Vm,
    };
    prover.wrap_proof(proof, &mut layer)
}

struct Tree<'a, 'b> {
    total: usize,
    done: usize,
    progress: &'a mut Progress<'b>,
}

impl Tree<'_, '_> {
    fn layer(
        &mut self,
        proofs: &[Proof<SC>],
        prove: impl Fn(&[Proof<SC>]) -> eyre::Result<Proof<SC>>,
    ) -> Result<Vec<Proof<SC>>, StageError> {
        proofs
            .chunks(CHILDREN)
            .map(|children| {
                self.progress.report(self.done, self.total);
                let proof = prove(children).map_err(|error| StageError::failed(Stage::Aggregate, error))?;
                self.done += 1;
                self.progress.report(self.done, self.total);
                Ok(proof)
            })
            .collect()
    }
}

/// Nodes of the whole tree.
fn nodes(segments: usize) -> usize {
    let leaves = segments.div_ceil(CHILDREN);
    let inner = leaves.div_ceil(CHILDREN);
    let mut layer = inner.div_ceil(CHILDREN);
    let mut total = leaves + inner + layer;
    while layer > 1 {
        layer = layer.div_ceil(CHILDREN);
        total += layer;
    }
    total + 1
}

#[cfg(test)]
mod tests {
    use super::nodes;

    #[test]
    fn the_total_counts_every_proof_of_the_tree() {
        assert_eq!(nodes(1), 4);
        assert_eq!(nodes(2), 4);
        assert_eq!(nodes(3), 5);
        // 11 segments: 6 leaves, 3 inner ones, 2, 1, and the last.
        assert_eq!(nodes(11), 13);
    }
}

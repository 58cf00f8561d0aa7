//! What both circuits have: a leaf's way to a root, packed ids, a note's commitment.

use cwe_usage::MerklePath;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    field::scalar,
    rule::Rule,
    trace::{Equation, Input, Trace, Var},
};

/// One step up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Whether the node is a right child.
    pub(crate) right: Fr,
    pub(crate) sibling: Fr,
}

/// The steps of a path.
pub(crate) fn steps(path: &MerklePath) -> Vec<Step> {
    let steps = path.siblings.iter().enumerate().map(|(level, sibling)| Step {
        right: Fr::from(
            path.index
                .checked_shr(u32::try_from(level).unwrap_or(u32::MAX))
                .unwrap_or(0)
                & 1,
        ),
        sibling: scalar(*sibling),
    });
    steps.collect()
}

/// Hashes from a leaf to its root: `left = node + right · (sibling − node)`, and the right child is the other one.
pub(crate) fn climb(trace: &mut Trace, leaf: Var, steps: &[Step]) -> Var {
    steps.iter().fold(leaf, |node, step| {
        let right = trace.bit(Rule::PathBit, step.right);
        let difference = Equation::new(0, [1, -1, 0, 0]);
        let inputs = [Input::New(step.sibling), Input::Copy(node), Input::Solve, Input::Unused];
        let [sibling, _, difference, _] = trace.row(Rule::PathDifference, difference, inputs);
        let select = Equation::new(1, [0, 0, 1, 0]);
        let inputs = [right, difference, node].map(Input::Copy);
        let left = trace.solve(Rule::PathLeft, select, &inputs);
        let other = Equation::new(0, [1, 1, -1, 0]);
        let inputs = [sibling, node, left].map(Input::Copy);
        let right = trace.solve(Rule::PathRight, other, &inputs);
        let [_, _, parent] = trace.hash(Rule::PathNode, Input::Copy(left), Input::Copy(right));
        parent
    })
}

/// `tier ‖ epoch`, of two public inputs.
pub(crate) fn tier_epoch(trace: &mut Trace, tier: Var, epoch: Var) -> Var {
    let mut equation = Equation::new(0, [0, 1, 0, 0]);
    equation.x[0] = crate::field::power_of_two(64);
    trace.solve(Rule::TierEpoch, equation, &[tier, epoch].map(Input::Copy))
}

/// The constant 0.
pub(crate) fn zero(trace: &mut Trace) -> Var {
    let equation = Equation::new(0, [1, 0, 0, 0]);
    let unused = Input::Unused;
    let [zero, ..] = trace.row(Rule::Zero, equation, [Input::New(Fr::ZERO), unused, unused, unused]);
    zero
}

/// A note's commitment from its parts; `r` is new. Gives the cells of `r` and of the commitment.
pub(crate) fn commitment(trace: &mut Trace, work: Var, packed: Var, r: Fr, tier_epoch: Var) -> [Var; 2] {
    let [_, _, content] = trace.hash(Rule::Content, Input::Copy(work), Input::Copy(packed));
    let [r, _, blinding] = trace.hash(Rule::Blinding, Input::New(r), Input::Copy(tier_epoch));
    let [_, _, commitment] = trace.hash(Rule::Commitment, Input::Copy(content), Input::Copy(blinding));
    [r, commitment]
}

/// `units ‖ price ‖ region`.
pub(crate) fn packed(trace: &mut Trace, units: Var, price: Var, region: Var) -> Var {
    let mut equation = Equation::new(0, [0, 0, 1, 0]);
    equation.x[0] = crate::field::power_of_two(96);
    equation.x[1] = crate::field::power_of_two(32);
    trace.solve(Rule::Packed, equation, &[units, price, region].map(Input::Copy))
}

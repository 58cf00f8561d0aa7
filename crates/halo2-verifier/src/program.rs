//! The equations of a circuit as a straight-line program.

use crate::arithmetic::Scalar;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
}

/// One step: reads two registers, and appends its result as the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// What to do.
    pub operator: Operator,
    /// Number of the left register.
    pub left: u16,
    /// Number of the right register.
    pub right: u16,
}

/// Whether each operation reads only what stands before it, given the number of registers filled at the start.
pub(crate) fn is_ordered(operations: &[Operation], inputs: usize) -> bool {
    operations
        .iter()
        .enumerate()
        .all(|(index, operation)| usize::from(operation.left.max(operation.right)) < inputs.saturating_add(index))
}

/// Runs a program on registers of which the first `inputs` are filled; the last one is the outcome.
pub(crate) fn run<S: Scalar>(operations: &[Operation], inputs: usize, registers: &mut [S]) {
    for (index, operation) in operations.iter().enumerate() {
        let (done, rest) = registers.split_at_mut(inputs + index);
        let (left, right) = (&done[usize::from(operation.left)], &done[usize::from(operation.right)]);
        let Some(result) = rest.first_mut() else { return };
        match operation.operator {
            Operator::Add => left.add_into(right, result),
            Operator::Subtract => left.subtract_into(right, result),
            Operator::Multiply => left.multiply_into(right, result),
        }
    }
}

//! The equations of a circuit as a straight-line program.

use alloc::vec::Vec;

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

/// Runs a program that [`is_ordered`] on registers that hold its inputs; the last result is the outcome.
pub(crate) fn run<S: Scalar>(operations: &[Operation], registers: &mut Vec<S>) {
    registers.reserve(operations.len());
    for operation in operations {
        let left = &registers[usize::from(operation.left)];
        let right = &registers[usize::from(operation.right)];
        let result = match operation.operator {
            Operator::Add => left.plus(right),
            Operator::Subtract => left.minus(right),
            Operator::Multiply => left.times(right),
        };
        registers.push(result);
    }
}

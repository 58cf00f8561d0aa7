//! Where tests break a circuit: a constraint left out, a value falsified. In every other build there is nothing here.

use halo2_proofs::halo2curves::bn256::Fr;

use crate::{poseidon::PoseidonCell, rule::Rule};

/// A constraint that a test leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omission {
    /// The equation of a main row.
    Gate(Rule),
    /// The copies into one input of a row, a range or a hash.
    Copy(Rule, usize),
    /// That a number is in its range.
    Range(Rule),
    /// That a digit is below 8, in one column.
    Digit(usize),
    /// That an accumulator is the number made of its digits.
    Recomposition,
    /// That a short row has no upper digits.
    Short,
    /// That counted plays and their sum are in the table.
    Lookup,
    /// One equation of the hash.
    Poseidon(PoseidonCell),
    /// That a public input is the cell's value.
    Public(usize),
}

/// What is broken; nothing outside of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault {
    #[cfg(test)]
    pub(crate) omission: Option<Omission>,
    #[cfg(test)]
    pub(crate) changes: Vec<Change>,
    /// How often each rule occurred.
    #[cfg(test)]
    pub(crate) seen: std::collections::HashMap<Rule, usize>,
    /// All copies: into which input of which rule.
    #[cfg(test)]
    pub(crate) copied: std::collections::BTreeSet<(Rule, usize)>,
}

/// A value that a test falsifies.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) rule: Rule,
    /// Which row, range or hash of the rule, from 0.
    pub(crate) occurrence: usize,
    pub(crate) place: Place,
    pub(crate) to: To,
}

/// What a value becomes.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Plus(Fr),
    Exactly(Fr),
}

/// A value of one row, range or hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// An input, by number; the value of a range is its input 0.
    Input(usize),
    /// What a row is solved for.
    Solved,
    /// The last accumulator of a range.
    Accumulator,
    /// The first one.
    Top,
    /// A digit of the last row.
    Digit(usize),
    /// A cell of a hash.
    Poseidon(PoseidonCell),
}

impl Fault {
    /// Whether a constraint is left out.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "nothing is ever left out"))]
    pub(crate) fn omits(&self, omission: Omission) -> bool {
        #[cfg(test)]
        return self.omission == Some(omission);
        #[cfg(not(test))]
        {
            let _ = omission;
            false
        }
    }

    /// Begins a row, range or hash of `rule`; gives how many there were before it.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "nothing is counted"))]
    pub(crate) fn begin(&mut self, rule: Rule) -> usize {
        #[cfg(test)]
        {
            let seen = self.seen.entry(rule).or_default();
            *seen += 1;
            *seen - 1
        }
        #[cfg(not(test))]
        {
            let _ = rule;
            0
        }
    }

    /// Notes a copy.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "nothing is noted"))]
    pub(crate) fn copy(&mut self, rule: Rule, index: usize) {
        #[cfg(test)]
        self.copied.insert((rule, index));
        #[cfg(not(test))]
        let _ = (rule, index);
    }

    /// The value that stands at a place instead of `honest`.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "every value is honest"))]
    pub(crate) fn value(&self, rule: Rule, occurrence: usize, place: Place, honest: Fr) -> Fr {
        #[cfg(test)]
        return self
            .changes
            .iter()
            .filter(|change| (change.rule, change.occurrence, change.place) == (rule, occurrence, place))
            .fold(honest, |value, change| match change.to {
                To::Plus(amount) => value + amount,
                To::Exactly(other) => other,
            });
        #[cfg(not(test))]
        {
            let _ = (rule, occurrence, place);
            honest
        }
    }
}

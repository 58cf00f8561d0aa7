//! Branches: from stored steps to the states that they lead to.

use std::collections::BTreeMap;

use crate::{
    state::{Roots, State},
    store::StoredAggregate,
};

/// The steps from the empty state to one with these roots, the first one first; `None` where one is missing.
pub fn steps_to(aggregates: &[StoredAggregate], roots: Roots) -> Option<Vec<&StoredAggregate>> {
    let by_end: BTreeMap<Roots, &StoredAggregate> = aggregates.iter().map(|step| (step.after, step)).collect();
    let (mut steps, mut at) = (Vec::new(), roots);
    while at != Roots::EMPTY {
        // Steps that lead in a circle are none that anybody could have proven.
        let step = by_end.get(&at).filter(|_| steps.len() < aggregates.len())?;
        steps.push(*step);
        at = step.before;
    }
    steps.reverse();
    Some(steps)
}

/// The state with these roots; `None` where a step is missing, or they don't fit together.
pub fn assemble(aggregates: &[StoredAggregate], roots: Roots) -> Option<State> {
    let mut state = State::default();
    for step in steps_to(aggregates, roots)? {
        state.add(&step.step).ok()?;
    }
    (state.roots() == roots).then_some(state)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{store::Stage, testing::reveal};

    /// A step from `before` with these reveals.
    pub(crate) fn step(before: &State, numbers: &[u8]) -> StoredAggregate {
        let records: Vec<_> = numbers.iter().map(|number| reveal(*number).record).collect();
        let step = State::of_records(&records).unwrap();
        let mut after = before.clone();
        after.add(&step).unwrap();
        StoredAggregate {
            epoch: 7,
            before: before.roots(),
            after: after.roots(),
            units: vec![step.totals.values().map(|total| total.units).sum()],
            step,
            stage: Stage::Planned,
            head: Vec::new(),
            proof: None,
        }
    }

    #[test]
    fn a_branch_is_what_its_steps_add_up_to() {
        let first = step(&State::default(), &[1, 2]);
        let middle = assemble(std::slice::from_ref(&first), first.after).unwrap();
        let second = step(&middle, &[3]);
        let other = step(&State::default(), &[4]);
        let all = [second.clone(), other.clone(), first.clone()];
        assert_eq!(assemble(&all, Roots::EMPTY), Some(State::default()));
        assert_eq!(assemble(&all, second.after).unwrap().reveals(), 3);
        assert_eq!(assemble(&all, other.after).unwrap().reveals(), 1);
        assert_eq!(
            assemble(&[second.clone(), other], second.after),
            None,
            "a step is missing"
        );
        let mut lie = second.clone();
        lie.step.nullifiers.pop_first();
        assert_eq!(
            assemble(&[lie, first.clone()], second.after),
            None,
            "roots are recomputed"
        );
        let mut circle = first;
        circle.before = circle.after;
        let end = circle.after;
        assert_eq!(assemble(&[circle], end), None);
    }
}

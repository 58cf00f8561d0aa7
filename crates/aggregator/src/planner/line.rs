//! Lines: this coordinator's own steps from a state on the chain whose data is here.

use std::sync::Arc;

use crate::{
    branch,
    state::{Roots, State},
    status::KnownState,
    store::{Stage, StoredAggregate},
};

use super::PlanError;

/// This coordinator's aggregates from a base on.
pub(super) struct Line {
    pub(super) steps: Vec<StoredAggregate>,
    /// The state at its end.
    pub(super) state: Arc<State>,
    pub(super) tip: Roots,
}

/// A step whose proof is to be asked for.
pub(super) fn planned(
    epoch: u64,
    before: Roots,
    step: State,
    units: Vec<u64>,
    head: Vec<u8>,
    after: Roots,
) -> StoredAggregate {
    StoredAggregate {
        epoch,
        before,
        after,
        units,
        step,
        stage: Stage::Planned,
        head,
        proof: None,
    }
}

/// A state from its steps; `None` where one is missing.
pub(super) async fn assembled(stored: &[StoredAggregate], roots: Roots) -> Result<Option<KnownState>, PlanError> {
    if branch::steps_to(stored, roots).is_none() {
        return Ok(None);
    }
    let stored = stored.to_vec();
    let found = tokio::task::spawn_blocking(move || branch::assemble(&stored, roots));
    let state = found.await.map_err(|_| PlanError::CutOff)?;
    Ok(state.map(|state| KnownState {
        roots,
        state: Arc::new(state),
    }))
}

/// The steps that lead on from a base. Of several, one that is proven goes before one that isn't, then the larger one.
pub(super) fn line(stored: &[StoredAggregate], base: &KnownState) -> Line {
    let mut line = Line {
        steps: Vec::new(),
        state: base.state.clone(),
        tip: base.roots,
    };
    loop {
        let next = stored
            .iter()
            .filter(|step| step.before == line.tip && step.stage != Stage::Data)
            .filter(|step| {
                step.step
                    .nullifiers
                    .iter()
                    .all(|nullifier| !line.state.nullifiers.contains(nullifier))
            })
            .max_by_key(|step| (step.stage == Stage::Proven, step.step.reveals(), step.after));
        let Some(next) = next.filter(|next| Arc::make_mut(&mut line.state).add(&next.step).is_ok()) else {
            return line;
        };
        line.tip = next.after;
        line.steps.push(next.clone());
    }
}

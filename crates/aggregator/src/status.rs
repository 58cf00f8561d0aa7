//! What is told of epochs: the planner writes it after each turn, requests read it. So a request costs no look into the
//! store, and counts change no faster than the planner's turns, whoever watches them.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    state::{Roots, State},
    view::{Best, Windows},
};

/// How far an epoch is, as `GET /batch_status/{epoch}` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EpochStatus {
    /// The epoch.
    pub epoch: u64,
    /// Its windows, Unix seconds.
    pub windows: Windows,
    /// Reveals accepted here.
    pub accepted: u64,
    /// Of those, in no aggregate yet.
    pub waiting: u64,
    /// Aggregates whose proofs are being made.
    pub planned: Share,
    /// Aggregates that are proven and not on the chain yet.
    pub proven: Share,
    /// The best state on the chain, or the one that the epoch was settled on.
    pub best: Best,
    /// Whether the data of that state is here.
    pub has_best: bool,
}

/// Some aggregates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Share {
    /// How many.
    pub aggregates: u64,
    /// Their reveals.
    pub reveals: u64,
}

/// A state on the chain whose data is here.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownState {
    /// Its roots.
    pub roots: Roots,
    /// What is in it.
    pub state: Arc<State>,
}

/// What is known of an epoch.
#[derive(Debug, Clone)]
pub struct Status {
    /// What is told.
    pub told: EpochStatus,
    /// The best of the states whose data is here.
    pub known: Option<Arc<KnownState>>,
}

impl Status {
    /// The state of which proofs are shown: the best one, or none if its data is not here.
    pub fn shown(&self) -> Option<&Arc<KnownState>> {
        self.known.as_ref().filter(|known| known.roots == self.told.best.roots)
    }
}

/// What is known of the epochs that are followed.
#[derive(Debug, Default)]
pub struct Statuses(RwLock<BTreeMap<u64, Status>>);

impl Statuses {
    /// What is known of an epoch.
    pub fn get(&self, epoch: u64) -> Option<Status> {
        self.0.read().get(&epoch).cloned()
    }

    /// Tells something new of an epoch.
    pub fn set(&self, status: Status) {
        self.0.write().insert(status.told.epoch, status);
    }

    /// Forgets the epochs before one.
    pub fn forget_before(&self, epoch: u64) {
        self.0.write().retain(|known, _| *known >= epoch);
    }
}

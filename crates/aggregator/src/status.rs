//! What is told of epochs: the planner writes it after each turn, requests read it. So a request costs no look into the
//! store, and counts change no faster than the planner's turns, whoever watches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::primitives::B256;
use parking_lot::RwLock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    state::Roots,
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

/// A state of which proofs are shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its roots.
    pub roots: Roots,
    /// Its nullifiers.
    pub nullifiers: BTreeSet<B256>,
}

/// What is known of an epoch.
#[derive(Debug, Clone)]
pub struct Status {
    /// What is told.
    pub told: EpochStatus,
    /// The best state, where its data is here.
    pub shown: Option<Arc<Shown>>,
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

//! What the tests of this crate share.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::B256;
use cwe_aggregation::{RegionRule, Registry, Terms, WorkTerms};
use cwe_usage::Element;
use cwe_usage_circuits::REVEAL_PROOF_BYTES;
use cwe_wallet::messages::RevealBody;

use crate::{
    record::Record,
    state::Roots,
    store::Reveal,
    view::{Best, EpochTerms, EpochView, View, Windows},
};

#[path = "../tests/support/proofs.rs"]
pub(crate) mod proofs;

/// The epoch of all tests.
pub(crate) const EPOCH: u64 = 7;

/// A reveal that is well-formed, of an epoch as [`view`] has it; its proof is none.
pub(crate) fn body(number: u8) -> RevealBody {
    RevealBody {
        epoch: EPOCH,
        tier_id: B256::with_last_byte(9),
        work_id: B256::with_last_byte(1),
        units: 12,
        price_per_min: 1500,
        region_ppm: 1_000_000,
        note_root: B256::with_last_byte(66),
        nullifier: B256::with_last_byte(number),
        proof: vec![number; REVEAL_PROOF_BYTES].into(),
    }
}

/// The same, as it is kept.
pub(crate) fn reveal(number: u8) -> Reveal {
    let body = body(number);
    Reveal {
        record: Record::parse(&body).unwrap(),
        proof: body.proof.to_vec(),
    }
}

/// A registry of works with the numbers from 1 on.
pub(crate) fn registry(works: u8) -> Registry {
    let rule = B256::right_padding_from(b"default");
    let terms = Terms {
        price_per_min: proofs::PRICE,
        region_rule: rule,
    };
    let work = |number| WorkTerms {
        work: proofs::work(number),
        registered_at: 1,
        from_epoch: 1,
        terms,
        previous: terms,
    };
    let row = RegionRule {
        rule,
        factor_ppm: proofs::REGION_PPM,
    };
    Registry::new((1..=works).map(work).collect(), vec![row]).unwrap()
}

/// A chain on which epoch 7 takes reveals from second 2 000 to the end of time.
pub(crate) fn view() -> View {
    let terms = EpochTerms {
        key: Element::from(5),
        note_root: Element::from(66),
        tiers: vec![B256::with_last_byte(9)],
        registry: registry(1),
    };
    let epoch = EpochView {
        windows: Windows {
            ends_at: 1_000,
            submission_ends_at: 2_000,
            reveal_ends_at: u64::MAX - 1,
            settleable_at: u64::MAX,
        },
        terms: Some(Arc::new(terms)),
        best: Best {
            roots: Roots::EMPTY,
            reveals: 0,
        },
    };
    View {
        head_secs: 2_500,
        epochs: BTreeMap::from([(EPOCH, epoch)]),
    }
}

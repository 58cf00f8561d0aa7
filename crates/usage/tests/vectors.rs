//! Known answers for every implementation of the protocol's usage formulas: `test/vectors/usage.json`.
//!
//! `CWE_WRITE_VECTORS=1 cargo test -p cwe-usage --test vectors` writes the file anew after a change of the protocol.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

use alloy_primitives::{B256, U256};
use cwe_usage::{
    Diminishing, EPOCH_TREE_DEPTH, Element, EpochTerms, Note, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId,
    poseidon::hash, tier_epoch,
};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/usage.json");

/// The `index`-th element of a sequence named by `seed`.
fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

fn work(index: u64) -> WorkId {
    let mask = (U256::from(1) << 248) - U256::from(1);
    WorkId::try_from(B256::from(drawn(1, index).to_uint() & mask)).unwrap()
}

fn terms() -> EpochTerms {
    EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(B256::from(U256::from(0x6c_6967_6874_u64))).unwrap(),
        allowance_secs: 108_000,
        diminishing_ppm: 1_000_000,
    }
}

fn ledger() -> Vec<Usage> {
    let row = |index, seconds, plays, price, region, credibility| Usage {
        work: work(index),
        seconds,
        plays,
        price,
        region,
        credibility,
    };
    vec![
        row(0, 12_345, 40, 1_500, 1_000_000, 1_000_000),
        row(1, 180, 1, 20_000, 500_000, 1_000_000),
        row(2, 3_600, 12, 900, 1_000_000, 750_000),
        row(3, 60_000, 300, 100, 2_000_000, 1_000_000),
        row(4, 1, 1, 1, 1, 1),
    ]
}

fn word(value: impl Into<B256>) -> String {
    value.into().to_string()
}

fn row_json(usage: &Usage, units: u8) -> Value {
    json!({
        "work": word(usage.work), "seconds": usage.seconds, "plays": usage.plays,
        "price": usage.price.to_string(), "region": usage.region, "credibility": usage.credibility, "units": units,
    })
}

fn vectors() -> Value {
    let terms = terms();
    let secret = Secret::try_from(drawn(3, 0)).unwrap();
    let leaves = [drawn(4, 0), secret.leaf(&terms), drawn(4, 1)];
    let subscriptions = Tree::with_leaves(EPOCH_TREE_DEPTH, leaves).unwrap();
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(5, slot)).collect();
    let positions = [3, 17, 64, 65, 127];
    let split = Split::new(terms, &secret, &ledger(), &positions, &blindings).unwrap();
    let epoch_notes = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(6, 0), split.notes_root()]).unwrap();
    let path = split.note_path(17).unwrap().extended(&epoch_notes.path(1).unwrap());
    let note = split.slots[17].note().unwrap();
    let diminishing = Diminishing::new(terms.diminishing_ppm).unwrap();
    let factors = [1, 2, 3, 12, 40, 256, 300].map(|plays| json!([plays, diminishing.factor(plays).to_string()]));
    let rows = positions.map(|slot| row_json(&split.slots[slot].usage.unwrap(), split.slots[slot].units));
    let words = |siblings: Vec<Element>| siblings.into_iter().map(word).collect::<Vec<_>>();
    let subscription_path = words(subscriptions.path(1).unwrap().siblings);
    json!({
        "comment": "docs/PROTOCOL.md, Usage; r of slot i is H(5, i), other drawn elements are given",
        "epoch": terms.epoch, "epochKey": word(terms.key), "tierId": word(terms.tier),
        "allowanceSecs": terms.allowance_secs, "diminishingPpm": terms.diminishing_ppm,
        "secret": word(secret.expose()),
        "identityCommitment": word(secret.identity_commitment()),
        "tierEpoch": word(tier_epoch(terms.tier, terms.epoch)),
        "subscription": {
            "leaf": word(secret.leaf(&terms)), "index": 1, "root": word(subscriptions.root()),
            "siblings": subscription_path,
        },
        "nullifier": word(split.nullifier),
        "diminishing": factors,
        "slots": positions,
        "rows": rows,
        "notesRoot": word(split.notes_root()),
        "unusedCommitment": word(split.slots[0].commitment(&terms)),
        "note": {
            "slot": 17, "r": word(note.r),
            "packed": word(Note::packed(note.units, note.price, note.region)),
            "commitment": word(note.commitment(terms.tier, terms.epoch)),
            "nullifier": word(note.nullifier(terms.key)),
            "noteRoot": word(epoch_notes.root()), "index": path.index,
            "siblings": words(path.siblings),
        },
    })
}

#[test]
fn the_kept_vectors_are_what_the_code_computes() {
    let fresh = format!("{:#}\n", vectors());
    if std::env::var_os("CWE_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, &fresh).unwrap();
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap(), fresh);
}

#[test]
fn a_revealed_note_leads_to_the_epochs_note_root() {
    let vectors = vectors();
    let element = |value: &Value| Element::from_be_bytes(value.as_str().unwrap().parse::<B256>().unwrap().0).unwrap();
    let path = cwe_usage::MerklePath {
        index: vectors["note"]["index"].as_u64().unwrap(),
        siblings: vectors["note"]["siblings"]
            .as_array()
            .unwrap()
            .iter()
            .map(element)
            .collect(),
    };
    assert_eq!(
        path.root(element(&vectors["note"]["commitment"])),
        element(&vectors["note"]["noteRoot"])
    );
}

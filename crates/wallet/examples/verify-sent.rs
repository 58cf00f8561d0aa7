//! Checks what a wallet sent of an epoch as the chain and a coordinator do: JSON on the standard input, in it the
//! epoch's facts, `SubmissionBody`s and `RevealBody`s, made with the development setup. End-to-end tests call it on what
//! browsers proved.

use std::io;

use alloy_primitives::B256;
use cwe_srs::Setup;
use cwe_usage::{Element, EpochTerms, TierId, WorkId};
use cwe_usage_circuits::{RevealInputs, SRS_K, SplitInputs, VerifyingKeys, verify_reveal, verify_split};
use cwe_wallet::messages::{RevealBody, SubmissionBody};
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What was sent, and what the chain knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sent {
    epoch: u64,
    epoch_key: B256,
    allowance_secs: u64,
    diminishing_ppm: u32,
    subscription_root: B256,
    submissions: Vec<SubmissionBody>,
    reveals: Vec<RevealBody>,
}

fn main() -> Result<()> {
    let sent: Sent = serde_json::from_reader(io::stdin().lock())?;
    let keys = VerifyingKeys::derive(&Setup::default().make(SRS_K)?)?;
    for submission in &sent.submissions {
        verify_split(&keys, &split_inputs(&sent, submission)?, &submission.proof)?;
    }
    for reveal in &sent.reveals {
        verify_reveal(&keys, &reveal_inputs(&sent, reveal)?, &reveal.proof)?;
    }
    println!(
        "{} submissions and {} reveals hold",
        sent.submissions.len(),
        sent.reveals.len()
    );
    Ok(())
}

fn split_inputs(sent: &Sent, submission: &SubmissionBody) -> Result<SplitInputs> {
    Ok(SplitInputs {
        terms: EpochTerms {
            epoch: sent.epoch,
            key: element(sent.epoch_key)?,
            tier: TierId::try_from(submission.tier_id)?,
            allowance_secs: sent.allowance_secs,
            diminishing_ppm: sent.diminishing_ppm,
        },
        subscription_root: element(sent.subscription_root)?,
        nullifier: element(submission.nullifier)?,
        notes_root: element(submission.notes_root)?,
    })
}

fn reveal_inputs(sent: &Sent, reveal: &RevealBody) -> Result<RevealInputs> {
    Ok(RevealInputs {
        epoch: reveal.epoch,
        epoch_key: element(sent.epoch_key)?,
        tier: TierId::try_from(reveal.tier_id)?,
        work: WorkId::try_from(reveal.work_id)?,
        units: reveal.units,
        price: reveal.price_per_min,
        region: reveal.region_ppm,
        note_root: element(reveal.note_root)?,
        nullifier: element(reveal.nullifier)?,
    })
}

fn element(word: B256) -> Result<Element> {
    Ok(Element::from_be_bytes(word.0)?)
}

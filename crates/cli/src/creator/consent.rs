//! `cwe creator work consent`: a payee signs its share in a draft, without a connection.

use std::path::PathBuf;

use alloy::{
    primitives::{Address, B256, Bytes, aliases::U96},
    signers::{SignerSync, local::PrivateKeySigner},
    sol,
    sol_types::{SolStruct, eip712_domain},
};
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

use super::draft::{Draft, DraftConsent};
use crate::{
    economy::{now_secs, private_file},
    keys::KeyArgs,
};

sol! {
    /// What a payee signs (docs/PROTOCOL.md, "Signatures").
    struct SplitConsent {
        bytes32 workId;
        uint32 version;
        bytes32 creatorId;
        address payee;
        uint96 share;
        uint64 deadline;
    }
}

/// Agree, as a payee, to the share in a draft: signs it and writes the signature into the file
#[derive(Debug, clap::Args)]
pub(crate) struct ConsentArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// For how long the signature is good, days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    valid_days: u64,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Consented {
    work_id: B256,
    version: u32,
    payee: Address,
    share_ppm: u64,
    deadline: u64,
    signature: Bytes,
}

/// Runs `cwe creator work consent`.
pub(crate) fn run(args: &ConsentArgs) -> Result<()> {
    let signer = args.keys.signer()?;
    let mut draft = Draft::read(&args.draft)?;
    let deadline = now_secs()?.saturating_add(args.valid_days * 24 * 60 * 60);
    let consented = agree(&mut draft, &signer, deadline)?;
    private_file::replace(&args.draft, &draft.to_bytes()?)?;
    if args.json {
        println!("{}", serde_json::to_string(&consented)?);
    } else {
        println!(
            "{} agreed to {} ppm of work {}, version {}, of creator {}",
            consented.payee, consented.share_ppm, draft.work_id, draft.version, draft.creator_id
        );
        println!(
            "  written into {}, good until Unix time {deadline}",
            args.draft.display()
        );
    }
    Ok(())
}

/// Signs the signer's share and puts the signature into the draft.
fn agree(draft: &mut Draft, signer: &PrivateKeySigner, deadline: u64) -> Result<Consented> {
    let (chain_id, registry) = (draft.chain_id, draft.registry);
    let (work_id, version, creator_id) = (draft.work_id, draft.version, draft.creator_id);
    let address = signer.address();
    let Some(payee) = draft.payees.iter_mut().find(|payee| payee.account == address) else {
        bail!("{address} is not a payee of this draft")
    };
    let consent = SplitConsent {
        workId: work_id,
        version,
        creatorId: creator_id,
        payee: address,
        share: U96::from(payee.share_ppm),
        deadline,
    };
    let domain = eip712_domain! {
        name: "CWEWorkRegistry",
        version: "1",
        chain_id: chain_id,
        verifying_contract: registry,
    };
    let signature = signer
        .sign_hash_sync(&consent.eip712_signing_hash(&domain))
        .wrap_err("signing")?;
    let signature = Bytes::from(signature.as_bytes().to_vec());
    payee.consent = Some(DraftConsent {
        deadline,
        signature: signature.clone(),
    });
    Ok(Consented {
        work_id,
        version,
        payee: address,
        share_ppm: payee.share_ppm,
        deadline,
        signature,
    })
}

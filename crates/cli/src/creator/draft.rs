//! `cwe creator work new`: a draft, the file in which a version of a work is prepared and its payees' consents gather.
//!
//! A draft says for which chain, registry and creator it is, so that a payee can sign it without a connection, and
//! holds nothing secret.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, aliases::U96};
use cwe_bindings::economy::contracts::work_registry::{ICWERegistry, WorkRegistry::Payee};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

use super::creator_id;
use crate::{
    economy::{Economy, EconomyArgs, ids, private_file},
    keys::KeyArgs,
};

/// What all shares of a work add up to, parts per million.
const WHOLE_PPM: u64 = 1_000_000;
/// Most payees of a work.
const MAX_PAYEES: usize = 64;
/// Most bytes that a draft can have: 64 payees with signatures are far below.
const MAX_DRAFT_BYTES: u64 = 1 << 20;
/// Access classes are 48 bits.
const MAX_ACCESS_CLASSES: u64 = (1 << 48) - 1;

/// Draft a new work, or the next version of one
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// File to write the draft to; an existing one is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Draft the next version of this work instead of a new work
    #[arg(long, value_name = "WORK", conflicts_with_all = ["price", "region"])]
    version_of: Option<B256>,
    /// Whom the work pays, with parts per million, such as 0xf39F…=600000; may be repeated; default: all to the creator
    #[arg(long = "payee", value_name = "ADDRESS=PPM", value_parser = parse_payee)]
    payees: Vec<DraftPayee>,
    /// Price of a minute, micro-CLN
    #[arg(long, value_name = "MICRO_CLN", required_unless_present = "version_of")]
    price: Option<u64>,
    /// Region rule
    #[arg(long, value_name = "NAME", default_value = "world")]
    region: String,
    /// Digest of the CID of the encrypted file
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    content_id: B256,
    /// Hash of the manifest
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    manifest_id: B256,
    /// FP_ID: the 256-bit fingerprint sketch
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    fp_id: B256,
    /// Hash of the full fingerprint descriptor
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    fp_hash: B256,
    /// Access classes that suffice, sum of: 1 basic, 2 audio, 4 video, 8 premium, 16 research
    #[arg(long, value_name = "BITS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_ACCESS_CLASSES))]
    access_classes: u64,
    /// Creator that the work is of, for a delegate; default: the key's own
    #[arg(long, value_name = "HEX")]
    creator: Option<B256>,
    /// Print the draft as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// A version of a work before it is on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    /// Chain id of the L2.
    pub chain_id: u64,
    /// The `WorkRegistry` that it is for.
    pub registry: Address,
    /// Creator of the work.
    pub creator_id: B256,
    /// The work.
    pub work_id: B256,
    /// Number of the version, from 1.
    pub version: u32,
    /// What the version is.
    pub content: DraftContent,
    /// Whom it pays.
    pub payees: Vec<DraftPayee>,
    /// Price and region; only the first version has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<DraftTerms>,
}

/// References to a version's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftContent {
    /// Digest of the CID of the encrypted file, zero for none.
    pub content_id: B256,
    /// Hash of the manifest.
    pub manifest_id: B256,
    /// Fingerprint sketch, zero for none.
    pub fp_id: B256,
    /// Hash of the fingerprint descriptor.
    pub fp_hash: B256,
    /// Bit mask.
    pub access_classes: u64,
}

/// One payee of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftPayee {
    /// Who.
    pub account: Address,
    /// Parts per million.
    pub share_ppm: u64,
    /// Its agreement; none for the one who publishes, or when given by a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<DraftConsent>,
}

/// A payee's signed agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftConsent {
    /// Unix time in seconds: end of the signature.
    pub deadline: u64,
    /// Over the EIP-712 type `SplitConsent`.
    pub signature: Bytes,
}

/// Price and region of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftTerms {
    /// Micro-CLN a minute.
    pub price_per_min: u64,
    /// Name of the rule.
    pub region_rule: String,
}

/// Runs `cwe creator work new`.
pub(crate) async fn run(args: &NewArgs) -> Result<()> {
    let signer = args.keys.signer()?;
    let mut payees = args.payees.clone();
    if payees.is_empty() {
        payees.push(DraftPayee {
            account: signer.address(),
            share_ppm: WHOLE_PPM,
            consent: None,
        });
    }
    require_valid(&payees)?;
    ids::region_rule(&args.region).map_err(eyre::Report::msg)?;
    let economy = args.economy.connect(None).await?;
    let creator_id = args.creator.unwrap_or_else(|| creator_id(&signer));
    let (work_id, version, terms) = match args.version_of {
        Some(work_id) => (work_id, next_version(&economy, work_id, creator_id).await?, None),
        None => (ids::new_work_id()?, 1, first_terms(args)?),
    };
    let draft = Draft {
        chain_id: economy.addresses.l2_chain_id,
        registry: economy.addresses.registry,
        creator_id,
        work_id,
        version,
        content: DraftContent {
            content_id: args.content_id,
            manifest_id: args.manifest_id,
            fp_id: args.fp_id,
            fp_hash: args.fp_hash,
            access_classes: args.access_classes,
        },
        payees,
        terms,
    };
    private_file::create(&args.out, &draft.to_bytes()?)?;
    report(args, &draft, signer.address())
}

fn first_terms(args: &NewArgs) -> Result<Option<DraftTerms>> {
    let Some(price_per_min) = args.price else {
        bail!("a new work needs a price: give --price")
    };
    Ok(Some(DraftTerms {
        price_per_min,
        region_rule: args.region.clone(),
    }))
}

async fn next_version(economy: &Economy, work_id: B256, creator_id: B256) -> Result<u32> {
    let work = economy
        .read("reading the work", economy.registry().workOf(work_id))
        .await?;
    if work.creatorId != creator_id {
        bail!("work {work_id} is of creator {}, not {creator_id}", work.creatorId);
    }
    work.version
        .checked_add(1)
        .ok_or_else(|| eyre::eyre!("work {work_id} has all the versions that it can have"))
}

fn report(args: &NewArgs, draft: &Draft, signer: Address) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(draft)?);
        return Ok(());
    }
    let file = args.out.display();
    println!("draft {file} of work {}, version {}", draft.work_id, draft.version);
    for payee in draft.payees.iter().filter(|payee| payee.account != signer) {
        println!("  {} must sign: cwe creator work consent {file}", payee.account);
    }
    println!("  next  cwe creator work publish {file}");
    Ok(())
}

fn parse_payee(text: &str) -> Result<DraftPayee, String> {
    let Some((account, share)) = text.split_once('=') else {
        return Err(format!("`{text}` is not ADDRESS=PPM"));
    };
    let account = account
        .parse()
        .ok()
        .ok_or_else(|| format!("`{account}` is not an address"))?;
    let share_ppm = share
        .replace('_', "")
        .parse()
        .ok()
        .ok_or_else(|| format!("`{share}` is not a number of parts per million"))?;
    Ok(DraftPayee {
        account,
        share_ppm,
        consent: None,
    })
}

/// The rules of the contract's `Splits`, so that nobody signs what can't be registered.
fn require_valid(payees: &[DraftPayee]) -> Result<()> {
    if payees.is_empty() || payees.len() > MAX_PAYEES {
        bail!("a work has 1 to {MAX_PAYEES} payees, not {}", payees.len());
    }
    let mut seen = std::collections::HashSet::new();
    let mut sum = 0u64;
    for payee in payees {
        if payee.account.is_zero() || payee.share_ppm == 0 {
            bail!(
                "payee {} with {} ppm has no address or no share",
                payee.account,
                payee.share_ppm
            );
        }
        if !seen.insert(payee.account) {
            bail!("payee {} is named twice", payee.account);
        }
        sum = sum.saturating_add(payee.share_ppm);
    }
    if sum != WHOLE_PPM {
        bail!("the shares add up to {sum} ppm, not to {WHOLE_PPM}");
    }
    Ok(())
}

impl Draft {
    /// Reads a draft and checks what can be checked without the chain.
    ///
    /// # Errors
    /// The file can't be read, or is no valid draft.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let reading = || format!("the draft {} can't be read", path.display());
        let length = std::fs::metadata(path).wrap_err_with(reading)?.len();
        if length > MAX_DRAFT_BYTES {
            bail!(
                "{} has {length} bytes, a draft at most {MAX_DRAFT_BYTES}",
                path.display()
            );
        }
        let text = std::fs::read_to_string(path).wrap_err_with(reading)?;
        let draft: Self =
            serde_json::from_str(&text).wrap_err_with(|| format!("{} is no draft of a work", path.display()))?;
        draft
            .require_valid()
            .wrap_err_with(|| format!("{} is no valid draft", path.display()))?;
        Ok(draft)
    }

    /// Checks what can be checked without the chain.
    ///
    /// # Errors
    /// A rule of the contract that it breaks.
    pub(crate) fn require_valid(&self) -> Result<()> {
        require_valid(&self.payees)?;
        if self.version == 0 || self.terms.is_some() != (self.version == 1) {
            bail!("the first version of a work has terms, the others have none");
        }
        if self.content.access_classes > MAX_ACCESS_CLASSES {
            bail!("access classes {} have more than 48 bits", self.content.access_classes);
        }
        if let Some(terms) = &self.terms {
            ids::region_rule(&terms.region_rule).map_err(eyre::Report::msg)?;
        }
        Ok(())
    }

    /// The text of the file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Content as the contract takes it.
    pub(crate) fn content(&self) -> ICWERegistry::Content {
        ICWERegistry::Content {
            contentId: self.content.content_id,
            manifestId: self.content.manifest_id,
            fpId: self.content.fp_id,
            fpHash: self.content.fp_hash,
            accessClasses: alloy::primitives::aliases::U48::from(self.content.access_classes),
        }
    }

    /// Payees and consents as the contract takes them.
    pub(crate) fn payees(&self) -> (Vec<Payee>, Vec<ICWERegistry::Consent>) {
        let payees = self.payees.iter().map(|payee| Payee {
            account: payee.account,
            share: U96::from(payee.share_ppm),
        });
        let consents = self.payees.iter().map(|payee| match &payee.consent {
            Some(consent) => ICWERegistry::Consent {
                deadline: consent.deadline,
                signature: consent.signature.clone(),
            },
            None => ICWERegistry::Consent {
                deadline: 0,
                signature: Bytes::new(),
            },
        });
        (payees.collect(), consents.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payee(byte: u8, share_ppm: u64) -> DraftPayee {
        DraftPayee {
            account: Address::repeat_byte(byte),
            share_ppm,
            consent: None,
        }
    }

    fn draft() -> Draft {
        Draft {
            chain_id: 51_337,
            registry: Address::repeat_byte(9),
            creator_id: B256::repeat_byte(1),
            work_id: B256::with_last_byte(7),
            version: 1,
            content: DraftContent {
                content_id: B256::repeat_byte(2),
                manifest_id: B256::ZERO,
                fp_id: B256::ZERO,
                fp_hash: B256::ZERO,
                access_classes: 2,
            },
            payees: vec![payee(1, 600_000), payee(2, 400_000)],
            terms: Some(DraftTerms {
                price_per_min: 1200,
                region_rule: "world".into(),
            }),
        }
    }

    fn read(text: &[u8]) -> Result<Draft> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Draft::read(file.path())
    }

    #[test]
    fn a_draft_is_read_as_it_was_written() {
        assert_eq!(read(&draft().to_bytes().unwrap()).unwrap(), draft());
    }

    #[test]
    fn shares_follow_the_rules_of_the_contract() {
        for (bad, reason) in [
            (vec![payee(1, 600_000), payee(2, 399_999)], "999999"),
            (vec![payee(1, u64::MAX), payee(2, u64::MAX)], "not to 1000000"),
            (vec![payee(1, 500_000), payee(1, 500_000)], "twice"),
            (vec![payee(1, 1_000_000), payee(2, 0)], "no share"),
            (vec![payee(0, 1_000_000)], "no address"),
            (vec![], "1 to 64"),
            ((1..=65).map(|byte| payee(byte, 1)).collect(), "1 to 64"),
        ] {
            let error = require_valid(&bad).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            let broken = Draft { payees: bad, ..draft() };
            assert!(read(&broken.to_bytes().unwrap()).is_err());
        }
    }

    #[test]
    fn payees_are_read_from_the_command_line() {
        assert_eq!(
            parse_payee("0x0101010101010101010101010101010101010101=600_000").unwrap(),
            payee(1, 600_000)
        );
        for bad in [
            "",
            "0x01=5",
            "0x0101010101010101010101010101010101010101",
            "x=1",
            "0x0101010101010101010101010101010101010101=-1",
        ] {
            assert!(parse_payee(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn damaged_drafts_are_refused() {
        let text = String::from_utf8(draft().to_bytes().unwrap()).unwrap();
        assert!(read(text.replace("work_id", "workid").as_bytes()).is_err());
        assert!(read(text.replace("\"version\": 1", "\"version\": 2").as_bytes()).is_err());
        assert!(read(b"{").is_err());
        assert!(read(&vec![b' '; 2 << 20]).unwrap_err().to_string().contains("bytes"));
    }
}

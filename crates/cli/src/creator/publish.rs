//! `cwe creator work publish`: a draft goes on chain. Can be run again at any point; it goes on from what is on chain.

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use cwe_bindings::economy::contracts::{WorkRegistry, work_registry::ICWERegistry};
use eyre::{Result, bail, eyre};
use serde::Serialize;

use super::{
    announcement::{self, Announcement},
    draft::Draft,
};
use crate::{
    economy::{Economy, EconomyArgs, ids, now_secs},
    keys::KeyArgs,
    progress::Progress,
};

/// Role that publishing needs (docs/PROTOCOL.md, "Signatures").
const ROLE_PUBLISH: u32 = 1;

/// Put a draft on chain: announce its content, wait until that counts, register
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The draft, with the consents of all payees other than you
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Wait at most so many seconds for the announcement to count; when it takes longer, run the command again later
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait_secs: u64,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// How far publication came.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Published {
    /// The content is announced and can be registered later.
    Announced {
        work_id: B256,
        version: u32,
        claim: B256,
        /// Unix time in seconds.
        counts_at: u64,
    },
    /// The version is on chain.
    Registered {
        work_id: B256,
        version: u32,
        /// None when it was there before.
        transaction: Option<B256>,
    },
}

/// Runs `cwe creator work publish`.
pub(crate) async fn run(args: &PublishArgs) -> Result<()> {
    let draft = Draft::read(&args.draft)?;
    let signer = args.keys.signer()?;
    let sender = signer.address();
    let economy = args.economy.connect(Some(signer)).await?;
    let mut progress = Progress::new();
    let published = publish(&economy, &draft, sender, args.wait_secs, &mut progress).await?;
    progress.finish();
    report(args, &published)
}

/// Announces the draft's content, waits at most `wait_secs` until that counts, registers.
///
/// # Errors
/// The draft is of another chain, the sender may not publish, or the registry refuses.
pub(crate) async fn publish(
    economy: &Economy,
    draft: &Draft,
    sender: Address,
    wait_secs: u64,
    progress: &mut Progress,
) -> Result<Published> {
    require_same_registry(draft, economy)?;
    let (work_id, version) = (draft.work_id, draft.version);
    if is_on_chain(economy, draft).await? {
        return Ok(Published::Registered {
            work_id,
            version,
            transaction: None,
        });
    }
    require_may_publish(economy, draft, sender).await?;
    if let Announcement::Waiting { claim, counts_at } = announcement::announce(economy, draft, progress).await? {
        let remaining = counts_at.saturating_sub(now_secs()?);
        if remaining > wait_secs {
            return Ok(Published::Announced {
                work_id,
                version,
                claim,
                counts_at,
            });
        }
        progress.step(format!("waiting {remaining} s until the announcement counts"));
        announcement::wait(counts_at).await?;
    }
    progress.step("registering");
    let transaction = register(economy, draft).await?;
    Ok(Published::Registered {
        work_id,
        version,
        transaction: Some(transaction),
    })
}

fn require_same_registry(draft: &Draft, economy: &Economy) -> Result<()> {
    let addresses = &economy.addresses;
    if (draft.chain_id, draft.registry) != (addresses.l2_chain_id, addresses.registry) {
        bail!(
            "the draft is for registry {} on chain {}, this is {} on chain {}",
            draft.registry,
            draft.chain_id,
            addresses.registry,
            addresses.l2_chain_id
        );
    }
    Ok(())
}

/// Whether this very version is registered. Another version of that number is an error.
async fn is_on_chain(economy: &Economy, draft: &Draft) -> Result<bool> {
    let registry = economy.registry();
    let Some(work) = find_work(economy, draft.work_id).await? else {
        if draft.version > 1 {
            bail!("there is no work {} to add version {} to", draft.work_id, draft.version);
        }
        return Ok(false);
    };
    if work.creatorId != draft.creator_id {
        bail!(
            "work id {} was taken by creator {}: make a new draft",
            draft.work_id,
            work.creatorId
        );
    }
    if draft.version > work.version {
        let next = work.version.saturating_add(1);
        if draft.version != next {
            bail!("the draft is version {}, the next one is {next}", draft.version);
        }
        return Ok(false);
    }
    let content = economy
        .read("reading the content", registry.contentOf(draft.work_id, draft.version))
        .await?;
    if content != draft.content() {
        bail!(
            "version {} of work {} is on chain with another content: make a new draft with --version-of",
            draft.version,
            draft.work_id
        );
    }
    Ok(true)
}

async fn find_work(economy: &Economy, work_id: B256) -> Result<Option<ICWERegistry::Work>> {
    let registry = economy.registry();
    match economy.try_read(registry.workOf(work_id)).await {
        Ok(work) => Ok(Some(work)),
        Err(error) if error.as_decoded_error::<WorkRegistry::UnknownWork>().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn require_may_publish(economy: &Economy, draft: &Draft, sender: Address) -> Result<()> {
    let may = economy
        .read(
            "reading the creator's delegates",
            economy.creators().mayAct(draft.creator_id, sender, ROLE_PUBLISH),
        )
        .await?;
    if !may {
        bail!(
            "{sender} may not publish for creator {}: it is neither its key nor a delegate, or the creator is not \
             registered (cwe creator register)",
            draft.creator_id
        );
    }
    Ok(())
}

async fn register(economy: &Economy, draft: &Draft) -> Result<B256> {
    let registry = economy.registry();
    let (payees, consents) = draft.payees();
    let receipt = match &draft.terms {
        Some(terms) => {
            let terms = ICWERegistry::Terms {
                pricePerMin: terms.price_per_min,
                regionRule: ids::region_rule(&terms.region_rule).map_err(|error| eyre!(error))?,
            };
            let call = registry.registerWorkWithConsents(
                draft.work_id,
                draft.creator_id,
                draft.content(),
                payees,
                consents,
                terms,
            );
            economy.send("registering the work", call).await?
        }
        None => {
            let call = registry.addVersion(draft.work_id, draft.content(), payees, consents);
            economy.send("adding the version", call).await?
        }
    };
    Ok(receipt.transaction_hash)
}

fn report(args: &PublishArgs, published: &Published) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(published)?);
        return Ok(());
    }
    match published {
        Published::Announced { work_id, counts_at, .. } => {
            println!(
                "the content of work {work_id} is announced; registration is possible from Unix time {counts_at} on"
            );
            println!("  next  cwe creator work publish {}", args.draft.display());
        }
        Published::Registered {
            work_id,
            version,
            transaction: None,
        } => println!("version {version} of work {work_id} is on chain already"),
        Published::Registered {
            work_id,
            version,
            transaction: Some(transaction),
        } => {
            println!("registered version {version} of work {work_id}");
            println!("  transaction  {transaction}");
            println!("  next         cwe creator work show {work_id}");
        }
    }
    Ok(())
}

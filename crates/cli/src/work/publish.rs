//! `cwe work publish`: files become works. Each is fingerprinted, looked for among the works of the hubs, encrypted,
//! described by a signed manifest, registered on the L2, and announced to the hubs. Run again it goes on where it stopped.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use cwe_fingerprint::Descriptor;
use cwe_hub::api::FoundWork;
use cwe_manifest::{Collaborator, ContentId, Tier};
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

use super::prepare::{self, Details, Paths, Prepared};
use crate::{
    creator::{self, publish::Published as OnChain},
    economy::{Economy, EconomyArgs},
    hub::{Hub, HubArgs},
    keys::KeyArgs,
    media::{self, KindArgs},
    progress::Progress,
};

/// Parts of a new work that are looked for among the others, from its first quarter on.
const COMPARED_PARTS: usize = 3;
/// Length of each.
const COMPARED_SECS: u32 = 10;

/// Publish files as works: fingerprint, encrypt, sign, register on the L2, announce to hubs
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// Files, each of which becomes a work of its own
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Folder for what is made of them: encrypted package, content key (keep it secret, and keep it), descriptor, draft
    #[arg(long, value_name = "FOLDER", default_value = "published")]
    out: PathBuf,
    /// Title; default: the file's name
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Description
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Tier that opens it, any of several: basic, audio, video, premium, research; may be repeated
    #[arg(long = "tier", value_name = "TIER", value_parser = prepare::parse_tier, default_value = "basic")]
    tiers: Vec<Tier>,
    /// Price of a minute, micro-CLN
    #[arg(long, value_name = "MICRO_CLN")]
    price: u64,
    /// Region rule
    #[arg(long, value_name = "NAME", default_value = "world")]
    region: String,
    /// Who shares in what it earns, with parts per million; what they leave is the creator's; may be repeated
    #[arg(long = "collaborator", value_name = "CREATOR_ID=PPM", value_parser = prepare::parse_collaborator)]
    collaborators: Vec<Collaborator>,
    /// Creator that the work is of, for a delegate; default: the key's own
    #[arg(long, value_name = "HEX")]
    creator: Option<B256>,
    /// Publish although a work of the hubs sounds or looks the same
    #[arg(long)]
    allow_duplicates: bool,
    /// Wait at most so many seconds for the announcement to count, and for a hub to see the work
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait_secs: u64,
    /// Print each result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kind: KindArgs,
    #[command(flatten)]
    hubs: HubArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// How far a work came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Collaborators must sign their shares.
    AwaitsConsents,
    /// The content is announced; registration is possible later.
    Announced,
    /// On chain, and known to the hubs.
    Published,
}

#[derive(Debug, Serialize)]
struct Outcome {
    file: PathBuf,
    state: State,
    work_id: B256,
    title: String,
    manifest_id: B256,
    content_id: ContentId,
    fp_id: String,
    folder: PathBuf,
    draft: PathBuf,
    key_file: PathBuf,
    /// None when it was registered before, or is not yet.
    transaction: Option<B256>,
    hubs: Vec<String>,
}

/// Runs `cwe work publish`.
pub(crate) async fn run(args: &PublishArgs) -> Result<()> {
    if args.files.len() > 1 && args.title.is_some() {
        bail!(
            "--title is of one file, {} are given: publish them one by one, or without --title",
            args.files.len()
        );
    }
    let signer = args.keys.signer()?;
    let economy = args.economy.connect(Some(signer.clone())).await?;
    let hubs = args.hubs.connect(economy.addresses.l2_chain_id).await?;
    std::fs::create_dir_all(&args.out).wrap_err_with(|| format!("making the folder {}", args.out.display()))?;
    let publisher = Publisher {
        args,
        economy: &economy,
        hubs: &hubs,
        signer: &signer,
    };
    for file in &args.files {
        let mut progress = Progress::new();
        let outcome = publisher.publish(file, &mut progress).await?;
        progress.finish();
        report(args.json, &outcome)?;
    }
    Ok(())
}

struct Publisher<'a> {
    args: &'a PublishArgs,
    economy: &'a Economy,
    hubs: &'a [Hub],
    signer: &'a PrivateKeySigner,
}

impl Publisher<'_> {
    async fn publish(&self, file: &Path, progress: &mut Progress) -> Result<Outcome> {
        let paths = Paths::new(&self.args.out, file)?;
        let details = self.details(file)?;
        let descriptor = media::descriptor(file, &self.args.kind, progress)?;
        let prepared = match prepare::read(&paths, &details, &descriptor)? {
            Some(prepared) => prepared,
            None => {
                self.refuse_duplicates(file, &descriptor, progress).await?;
                progress.step(format!("encrypting {}", file.display()));
                prepare::prepare(file, &paths, &details, &descriptor, self.economy, self.signer)?
            }
        };
        let outcome = |state, transaction| outcome(file, &paths, &prepared, state, transaction, self.hubs);
        if !self.unsigned(&prepared).is_empty() {
            return Ok(outcome(State::AwaitsConsents, None));
        }
        let sender = self.signer.address();
        let on_chain =
            creator::publish::publish(self.economy, &prepared.draft, sender, self.args.wait_secs, progress).await?;
        let OnChain::Registered { transaction, .. } = on_chain else {
            return Ok(outcome(State::Announced, None));
        };
        for hub in self.hubs {
            progress.step(format!("announcing to {}", hub.url()));
            hub.publish(
                &prepared.manifest,
                &descriptor,
                Duration::from_secs(self.args.wait_secs),
            )
            .await?;
        }
        Ok(outcome(State::Published, transaction))
    }

    fn details(&self, file: &Path) -> Result<Details> {
        let title = match (&self.args.title, file.file_stem()) {
            (Some(title), _) => title.clone(),
            (None, Some(stem)) => stem.to_string_lossy().into_owned(),
            (None, None) => bail!("{} is no file to publish", file.display()),
        };
        Ok(Details {
            creator_id: self.args.creator.unwrap_or_else(|| creator::creator_id(self.signer)),
            title,
            description: self.args.description.clone(),
            tags: self.args.tags.clone(),
            tiers: self.args.tiers.clone(),
            price: self.args.price,
            region: self.args.region.clone(),
            collaborators: self.args.collaborators.clone(),
        })
    }

    /// Asks privately: what a creator is about to publish is nobody's business before the chain knows whose it is.
    async fn refuse_duplicates(&self, file: &Path, descriptor: &Descriptor, progress: &mut Progress) -> Result<()> {
        for hub in self.hubs {
            progress.step(format!(
                "looking for {} among the works of {}",
                file.display(),
                hub.url()
            ));
            let Some(found) = self.duplicate(file, descriptor, hub).await? else {
                continue;
            };
            let title = found.title.as_deref().unwrap_or("without a title");
            let (name, work, creator) = (file.display(), found.work_id, found.creator_id);
            let like = format!("{name} is like work {work} ({title}) of creator {creator}");
            if self.args.allow_duplicates {
                eprintln!("  ! {like}");
                continue;
            }
            bail!("{like}: a copy is no work of its own; if it is yours to publish, give --allow-duplicates");
        }
        Ok(())
    }

    /// A work that a part of the file is found in.
    async fn duplicate(&self, file: &Path, descriptor: &Descriptor, hub: &Hub) -> Result<Option<FoundWork>> {
        let parts = media::Wanted {
            from_secs: descriptor.duration_ms() / 1000 / 4,
            length_secs: COMPARED_SECS,
            count: COMPARED_PARTS,
        };
        for excerpt in media::excerpts(file, &self.args.kind, parts)? {
            if let Some((found, _)) = hub.identify(&excerpt.query).await?.found {
                return Ok(Some(found.work));
            }
        }
        Ok(None)
    }

    /// Payees whose agreement is neither here nor the sender's own.
    fn unsigned(&self, prepared: &Prepared) -> Vec<Address> {
        let payees = prepared.draft.payees.iter();
        let unsigned = payees.filter(|payee| payee.consent.is_none() && payee.account != self.signer.address());
        unsigned.map(|payee| payee.account).collect()
    }
}

fn outcome(
    file: &Path,
    paths: &Paths,
    prepared: &Prepared,
    state: State,
    transaction: Option<B256>,
    hubs: &[Hub],
) -> Outcome {
    let body = prepared.manifest.body();
    let hubs = if state == State::Published { hubs } else { &[] };
    Outcome {
        file: file.into(),
        state,
        work_id: body.work_id,
        title: body.title.clone(),
        manifest_id: prepared.manifest.manifest_id(),
        content_id: body.content_id,
        fp_id: cwe_fingerprint::FpId(body.fp_id.unwrap_or_default().0).to_string(),
        folder: paths.package.clone(),
        draft: paths.draft.clone(),
        key_file: paths.key.clone(),
        transaction,
        hubs: hubs.iter().map(|hub| hub.url().to_owned()).collect(),
    }
}

fn report(json: bool, outcome: &Outcome) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    let again = "run the same command again";
    match outcome.state {
        State::AwaitsConsents => {
            println!("prepared “{}”, work {}", outcome.title, outcome.work_id);
            println!(
                "  next     each collaborator signs: cwe creator work consent {}",
                outcome.draft.display()
            );
            println!("           then {again}");
        }
        State::Announced => {
            println!("announced “{}”, work {}", outcome.title, outcome.work_id);
            println!("  next     when the announcement counts, {again}");
        }
        State::Published => {
            println!("published “{}”, work {}", outcome.title, outcome.work_id);
            println!("  content  {}", outcome.content_id);
            println!(
                "  package  {} (ipfs dag import {0}/content.car)",
                outcome.folder.display()
            );
            println!(
                "  key      {} (who has it can open the package; keep it)",
                outcome.key_file.display()
            );
            for hub in &outcome.hubs {
                println!("  hub      {hub}/works/{}", outcome.work_id);
            }
        }
    }
    Ok(())
}

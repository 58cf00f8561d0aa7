//! What publication makes of a file before anything is on chain: the encrypted package, its key, the descriptor, and the
//! draft of the work. All of it lies in one folder, so that publication can go on after any interruption.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, B256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_fingerprint::{Descriptor, Kind};
use cwe_manifest::{
    Collaborator, CreatorId, Manifest, ManifestBody, Tier, Version, WHOLE_PPM, WorkType,
    package::{ContentKey, Draft as PackageDraft, FragmentSize, Package, SealedContent},
};
use eyre::{Result, WrapErr, bail, eyre};

use crate::{
    creator::draft::{Draft, DraftContent, DraftPayee, DraftTerms},
    economy::{Economy, ids, now_secs, private_file},
};

/// Where everything of a work lies.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// The package: manifest and encrypted file.
    pub package: PathBuf,
    /// The draft that goes on chain.
    pub draft: PathBuf,
    /// The fingerprint descriptor.
    pub descriptor: PathBuf,
    /// The content key; secret.
    pub key: PathBuf,
}

impl Paths {
    /// In `folder`, by the file's name.
    ///
    /// # Errors
    /// The file has no name.
    pub(super) fn new(folder: &Path, file: &Path) -> Result<Self> {
        let stem = file
            .file_stem()
            .ok_or_else(|| eyre!("{} is no file to publish", file.display()))?;
        let with = |extension: &str| {
            let mut name = stem.to_os_string();
            name.push(extension);
            folder.join(name)
        };
        Ok(Self {
            package: folder.join(stem),
            draft: with(".draft.json"),
            descriptor: with(".descriptor"),
            key: with(".key"),
        })
    }
}

/// What the creator says of a work.
#[derive(Debug, Clone)]
pub(super) struct Details {
    /// Of which creator it is.
    pub creator_id: B256,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Any of these opens it.
    pub tiers: Vec<Tier>,
    /// Micro-CLN a minute.
    pub price: u64,
    /// Name of the region rule.
    pub region: String,
    /// Who shares in what it earns.
    pub collaborators: Vec<Collaborator>,
}

/// A work that can go on chain.
pub(super) struct Prepared {
    /// The draft.
    pub draft: Draft,
    /// The manifest.
    pub manifest: Manifest,
}

/// Reads what an earlier run prepared; none when there is nothing.
///
/// # Errors
/// It is of another file, or of other details: what was signed is not changed behind anybody's back.
pub(super) fn read(paths: &Paths, details: &Details, descriptor: &Descriptor) -> Result<Option<Prepared>> {
    if !paths.package.exists() {
        return Ok(None);
    }
    let manifest = Package::read(&paths.package)?.manifest().clone();
    let folder = paths.package.display();
    if manifest.body().fingerprint != Some(B256::new(descriptor.fp_hash())) {
        bail!("{folder} was prepared from another file: give another --out, or rename the file");
    }
    let changed = differences(manifest.body(), details);
    if !changed.is_empty() {
        bail!(
            "{folder} was prepared with another {}: give the same again, or another --out for a new work",
            changed.join(", another ")
        );
    }
    let draft = Draft::read(&paths.draft)?;
    if draft.content.manifest_id != manifest.manifest_id() {
        bail!("{} is not the draft of {folder}", paths.draft.display());
    }
    Ok(Some(Prepared { draft, manifest }))
}

fn differences(body: &ManifestBody, details: &Details) -> Vec<&'static str> {
    let same = [
        ("creator", body.creator_id.0 == details.creator_id),
        ("title", body.title == details.title),
        ("description", body.description == details.description),
        ("set of tags", body.tags == details.tags),
        ("set of tiers", body.tier_requirements == details.tiers),
        ("price", body.price_per_min == details.price),
        ("region rule", body.region_rule == details.region),
        ("set of collaborators", body.collaborators == details.collaborators),
    ];
    same.into_iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| name)
        .collect()
}

/// Encrypts the file, signs the manifest, drafts the work. The package gets its name last: it is there only with all the
/// rest.
///
/// # Errors
/// The file can't be read, a detail breaks a rule, or the disk is full.
pub(super) fn prepare(
    file: &Path,
    paths: &Paths,
    details: &Details,
    descriptor: &Descriptor,
    economy: &Economy,
    signer: &PrivateKeySigner,
) -> Result<Prepared> {
    let reading = || format!("reading {}", file.display());
    let mut source = File::open(file).wrap_err_with(reading)?;
    let file_bytes = source.metadata().wrap_err_with(reading)?.len();
    let key = ContentKey::generate()?;
    let package = PackageDraft::seal(&mut source, file_bytes, FragmentSize::default(), &key, &paths.package)?;
    let body = body(details, descriptor, package.content())?;
    let manifest = body.sign(|hash| signer.sign_hash_sync(&hash))?;
    let draft = draft(details, &manifest, economy)?;
    // Without a package they are leftovers of a run that did not get so far: nothing was encrypted for that key.
    for leftover in [&paths.key, &paths.draft, &paths.descriptor] {
        remove(leftover)?;
    }
    key.write(&paths.key, manifest.body().content_id)?;
    private_file::create(&paths.descriptor, &descriptor.encode())?;
    private_file::create(&paths.draft, &draft.to_bytes()?)?;
    package.finish(&manifest)?;
    Ok(Prepared { draft, manifest })
}

fn body(details: &Details, descriptor: &Descriptor, content: &SealedContent) -> Result<ManifestBody> {
    Ok(ManifestBody {
        version: Version,
        work_id: ids::new_work_id()?,
        content_id: content.content_id,
        creator_id: CreatorId(details.creator_id),
        timestamp: now_secs()?,
        work_type: match descriptor.kind() {
            Kind::Audio => WorkType::Audio,
            Kind::Video => WorkType::Video,
            Kind::Image => WorkType::Image,
        },
        title: details.title.clone(),
        description: details.description.clone(),
        tags: details.tags.clone(),
        tier_requirements: details.tiers.clone(),
        fingerprint: Some(B256::new(descriptor.fp_hash())),
        fp_id: Some(B256::new(descriptor.fp_id().0)),
        fragments: content.fragments.clone(),
        price_per_min: details.price,
        region_rule: details.region.clone(),
        collaborators: details.collaborators.clone(),
    })
}

fn draft(details: &Details, manifest: &Manifest, economy: &Economy) -> Result<Draft> {
    let body = manifest.body();
    let draft = Draft {
        chain_id: economy.addresses.l2_chain_id,
        registry: economy.addresses.registry,
        creator_id: details.creator_id,
        work_id: body.work_id,
        version: 1,
        content: DraftContent {
            content_id: body.content_id.digest(),
            manifest_id: manifest.manifest_id(),
            fp_id: body.fp_id.unwrap_or_default(),
            fp_hash: body.fingerprint.unwrap_or_default(),
            access_classes: body.access_classes().0,
        },
        payees: payees(details),
        terms: Some(DraftTerms {
            price_per_min: details.price,
            region_rule: details.region.clone(),
        }),
    };
    draft.require_valid()?;
    Ok(draft)
}

/// The collaborators, and the creator with what they leave. Accounts are those of the ids.
fn payees(details: &Details) -> Vec<DraftPayee> {
    let payee = |id: B256, share_ppm| DraftPayee {
        account: Address::from_word(id),
        share_ppm,
        consent: None,
    };
    let given: u64 = details.collaborators.iter().map(|one| one.share_ppm).sum();
    let left = WHOLE_PPM.saturating_sub(given);
    let creator = (left > 0).then(|| payee(details.creator_id, left));
    let collaborators = details.collaborators.iter();
    creator
        .into_iter()
        .chain(collaborators.map(|one| payee(one.creator_id.0, one.share_ppm)))
        .collect()
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).wrap_err_with(|| format!("removing the leftover {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// For clap: `CREATOR_ID=PPM`.
pub(super) fn parse_collaborator(text: &str) -> Result<Collaborator, String> {
    let Some((id, share)) = text.split_once('=') else {
        return Err(format!("`{text}` is not CREATOR_ID=PPM"));
    };
    let id: B256 = id
        .parse()
        .ok()
        .ok_or_else(|| format!("`{id}` is no creator id: `cwe creator key show` prints one"))?;
    let share_ppm = share
        .replace('_', "")
        .parse()
        .ok()
        .ok_or_else(|| format!("`{share}` is not a number of parts per million"))?;
    Ok(Collaborator {
        creator_id: CreatorId(id),
        share_ppm,
    })
}

/// For clap: a tier by its name.
pub(super) fn parse_tier(name: &str) -> Result<Tier, String> {
    Tier::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Tier::ALL.iter().map(|tier| tier.name()).collect();
        format!("`{name}` is no tier: give one of {}", names.join(", "))
    })
}

//! What a manifest says, and the rules that each field obeys.

use std::{collections::HashSet, fmt, hash::Hash};

use alloy_primitives::B256;
use serde::{Serialize, Serializer};

use crate::{ContentId, CreatorId, ManifestError, Rule, text::TextRule};

/// Version of the format.
pub const VERSION: u64 = 1;
/// Largest integer that every JSON reader keeps exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
/// Most fragments: 32 GiB at 512 KiB each.
pub const MAX_FRAGMENTS: usize = 65_536;
/// Most bytes of an encrypted fragment.
pub const MAX_FRAGMENT_BYTES: u64 = 1 << 20;
/// Most tags.
pub const MAX_TAGS: usize = 32;
/// Most collaborators; with the creator as many as a work has payees on chain.
pub const MAX_COLLABORATORS: usize = 63;
/// All shares of a work, in parts per million.
pub const WHOLE_PPM: u64 = 1_000_000;
/// Most characters of a region rule: the chain has it in 32 bytes.
const MAX_REGION_RULE_CHARS: usize = 32;

const TITLE: TextRule = TextRule {
    min_chars: 1,
    max_chars: 200,
    lines: false,
};
const DESCRIPTION: TextRule = TextRule {
    min_chars: 0,
    max_chars: 5_000,
    lines: true,
};
const TAG: TextRule = TextRule {
    min_chars: 1,
    max_chars: 64,
    lines: false,
};

/// A closed list of names, as text in documents.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident: $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As documents write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names! {
    /// What kind of work it is.
    WorkType:
    /// Music, speech.
    Audio = "audio",
    /// Programs.
    Code = "code",
    /// Pictures.
    Image = "image",
    /// Games and what else is played.
    Interactive = "interactive",
    /// News.
    News = "news",
    /// Papers, data.
    Scientific = "scientific",
    /// Text.
    Text = "text",
    /// Moving pictures, with sound or without.
    Video = "video",
}

impl WorkType {
    /// Whether a work of this type is recognized by its fingerprint, and so must have one.
    pub const fn is_recognized(self) -> bool {
        matches!(self, Self::Audio | Self::Image | Self::Video)
    }
}

names! {
    /// A tier that opens the work: an access class of the chain.
    Tier:
    /// Access class 2.
    Audio = "audio",
    /// Access class 1.
    Basic = "basic",
    /// Access class 8.
    Premium = "premium",
    /// Access class 16.
    Research = "research",
    /// Access class 4.
    Video = "video",
}

/// A set of access classes as the chain has it: 1 basic, 2 audio, 4 video, 8 premium, 16 research.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccessClasses(pub u64);

impl AccessClasses {
    /// Whether any class is in both.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl From<Tier> for AccessClasses {
    fn from(tier: Tier) -> Self {
        Self(match tier {
            Tier::Basic => 1,
            Tier::Audio => 2,
            Tier::Video => 4,
            Tier::Premium => 8,
            Tier::Research => 16,
        })
    }
}

impl FromIterator<Tier> for AccessClasses {
    fn from_iter<I: IntoIterator<Item = Tier>>(tiers: I) -> Self {
        Self(tiers.into_iter().fold(0, |all, tier| all | Self::from(tier).0))
    }
}

/// A piece of the encrypted file; its block's CID is raw with this hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Fragment {
    /// SHA-256 of the encrypted bytes.
    pub fragment_hash: B256,
    /// Encrypted bytes.
    pub size: u64,
    /// Place in the encrypted file, from 0. Where it belongs in the work only the content key tells.
    pub order: u64,
}

/// Somebody who has a share of what the work earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Collaborator {
    /// Who.
    pub creator_id: CreatorId,
    /// Parts per million of what the work earns.
    pub share_ppm: u64,
}

/// All that a manifest says; its id is the hash of this, its signature is over the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestBody {
    /// The format's.
    pub version: Version,
    /// The work on chain: not zero, top byte zero.
    pub work_id: B256,
    /// The encrypted file.
    pub content_id: ContentId,
    /// Who made it.
    pub creator_id: CreatorId,
    /// When the manifest was made, Unix time in seconds, as its creator says.
    pub timestamp: u64,
    /// Kind of work.
    pub work_type: WorkType,
    /// 1 to 200 characters.
    pub title: String,
    /// At most 5 000 characters, lines allowed.
    pub description: String,
    /// At most 32, each 1 to 64 characters.
    pub tags: Vec<String>,
    /// Any of these opens the work.
    pub tier_requirements: Vec<Tier>,
    /// SHA-256 of the fingerprint descriptor; audio, image and video have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<B256>,
    /// The 256-bit sketch of the descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp_id: Option<B256>,
    /// The encrypted file's pieces, in the order in which they lie in it.
    pub fragments: Vec<Fragment>,
    /// Micro-CLN a minute when the manifest was made; the chain has the price that counts.
    pub price_per_min: u64,
    /// Name of a rule of the chain's region table, when the manifest was made.
    pub region_rule: String,
    /// Who shares in what the work earns; what they leave is the creator's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<Collaborator>,
}

impl ManifestBody {
    /// Checks every rule that a field or a pair of fields obeys by itself. Readers have done so.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), ManifestError> {
        self.check_ids()?;
        self.check_texts()?;
        self.check_terms()?;
        check_fragments(&self.fragments)?;
        check_collaborators(&self.collaborators, self.creator_id)
    }

    /// The access classes of the tiers that open the work.
    pub fn access_classes(&self) -> AccessClasses {
        self.tier_requirements.iter().copied().collect()
    }

    fn check_ids(&self) -> Result<(), ManifestError> {
        if self.work_id.is_zero() || self.work_id[0] != 0 {
            return Err(ManifestError::new(Rule::WorkIdInvalid, "work_id", self.work_id));
        }
        require_not_zero("content_id", self.content_id.digest())?;
        require_not_zero("creator_id", self.creator_id.0)?;
        match (self.fingerprint, self.fp_id) {
            (Some(fingerprint), Some(fp_id)) => {
                require_not_zero("fingerprint", fingerprint)?;
                require_not_zero("fp_id", fp_id)
            }
            (None, None) if self.work_type.is_recognized() => {
                let found = format!("missing in a manifest of type {}", self.work_type);
                Err(ManifestError::new(Rule::FingerprintMissing, "fingerprint", found))
            }
            (None, None) => Ok(()),
            (None, Some(_)) => Err(ManifestError::new(
                Rule::FingerprintIncomplete,
                "fingerprint",
                "missing",
            )),
            (Some(_), None) => Err(ManifestError::new(Rule::FingerprintIncomplete, "fp_id", "missing")),
        }
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        TITLE.check("title", &self.title)?;
        DESCRIPTION.check("description", &self.description)?;
        require_length("tags", self.tags.len(), 0, MAX_TAGS)?;
        for (index, tag) in self.tags.iter().enumerate() {
            TAG.check(&format!("tags[{index}]"), tag)?;
        }
        require_distinct("tags", self.tags.iter())
    }

    fn check_terms(&self) -> Result<(), ManifestError> {
        require_safe("timestamp", self.timestamp)?;
        require_safe("price_per_min", self.price_per_min)?;
        require_length("tier_requirements", self.tier_requirements.len(), 1, Tier::ALL.len())?;
        require_distinct("tier_requirements", self.tier_requirements.iter())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let rule = self.region_rule.as_bytes();
        if rule.is_empty() || rule.len() > MAX_REGION_RULE_CHARS || !rule.iter().copied().all(is_plain) {
            let found = format!("`{}`", self.region_rule);
            return Err(ManifestError::new(Rule::RegionRuleInvalid, "region_rule", found));
        }
        Ok(())
    }
}

fn check_fragments(fragments: &[Fragment]) -> Result<(), ManifestError> {
    require_length("fragments", fragments.len(), 1, MAX_FRAGMENTS)?;
    for (index, fragment) in (0u64..).zip(fragments) {
        let field = |name: &str| format!("fragments[{index}].{name}");
        if fragment.fragment_hash.is_zero() {
            return Err(ManifestError::new(Rule::HashZero, field("fragment_hash"), "zero"));
        }
        if fragment.size == 0 || fragment.size > MAX_FRAGMENT_BYTES {
            return Err(ManifestError::new(
                Rule::FragmentSizeInvalid,
                field("size"),
                fragment.size,
            ));
        }
        if fragment.order != index {
            return Err(ManifestError::new(Rule::FragmentOrder, field("order"), fragment.order));
        }
    }
    require_distinct("fragments", fragments.iter().map(|fragment| fragment.fragment_hash))
}

fn check_collaborators(collaborators: &[Collaborator], creator_id: CreatorId) -> Result<(), ManifestError> {
    require_length("collaborators", collaborators.len(), 0, MAX_COLLABORATORS)?;
    let mut sum_ppm = 0u64;
    for (index, collaborator) in collaborators.iter().enumerate() {
        let field = |name: &str| format!("collaborators[{index}].{name}");
        let Collaborator {
            creator_id: who,
            share_ppm,
        } = *collaborator;
        require_not_zero(&field("creator_id"), who.0)?;
        if who == creator_id {
            return Err(ManifestError::new(
                Rule::CollaboratorIsCreator,
                field("creator_id"),
                who,
            ));
        }
        if share_ppm == 0 || share_ppm > WHOLE_PPM {
            return Err(ManifestError::new(Rule::ShareInvalid, field("share_ppm"), share_ppm));
        }
        sum_ppm += share_ppm;
    }
    if sum_ppm > WHOLE_PPM {
        let found = format!("{sum_ppm} parts per million together");
        return Err(ManifestError::new(Rule::SharesExceedWhole, "collaborators", found));
    }
    require_distinct(
        "collaborators",
        collaborators.iter().map(|collaborator| collaborator.creator_id),
    )
}

fn require_not_zero(field: &str, hash: B256) -> Result<(), ManifestError> {
    if hash.is_zero() {
        Err(ManifestError::new(Rule::HashZero, field, "zero"))
    } else {
        Ok(())
    }
}

fn require_safe(field: &str, number: u64) -> Result<(), ManifestError> {
    if number > MAX_SAFE_INTEGER {
        return Err(ManifestError::new(Rule::IntegerOutOfRange, field, number));
    }
    Ok(())
}

fn require_length(field: &str, length: usize, min: usize, max: usize) -> Result<(), ManifestError> {
    if length < min {
        return Err(ManifestError::new(Rule::ListEmpty, field, "an empty list"));
    }
    if length > max {
        return Err(ManifestError::new(
            Rule::ListTooLong,
            field,
            format!("more than {max} entries"),
        ));
    }
    Ok(())
}

fn require_distinct<T: Eq + Hash>(field: &str, entries: impl Iterator<Item = T>) -> Result<(), ManifestError> {
    let mut seen = HashSet::new();
    for (index, entry) in entries.enumerate() {
        if !seen.insert(entry) {
            return Err(ManifestError::new(
                Rule::Repeated,
                format!("{field}[{index}]"),
                "the same as an earlier one",
            ));
        }
    }
    Ok(())
}

/// The only version there is, [`VERSION`]; a field, so that documents have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

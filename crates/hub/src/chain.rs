//! The L2 as the hub sees it: blocks and the events of its registries.

mod l2;

use std::future::Future;

use alloy::primitives::{Address, B256};

pub use l2::L2;

/// Why the chain can't be read now. Holds no address of a node.
#[derive(Debug, thiserror::Error)]
pub enum ChainFailure {
    /// The node refuses: perhaps it finds a range too large.
    #[error("{doing}: {reason}")]
    Refused {
        /// What was asked.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// The node does not answer.
    #[error("{doing}: {reason}")]
    Node {
        /// What was asked.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// The chain says what can't be.
    #[error("{0}: l2.economy is of another deployment, or the node's answers are wrong")]
    Nonsense(&'static str),
}

/// A block by number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// What may become of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is offered.
    Active,
    /// Its creator has withdrawn it.
    Deprecated,
    /// Governance has.
    Blacklisted,
}

impl Standing {
    /// By the contract's number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Active),
            2 => Some(Self::Deprecated),
            3 => Some(Self::Blacklisted),
            _ => None,
        }
    }

    /// The contract's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Deprecated => 2,
            Self::Blacklisted => 3,
        }
    }
}

/// What a version of a work is, by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Digest of the encrypted file's CID; zero for none.
    pub content_id: B256,
    /// Hash of the manifest; zero for none.
    pub manifest_id: B256,
    /// The sketch; zero for none.
    pub fp_id: B256,
    /// SHA-256 of the descriptor; zero for none.
    pub fp_hash: B256,
    /// Bit mask of the tiers' access classes.
    pub access_classes: u64,
    /// Shares of the payees, ppm.
    pub shares_ppm: Vec<u64>,
}

/// An event of one of the registries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A work was registered.
    WorkRegistered {
        /// The work.
        work: B256,
        /// Its creator.
        creator: B256,
    },
    /// It has a version.
    VersionAdded {
        /// The work.
        work: B256,
        /// Number of the version, from 1.
        version: u32,
        /// First epoch in which it applies.
        from_epoch: u64,
        /// What it is.
        content: Content,
    },
    /// It has a price.
    TermsSet {
        /// The work.
        work: B256,
        /// First epoch in which it applies.
        from_epoch: u64,
        /// Micro-CLN.
        price_per_min: u64,
        /// Rule of the region table.
        region_rule: B256,
    },
    /// It stands otherwise.
    StatusSet {
        /// The work.
        work: B256,
        /// How.
        standing: Standing,
        /// Who said so.
        by: Address,
        /// Hash of the reason.
        reason: B256,
    },
    /// A creator registered.
    CreatorRegistered {
        /// The creator.
        creator: B256,
        /// Address of its key.
        key: Address,
        /// The public key's coordinates.
        x: B256,
        /// The public key's coordinates.
        y: B256,
    },
    /// A creator has a metadata pointer.
    MetadataAdded {
        /// The creator.
        creator: B256,
        /// Position in its list.
        position: u64,
        /// The pointer.
        metadata: B256,
    },
    /// A creator gave roles to an account, or took them.
    DelegateSet {
        /// The creator.
        creator: B256,
        /// The account.
        delegate: Address,
        /// Bit mask.
        roles: u32,
    },
    /// A region rule has a factor.
    RuleSet {
        /// The rule.
        rule: B256,
        /// First epoch in which it applies.
        from_epoch: u64,
        /// The factor.
        factor_ppm: u32,
    },
}

/// An event and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Number of the block.
    pub block: u64,
    /// Position in the block.
    pub log_index: u64,
    /// The event.
    pub event: Event,
}

/// What the hub asks of a chain.
pub trait Chain: Send + Sync + 'static {
    /// The newest block.
    fn head(&self) -> impl Future<Output = Result<BlockRef, ChainFailure>> + Send;

    /// Hash of a block; `None` where the chain is not that long.
    fn hash_of(&self, number: u64) -> impl Future<Output = Result<Option<B256>, ChainFailure>> + Send;

    /// The running epoch; 0 before the first.
    fn epoch(&self) -> impl Future<Output = Result<u64, ChainFailure>> + Send;

    /// The events of the blocks `from ..= to`, in their order.
    fn events(&self, from: u64, to: u64) -> impl Future<Output = Result<Vec<Located>, ChainFailure>> + Send;
}

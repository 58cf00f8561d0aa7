//! A chain in memory, works with manifests and descriptors, an empty store.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "only tests call it")]

mod synthetic;

use std::{convert::Infallible, sync::Arc};

use alloy::{
    primitives::{Address, B256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_fingerprint::{AudioDescriptor, Descriptor};
use cwe_manifest::{ContentId, CreatorId, Fragment, Manifest, ManifestBody, Tier, Version, WorkType};
use parking_lot::Mutex;

pub(crate) use synthetic::{excerpt, sound};

use crate::{
    chain::{BlockRef, Chain, ChainFailure, Content, Event, Located, Standing},
    store::{Read, Store},
};

/// What stores are about in tests.
pub(crate) const CHAIN: &str = "31337 0x08";
/// The running epoch.
pub(crate) const EPOCH: u64 = 5;

/// A region rule that the chain has.
pub(crate) fn rule() -> B256 {
    B256::right_padding_from(b"default")
}

/// An empty store.
pub(crate) async fn store(folder: &tempfile::TempDir) -> Store {
    let address = format!("sqlite:{}", folder.path().join("hub.db").display());
    Store::open(&address, CHAIN).await.unwrap()
}

/// A creator's key.
pub(crate) fn creator_key(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap()
}

/// The creator with a key.
pub(crate) fn creator_of(key: &PrivateKeySigner) -> B256 {
    CreatorId::of_key(key.credential().verifying_key()).0
}

/// A work with all that its creator hands over.
#[derive(Debug, Clone)]
pub(crate) struct TestWork {
    pub(crate) id: B256,
    pub(crate) creator: B256,
    pub(crate) sound: AudioDescriptor,
    pub(crate) manifest: Manifest,
}

impl TestWork {
    /// The work with a number, by creator 1.
    pub(crate) fn new(number: u8, title: &str, tags: &[&str]) -> Self {
        Self::signed_by(number, title, tags, &creator_key(1))
    }

    /// The same, signed by somebody.
    pub(crate) fn signed_by(number: u8, title: &str, tags: &[&str], signer: &PrivateKeySigner) -> Self {
        let (id, sound) = (B256::with_last_byte(number), sound(number.into()));
        let descriptor = Descriptor::Audio(sound.clone());
        let creator = creator_of(&creator_key(1));
        let piece = B256::repeat_byte(number);
        let body = ManifestBody {
            version: Version,
            work_id: id,
            content_id: ContentId::raw(piece),
            creator_id: CreatorId(creator),
            timestamp: 1_700_000_000,
            work_type: WorkType::Audio,
            title: title.into(),
            description: "recorded live in a kitchen".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            tier_requirements: vec![Tier::Audio],
            fingerprint: Some(descriptor.fp_hash().into()),
            fp_id: Some(descriptor.fp_id().0.into()),
            fragments: vec![Fragment {
                fragment_hash: piece,
                size: 524_288,
                order: 0,
            }],
            price_per_min: 1_500,
            region_rule: "default".into(),
            collaborators: Vec::new(),
        };
        let sign = |hash| Ok::<_, Infallible>(signer.sign_hash_sync(&hash).unwrap());
        Self {
            id,
            creator,
            sound,
            manifest: body.sign(sign).unwrap(),
        }
    }

    /// What the chain has of it.
    pub(crate) fn content(&self) -> Content {
        let body = self.manifest.body();
        Content {
            content_id: body.content_id.digest(),
            manifest_id: self.manifest.manifest_id(),
            fp_id: body.fp_id.unwrap(),
            fp_hash: body.fingerprint.unwrap(),
            access_classes: body.access_classes().0,
            shares_ppm: vec![1_000_000],
        }
    }

    /// The events of its registration.
    pub(crate) fn events(&self, from_epoch: u64) -> Vec<Event> {
        vec![
            Event::WorkRegistered {
                work: self.id,
                creator: self.creator,
            },
            Event::VersionAdded {
                work: self.id,
                version: 1,
                from_epoch,
                content: self.content(),
            },
            Event::TermsSet {
                work: self.id,
                from_epoch,
                price_per_min: 1_500,
                region_rule: rule(),
            },
        ]
    }

    /// Its descriptor, encoded.
    pub(crate) fn descriptor(&self) -> Vec<u8> {
        Descriptor::Audio(self.sound.clone()).encode()
    }
}

/// The event that blacklists a work.
pub(crate) fn status(work: B256, standing: Standing) -> Event {
    Event::StatusSet {
        work,
        standing,
        by: Address::repeat_byte(7),
        reason: B256::repeat_byte(8),
    }
}

/// Puts events of one block into a store, as the follower does.
pub(crate) async fn apply(store: &Store, block: u64, epoch: u64, events: Vec<Event>) {
    let located = events.into_iter().enumerate().map(|(index, event)| Located {
        block,
        log_index: index as u64,
        event,
    });
    let read = Read {
        events: located.collect(),
        tip: BlockRef {
            number: block,
            hash: B256::with_last_byte(block as u8),
        },
        epoch,
    };
    store.apply(&read).await.unwrap();
}

#[derive(Debug, Clone, Default)]
struct Block {
    hash: B256,
    events: Vec<Event>,
}

#[derive(Debug, Default)]
struct Blocks {
    blocks: Vec<Block>,
    epoch: u64,
    /// Ranges beyond this are refused.
    max_range: u64,
    asked: Vec<(u64, u64)>,
}

/// A chain in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeChain(Arc<Mutex<Blocks>>);

impl FakeChain {
    /// A chain with an empty first block.
    pub(crate) fn new() -> Self {
        let chain = Self::default();
        let mut blocks = chain.0.lock();
        blocks.epoch = EPOCH;
        blocks.max_range = u64::MAX;
        blocks.blocks.push(Block::default());
        drop(blocks);
        chain
    }

    /// Adds a block; `salt` tells it from others of its number.
    pub(crate) fn add(&self, salt: u8, events: Vec<Event>) {
        let mut blocks = self.0.lock();
        let number = blocks.blocks.len();
        let hash = keccak256([number as u8, (number >> 8) as u8, salt]);
        blocks.blocks.push(Block { hash, events });
    }

    /// Takes blocks from number `from` on away.
    pub(crate) fn cut(&self, from: usize) {
        self.0.lock().blocks.truncate(from);
    }

    /// Enters an epoch.
    pub(crate) fn enter(&self, epoch: u64) {
        self.0.lock().epoch = epoch;
    }

    /// Refuses larger ranges.
    pub(crate) fn refuse_above(&self, max_range: u64) {
        self.0.lock().max_range = max_range;
    }

    /// The ranges that were asked for.
    pub(crate) fn asked(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.0.lock().asked)
    }
}

impl Chain for FakeChain {
    async fn head(&self) -> Result<BlockRef, ChainFailure> {
        let blocks = self.0.lock();
        Ok(BlockRef {
            number: blocks.blocks.len() as u64 - 1,
            hash: blocks.blocks.last().unwrap().hash,
        })
    }

    async fn hash_of(&self, number: u64) -> Result<Option<B256>, ChainFailure> {
        Ok(self.0.lock().blocks.get(number as usize).map(|block| block.hash))
    }

    async fn epoch(&self) -> Result<u64, ChainFailure> {
        Ok(self.0.lock().epoch)
    }

    async fn events(&self, from: u64, to: u64) -> Result<Vec<Located>, ChainFailure> {
        let mut blocks = self.0.lock();
        blocks.asked.push((from, to));
        if to - from >= blocks.max_range {
            return Err(ChainFailure::Refused {
                doing: "asking",
                reason: "too many".into(),
            });
        }
        let numbered = blocks
            .blocks
            .iter()
            .enumerate()
            .skip(from as usize)
            .take((to - from + 1) as usize);
        let located = numbered.flat_map(|(number, block)| {
            block.events.iter().enumerate().map(move |(index, event)| Located {
                block: number as u64,
                log_index: index as u64,
                event: event.clone(),
            })
        });
        Ok(located.collect())
    }
}

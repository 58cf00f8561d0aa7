//! The L2 over JSON-RPC.

use alloy::{
    eips::BlockNumberOrTag,
    primitives::B256,
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
    transports::{RpcError, TransportErrorKind},
};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{CreatorRegistry, EpochClock, RegionRules, WorkRegistry, work_registry::WorkRegistry::Payee},
};
use cwe_service::node_failure;

use super::{BlockRef, Chain, ChainFailure, Content, Event, Located, Standing};

const READING_LOGS: &str = "reading the registries' events";
const READING_HEAD: &str = "reading the newest block";
const READING_BLOCK: &str = "reading a block";
const READING_EPOCH: &str = "reading the running epoch";

/// The economy on one L2.
#[derive(Debug, Clone)]
pub struct L2 {
    provider: DynProvider,
    addresses: EconomyAddresses,
}

impl L2 {
    /// The economy at `addresses` behind a node.
    pub const fn new(provider: DynProvider, addresses: EconomyAddresses) -> Self {
        Self { provider, addresses }
    }
}

impl Chain for L2 {
    async fn head(&self) -> Result<BlockRef, ChainFailure> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await;
        let block = block.map_err(|error| failure(READING_HEAD, &error))?;
        let header = block.ok_or(ChainFailure::Nonsense(READING_HEAD))?.header;
        Ok(BlockRef {
            number: header.number,
            hash: header.hash,
        })
    }

    async fn hash_of(&self, number: u64) -> Result<Option<B256>, ChainFailure> {
        let block = self.provider.get_block_by_number(number.into()).await;
        let block = block.map_err(|error| failure(READING_BLOCK, &error))?;
        Ok(block.map(|block| block.header.hash))
    }

    async fn epoch(&self) -> Result<u64, ChainFailure> {
        let clock = EpochClock::new(self.addresses.clock, &self.provider);
        match clock.currentEpoch().call().await {
            Ok(epoch) => Ok(epoch),
            Err(alloy::contract::Error::TransportError(error)) => match error.as_error_resp() {
                // Before the first epoch the clock reverts.
                Some(answer) if answer.as_revert_data().is_some() => Ok(0),
                _ => Err(failure(READING_EPOCH, &error)),
            },
            Err(_) => Err(ChainFailure::Nonsense(READING_EPOCH)),
        }
    }

    async fn events(&self, from: u64, to: u64) -> Result<Vec<Located>, ChainFailure> {
        let EconomyAddresses {
            registry,
            creators,
            regions,
            ..
        } = self.addresses;
        let filter = Filter::new()
            .address(vec![registry, creators, regions])
            .event_signature(vec![
                WorkRegistry::WorkRegistered::SIGNATURE_HASH,
                WorkRegistry::VersionAdded::SIGNATURE_HASH,
                WorkRegistry::TermsSet::SIGNATURE_HASH,
                WorkRegistry::StatusSet::SIGNATURE_HASH,
                CreatorRegistry::CreatorRegistered::SIGNATURE_HASH,
                CreatorRegistry::MetadataAdded::SIGNATURE_HASH,
                CreatorRegistry::DelegateSet::SIGNATURE_HASH,
                RegionRules::RuleSet::SIGNATURE_HASH,
            ])
            .from_block(from)
            .to_block(to);
        let logs = self.provider.get_logs(&filter).await;
        let logs = logs.map_err(|error| failure(READING_LOGS, &error))?;
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            let located = self.located(log).ok_or(ChainFailure::Nonsense(READING_LOGS))?;
            if (from..=to).contains(&located.block) {
                events.push(located);
            }
        }
        events.sort_by_key(|located| (located.block, located.log_index));
        Ok(events)
    }
}

impl L2 {
    fn located(&self, log: &Log) -> Option<Located> {
        let address = log.address();
        let event = if address == self.addresses.registry {
            work_event(log)
        } else if address == self.addresses.creators {
            creator_event(log)
        } else {
            rule_event(log)
        };
        Some(Located {
            block: log.block_number?,
            log_index: log.log_index?,
            event: event?,
        })
    }
}

fn work_event(log: &Log) -> Option<Event> {
    use WorkRegistry::{StatusSet, TermsSet, VersionAdded, WorkRegistered};
    Some(match *log.topic0()? {
        WorkRegistered::SIGNATURE_HASH => {
            let event = decode::<WorkRegistered>(log)?;
            Event::WorkRegistered {
                work: event.workId,
                creator: event.creatorId,
            }
        }
        VersionAdded::SIGNATURE_HASH => {
            let event = decode::<VersionAdded>(log)?;
            let content = event.content;
            Event::VersionAdded {
                work: event.workId,
                version: event.version,
                from_epoch: event.fromEpoch,
                content: Content {
                    content_id: content.contentId,
                    manifest_id: content.manifestId,
                    fp_id: content.fpId,
                    fp_hash: content.fpHash,
                    access_classes: content.accessClasses.to(),
                    shares_ppm: shares(&event.payees)?,
                },
            }
        }
        TermsSet::SIGNATURE_HASH => {
            let event = decode::<TermsSet>(log)?;
            Event::TermsSet {
                work: event.workId,
                from_epoch: event.fromEpoch,
                price_per_min: event.pricePerMin,
                region_rule: event.regionRule,
            }
        }
        StatusSet::SIGNATURE_HASH => {
            let event = decode::<StatusSet>(log)?;
            Event::StatusSet {
                work: event.workId,
                standing: Standing::from_number(event.status)?,
                by: event.by,
                reason: event.reason,
            }
        }
        _ => return None,
    })
}

/// Shares add up to a million.
fn shares(payees: &[Payee]) -> Option<Vec<u64>> {
    payees.iter().map(|payee| payee.share.try_into().ok()).collect()
}

fn creator_event(log: &Log) -> Option<Event> {
    use CreatorRegistry::{CreatorRegistered, DelegateSet, MetadataAdded};
    Some(match *log.topic0()? {
        CreatorRegistered::SIGNATURE_HASH => {
            let event = decode::<CreatorRegistered>(log)?;
            Event::CreatorRegistered {
                creator: event.creatorId,
                key: event.key,
                x: event.x,
                y: event.y,
            }
        }
        MetadataAdded::SIGNATURE_HASH => {
            let event = decode::<MetadataAdded>(log)?;
            Event::MetadataAdded {
                creator: event.creatorId,
                position: event.index.try_into().ok()?,
                metadata: event.metadata,
            }
        }
        DelegateSet::SIGNATURE_HASH => {
            let event = decode::<DelegateSet>(log)?;
            Event::DelegateSet {
                creator: event.creatorId,
                delegate: event.delegate,
                roles: event.roles,
            }
        }
        _ => return None,
    })
}

fn rule_event(log: &Log) -> Option<Event> {
    let event = decode::<RegionRules::RuleSet>(log)?;
    Some(Event::RuleSet {
        rule: event.rule,
        from_epoch: event.fromEpoch,
        factor_ppm: event.factorPpm,
    })
}

fn decode<E: SolEvent>(log: &Log) -> Option<E> {
    log.log_decode::<E>().ok().map(|log| log.inner.data)
}

fn failure(doing: &'static str, error: &RpcError<TransportErrorKind>) -> ChainFailure {
    let reason = node_failure(error);
    match error {
        RpcError::ErrorResp(_) => ChainFailure::Refused { doing, reason },
        _ => ChainFailure::Node { doing, reason },
    }
}

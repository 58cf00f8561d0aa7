//! Reading blocks and states by what callers name them with: tags, numbers, hashes.

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{Header, transaction::Recovered},
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Sealed, U256},
};
use cwe_chain::{PendingBlock, PendingTransaction};
use cwe_executor::BlockContext;
use cwe_primitives::{Account, TxEnvelope};
use cwe_storage::{Snapshot, StorageError};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use crate::{
    api::Api,
    error::RpcError,
    types::{Position, block::BlockView},
};

/// State after a sealed block, or after the last transaction of the open one.
#[derive(Clone)]
pub(crate) enum State {
    /// The open block.
    Open(Arc<PendingBlock>),
    /// A sealed block.
    Sealed(Arc<Snapshot>),
}

/// A state and the block it is of.
#[derive(Clone)]
pub(crate) struct StateAt {
    /// The state.
    pub(crate) state: State,
    /// The block: what calls see as their own.
    pub(crate) context: BlockContext,
}

/// A transaction and where it was found.
pub(crate) enum Found {
    /// In the open block.
    Open(Arc<PendingBlock>, Arc<PendingTransaction>),
    /// In a sealed block, at this position.
    Sealed(Arc<BlockView>, usize),
}

impl State {
    /// An account; `None` if it is not in the state.
    pub(crate) fn account(&self, address: Address) -> Result<Option<Account>, StorageError> {
        match self {
            Self::Open(block) => block.account(address),
            Self::Sealed(snapshot) => snapshot.account(address),
        }
    }

    /// The sealed state here or below.
    pub(crate) fn sealed(&self) -> &Arc<Snapshot> {
        match self {
            Self::Open(block) => block.parent_state(),
            Self::Sealed(snapshot) => snapshot,
        }
    }
}

impl DatabaseRef for State {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StorageError> {
        match self {
            Self::Open(block) => block.basic_ref(address),
            Self::Sealed(snapshot) => snapshot.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StorageError> {
        match self {
            Self::Open(block) => block.code_by_hash_ref(code_hash),
            Self::Sealed(snapshot) => snapshot.code_by_hash_ref(code_hash),
        }
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        match self {
            Self::Open(block) => block.storage_ref(address, slot),
            Self::Sealed(snapshot) => snapshot.storage_ref(address, slot),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StorageError> {
        match self {
            Self::Open(block) => block.block_hash_ref(number),
            Self::Sealed(snapshot) => snapshot.block_hash_ref(number),
        }
    }
}

impl Position {
    /// Where a transaction of the open block is.
    pub(crate) fn open(block: &PendingBlock, transaction: &PendingTransaction) -> Self {
        Self {
            block_hash: B256::ZERO,
            block_number: block.number(),
            timestamp: block.context().timestamp,
            base_fee: block.context().base_fee,
            index: transaction.index,
        }
    }
}

/// What a call on the open block sees. As long as it is empty its time is now: its first transaction gives it the time
/// of its arrival, and on a quiet chain the block may have been opened long before.
fn open_context(block: &PendingBlock) -> BlockContext {
    let mut context = *block.context();
    if block.is_empty() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        context.timestamp = context.timestamp.max(now.as_secs());
    }
    context
}

fn header_not_found(what: impl std::fmt::Display) -> RpcError {
    RpcError::NotFound(format!("header not found: {what}"))
}

impl Api {
    /// A sealed state that knows the blocks up to `number`, if there are so many: the one below the open block where
    /// that is enough, because opening one costs more than a read.
    fn state_with(&self, number: u64) -> Result<Arc<Snapshot>, RpcError> {
        match self.chain.pending() {
            Some(block) if block.parent_state().latest_number() >= number => Ok(block.parent_state().clone()),
            _ => Ok(Arc::new(self.chain.db().latest()?)),
        }
    }

    /// Number of the sealed block that a tag names; `pending` names the newest.
    pub(crate) fn sealed_number(&self, tag: BlockNumberOrTag) -> u64 {
        let heads = self.chain.heads();
        match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.latest,
            BlockNumberOrTag::Safe => heads.safe,
            BlockNumberOrTag::Finalized => heads.finalized,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Number(number) => number,
        }
    }

    /// Number of the sealed block that an id names.
    pub(crate) fn sealed_number_of(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        match id {
            BlockId::Number(tag) => Ok(Some(self.sealed_number(tag))),
            BlockId::Hash(hash) => {
                let number = self.state_with(0)?.block_number(hash.block_hash)?;
                // The block may be newer than the state that was at hand.
                number.map_or_else(
                    || Ok(self.chain.db().latest()?.block_number(hash.block_hash)?),
                    |found| Ok(Some(found)),
                )
            }
        }
    }

    /// The state that an id names.
    pub(crate) fn state_at(&self, id: BlockId) -> Result<StateAt, RpcError> {
        if let Some(block) = self.open_block_of(id) {
            return Ok(StateAt {
                context: open_context(&block),
                state: State::Open(block),
            });
        }
        let number = self.sealed_number_of(id)?.ok_or_else(|| header_not_found(id))?;
        self.sealed_state(number)
    }

    /// The open block, if an id means its state.
    fn open_block_of(&self, id: BlockId) -> Option<Arc<PendingBlock>> {
        let block = self.chain.pending()?;
        let BlockId::Number(tag) = id else { return None };
        let open = match tag {
            BlockNumberOrTag::Pending => true,
            BlockNumberOrTag::Latest => self.config.latest_reads_open_block,
            // Who holds a receipt of the open block knows this number.
            BlockNumberOrTag::Number(number) => number == block.number(),
            _ => false,
        };
        open.then_some(block)
    }

    /// The state after a sealed block.
    pub(crate) fn sealed_state(&self, number: u64) -> Result<StateAt, RpcError> {
        let newest = self.state_with(number)?;
        let snapshot = match newest.number().cmp(&number) {
            Ordering::Equal => newest,
            Ordering::Less => return Err(header_not_found(format_args!("block {number} is not there yet"))),
            Ordering::Greater => Arc::new(self.chain.db().at(number)?),
        };
        Ok(StateAt {
            context: BlockContext::of(snapshot.head()),
            state: State::Sealed(snapshot),
        })
    }

    /// A sealed block by number.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<BlockView>>, RpcError> {
        let snapshot = self.state_with(number)?;
        let Some(header) = snapshot.header(number)? else {
            return Ok(None);
        };
        if let Some(block) = self.blocks.get(number, header.seal()) {
            return Ok(Some(block));
        }
        let Some(view) = read_block(&snapshot, header)? else {
            return Ok(None);
        };
        let view = Arc::new(view);
        self.blocks.insert(view.clone());
        Ok(Some(view))
    }

    /// The block that an id names; the open one for `pending`, if there is one.
    pub(crate) fn block_of(&self, id: BlockId) -> Result<Option<Arc<BlockView>>, RpcError> {
        if id == BlockId::pending()
            && let Some(block) = self.chain.pending()
        {
            return Ok(Some(Arc::new(BlockView::open(&block))));
        }
        match self.sealed_number_of(id)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// Header and hash of a sealed block.
    pub(crate) fn header(&self, number: u64) -> Result<Option<(Header, B256)>, RpcError> {
        Ok(self.state_with(number)?.header(number)?.map(Sealed::into_parts))
    }

    /// A transaction that was executed.
    pub(crate) fn find(&self, hash: B256) -> Result<Option<Found>, RpcError> {
        match self.chain.find(hash)? {
            None => Ok(None),
            Some(inclusion) => self.found(inclusion),
        }
    }

    /// The transaction that the chain says is somewhere.
    pub(crate) fn found(&self, inclusion: cwe_chain::handle::Inclusion) -> Result<Option<Found>, RpcError> {
        match inclusion {
            cwe_chain::handle::Inclusion::Pending { block, transaction } => Ok(Some(Found::Open(block, transaction))),
            cwe_chain::handle::Inclusion::Sealed { block_number, index } => {
                let block = self.block(block_number)?;
                Ok(block.map(|block| Found::Sealed(block, usize::try_from(index).unwrap_or(usize::MAX))))
            }
        }
    }
}

fn read_block(snapshot: &Snapshot, header: Sealed<Header>) -> Result<Option<BlockView>, RpcError> {
    let number = header.number;
    let Some(body) = snapshot.body(number)? else {
        return Ok(None);
    };
    let senders = snapshot.senders(number)?.unwrap_or_default();
    let receipts = snapshot.receipts(number)?.unwrap_or_default();
    if senders.len() != body.transactions.len() || receipts.len() != body.transactions.len() {
        return Err(RpcError::internal(format_args!(
            "block {number} lacks senders or receipts in the database"
        )));
    }
    let transactions: Vec<Recovered<TxEnvelope>> = body
        .transactions
        .into_iter()
        .zip(senders)
        .map(|(tx, sender)| Recovered::new_unchecked(tx, sender))
        .collect();
    let (header, hash) = header.into_parts();
    Ok(Some(BlockView {
        hash,
        header,
        transactions,
        receipts,
    }))
}

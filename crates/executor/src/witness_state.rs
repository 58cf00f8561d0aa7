//! The state behind a witness.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cell::RefCell;

use alloy_consensus::{Header, proofs::ordered_trie_root_with_encoder};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256, map::B256Map};
use cwe_primitives::{ChainSpec, QueueHash};
use cwe_trie::{SparseState, WitnessNodes};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use crate::{
    error::BlockError,
    seal::{SealedBlock, final_header},
    state::account_info,
    transition::{BlockInput, Parent, run_block},
    witness::{MAX_WITNESS_HEADERS, Witness, WitnessError},
};

/// State read through the trie nodes of a witness, block after block.
///
/// Everything is bound to the parent's hash: older headers by their hashes, nodes by the state root, codes by the code
/// hashes in the nodes. Whoever trusts that hash trusts what execution on this state finds. A part that is missing is an
/// error when it is asked for, never a guess.
#[derive(Debug, Clone)]
pub struct WitnessState {
    parent: Header,
    parent_hash: B256,
    /// Reading decodes nodes, which are kept.
    tries: RefCell<SparseState>,
    codes: B256Map<Bytes>,
    block_hashes: BTreeMap<u64, B256>,
}

impl WitnessState {
    /// Checks a witness's headers and files its nodes and codes by their hashes.
    ///
    /// # Errors
    /// No parent, too many headers, or headers that are no chain.
    pub fn new(witness: Witness) -> Result<Self, WitnessError> {
        let count = witness.headers.len();
        if count > MAX_WITNESS_HEADERS {
            return Err(WitnessError::HeaderCount(count));
        }
        let mut block_hashes = BTreeMap::new();
        let mut last: Option<(Header, B256)> = None;
        for header in witness.headers {
            if let Some((before, hash)) = &last
                && (header.parent_hash != *hash || before.number.checked_add(1) != Some(header.number))
            {
                return Err(WitnessError::BrokenHeaderChain { number: header.number });
            }
            let hash = header.hash_slow();
            block_hashes.insert(header.number, hash);
            last = Some((header, hash));
        }
        let (parent, parent_hash) = last.ok_or(WitnessError::HeaderCount(0))?;
        let tries = SparseState::new(WitnessNodes::new(witness.nodes), parent.state_root);
        Ok(Self {
            parent,
            parent_hash,
            tries: RefCell::new(tries),
            codes: witness.codes.into_iter().map(|code| (keccak256(&code), code)).collect(),
            block_hashes,
        })
    }

    /// The block that this is the state after.
    pub const fn parent(&self) -> &Header {
        &self.parent
    }

    /// Its hash.
    pub const fn parent_hash(&self) -> B256 {
        self.parent_hash
    }

    /// Executes the next block and goes on to the state after it; `queue` is the L1 queue before it.
    ///
    /// # Errors
    /// As [`execute_block`](crate::execute_block). The state is then of no use any more.
    pub fn execute(
        &mut self,
        spec: &ChainSpec,
        queue: QueueHash,
        input: BlockInput,
    ) -> Result<SealedBlock, BlockError<WitnessError>> {
        let parent = Parent {
            header: self.parent.clone(),
            hash: self.parent_hash,
            queue,
        };
        let (outcome, transactions, after) = run_block(spec, &parent, input, &*self)?;
        let state_root = self
            .tries
            .borrow_mut()
            .update(after.changed())
            .map_err(|error| BlockError::Database(error.into()))?;
        let codes: Vec<_> = after.new_codes().collect();
        let transactions_root = ordered_trie_root_with_encoder(&transactions, |tx, out| tx.inner().encode_2718(out));
        let header = final_header(&outcome, transactions_root, state_root);
        let hash = header.hash_slow();
        self.codes.extend(codes);
        self.block_hashes.insert(header.number, hash);
        self.parent = header.clone();
        self.parent_hash = hash;
        Ok(SealedBlock {
            header,
            hash,
            queue: outcome.queue,
            withdrawal_root: outcome.withdrawal_root,
        })
    }
}

impl DatabaseRef for WitnessState {
    type Error = WitnessError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let leaf = self.tries.borrow_mut().account(address)?;
        Ok(leaf.map(|leaf| account_info(leaf.account)))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        let code = self
            .codes
            .get(&code_hash)
            .cloned()
            .ok_or(WitnessError::MissingCode(code_hash))?;
        Bytecode::new_raw_checked(code).map_err(|_| WitnessError::BadCode(code_hash))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        Ok(self.tries.borrow_mut().slot(address, index)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.block_hashes
            .get(&number)
            .copied()
            .ok_or(WitnessError::MissingHeader(number))
    }
}

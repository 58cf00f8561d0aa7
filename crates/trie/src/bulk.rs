//! Whole states, built from sorted accounts without holding them.

use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use cwe_primitives::Account;

use crate::AccountLeaf;
use crate::builder::Builder;
use crate::writer::{Item, NodeWriter};

/// Why a state can't be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BulkError<E: core::error::Error + 'static> {
    /// Accounts, or slots of one account, must come sorted by hash and each once.
    #[error("{key} can't follow {previous}: hashed keys must ascend")]
    Unsorted {
        /// The key before.
        previous: B256,
        /// The key that isn't greater.
        key: B256,
    },
    /// The receiver of the nodes failed.
    #[error("can't store a trie node: {0}")]
    Emit(#[source] E),
}

/// Computes a state root from accounts sorted by hashed address, handing every node out as soon as it is final.
///
/// Holds one path of the account trie and one of a storage trie, whatever the size of the state. Nodes come children
/// first. For genesis and bulk loads; blocks go through [`update_state`](crate::update_state).
///
/// ```
/// use alloy_primitives::{B256, U256};
/// use cwe_primitives::Account;
/// use cwe_trie::{BulkError, StateRootBuilder};
///
/// let mut nodes = 0;
/// let mut builder = StateRootBuilder::new(|_owner, _path, _rlp| {
///     nodes += 1;
///     Ok::<(), core::convert::Infallible>(())
/// });
/// let slots = [(B256::repeat_byte(1), U256::from(7))];
/// builder.account(B256::repeat_byte(0xaa), &Account::default(), slots)?;
/// builder.account(B256::repeat_byte(0xbb), &Account::default(), [])?;
/// let root = builder.finish()?;
/// assert_eq!(nodes, 4);
/// # Ok::<(), BulkError<core::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct StateRootBuilder<F> {
    emit: F,
    accounts: SortedLeaves,
    out: NodeWriter,
}

impl<F, E> StateRootBuilder<F>
where
    F: FnMut(Option<B256>, Nibbles, Bytes) -> Result<(), E>,
    E: core::error::Error + 'static,
{
    /// `emit` gets each node: owner (`None` in the account trie), path, RLP.
    pub fn new(emit: F) -> Self {
        Self {
            emit,
            accounts: SortedLeaves::default(),
            out: NodeWriter::keeping(),
        }
    }

    /// Adds an account with its storage (hashed slot, value; zeros are skipped) and returns its storage root.
    ///
    /// # Errors
    /// [`BulkError::Unsorted`], or what `emit` returns. The builder is of no use afterwards.
    pub fn account(
        &mut self,
        owner: B256,
        account: &Account,
        storage: impl IntoIterator<Item = (B256, U256)>,
    ) -> Result<B256, BulkError<E>> {
        let mut slots = SortedLeaves::default();
        for (slot, value) in storage.into_iter().filter(|(_, value)| !value.is_zero()) {
            slots.push(slot, alloy_rlp::encode(value), &mut self.out)?;
            self.hand_out(Some(owner))?;
        }
        let storage_root = slots.finish(&mut self.out);
        self.hand_out(Some(owner))?;

        let leaf = AccountLeaf {
            account: *account,
            storage_root,
        };
        self.accounts.push(owner, leaf.encode(), &mut self.out)?;
        self.hand_out(None)?;
        Ok(storage_root)
    }

    /// Closes the account trie and returns the state root.
    ///
    /// # Errors
    /// What `emit` returns.
    pub fn finish(mut self) -> Result<B256, BulkError<E>> {
        let accounts = core::mem::take(&mut self.accounts);
        let root = accounts.finish(&mut self.out);
        self.hand_out(None)?;
        Ok(root)
    }

    fn hand_out(&mut self, owner: Option<B256>) -> Result<(), BulkError<E>> {
        self.out
            .drain()
            .try_for_each(|(path, rlp)| (self.emit)(owner, path, rlp))
            .map_err(BulkError::Emit)
    }
}

#[derive(Debug, Default)]
struct SortedLeaves {
    builder: Builder,
    previous: Option<B256>,
}

impl SortedLeaves {
    fn push<E: core::error::Error>(
        &mut self,
        key: B256,
        value: alloc::vec::Vec<u8>,
        out: &mut NodeWriter,
    ) -> Result<(), BulkError<E>> {
        if let Some(previous) = self.previous.replace(key).filter(|previous| *previous >= key) {
            return Err(BulkError::Unsorted { previous, key });
        }
        self.builder.push(
            Item::Leaf {
                key: Nibbles::unpack_array(&key.0),
                value,
            },
            out,
        );
        Ok(())
    }

    fn finish(self, out: &mut NodeWriter) -> B256 {
        self.builder
            .finish(out)
            .map_or(EMPTY_ROOT_HASH, |item| out.place_root(item))
    }
}

//! State in the open block: what its transactions read and wrote, over the state after the parent.

use alloc::vec::Vec;

use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap, U256Map},
};
use cwe_primitives::{Account, AccountChange, SlotChange, StateChanges};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account as EvmAccount, AccountInfo, EvmState},
};

/// What one transaction changed; addresses and slots ascend, and only real differences are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TxChanges {
    /// Changed accounts.
    pub accounts: Vec<(Address, TxAccountChange)>,
}

/// An account after a transaction that changed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TxAccountChange {
    /// The account; `None` if it is gone.
    pub account: Option<Account>,
    /// Changed slots and their values; zero is absence.
    pub slots: Vec<(U256, U256)>,
    /// The code, if the transaction set it; its hash is in `account`.
    pub code: Option<Bytecode>,
}

/// Accounts, slots and codes as the open block sees them. Remembers what it read, so that the database is asked once.
#[derive(Debug)]
pub struct BlockState<DB> {
    db: DB,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    block_hashes: HashMap<u64, B256>,
}

#[derive(Debug, Default)]
struct Entry {
    previous: Option<Account>,
    current: Option<Account>,
    slots: U256Map<SlotChange>,
}

impl<DB: DatabaseRef> BlockState<DB> {
    /// State over `db`, nothing changed yet.
    pub fn new(db: DB) -> Self {
        Self {
            db,
            accounts: Default::default(),
            codes: Default::default(),
            block_hashes: Default::default(),
        }
    }

    /// The state after the parent.
    pub const fn db(&self) -> &DB {
        &self.db
    }

    /// Gives the state after the parent back.
    pub fn into_db(self) -> DB {
        self.db
    }

    /// An account as it is now.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn account(&mut self, address: Address) -> Result<Option<Account>, DB::Error> {
        Ok(self.entry(address)?.current)
    }

    /// Answers for a block hash without asking the database: the parent's is known before it is stored.
    pub(crate) fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// Takes over the accounts that one transaction touched.
    pub fn commit(&mut self, state: EvmState) -> TxChanges {
        let mut accounts: Vec<_> = state
            .into_iter()
            .filter(|(_, account)| account.is_touched())
            .filter_map(|(address, account)| Some((address, self.commit_account(address, account)?)))
            .collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        TxChanges { accounts }
    }

    /// Everything that differs from the state after the parent.
    pub fn changes(&self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, entry) in &self.accounts {
            let storage = entry
                .slots
                .iter()
                .filter(|(_, slot)| slot.previous != slot.current)
                .map(|(key, slot)| (*key, *slot))
                .collect();
            let change = AccountChange {
                previous: entry.previous,
                current: entry.current,
                storage,
            };
            if change.previous == change.current && change.storage.is_empty() {
                continue;
            }
            if let Some((hash, code)) = self.new_code(&change) {
                changes.codes.insert(hash, code.original_bytes());
            }
            changes.accounts.insert(*address, change);
        }
        changes
    }

    fn new_code(&self, change: &AccountChange) -> Option<(B256, &Bytecode)> {
        let hash = change.current?.code_hash;
        let same = change.previous.is_some_and(|previous| previous.code_hash == hash);
        if same || hash == KECCAK256_EMPTY {
            return None;
        }
        self.codes.get(&hash).map(|code| (hash, code))
    }

    fn commit_account(&mut self, address: Address, account: EvmAccount) -> Option<TxAccountChange> {
        // The EVM loads an account before it touches it, so the entry is there.
        let entry = self.accounts.entry(address).or_default();
        let current = if account.is_selfdestructed() {
            None
        } else {
            non_empty(&account.info)
        };
        let mut slots: Vec<_> = if account.is_selfdestructed() {
            // Only an account created in the same transaction is destroyed: all its slots were zero before.
            Vec::new()
        } else {
            account
                .changed_storage_slots()
                .map(|(key, slot)| (*key, slot.present_value()))
                .collect()
        };
        slots.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in &slots {
            let original = account
                .storage
                .get(key)
                .map(|slot| slot.original_value())
                .unwrap_or_default();
            entry
                .slots
                .entry(*key)
                .or_insert(SlotChange {
                    previous: original,
                    current: original,
                })
                .current = *value;
        }

        let before = core::mem::replace(&mut entry.current, current);
        let code = current
            .filter(|now| before.is_none_or(|before| before.code_hash != now.code_hash))
            .and_then(|now| {
                let code = account.info.code.filter(|code| !code.is_empty())?;
                self.codes.insert(now.code_hash, code.clone());
                Some(code)
            });
        (before != current || !slots.is_empty()).then_some(TxAccountChange {
            account: current,
            slots,
            code,
        })
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, DB::Error> {
        use alloy_primitives::map::Entry as MapEntry;

        match self.accounts.entry(address) {
            MapEntry::Occupied(entry) => Ok(entry.into_mut()),
            MapEntry::Vacant(vacant) => {
                let mut info = self.db.basic_ref(address)?;
                if let Some((hash, code)) = info.as_mut().and_then(|info| Some((info.code_hash, info.code.take()?))) {
                    self.codes.entry(hash).or_insert(code);
                }
                let account = info.as_ref().and_then(non_empty);
                Ok(vacant.insert(Entry {
                    previous: account,
                    current: account,
                    ..Entry::default()
                }))
            }
        }
    }
}

/// The account in the state, which holds no empty ones (EIP-161).
fn non_empty(info: &AccountInfo) -> Option<Account> {
    let code_hash = if info.code_hash.is_zero() {
        KECCAK256_EMPTY
    } else {
        info.code_hash
    };
    let account = Account {
        nonce: info.nonce,
        balance: info.balance,
        code_hash,
    };
    (!account.is_empty()).then_some(account)
}

/// An account as revm takes it; the code is asked for by its hash when it is needed.
pub(crate) fn account_info(account: Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

impl<DB: DatabaseRef> Database for BlockState<DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.entry(address)?.current.map(account_info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = self.db.code_by_hash_ref(code_hash)?;
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Self::Error> {
        let entry = self.entry(address)?;
        if let Some(slot) = entry.slots.get(&index) {
            return Ok(slot.current);
        }
        if entry.previous.is_none() {
            return Ok(U256::ZERO);
        }
        let value = self.db.storage_ref(address, index)?;
        self.entry(address)?.slots.insert(
            index,
            SlotChange {
                previous: value,
                current: value,
            },
        );
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        if let Some(hash) = self.block_hashes.get(&number) {
            return Ok(*hash);
        }
        let hash = self.db.block_hash_ref(number)?;
        self.block_hashes.insert(number, hash);
        Ok(hash)
    }
}

impl<DB: DatabaseRef> DatabaseRef for BlockState<DB> {
    type Error = DB::Error;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        match self.accounts.get(&address) {
            Some(entry) => Ok(entry.current.map(account_info)),
            None => self.db.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        self.codes
            .get(&code_hash)
            .map_or_else(|| self.db.code_by_hash_ref(code_hash), |code| Ok(code.clone()))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        match self.accounts.get(&address) {
            Some(entry) => match entry.slots.get(&index) {
                Some(slot) => Ok(slot.current),
                None if entry.previous.is_none() => Ok(U256::ZERO),
                None => self.db.storage_ref(address, index),
            },
            None => self.db.storage_ref(address, index),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.block_hashes
            .get(&number)
            .map_or_else(|| self.db.block_hash_ref(number), |hash| Ok(*hash))
    }
}

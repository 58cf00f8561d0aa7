//! State in the open block: what its transactions read and wrote, over the state after the parent.

use alloc::vec::Vec;

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, Entry as MapEntry, HashMap, U256Map},
};
use cwe_primitives::{Account, AccountChange, SlotChange, StateChanges};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account as EvmAccount, AccountInfo, EvmState, EvmStorageSlot},
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
        Ok(entry(&self.db, &mut self.accounts, &mut self.codes, address)?.current)
    }

    /// Answers for a block hash without asking the database: the parent's is known before it is stored.
    pub(crate) fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// Takes over the accounts that one transaction touched, and tells what changed.
    pub fn commit(&mut self, state: EvmState) -> TxChanges {
        let mut accounts: Vec<_> = state
            .into_iter()
            .filter(|(_, account)| account.is_touched())
            .filter_map(|(address, account)| {
                let before = self.take_over_account(address, &account);
                Some((address, TxAccountChange::new(before, &account)?))
            })
            .collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        TxChanges { accounts }
    }

    /// Takes over the accounts that one transaction touched.
    pub(crate) fn take_over(&mut self, state: EvmState) {
        for (address, account) in state.iter().filter(|(_, account)| account.is_touched()) {
            self.take_over_account(*address, account);
        }
    }

    /// Everything that differs from the state after the parent.
    pub fn changes(&self) -> StateChanges {
        let mut changes = StateChanges {
            codes: self.new_codes().collect(),
            ..StateChanges::default()
        };
        for (address, entry) in self.changed_entries() {
            let change = AccountChange {
                previous: entry.previous,
                current: entry.current,
                storage: entry.changed_slots().map(|(key, slot)| (*key, *slot)).collect(),
            };
            changes.accounts.insert(*address, change);
        }
        changes
    }

    /// [`Self::changes`] without what was before, in no order: accounts, and slots with their values.
    pub(crate) fn changed(
        &self,
    ) -> impl Iterator<Item = (Address, Option<Account>, impl Iterator<Item = (U256, U256)> + Clone)> {
        self.changed_entries().map(|(address, entry)| {
            let slots = entry.changed_slots().map(|(key, slot)| (*key, slot.current));
            (*address, entry.current, slots)
        })
    }

    /// Codes that accounts have now and had not after the parent, by hash.
    pub(crate) fn new_codes(&self) -> impl Iterator<Item = (B256, Bytes)> {
        self.changed_entries()
            .filter_map(|(_, entry)| self.new_code(entry))
            .map(|(hash, code)| (hash, code.original_bytes()))
    }

    fn changed_entries(&self) -> impl Iterator<Item = (&Address, &Entry)> {
        self.accounts
            .iter()
            .filter(|(_, entry)| entry.previous != entry.current || entry.changed_slots().next().is_some())
    }

    fn new_code(&self, entry: &Entry) -> Option<(B256, &Bytecode)> {
        let hash = entry.current?.code_hash;
        let same = entry.previous.is_some_and(|previous| previous.code_hash == hash);
        if same || hash == KECCAK256_EMPTY {
            return None;
        }
        self.codes.get(&hash).map(|code| (hash, code))
    }

    /// Takes over an account and returns what it was before.
    fn take_over_account(&mut self, address: Address, account: &EvmAccount) -> Option<Account> {
        // The EVM loads an account before it touches it, so the entry is there.
        let entry = self.accounts.entry(address).or_default();
        for (key, slot) in changed_slots(account) {
            entry
                .slots
                .entry(*key)
                .or_insert(SlotChange {
                    previous: slot.original_value(),
                    current: slot.original_value(),
                })
                .current = slot.present_value();
        }
        let current = account_after(account);
        let before = core::mem::replace(&mut entry.current, current);
        if let Some((hash, code)) = code_set(before, current, account) {
            self.codes.insert(hash, code.clone());
        }
        before
    }
}

impl Entry {
    fn changed_slots(&self) -> impl Iterator<Item = (&U256, &SlotChange)> + Clone {
        self.slots.iter().filter(|(_, slot)| slot.previous != slot.current)
    }
}

impl TxAccountChange {
    /// What a transaction made of an account; `None` if it is as before.
    fn new(before: Option<Account>, account: &EvmAccount) -> Option<Self> {
        let current = account_after(account);
        let mut slots: Vec<_> = changed_slots(account)
            .map(|(key, slot)| (*key, slot.present_value()))
            .collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        (before != current || !slots.is_empty()).then(|| Self {
            account: current,
            slots,
            code: code_set(before, current, account).map(|(_, code)| code.clone()),
        })
    }
}

/// An account after its transaction.
fn account_after(account: &EvmAccount) -> Option<Account> {
    if account.is_selfdestructed() {
        return None;
    }
    non_empty(&account.info)
}

/// Slots that a transaction changed. Only an account created in the same transaction is destroyed: all its slots were
/// zero before.
fn changed_slots(account: &EvmAccount) -> impl Iterator<Item = (&U256, &EvmStorageSlot)> {
    let is_there = !account.is_selfdestructed();
    account.changed_storage_slots().filter(move |_| is_there)
}

/// The code that a transaction gave to an account.
fn code_set(before: Option<Account>, current: Option<Account>, account: &EvmAccount) -> Option<(B256, &Bytecode)> {
    let hash = current?.code_hash;
    if before.is_some_and(|before| before.code_hash == hash) {
        return None;
    }
    let code = account.info.code.as_ref().filter(|code| !code.is_empty())?;
    Some((hash, code))
}

/// The entry of an account, read if it is not there yet.
fn entry<'a, DB: DatabaseRef>(
    db: &DB,
    accounts: &'a mut AddressMap<Entry>,
    codes: &mut B256Map<Bytecode>,
    address: Address,
) -> Result<&'a mut Entry, DB::Error> {
    match accounts.entry(address) {
        MapEntry::Occupied(entry) => Ok(entry.into_mut()),
        MapEntry::Vacant(vacant) => {
            let mut info = db.basic_ref(address)?;
            if let Some((hash, code)) = info.as_mut().and_then(|info| Some((info.code_hash, info.code.take()?))) {
                codes.entry(hash).or_insert(code);
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
        Ok(self.account(address)?.map(account_info))
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
        let entry = entry(&self.db, &mut self.accounts, &mut self.codes, address)?;
        match entry.slots.entry(index) {
            MapEntry::Occupied(slot) => Ok(slot.get().current),
            MapEntry::Vacant(_) if entry.previous.is_none() => Ok(U256::ZERO),
            MapEntry::Vacant(vacant) => {
                let value = self.db.storage_ref(address, index)?;
                vacant.insert(SlotChange {
                    previous: value,
                    current: value,
                });
                Ok(value)
            }
        }
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

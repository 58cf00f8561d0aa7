//! A chain of made-up blocks beside a model of its state in memory.

use std::{collections::BTreeMap, path::Path, time::Duration};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use cwe_executor::StateBackend;
use cwe_primitives::{
    Account, AccountChange, Block, BlockBody, ChainSpec, L1Message, QueueHash, Receipt, SlotChange, StateChanges,
    TxEnvelope, TxType, Withdrawal,
};
use cwe_trie::{EMPTY_ROOT_HASH, StateRootBuilder, TrieUpdates, WitnessNodes, update_state};
use proptest::prelude::*;

use crate::{
    BlockCommit, Database, HistoryMode, Options, Snapshot,
    codec::{BlockId, SlotKey},
    environment::Reader,
    tables::{Accounts, Slots},
};

/// Accounts, each with its non-zero slots.
pub(crate) type Model = BTreeMap<Address, (Account, BTreeMap<U256, U256>)>;

pub(crate) const ACCOUNTS: u8 = 10;
pub(crate) const SLOTS: u8 = 12;

/// A step of a made-up block.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Set { account: u8, nonce: u64, balance: u64 },
    Delete { account: u8 },
    Slot { account: u8, slot: u8, value: u64 },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..ACCOUNTS, 1u64..9, any::<u64>())
            .prop_map(|(account, nonce, balance)| Step::Set { account, nonce, balance }),
        1 => (0..ACCOUNTS).prop_map(|account| Step::Delete { account }),
        6 => (0..ACCOUNTS, 0..SLOTS, 0u64..3)
            .prop_map(|(account, slot, value)| Step::Slot { account, slot, value }),
    ];
    proptest::collection::vec(step, 0..16)
}

pub(crate) fn address(account: u8) -> Address {
    Address::repeat_byte(account + 1)
}

pub(crate) fn slot(slot: u8) -> U256 {
    U256::from(slot) << 200
}

pub(crate) fn apply(model: &mut Model, steps: &[Step]) {
    for step in steps {
        match *step {
            Step::Set {
                account,
                nonce,
                balance,
            } => {
                let balance = U256::from(balance);
                let entry = model.entry(address(account)).or_default();
                entry.0 = Account {
                    nonce,
                    balance,
                    code_hash: KECCAK256_EMPTY,
                };
            }
            Step::Delete { account } => {
                model.remove(&address(account));
            }
            Step::Slot {
                account,
                slot: index,
                value,
            } => {
                let default = (
                    Account {
                        nonce: 1,
                        ..Account::default()
                    },
                    BTreeMap::new(),
                );
                let (_, slots) = model.entry(address(account)).or_insert(default);
                if value == 0 {
                    slots.remove(&slot(index));
                } else {
                    slots.insert(slot(index), U256::from(value));
                }
            }
        }
    }
}

/// What leads from one model to another.
pub(crate) fn difference(before: &Model, after: &Model) -> StateChanges {
    let mut changes = StateChanges::default();
    for address in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(address), after.get(address));
        if old == new {
            continue;
        }
        let none = BTreeMap::new();
        let (old_slots, new_slots) = (old.map_or(&none, |o| &o.1), new.map_or(&none, |n| &n.1));
        let storage = old_slots
            .keys()
            .chain(new_slots.keys())
            .map(|slot| {
                let previous = old_slots.get(slot).copied().unwrap_or_default();
                (
                    *slot,
                    SlotChange {
                        previous,
                        current: new_slots.get(slot).copied().unwrap_or_default(),
                    },
                )
            })
            .filter(|(_, change)| change.previous != change.current)
            .collect();
        let change = AccountChange {
            previous: old.map(|o| o.0),
            current: new.map(|n| n.0),
            storage,
        };
        changes.accounts.insert(*address, change);
    }
    changes
}

/// The state root, from scratch.
pub(crate) fn root_of(model: &Model) -> B256 {
    let mut accounts: Vec<_> = model
        .iter()
        .map(|(address, state)| (keccak256(address), state))
        .collect();
    accounts.sort_unstable_by_key(|(owner, _)| *owner);
    let mut builder = StateRootBuilder::new(|_, _, _| Ok::<_, std::convert::Infallible>(()));
    for (owner, (account, slots)) in accounts {
        let mut slots: Vec<_> = slots
            .iter()
            .map(|(slot, value)| (keccak256(B256::from(*slot)), *value))
            .collect();
        slots.sort_unstable();
        builder.account(owner, account, slots).unwrap();
    }
    builder.finish().unwrap()
}

/// All of the newest state, from the value tables.
pub(crate) fn newest_state(reader: &Reader) -> Model {
    let mut model: Model = reader
        .scan::<Accounts>(&Address::ZERO, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|(address, account)| (address, (account, BTreeMap::new())))
        .collect();
    let first = SlotKey {
        address: Address::ZERO,
        slot: U256::ZERO,
    };
    for (key, value) in reader.scan::<Slots>(&first, usize::MAX).unwrap() {
        model.get_mut(&key.address).unwrap().1.insert(key.slot, value);
    }
    model
}

pub(crate) fn small() -> Options {
    Options {
        max_size_bytes: 64 << 20,
        growth_step_bytes: 1 << 20,
        persist_after: Duration::from_secs(3600),
        ..Options::default()
    }
}

pub(crate) fn windowed(blocks: u64) -> Options {
    Options {
        history: HistoryMode::Window(blocks),
        ..small()
    }
}

/// A block and everything that a commit needs.
pub(crate) struct MadeBlock {
    pub(crate) block: Block,
    pub(crate) hash: B256,
    pub(crate) senders: Vec<Address>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) changes: StateChanges,
    pub(crate) trie: TrieUpdates,
    pub(crate) queue: QueueHash,
    pub(crate) withdrawals: Vec<Withdrawal>,
}

impl MadeBlock {
    pub(crate) fn commit(&self) -> BlockCommit<'_> {
        BlockCommit {
            block: &self.block,
            hash: self.hash,
            senders: &self.senders,
            receipts: &self.receipts,
            changes: &self.changes,
            trie: &self.trie,
            queue: self.queue,
            withdrawals: &self.withdrawals,
        }
    }
}

pub(crate) fn message(index: u64) -> L1Message {
    L1Message {
        index,
        sender: Address::repeat_byte(0x77),
        gas_limit: 21_000,
        ..L1Message::default()
    }
}

/// The block after `parent` with these changes, one L1 message and one withdrawal.
fn make(parent: BlockId, queue: QueueHash, withdrawals: u64, changes: StateChanges, trie: TrieUpdates) -> MadeBlock {
    let mut queue = queue;
    let message = message(queue.next_index);
    queue.append(&message).unwrap();
    let header = Header {
        number: parent.number + 1,
        parent_hash: parent.hash,
        state_root: trie.root,
        timestamp: parent.number + 1,
        ..Header::default()
    };
    let body = BlockBody {
        transactions: vec![TxEnvelope::from(message.clone())],
        ommers: Vec::new(),
        withdrawals: Some(Default::default()),
    };
    let receipt = Receipt {
        tx_type: TxType::L1Message,
        success: true,
        cumulative_gas_used: 21_000,
        logs: Vec::new(),
    };
    MadeBlock {
        hash: header.hash_slow(),
        block: Block { header, body },
        senders: vec![message.sender],
        receipts: vec![receipt],
        changes,
        trie,
        queue,
        withdrawals: vec![Withdrawal {
            index: withdrawals,
            sender: Address::repeat_byte(1),
            recipient: Address::repeat_byte(2),
            amount: U256::from(parent.number),
        }],
    }
}

/// The block after the newest of `database` that leads from `before` to `after`.
pub(crate) fn next_block(database: &Database, before: &Model, after: &Model) -> MadeBlock {
    let snapshot = database.latest().unwrap();
    let changes = difference(before, after);
    let trie = snapshot.update_root(&changes).unwrap();
    let number = snapshot.number();
    let parent = BlockId {
        number,
        hash: snapshot.head().seal(),
    };
    let queue = snapshot.queue_after(number).unwrap().unwrap();
    make(parent, queue, snapshot.withdrawal_count(number).unwrap(), changes, trie)
}

pub(crate) fn spec() -> ChainSpec {
    ChainSpec::new(4242)
}

/// Opens an initialised database whose genesis state is `model`.
pub(crate) fn open(path: &Path, options: Options, model: &Model) -> Database {
    let database = Database::open(path, options).unwrap();
    let genesis = genesis(model);
    database.init_genesis(&spec(), genesis.commit()).unwrap();
    database
}

pub(crate) fn genesis(model: &Model) -> MadeBlock {
    let changes = difference(&Model::new(), model);
    let trie = update_state(&WitnessNodes::default(), EMPTY_ROOT_HASH, &changes).unwrap();
    let header = Header {
        state_root: trie.root,
        ..Header::default()
    };
    MadeBlock {
        hash: header.hash_slow(),
        block: Block {
            header,
            body: BlockBody::default(),
        },
        senders: Vec::new(),
        receipts: Vec::new(),
        changes,
        trie,
        queue: QueueHash::default(),
        withdrawals: Vec::new(),
    }
}

/// Commits blocks with these steps; returns the model after each block, genesis first.
pub(crate) fn commit_all(database: &Database, genesis: &Model, blocks: &[Vec<Step>]) -> Vec<Model> {
    let mut models = vec![genesis.clone()];
    for steps in blocks {
        let before = models.last().unwrap();
        let mut after = before.clone();
        apply(&mut after, steps);
        database
            .commit_block(next_block(database, before, &after).commit())
            .unwrap();
        models.push(after);
    }
    models
}

/// A snapshot holds exactly the model, as values and as a trie.
pub(crate) fn assert_state(snapshot: &Snapshot, model: &Model) {
    let root = snapshot.state_root();
    assert_eq!(root, root_of(model));
    for account in 0..ACCOUNTS {
        let address = address(account);
        let owner = keccak256(address);
        let expected = model.get(&address);
        assert_eq!(snapshot.account(address).unwrap(), expected.map(|state| state.0));
        let leaf = cwe_trie::read_account(snapshot, root, owner).unwrap();
        assert_eq!(leaf.map(|leaf| leaf.account), expected.map(|state| state.0));
        let storage_root = leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
        for index in 0..SLOTS {
            let value = expected
                .and_then(|state| state.1.get(&slot(index)))
                .copied()
                .unwrap_or_default();
            assert_eq!(snapshot.slot(address, slot(index)).unwrap(), value);
            assert_eq!(
                cwe_trie::read_slot(snapshot, owner, storage_root, slot(index)).unwrap(),
                value
            );
        }
    }
}

//! The same random blocks, executed four ways: transaction by transaction, as whole blocks on a full state, on the
//! witness recorded from it, and by plain revm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use alloy_consensus::{Transaction as _, transaction::Recovered};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use common::{Chain, MemoryState, SENDERS, Tx, authorization, contracts, envelope, message, sender, words};
use cwe_executor::{
    BlockContext, BlockExecutor, BlockInput, ExecutedBlock, ExecutedTx, ExecutionError, TxChanges, Witness,
    WitnessState, conclude, execute_block, record_witness, tx_env,
};
use cwe_primitives::{L1Message, SlotChange, StateChanges, TxEnvelope, predeploys};
use proptest::prelude::*;
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext, database::CacheDB, primitives::hardfork::SpecId};

/// One random step; numbers are reduced to what there is.
#[derive(Debug, Clone)]
enum Action {
    Transfer { to: u8, value: u32 },
    TransferAll,
    Token { to: u8, amount: u16 },
    Store { slot: u8, value: u8, listed: bool },
    Create { kind: u8, value: u8 },
    Create2 { kind: u8, value: u8 },
    Quit,
    Revert,
    NestedRevert,
    Burn,
    Poseidon { left: u8, right: u8, extra: u8 },
    History { back: u8 },
    Delegate { salt: u8, to: u8 },
    Withdraw { value: u8 },
}

#[derive(Debug, Clone)]
struct Message {
    from: u8,
    to: u8,
    mint: u32,
    value: u32,
    gas_limit: u32,
    data: u8,
}

#[derive(Debug, Clone)]
struct Plan {
    time: u8,
    messages: Vec<Message>,
    actions: Vec<(u8, u8, Action)>,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (any::<u8>(), any::<u32>()).prop_map(|(to, value)| Action::Transfer { to, value }),
        Just(Action::TransferAll),
        (any::<u8>(), any::<u16>()).prop_map(|(to, amount)| Action::Token { to, amount }),
        (0u8..6, 0u8..3, any::<bool>()).prop_map(|(slot, value, listed)| Action::Store { slot, value, listed }),
        (0u8..4, any::<u8>()).prop_map(|(kind, value)| Action::Create { kind, value }),
        (0u8..4, any::<u8>()).prop_map(|(kind, value)| Action::Create2 { kind, value }),
        Just(Action::Quit),
        Just(Action::Revert),
        Just(Action::NestedRevert),
        Just(Action::Burn),
        (any::<u8>(), any::<u8>(), 0u8..4).prop_map(|(left, right, extra)| Action::Poseidon { left, right, extra }),
        (0u8..5).prop_map(|back| Action::History { back }),
        (0u8..6, any::<u8>()).prop_map(|(salt, to)| Action::Delegate { salt, to }),
        any::<u8>().prop_map(|value| Action::Withdraw { value }),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let gas_limit = prop_oneof![4 => 100_000u32..400_000, 1 => 0u32..30_000, 1 => 1_999_000u32..2_001_000];
    (
        any::<u8>(),
        any::<u8>(),
        prop_oneof![Just(0u32), any::<u32>()],
        prop_oneof![Just(0u32), any::<u32>()],
        gas_limit,
        any::<u8>(),
    )
        .prop_map(|(from, to, mint, value, gas_limit, data)| Message {
            from,
            to,
            mint,
            value,
            gas_limit,
            data,
        })
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let plan = (
        any::<u8>(),
        prop::collection::vec(messages(), 0..4),
        prop::collection::vec((0u8..4, 0u8..3, action()), 0..12),
    )
        .prop_map(|(time, messages, actions)| Plan {
            time,
            messages,
            actions,
        });
    prop::collection::vec(plan, 1..4)
}

fn account(pick: u8) -> Address {
    match pick % 8 {
        index @ 0..=3 => sender(usize::from(index)),
        4 => contracts::TOKEN,
        5 => contracts::STORE,
        6 => contracts::REVERTER,
        _ => Address::with_last_byte(0xee),
    }
}

fn init_code(kind: u8) -> Bytes {
    match kind {
        0 => contracts::init_store(),
        1 => contracts::init_quitter(),
        2 => contracts::init_reverter(),
        _ => Bytes::new(),
    }
}

/// The transaction that an action stands for.
fn transaction(action: &Action, ty: u8, from: Address, nonce: u64, balance: U256) -> Recovered<TxEnvelope> {
    let to = |address| Tx::call(from, nonce, address);
    let tx = match action {
        Action::Transfer { to: pick, value } => Tx {
            value: U256::from(*value),
            ..to(account(*pick))
        },
        Action::TransferAll => {
            let fee = U256::from(21_000u64 * 5_000_000);
            Tx {
                value: balance.saturating_sub(fee),
                gas_limit: 21_000,
                ..to(Address::with_last_byte(0xef))
            }
        }
        Action::Token { to: pick, amount } => {
            let input = words(&[U256::from_be_bytes(account(*pick).into_word().0), U256::from(*amount)]);
            Tx {
                input,
                ..to(contracts::TOKEN)
            }
        }
        Action::Store { slot, value, listed } => {
            let tx = Tx {
                input: words(&[U256::from(*slot), U256::from(*value)]),
                ..to(contracts::STORE)
            };
            if *listed {
                return tx.eip2930(U256::from(*slot));
            }
            tx
        }
        Action::Create { kind, value } => Tx {
            to: TxKind::Create,
            input: init_code(*kind),
            value: U256::from(*value),
            ..to(Address::ZERO)
        },
        Action::Create2 { kind, value } => Tx {
            input: init_code(*kind),
            value: U256::from(*value),
            ..to(contracts::FACTORY)
        },
        Action::Quit => to(contracts::QUITTER),
        Action::Revert => to(contracts::REVERTER),
        Action::NestedRevert => Tx {
            input: words(&[U256::from_be_bytes(contracts::REVERTER.into_word().0)]),
            ..to(contracts::PROXY)
        },
        Action::Burn => Tx {
            gas_limit: 60_000,
            ..to(contracts::BURNER)
        },
        Action::Poseidon { left, right, extra } => {
            let mut input = words(&[U256::from(*left), U256::from(*right)]).to_vec();
            input.resize(input.len() + usize::from(*extra / 3), 0);
            Tx {
                input: input.into(),
                ..to(contracts::HASHER)
            }
        }
        Action::History { back } => Tx {
            input: words(&[U256::from(*back)]),
            ..to(contracts::HISTORIAN)
        },
        Action::Delegate { salt, to: pick } => {
            let signed = authorization(u64::from(*salt), account(*pick));
            let authority = signed.recover_authority().unwrap();
            let input = words(&[U256::from(*salt), U256::from(9)]);
            return Tx { input, ..to(authority) }.eip7702(vec![signed]);
        }
        Action::Withdraw { value } => Tx {
            value: U256::from(*value),
            ..to(predeploys::MESSAGE_PASSER)
        },
    };
    if ty == 0 { tx.legacy() } else { tx.eip1559() }
}

fn l1_message(plan: &Message, index: u64) -> L1Message {
    L1Message {
        mint: plan.mint.into(),
        value: plan.value.into(),
        gas_limit: plan.gas_limit.into(),
        data: words(&[U256::from(plan.data % 4), U256::from(plan.data % 3)]),
        ..message(index, account(plan.from), account(plan.to))
    }
}

/// Fills a block transaction by transaction, leaving out what is invalid.
fn fill(chain: &Chain, plan: &Plan) -> (BlockInput, BlockExecutor<MemoryState>, Vec<ExecutedTx>) {
    let timestamp = chain.parent.header.timestamp + u64::from(plan.time);
    let context = BlockContext::next(&chain.spec, &chain.parent.header, chain.parent.hash, timestamp).unwrap();
    let mut executor = BlockExecutor::new(&chain.spec, context, chain.queue(), chain.state.clone()).unwrap();
    let mut input = BlockInput {
        timestamp,
        ..BlockInput::default()
    };
    let mut executed = Vec::new();
    for plan in &plan.messages {
        let message = l1_message(plan, executor.queue().next_index);
        executed.push(
            executor
                .execute(&envelope(message.clone()))
                .expect("a message in its place is never refused"),
        );
        input.messages.push(message);
    }
    for (from, ty, action) in &plan.actions {
        let from = sender(usize::from(*from) % SENDERS);
        let account = executor.state_mut().account(from).unwrap().unwrap_or_default();
        let tx = transaction(action, *ty, from, account.nonce, account.balance);
        let checked = executor.check(&tx);
        match executor.execute(&tx) {
            Ok(result) => {
                checked.expect("what executes must pass the check");
                executed.push(result);
                input.transactions.push(tx);
            }
            Err(ExecutionError::Invalid(reason)) => {
                assert!(matches!(checked, Err(ExecutionError::Invalid(same)) if same == reason));
            }
            Err(error) => panic!("{error}"),
        }
    }
    (input, executor, executed)
}

/// What the transactions' own changes add up to.
fn fold(state: &MemoryState, changes: impl IntoIterator<Item = TxChanges>) -> StateChanges {
    let mut sum = StateChanges::default();
    for (address, change) in changes.into_iter().flat_map(|changes| changes.accounts) {
        let before = state.accounts.get(&address);
        let previous = before.map(|(account, _)| *account);
        let entry = sum.accounts.entry(address).or_default();
        entry.previous = previous;
        entry.current = change.account;
        for (slot, current) in change.slots {
            let previous = before
                .and_then(|(_, slots)| slots.get(&slot))
                .copied()
                .unwrap_or_default();
            entry.storage.insert(slot, SlotChange { previous, current });
        }
        if let (Some(code), Some(account)) = (change.code, change.account) {
            sum.codes.insert(account.code_hash, code.original_bytes());
        }
    }
    for change in sum.accounts.values_mut() {
        change.storage.retain(|_, slot| slot.previous != slot.current);
    }
    sum.accounts
        .retain(|_, change| change.previous != change.current || !change.storage.is_empty());
    let used: Vec<_> = sum
        .accounts
        .values()
        .filter_map(|change| change.current)
        .map(|now| now.code_hash)
        .collect();
    sum.codes.retain(|hash, _| used.contains(hash));
    sum
}

fn minted(input: &BlockInput) -> U256 {
    input.messages.iter().map(|message| U256::from(message.mint)).sum()
}

fn assert_same(left: &ExecutedBlock, right: &ExecutedBlock) {
    assert_eq!(left.receipts, right.receipts);
    assert_eq!(left.changes, right.changes);
    assert_eq!(left.trie.root, right.trie.root);
    assert_eq!(left, right);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_full_state_and_its_witness_execute_alike(plans in plans()) {
        let mut chain = Chain::new();
        let start = (chain.parent.clone(), chain.state.clone());
        let mut inputs = Vec::new();
        let mut blocks = Vec::new();
        for plan in &plans {
            let supply = chain.state.supply();
            let (input, executor, executed) = fill(&chain, plan);
            let system = executor.system_changes().clone();
            let outcome = executor.finish().unwrap();
            let sum = fold(&chain.state, core::iter::once(system).chain(executed.into_iter().map(|tx| tx.changes)));
            prop_assert_eq!(&sum, &outcome.changes);

            let transactions = input.messages.iter().cloned().map(TxEnvelope::from)
                .chain(input.transactions.iter().map(|tx| tx.inner().clone())).collect();
            let open = conclude(outcome, transactions, &chain.state).unwrap();
            let whole = execute_block(&chain.spec, &chain.parent, input.clone(), &chain.state).unwrap();
            assert_same(&open, &whole);

            chain.apply(&whole);
            prop_assert_eq!(chain.state.root_from_scratch(), whole.trie.root);
            prop_assert_eq!(chain.state.supply(), supply + minted(&input));
            blocks.push(whole);
            inputs.push(input);
        }

        let (parent, state) = start;
        let (witness, recorded) =
            record_witness(&chain.spec, &parent, inputs.clone(), &state, |number| state.header(number)).unwrap();
        prop_assert_eq!(&recorded, &blocks);

        let witness = Witness::decode_exact(&alloy_rlp::encode(&witness)).unwrap();
        let mut witness_state = WitnessState::new(witness).unwrap();
        let mut last = parent;
        for (input, expected) in inputs.into_iter().zip(&blocks) {
            prop_assert_eq!(witness_state.parent_hash(), last.hash);
            let block = witness_state.execute(&chain.spec, last.queue, input).unwrap();
            prop_assert_eq!(block, common::sealed(expected));
            last = expected.as_parent();
        }
    }

    #[test]
    fn signed_transactions_differ_from_mainnet_in_who_gets_the_base_fee_only(plan in plans().prop_map(|plans| plans[0].clone())) {
        let mut plan = plan;
        plan.messages.clear();
        plan.actions.retain(|(_, _, action)| !matches!(action, Action::Poseidon { .. }));
        let chain = Chain::new();
        let (input, executor, executed) = fill(&chain, &plan);
        let context = *executor.context();
        let mut ours = executor.into_state();

        let mut db = CacheDB::new(chain.state.clone());
        db.cache.block_hashes.insert(U256::from(context.number - 1), context.parent_hash);
        let mut mainnet = Context::mainnet()
            .with_db(db)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                cfg.chain_id = chain.spec.chain_id;
            })
            .with_block(context.env())
            .build_mainnet();
        let mut base_fees = U256::ZERO;
        for (tx, ours) in input.transactions.iter().zip(&executed) {
            let theirs = mainnet.transact_commit(tx_env(tx)).unwrap();
            prop_assert_eq!(theirs.tx_gas_used(), ours.gas_used);
            prop_assert_eq!(theirs.is_success(), ours.receipt.success);
            prop_assert_eq!(theirs.output(), ours.result.output());
            if theirs.is_success() {
                prop_assert_eq!(theirs.logs(), ours.receipt.logs.as_slice());
            }
            base_fees += U256::from(ours.gas_used) * U256::from(context.base_fee);
            prop_assert_eq!(ours.effective_gas_price, tx.effective_gas_price(Some(context.base_fee)));
        }
        let cache = &mainnet.ctx.journaled_state.database.cache;
        for (address, theirs) in &cache.accounts {
            let mut info = ours.account(*address).unwrap().unwrap_or_default();
            if *address == predeploys::FEE_VAULT {
                info.balance -= base_fees;
            }
            prop_assert_eq!(info.balance, theirs.info.balance);
            prop_assert_eq!(info.nonce, theirs.info.nonce);
            prop_assert_eq!(info.code_hash, theirs.info.code_hash);
            for (slot, value) in &theirs.storage {
                prop_assert_eq!(revm::Database::storage(&mut ours, *address, *slot).unwrap(), *value);
            }
        }
    }

    #[test]
    fn hostile_witness_bytes_are_an_error_not_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(witness) = Witness::decode_exact(&bytes) {
            let _ = WitnessState::new(witness);
        }
    }
}

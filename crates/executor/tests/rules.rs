//! One test for each rule in which this chain differs from Ethereum, and for each reason to refuse a transaction.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use alloy_consensus::transaction::Recovered;
use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256, uint};
use common::{CHAIN_ID, Chain, FUNDS, MemoryState, Tx, authorization, contracts, envelope, message, sender, words};
use cwe_executor::{
    BlockContext, BlockError, BlockExecutor, BlockInput, ChainContext, ChainEvm, ContextError, EvmEnv, ExecutionError,
    InvalidTransaction, MAX_MESSAGE_GAS, MessageError, POSEIDON_GAS, execute_block,
};
use cwe_primitives::{L1Message, QueueHash, TxEnvelope, predeploys, queue::UnexpectedIndex};
use revm::{
    DatabaseRef, Inspector,
    context::{TxEnv, result::EVMError},
    database_interface::WrapDatabaseRef,
    interpreter::{CallInputs, CallOutcome},
};

fn open(chain: &Chain) -> BlockExecutor<&MemoryState> {
    let context = context(chain);
    BlockExecutor::new(&chain.spec, context, chain.queue(), &chain.state).unwrap()
}

fn context(chain: &Chain) -> BlockContext {
    BlockContext::next(
        &chain.spec,
        &chain.parent.header,
        chain.parent.hash,
        chain.parent.header.timestamp + 1,
    )
    .unwrap()
}

fn refusal(executor: &mut BlockExecutor<&MemoryState>, tx: &Recovered<TxEnvelope>) -> InvalidTransaction {
    let before = (executor.state().changes(), executor.gas_used(), executor.len());
    let Err(ExecutionError::Invalid(checked)) = executor.check(tx) else {
        panic!("the check must refuse it")
    };
    let Err(ExecutionError::Invalid(reason)) = executor.execute(tx) else {
        panic!("execution must refuse it")
    };
    assert_eq!(checked, reason);
    assert_eq!(
        (executor.state().changes(), executor.gas_used(), executor.len()),
        before,
        "it left a trace"
    );
    reason
}

fn slot(executor: &BlockExecutor<&MemoryState>, address: Address, slot: u64) -> U256 {
    executor.state().storage_ref(address, U256::from(slot)).unwrap()
}

fn balance(executor: &BlockExecutor<&MemoryState>, address: Address) -> U256 {
    executor.state().basic_ref(address).unwrap().unwrap_or_default().balance
}

#[test]
fn the_whole_fee_goes_to_the_vault() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let tx = Tx {
        value: U256::from(7),
        ..Tx::call(sender(0), 0, Address::with_last_byte(0xee))
    };
    let executed = executor.execute(&tx.eip1559()).unwrap();
    let price = u128::from(executor.context().base_fee) + tx.tip;
    assert_eq!(executed.effective_gas_price, price);
    let fee = U256::from(price) * U256::from(executed.gas_used);
    assert_eq!(balance(&executor, predeploys::FEE_VAULT), fee);
    assert_eq!(balance(&executor, sender(0)), U256::from(FUNDS) - fee - U256::from(7));
}

#[test]
fn every_reason_to_refuse_carries_its_figures() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let from = sender(0);
    let call = Tx::call(from, 0, sender(1));
    executor.execute(&call.eip1559()).unwrap();
    let call = Tx { nonce: 1, ..call };
    let base_fee = executor.context().base_fee;
    let balance = balance(&executor, from);
    let available = executor.gas_left();

    let cases = [
        (
            Tx {
                nonce: 0,
                ..call.clone()
            },
            InvalidTransaction::NonceTooLow {
                sender: from,
                found: 0,
                expected: 1,
            },
        ),
        (
            Tx {
                nonce: 5,
                ..call.clone()
            },
            InvalidTransaction::NonceTooHigh {
                sender: from,
                found: 5,
                expected: 1,
            },
        ),
        (
            Tx {
                nonce: u64::MAX,
                ..call.clone()
            },
            InvalidTransaction::NonceMax {
                sender: from,
                nonce: u64::MAX,
            },
        ),
        (
            Tx {
                value: balance,
                ..call.clone()
            },
            InvalidTransaction::InsufficientFunds {
                sender: from,
                balance,
                cost: balance + U256::from(call.fee_cap) * U256::from(call.gas_limit),
            },
        ),
        (
            Tx {
                fee_cap: u128::MAX,
                ..call.clone()
            },
            InvalidTransaction::CostOverflow,
        ),
        (
            Tx {
                gas_limit: available + 1,
                ..call.clone()
            },
            InvalidTransaction::BlockGasExceeded {
                gas_limit: available + 1,
                available,
            },
        ),
        (
            Tx {
                gas_limit: MAX_TX_GAS_LIMIT_OSAKA + 1,
                ..call.clone()
            },
            InvalidTransaction::GasLimitAboveCap {
                gas_limit: MAX_TX_GAS_LIMIT_OSAKA + 1,
                cap: MAX_TX_GAS_LIMIT_OSAKA,
            },
        ),
        (
            Tx {
                fee_cap: u128::from(base_fee) - 1,
                tip: 0,
                ..call.clone()
            },
            InvalidTransaction::FeeBelowBaseFee {
                fee_cap: u128::from(base_fee) - 1,
                base_fee,
            },
        ),
        (
            Tx {
                tip: call.fee_cap + 1,
                ..call.clone()
            },
            InvalidTransaction::TipAboveFeeCap {
                tip: call.fee_cap + 1,
                fee_cap: call.fee_cap,
            },
        ),
        (
            Tx {
                gas_limit: 20_999,
                ..call.clone()
            },
            InvalidTransaction::IntrinsicGas {
                gas_limit: 20_999,
                required: 21_000,
            },
        ),
        (
            Tx {
                gas_limit: 37_500,
                input: vec![1; 1_000].into(),
                ..call.clone()
            },
            InvalidTransaction::FloorGas {
                gas_limit: 37_500,
                required: 61_000,
            },
        ),
        (
            Tx {
                chain_id: 1,
                ..call.clone()
            },
            InvalidTransaction::ChainId {
                found: Some(1),
                expected: CHAIN_ID,
            },
        ),
        (
            Tx {
                to: TxKind::Create,
                gas_limit: 5_000_000,
                input: vec![0; 49_153].into(),
                ..call.clone()
            },
            InvalidTransaction::InitCodeSize {
                size: 49_153,
                limit: 49_152,
            },
        ),
        (
            Tx {
                from: contracts::STORE,
                nonce: 1,
                ..call.clone()
            },
            InvalidTransaction::SenderHasCode {
                sender: contracts::STORE,
                code_hash: chain.state.accounts[&contracts::STORE].0.code_hash,
            },
        ),
    ];
    for (tx, expected) in cases {
        assert_eq!(refusal(&mut executor, &tx.eip1559()), expected);
    }
    let empty = refusal(&mut executor, &call.eip7702(Vec::new()));
    assert_eq!(empty, InvalidTransaction::EmptyAuthorizationList { sender: from });
    executor.execute(&call.eip1559()).unwrap();
}

#[test]
fn a_message_is_free_and_may_mint_what_it_moves() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let (from, to) = (Address::with_last_byte(0xd1), Address::with_last_byte(0xd2));
    let deposit = L1Message {
        mint: 10,
        value: 4,
        ..message(0, from, to)
    };
    let executed = executor.execute(&envelope(deposit)).unwrap();
    assert!(executed.receipt.success);
    assert_eq!((executed.gas_used, executed.effective_gas_price), (21_000, 0));
    assert_eq!(
        (balance(&executor, from), balance(&executor, to)),
        (U256::from(6), U256::from(4))
    );
    assert_eq!(executor.state_mut().account(from).unwrap().unwrap().nonce, 1);
    assert_eq!(balance(&executor, predeploys::FEE_VAULT), U256::ZERO);
    assert_eq!(executor.queue().next_index, 1);
}

#[test]
fn a_failed_message_keeps_mint_and_nonce() {
    let chain = Chain::new();
    let from = Address::with_last_byte(0xd1);
    let data = words(&[U256::from(1)]);
    let cases = [
        // It wants to move more than it has.
        (
            L1Message {
                value: 11,
                ..message(0, from, sender(0))
            },
            200_000,
        ),
        // It can't pay its intrinsic gas.
        (
            L1Message {
                gas_limit: 20_999,
                ..message(0, from, sender(0))
            },
            20_999,
        ),
        (
            L1Message {
                gas_limit: 0,
                ..message(0, from, sender(0))
            },
            0,
        ),
        // Its data's floor is above its gas.
        (
            L1Message {
                gas_limit: 22_000,
                data: vec![1; 60].into(),
                ..message(0, from, sender(0))
            },
            22_000,
        ),
        // It asks for more than the inbox allows.
        (
            L1Message {
                gas_limit: u64::MAX,
                ..message(0, from, sender(0))
            },
            MAX_MESSAGE_GAS,
        ),
        // Its call runs out of gas.
        (
            L1Message {
                gas_limit: 50_000,
                ..message(0, from, contracts::BURNER)
            },
            50_000,
        ),
    ];
    for (failing, gas_used) in cases {
        let mut executor = open(&chain);
        let executed = executor
            .execute(&envelope(L1Message {
                mint: 10,
                ..failing.clone()
            }))
            .unwrap();
        assert!(!executed.receipt.success, "{failing:?}");
        assert_eq!(executed.gas_used, gas_used, "{failing:?}");
        assert_eq!(executor.gas_used(), gas_used);
        let account = executor.state_mut().account(from).unwrap().unwrap();
        assert_eq!((account.balance, account.nonce), (U256::from(10), 1), "{failing:?}");
        assert_eq!(
            executor.message_gas_left(),
            chain.spec.message_gas_limit() - failing.gas_limit.min(MAX_MESSAGE_GAS)
        );
    }
    let mut executor = open(&chain);
    let reverting = L1Message {
        mint: 10,
        data,
        ..message(0, from, contracts::REVERTER)
    };
    let executed = executor.execute(&envelope(reverting)).unwrap();
    assert!(!executed.receipt.success);
    assert!(executed.gas_used < 200_000, "a revert gives unused gas back");
    assert_eq!(executed.result.output().unwrap(), &words(&[U256::from(42)]));
    assert_eq!(slot(&executor, contracts::REVERTER, 0), U256::ZERO);
    assert_eq!(balance(&executor, from), U256::from(10));
}

#[test]
fn a_contract_may_send_messages() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let data = words(&[U256::from(3), U256::from(5)]);
    let call = L1Message {
        data,
        ..message(0, contracts::TOKEN, contracts::STORE)
    };
    assert!(executor.execute(&envelope(call)).unwrap().receipt.success);
    assert_eq!(slot(&executor, contracts::STORE, 3), U256::from(5));
}

#[test]
fn messages_come_in_queue_order_and_first() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let refused = executor
        .execute(&envelope(message(1, sender(0), sender(1))))
        .unwrap_err();
    let gap = UnexpectedIndex { expected: 0, found: 1 };
    assert!(matches!(refused, ExecutionError::Message(MessageError::Queue(found)) if found == gap));
    executor.execute(&envelope(message(0, sender(0), sender(1)))).unwrap();
    // The message counted the sender's nonce.
    executor.execute(&Tx::call(sender(0), 1, sender(1)).eip1559()).unwrap();
    let refused = executor
        .execute(&envelope(message(1, sender(0), sender(1))))
        .unwrap_err();
    assert!(matches!(
        refused,
        ExecutionError::Message(MessageError::AfterTransaction { index: 1 })
    ));
    assert_eq!((executor.queue().next_index, executor.len()), (1, 2));
    let outcome = executor.finish().unwrap();
    assert_eq!(outcome.message_count, 1);
}

#[test]
fn messages_take_at_most_half_of_a_block() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let fitting = chain.spec.message_gas_limit() / MAX_MESSAGE_GAS;
    for index in 0..fitting {
        let full = L1Message {
            gas_limit: MAX_MESSAGE_GAS,
            ..message(index, sender(0), sender(1))
        };
        executor.execute(&envelope(full)).unwrap();
    }
    let one_more = L1Message {
        gas_limit: MAX_MESSAGE_GAS,
        ..message(fitting, sender(0), sender(1))
    };
    let refused = executor.execute(&envelope(one_more)).unwrap_err();
    let available = chain.spec.message_gas_limit() % MAX_MESSAGE_GAS;
    let expected = MessageError::GasExceeded {
        index: fitting,
        gas: MAX_MESSAGE_GAS,
        available,
    };
    assert!(matches!(refused, ExecutionError::Message(found) if found == expected));
    assert_eq!(executor.queue().next_index, fitting);
}

#[test]
fn poseidon_is_a_precompile_of_fixed_price() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let hash = uint!(7853200120776062878684798364095072458815029376092732009249414926327459813530_U256);
    let input = words(&[U256::from(1), U256::from(2)]);
    let direct = executor.execute(
        &Tx {
            input: input.clone(),
            ..Tx::call(sender(0), 0, predeploys::POSEIDON)
        }
        .eip1559(),
    );
    let direct = direct.unwrap();
    assert_eq!(direct.result.output().unwrap(), &words(&[hash]));
    // 62 zero bytes at 4 gas, 2 others at 16; the floor of EIP-7623 is 10 and 40.
    assert_eq!(
        direct.gas_used,
        (21_000 + 62 * 4 + 2 * 16 + POSEIDON_GAS).max(21_000 + 62 * 10 + 2 * 40)
    );
    executor
        .execute(
            &Tx {
                input,
                ..Tx::call(sender(0), 1, contracts::HASHER)
            }
            .eip1559(),
        )
        .unwrap();
    assert_eq!(slot(&executor, contracts::HASHER, 0), U256::from(1));
    assert_eq!(slot(&executor, contracts::HASHER, 1), hash);
}

#[test]
fn poseidon_fails_on_what_is_not_two_scalars() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    for (nonce, input) in [words(&[U256::from(1)]), words(&[U256::from(1), U256::MAX])]
        .into_iter()
        .enumerate()
    {
        let tx = Tx {
            input,
            ..Tx::call(sender(0), nonce as u64, predeploys::POSEIDON)
        };
        let executed = executor.execute(&tx.eip1559()).unwrap();
        assert!(!executed.receipt.success);
        assert_eq!(executed.gas_used, tx.gas_limit);
    }
}

#[test]
fn the_parent_hash_is_in_the_history_contract_and_in_blockhash() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let parent = U256::from_be_bytes(chain.parent.hash.0);
    assert_eq!(slot(&executor, predeploys::HISTORY_STORAGE, 0), parent);
    assert_eq!(executor.system_changes().accounts.len(), 1);
    let tx = Tx {
        input: words(&[U256::from(1)]),
        ..Tx::call(sender(0), 0, contracts::HISTORIAN)
    };
    executor.execute(&tx.eip1559()).unwrap();
    assert_eq!(slot(&executor, contracts::HISTORIAN, 1), parent);
}

#[test]
fn a_created_contract_is_in_the_changes_with_its_code() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let tx = Tx {
        to: TxKind::Create,
        input: contracts::init_store(),
        ..Tx::call(sender(0), 0, Address::ZERO)
    };
    let executed = executor.execute(&tx.eip1559()).unwrap();
    let address = sender(0).create(0);
    assert!(executed.receipt.success);
    assert_eq!(executed.contract_address, Some(address));
    let changes = executor.finish().unwrap().changes;
    let code = &chain.state.accounts[&contracts::STORE].0.code_hash;
    assert_eq!(changes.codes.keys().collect::<Vec<_>>(), [code]);
    assert_eq!(changes.accounts[&address].current.unwrap().code_hash, *code);
    assert_eq!(
        changes.accounts[&address].storage[&U256::from(7)].current,
        U256::from(7)
    );
}

#[test]
fn what_is_created_and_destroyed_leaves_no_trace() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let tx = Tx {
        to: TxKind::Create,
        input: contracts::init_quitter(),
        ..Tx::call(sender(0), 0, Address::ZERO)
    };
    let executed = executor
        .execute(
            &Tx {
                value: U256::from(9),
                ..tx
            }
            .eip1559(),
        )
        .unwrap();
    assert!(executed.receipt.success);
    let address = sender(0).create(0);
    let changes = executor.finish().unwrap().changes;
    assert!(!changes.accounts.contains_key(&address));
    assert!(changes.codes.is_empty());
}

#[test]
fn what_was_destroyed_at_once_can_be_created_again() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let create = |nonce, input| Tx {
        input,
        value: U256::from(3),
        // A collision takes all gas but a 64th.
        gas_limit: 2_000_000,
        ..Tx::call(sender(0), nonce, contracts::FACTORY)
    };
    for nonce in 0..2 {
        let executed = executor
            .execute(&create(nonce, contracts::init_quitter()).eip1559())
            .unwrap();
        assert!(executed.receipt.success);
        let address = contracts::FACTORY.create2_from_code(B256::ZERO, contracts::init_quitter());
        assert_eq!(
            slot(&executor, contracts::FACTORY, 0),
            U256::from_be_bytes(address.into_word().0)
        );
        assert_eq!(executor.state_mut().account(address).unwrap(), None);
    }
    let address = contracts::FACTORY.create2_from_code(B256::ZERO, contracts::init_store());
    for (nonce, kept) in [(2, U256::from_be_bytes(address.into_word().0)), (3, U256::ZERO)] {
        assert!(
            executor
                .execute(&create(nonce, contracts::init_store()).eip1559())
                .unwrap()
                .receipt
                .success
        );
        assert_eq!(
            slot(&executor, contracts::FACTORY, 0),
            kept,
            "the second creation collides"
        );
    }
}

/// As on Ethereum (EIP-6780). What is burned so stays locked on L1; nothing else burns CLN.
#[test]
fn a_new_contract_that_leaves_its_balance_to_itself_burns_it() {
    let mut chain = Chain::new();
    let supply = chain.state.supply();
    let input = Bytes::from_static(&[0x30, 0xff]);
    let tx = Tx {
        to: TxKind::Create,
        input,
        value: U256::from(9),
        ..Tx::call(sender(0), 0, Address::ZERO)
    };
    let input = BlockInput {
        timestamp: 2_000,
        transactions: vec![tx.eip1559()],
        ..BlockInput::default()
    };
    let block = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap();
    chain.apply(&block);
    assert_eq!(chain.state.supply(), supply - U256::from(9));
}

#[test]
fn a_slot_set_back_is_no_change() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    for (nonce, value) in [(0, 5), (1, 0)] {
        let tx = Tx {
            input: words(&[U256::from(1), U256::from(value)]),
            ..Tx::call(sender(0), nonce, contracts::STORE)
        };
        assert!(executor.execute(&tx.eip1559()).unwrap().receipt.success);
    }
    assert!(!executor.state().changes().accounts.contains_key(&contracts::STORE));
}

#[test]
fn a_delegation_runs_the_delegates_code() {
    let chain = Chain::new();
    let mut executor = open(&chain);
    let signed = authorization(1, contracts::STORE);
    let authority = signed.recover_authority().unwrap();
    let tx = Tx {
        input: words(&[U256::from(2), U256::from(3)]),
        ..Tx::call(sender(0), 0, authority)
    };
    assert!(executor.execute(&tx.eip7702(vec![signed])).unwrap().receipt.success);
    assert_eq!(slot(&executor, authority, 2), U256::from(3));
    let outcome = executor.finish().unwrap();
    let code = [&[0xef, 0x01, 0x00], contracts::STORE.as_slice()].concat();
    assert_eq!(outcome.changes.codes[&keccak256(&code)], Bytes::from(code));
}

#[test]
fn headers_follow_the_protocol() {
    let mut chain = Chain::new();
    let input = BlockInput {
        timestamp: 1_005,
        messages: vec![L1Message {
            mint: 5,
            ..message(0, sender(0), sender(1))
        }],
        transactions: vec![Tx::call(sender(1), 0, contracts::TOKEN).eip1559()],
    };
    let block = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap();
    let header = &block.block.header;
    assert_eq!(header.parent_hash, chain.parent.hash);
    assert_eq!(
        (header.number, header.timestamp, header.gas_limit),
        (1, 1_005, chain.spec.gas_limit)
    );
    assert_eq!(header.beneficiary, predeploys::FEE_VAULT);
    assert_eq!(header.extra_data.as_ref(), chain.spec.hash().as_slice());
    assert_eq!(header.mix_hash, cwe_primitives::chain::prevrandao(chain.parent.hash));
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(0), Some(0)));
    assert_eq!(header.gas_used, block.receipts.last().unwrap().cumulative_gas_used);
    assert_ne!(header.logs_bloom, alloy_primitives::Bloom::ZERO);
    assert_eq!(block.hash, header.hash_slow());
    assert_eq!(
        alloy_consensus::proofs::calculate_transaction_root(&block.block.body.transactions),
        header.transactions_root
    );
    chain.apply(&block);
    assert_eq!(chain.queue().next_index, 1);
    let next = context(&chain);
    assert_eq!(
        next.base_fee,
        chain
            .spec
            .next_base_fee(header.gas_used, header.base_fee_per_gas.unwrap())
    );
}

#[test]
fn a_block_does_not_precede_its_parent() {
    let chain = Chain::new();
    let input = BlockInput {
        timestamp: chain.parent.header.timestamp - 1,
        ..BlockInput::default()
    };
    let refused = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap_err();
    assert!(matches!(
        refused,
        BlockError::Context(ContextError::TimestampBeforeParent { number: 1, .. })
    ));
}

#[test]
fn other_chain_parameters_are_refused() {
    let mut chain = Chain::new();
    chain.spec.gas_limit += 1;
    let input = BlockInput {
        timestamp: 2_000,
        ..BlockInput::default()
    };
    let refused = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap_err();
    assert!(matches!(
        refused,
        BlockError::Context(ContextError::OtherParameters { number: 1, .. })
    ));
}

#[test]
fn an_invalid_transaction_in_a_block_is_named_by_its_position() {
    let chain = Chain::new();
    let transactions = vec![
        Tx::call(sender(0), 0, sender(1)).legacy(),
        Tx::call(sender(0), 0, sender(1)).legacy(),
    ];
    let input = BlockInput {
        timestamp: 2_000,
        messages: vec![message(0, sender(2), sender(1))],
        transactions,
    };
    let refused = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap_err();
    assert!(matches!(
        refused,
        BlockError::Transaction {
            number: 1,
            position: 2,
            ..
        }
    ));
}

#[derive(Debug, Default)]
struct Calls(Vec<Address>);

impl<DB: revm::Database> Inspector<ChainContext<DB>> for Calls {
    fn call(&mut self, _context: &mut ChainContext<DB>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.0.push(inputs.target_address);
        None
    }
}

#[test]
fn inspecting_changes_nothing_and_sees_messages() {
    let chain = Chain::new();
    let target = words(&[
        U256::from_be_bytes(contracts::STORE.into_word().0),
        U256::from(1),
        U256::from(2),
    ]);
    let messages = [
        L1Message {
            mint: 9,
            value: 2,
            data: target.clone(),
            ..message(0, sender(0), contracts::PROXY)
        },
        L1Message {
            value: u128::MAX,
            ..message(0, sender(0), contracts::PROXY)
        },
    ];
    let signed = Tx {
        input: target,
        ..Tx::call(sender(1), 0, contracts::PROXY)
    };
    let seen = [
        vec![contracts::PROXY, contracts::STORE],
        Vec::new(),
        vec![contracts::PROXY, contracts::STORE],
    ];
    let transactions = messages.map(envelope).into_iter().chain([signed.eip1559()]);
    for (tx, seen) in transactions.zip(seen) {
        let executed = open(&chain).execute(&tx).unwrap();
        let mut state = open(&chain).into_state();
        let env = EvmEnv::consensus(&chain.spec, &context(&chain));
        let mut evm = ChainEvm::with_inspector(env, &mut state, Calls::default());
        let outcome = evm.inspect_envelope(&tx).unwrap();
        assert_eq!(evm.inspector().0, seen);
        assert_eq!(outcome.result.tx_gas_used(), executed.gas_used);
        assert_eq!(outcome.result.output(), executed.result.output());
        assert_eq!(state.commit(outcome.state), executed.changes);
    }
}

#[test]
fn a_simulated_call_needs_neither_nonce_nor_fee() {
    let chain = Chain::new();
    let mut env = EvmEnv::simulation(&chain.spec, &context(&chain));
    env.cfg.disable_balance_check = true;
    let mut evm = ChainEvm::new(env, WrapDatabaseRef(&chain.state));
    let call = TxEnv {
        caller: contracts::TOKEN,
        nonce: 77,
        chain_id: None,
        gas_limit: 100_000_000,
        kind: TxKind::Call(contracts::REVERTER),
        ..TxEnv::default()
    };
    let outcome = evm.transact(call).unwrap();
    assert_eq!(outcome.result.output().unwrap(), &words(&[U256::from(42)]));
}

#[test]
fn a_simulated_price_beyond_all_money_is_an_error_not_a_panic() {
    let chain = Chain::new();
    let mut env = EvmEnv::simulation(&chain.spec, &context(&chain));
    env.cfg.disable_balance_check = true;
    let mut evm = ChainEvm::new(env, WrapDatabaseRef(&chain.state));
    let call = TxEnv {
        caller: sender(0),
        gas_price: u128::MAX,
        gas_limit: 30_000_000,
        chain_id: None,
        ..TxEnv::default()
    };
    assert!(matches!(evm.transact(call), Err(EVMError::Transaction(_))));
}

#[test]
fn a_withdrawal_root_is_what_the_message_passer_says() {
    let chain = Chain::new();
    let outcome = open(&chain).finish().unwrap();
    assert_eq!(outcome.withdrawal_root, cwe_primitives::withdrawal::empty_root());
    assert_eq!(outcome.queue, QueueHash::default());
}

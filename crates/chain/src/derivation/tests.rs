//! The engine's blocks, batched, and derived again on another database.

use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use cwe_bindings::system;
use cwe_primitives::{L1Message, blob, codec, predeploys::MESSAGE_PASSER};
use proptest::prelude::*;

use super::*;
use crate::{
    BatchingConfig,
    batching::{BuiltBatch, genesis_commitment, next_batch, to_blobs},
    testing::{COUNTER, Home, Running, Tx, manual, message, push_messages, spec, wallet},
};

fn due_now() -> BatchingConfig {
    BatchingConfig {
        max_age_secs: 0,
        ..BatchingConfig::default()
    }
}

fn batch(running: &Running, last: &BatchCommitment, config: &BatchingConfig) -> BuiltBatch {
    next_batch(running.chain.db(), last, config, u64::MAX).unwrap().unwrap()
}

fn messages(db: &Database) -> Vec<L1Message> {
    let records = db.latest().unwrap().l1_messages(0, 1000).unwrap();
    records.into_iter().map(|record| record.message).collect()
}

/// A few blocks with messages, transfers and a contract.
async fn some_blocks(running: &Running) {
    running.push_messages(&[message(0, 100_000), message(1, 50_000)]);
    running.submit(&Tx::create(0, COUNTER, 200_000).sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    let counter = wallet(1).address().create(0);
    for nonce in 1..4 {
        let call = Tx {
            to: TxKind::Call(counter),
            gas: 100_000,
            value: U256::ZERO,
            ..Tx::transfer(nonce)
        };
        running.submit(&call.sign(1)).await.unwrap();
    }
    running.engine.seal().await.unwrap();
    assert_eq!(
        running.chain.db().latest().unwrap().slot(counter, U256::ZERO).unwrap(),
        U256::from(3)
    );
}

#[tokio::test]
async fn a_batch_gives_the_same_blocks_elsewhere() {
    let (home, away) = (Home::new(), Home::new());
    let running = home.start(manual());
    some_blocks(&running).await;
    let (source, target) = (running.chain.db(), away.database());
    let genesis = genesis_commitment(&target).unwrap();
    let built = batch(&running, &genesis, &due_now());
    assert_eq!(blob::unpack(&built.blobs).unwrap(), built.data);
    assert_eq!(to_blobs(&built.data).unwrap().0, built.blobs);
    let messages = messages(source);
    push_messages(&target, &messages);
    let mut blocks = Vec::new();
    apply_batch(&target, &spec(), &built.commitment, &built.data, &messages, |block| {
        blocks.push(block)
    })
    .unwrap();
    assert_eq!(blocks.len(), 2);
    let (here, there) = (source.latest().unwrap(), target.latest().unwrap());
    for number in 0..=2 {
        assert_eq!(here.block(number).unwrap(), there.block(number).unwrap());
        assert_eq!(here.receipts(number).unwrap(), there.receipts(number).unwrap());
        assert_eq!(here.senders(number).unwrap(), there.senders(number).unwrap());
    }
    drop((here, there));

    let verified = verify_batch(&target, &spec(), &built.commitment, &built.data, &messages).unwrap();
    assert_eq!((verified.blocks, verified.transactions), (2, 6));
    assert_eq!(verified.block_hash, built.commitment.block_hash);

    // A crash in the middle of a batch: the next try begins it again.
    target.unwind_to(1).unwrap();
    apply_batch(&target, &spec(), &built.commitment, &built.data, &messages, drop).unwrap();
    assert_eq!(target.latest().unwrap().head().hash(), built.commitment.block_hash);
}

#[tokio::test]
async fn withdrawals_reach_the_commitment_and_the_database() {
    let (home, away) = (Home::new(), Home::new());
    let running = home.start(manual());
    let genesis = genesis_commitment(running.chain.db()).unwrap();
    let recipient = Address::repeat_byte(0x77);
    let call = cwe_bindings::contracts::MessagePasser::withdrawCall { recipient };
    let input: Bytes = alloy::sol_types::SolCall::abi_encode(&call).into();
    let withdraw = Tx {
        to: TxKind::Call(MESSAGE_PASSER),
        value: U256::from(5),
        input,
        gas: 300_000,
        ..Tx::transfer(0)
    };
    running.submit(&withdraw.sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    let built = batch(&running, &genesis, &due_now());
    let leaves = running.chain.db().latest().unwrap().withdrawal_leaves(10).unwrap();
    assert_eq!(leaves.len(), 1);
    assert_eq!(
        cwe_primitives::WithdrawalTree::new(leaves).root(),
        built.commitment.withdrawal_root
    );
    assert_ne!(built.commitment.withdrawal_root, genesis.withdrawal_root);
    assert_eq!(system::MESSAGE_PASSER, MESSAGE_PASSER);
    let target = away.database();
    apply_batch(&target, &spec(), &built.commitment, &built.data, &[], drop).unwrap();
    assert_eq!(
        target
            .latest()
            .unwrap()
            .withdrawal(0)
            .unwrap()
            .unwrap()
            .withdrawal
            .recipient,
        recipient
    );
}

/// Falsifies one field.
type Lie = fn(&mut BatchCommitment, B256);

#[tokio::test]
async fn a_false_commitment_is_named_and_leaves_nothing() {
    let (home, away) = (Home::new(), Home::new());
    let running = home.start(manual());
    some_blocks(&running).await;
    let target = away.database();
    let built = batch(&running, &genesis_commitment(&target).unwrap(), &due_now());
    let messages = messages(running.chain.db());
    push_messages(&target, &messages);
    let wrong = B256::repeat_byte(9);
    let lies: [(CommittedField, Lie); 7] = [
        (CommittedField::BlockHash, |c, wrong| c.block_hash = wrong),
        (CommittedField::StateRoot, |c, wrong| c.state_root = wrong),
        (CommittedField::WithdrawalRoot, |c, wrong| c.withdrawal_root = wrong),
        (CommittedField::ParentBlockHash, |c, wrong| c.parent_block_hash = wrong),
        (CommittedField::LastTimestamp, |c, _| c.last_timestamp += 1),
        (CommittedField::QueueBefore, |c, wrong| c.queue_before.hash = wrong),
        (CommittedField::QueueAfter, |c, wrong| c.queue_after.hash = wrong),
    ];
    for (expected, lie) in lies {
        let mut commitment = built.commitment.clone();
        lie(&mut commitment, wrong);
        let refused = apply_batch(&target, &spec(), &commitment, &built.data, &messages, drop).unwrap_err();
        assert!(
            matches!(refused, ApplyError::Mismatch { field, .. } if field == expected),
            "{refused}"
        );
        assert_eq!(target.latest().unwrap().number(), 0);
    }
    let mut forged = messages;
    forged[1].mint += 1;
    let refused = apply_batch(&target, &spec(), &built.commitment, &built.data, &forged, drop).unwrap_err();
    assert!(
        matches!(
            refused,
            ApplyError::Mismatch {
                field: CommittedField::QueueAfter,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(target.latest().unwrap().number(), 0);
}

fn derive_error(commitment: &BatchCommitment, blocks: &[BatchBlock], messages: &[L1Message]) -> DerivationError {
    derive(commitment, &codec::encode(blocks).unwrap(), messages).unwrap_err()
}

#[test]
fn data_that_is_no_run_of_the_named_blocks_is_refused() {
    let home = Home::new();
    let genesis = genesis_commitment(&home.database()).unwrap();
    let two = BatchCommitment {
        first_block: 1,
        last_block: 2,
        ..genesis
    };
    let block = BatchBlock {
        timestamp: 1,
        ..Default::default()
    };
    let one = derive_error(&two, std::slice::from_ref(&block), &[]);
    assert!(matches!(
        one,
        DerivationError::BlockCount {
            found: 1,
            expected: 2,
            ..
        }
    ));
    let greedy = BatchBlock {
        message_count: u64::MAX,
        ..block.clone()
    };
    let missing = derive_error(&two, &[block.clone(), greedy], &[message(0, 1)]);
    assert!(matches!(
        missing,
        DerivationError::MissingMessages { number: 2, left: 1, .. }
    ));
    let left = derive_error(&two, &[block.clone(), block.clone()], &[message(0, 1)]);
    assert!(matches!(left, DerivationError::MessagesLeft(1)));
    let junk = BatchBlock {
        transactions: vec![Bytes::from_static(b"junk")],
        ..block
    };
    assert!(matches!(
        derive_error(&two, &[block, junk], &[]),
        DerivationError::Transaction { number: 2, .. }
    ));
    assert!(matches!(derive(&two, &[], &[]), Err(DerivationError::Codec(_))));
    let backwards = BatchCommitment {
        first_block: 2,
        last_block: 0,
        ..two
    };
    assert!(derive(&backwards, &codec::encode(&[BatchBlock::default()]).unwrap(), &[]).is_err());
}

#[tokio::test]
async fn a_batch_waits_until_it_is_old_or_full() {
    let home = Home::new();
    let running = home.start(manual());
    let genesis = genesis_commitment(running.chain.db()).unwrap();
    let db = running.chain.db();
    let at = |config: &BatchingConfig, now| next_batch(db, &genesis, config, now).unwrap();
    assert!(at(&due_now(), u64::MAX).is_none(), "there is no block yet");
    some_blocks(&running).await;
    let opened = db.latest().unwrap().header(1).unwrap().unwrap().timestamp;
    let config = BatchingConfig::default();
    assert!(at(&config, opened + config.max_age_secs - 1).is_none());
    let aged = at(&config, opened + config.max_age_secs).unwrap();
    assert_eq!(
        (
            aged.commitment.first_block,
            aged.commitment.last_block,
            aged.commitment.index
        ),
        (1, 2, 1)
    );
    let full = at(
        &BatchingConfig {
            max_blocks: 1,
            ..config
        },
        opened,
    )
    .unwrap();
    assert_eq!(full.commitment.last_block, 1);
    let calldata = at(&BatchingConfig { blobs: false, ..config }, u64::MAX).unwrap();
    assert!(calldata.blobs.is_empty() && !calldata.commitment.data.is_blobs());
    let second = batch(&running, &full.commitment, &due_now());
    assert_eq!(second.commitment.parent_batch_hash, full.commitment.hash());
    assert_eq!(second.commitment.queue_before, full.commitment.queue_after);
}

#[derive(Debug, Clone)]
enum Step {
    Transfer { seed: u8, value: u64 },
    Create { seed: u8 },
    Message { gas_limit: u64 },
    Seal,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..4, 0u64..100).prop_map(|(seed, value)| Step::Transfer { seed, value }),
        1 => (1u8..4).prop_map(|seed| Step::Create { seed }),
        1 => (21_000u64..200_000).prop_map(|gas_limit| Step::Message { gas_limit }),
        1 => Just(Step::Seal),
    ]
}

async fn run(running: &Running, steps: Vec<Step>) {
    let mut nonces = [0u64; 5];
    let mut index = 0;
    for step in steps {
        let (seed, transaction) = match step {
            Step::Transfer { seed, value } => (
                seed,
                Tx {
                    value: U256::from(value),
                    ..Tx::transfer(0)
                },
            ),
            Step::Create { seed } => (seed, Tx::create(0, COUNTER, 200_000)),
            Step::Message { gas_limit } => {
                running.push_messages(&[message(index, gas_limit)]);
                index += 1;
                continue;
            }
            Step::Seal => {
                running.engine.seal().await.unwrap();
                continue;
            }
        };
        let nonce = &mut nonces[usize::from(seed)];
        running
            .submit(
                &Tx {
                    nonce: *nonce,
                    ..transaction
                }
                .sign(seed),
            )
            .await
            .unwrap();
        *nonce += 1;
    }
    running.engine.seal().await.unwrap();
    running.engine.seal().await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn any_blocks_of_the_engine_are_derived_equal(steps in prop::collection::vec(step(), 1..25), per_batch in 1usize..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (home, away) = (Home::new(), Home::new());
        let running = home.start(manual());
        runtime.block_on(run(&running, steps));
        let target = away.database();
        let all = messages(running.chain.db());
        push_messages(&target, &all);
        let mut last = genesis_commitment(&target).unwrap();
        let config = BatchingConfig { max_blocks: per_batch, blobs: false, ..due_now() };
        while let Some(built) = next_batch(running.chain.db(), &last, &config, u64::MAX).unwrap() {
            last = built.commitment;
            let range = usize::try_from(last.queue_before.next_index).unwrap()
                ..usize::try_from(last.queue_after.next_index).unwrap();
            apply_batch(&target, &spec(), &last, &built.data, &all[range], drop).unwrap();
        }
        prop_assert_eq!(target.latest().unwrap().head().hash(), running.chain.db().latest().unwrap().head().hash());
        runtime.block_on(running.kill());
    }
}

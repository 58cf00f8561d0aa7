//! Checks of a raw transaction that need no state. They run on the caller's thread: recovering the sender is the
//! heaviest part of taking a transaction, and the engine's thread must not pay for it.

use alloy::{
    consensus::{
        Transaction, Typed2718,
        transaction::{Recovered, SignerRecoverable},
    },
    eips::{eip2718::Decodable2718, eip7825::MAX_TX_GAS_LIMIT_OSAKA},
    primitives::U256,
};
use cwe_primitives::{ChainSpec, TxEnvelope};
use revm::{
    context_interface::cfg::gas::{InitialAndFloorGas, calculate_initial_tx_gas},
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};

use crate::{EngineConfig, SubmitError, mempool::PoolTransaction};

/// First byte from which on the bytes are an RLP list: a legacy transaction.
const LEGACY_FROM: u8 = 0xc0;
/// First byte that can't be a transaction type (EIP-2718).
const TYPES_END: u8 = 0x80;

/// Types that users may send.
const USER_TYPES: [u8; 3] = [0x01, 0x02, 0x04];

/// Decodes and checks a raw transaction, and recovers its sender.
pub(crate) fn validate(raw: &[u8], spec: &ChainSpec, config: &EngineConfig) -> Result<PoolTransaction, SubmitError> {
    let transaction = decode(raw, config)?;
    check_chain_id(&transaction, spec, config)?;
    check_fees(&transaction, spec, config)?;
    check_gas(&transaction, spec)?;
    if transaction.nonce() == u64::MAX {
        return Err(SubmitError::NonceMax);
    }
    if transaction.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(SubmitError::EmptyAuthorizationList);
    }
    let sender = transaction
        .recover_signer()
        .map_err(|error| SubmitError::BadSignature(error.to_string()))?;
    let hash = transaction.hash();
    Ok(PoolTransaction::new(
        Recovered::new_unchecked(transaction, sender),
        hash,
        raw.len(),
    ))
}

fn decode(raw: &[u8], config: &EngineConfig) -> Result<TxEnvelope, SubmitError> {
    let limit = config.mempool.max_transaction_bytes.min(config.max_block_bytes);
    if raw.len() > limit {
        return Err(SubmitError::OversizedData { size: raw.len(), limit });
    }
    match raw.first() {
        None => return Err(SubmitError::Malformed("no bytes".into())),
        Some(first) if *first < TYPES_END && !USER_TYPES.contains(first) => {
            return Err(SubmitError::UnsupportedType(*first));
        }
        Some(first) if (TYPES_END..LEGACY_FROM).contains(first) => {
            return Err(SubmitError::Malformed(format!(
                "first byte {first:#04x} begins no transaction"
            )));
        }
        Some(_) => {}
    }
    let transaction = TxEnvelope::decode_2718_exact(raw).map_err(|error| SubmitError::Malformed(error.to_string()))?;
    if transaction.is_l1_message() {
        return Err(SubmitError::UnsupportedType(transaction.ty()));
    }
    Ok(transaction)
}

fn check_chain_id(transaction: &TxEnvelope, spec: &ChainSpec, config: &EngineConfig) -> Result<(), SubmitError> {
    match transaction.chain_id() {
        Some(have) if have != spec.chain_id => Err(SubmitError::WrongChainId {
            have,
            want: spec.chain_id,
        }),
        None if !config.mempool.allow_unprotected => Err(SubmitError::Unprotected),
        _ => Ok(()),
    }
}

fn check_fees(transaction: &TxEnvelope, spec: &ChainSpec, config: &EngineConfig) -> Result<(), SubmitError> {
    let fee = transaction.max_fee_per_gas();
    if let Some(tip) = transaction.max_priority_fee_per_gas()
        && tip > fee
    {
        return Err(SubmitError::TipAboveFeeCap { tip, fee });
    }
    let min = u128::from(config.mempool.min_fee_per_gas.max(spec.min_base_fee));
    if fee < min {
        return Err(SubmitError::Underpriced { fee, min });
    }
    Ok(())
}

fn check_gas(transaction: &TxEnvelope, spec: &ChainSpec) -> Result<(), SubmitError> {
    let gas = transaction.gas_limit();
    let limit = spec.gas_limit.min(MAX_TX_GAS_LIMIT_OSAKA);
    if gas > limit {
        return Err(SubmitError::GasLimitTooHigh { gas, limit });
    }
    if transaction.is_create() && transaction.input().len() > MAX_INITCODE_SIZE {
        return Err(SubmitError::OversizedInitCode {
            size: transaction.input().len(),
            limit: MAX_INITCODE_SIZE,
        });
    }
    let initial = initial_gas(transaction);
    let needed = initial.initial_total_gas().max(initial.floor_gas());
    if gas < needed {
        return Err(SubmitError::IntrinsicGas { gas, needed });
    }
    Ok(())
}

fn initial_gas(transaction: &TxEnvelope) -> InitialAndFloorGas {
    let (accounts, slots) = transaction.access_list().map_or((0, 0), |list| {
        (
            list.0.len() as u64,
            list.0.iter().map(|item| item.storage_keys.len() as u64).sum(),
        )
    });
    let authorizations = transaction.authorization_list().map_or(0, |list| list.len() as u64);
    calculate_initial_tx_gas(
        SpecId::OSAKA,
        transaction.input(),
        transaction.is_create(),
        accounts,
        slots,
        authorizations,
        None,
    )
}

/// The most a transaction can take from its sender: gas at the fee cap, and value. Saturates; no balance is that high.
pub(crate) fn cost(transaction: &TxEnvelope) -> U256 {
    U256::from(transaction.max_fee_per_gas())
        .saturating_mul(U256::from(transaction.gas_limit()))
        .saturating_add(transaction.value())
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{SignableTransaction, TxLegacy},
        eips::eip2718::Encodable2718,
        primitives::{Address, Bytes, Signature, TxKind},
        signers::SignerSync,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{
        MempoolConfig,
        testing::{BURN, CHAIN_ID, GAS_PRICE, Tx, message, spec, wallet},
    };

    fn check(transaction: &TxEnvelope) -> Result<PoolTransaction, SubmitError> {
        validate(&transaction.encoded_2718(), &spec(), &EngineConfig::default())
    }

    #[test]
    fn a_good_transaction_passes_with_its_sender_and_hash() {
        let transaction = Tx::transfer(3).sign(1);
        let checked = check(&transaction).unwrap();
        assert_eq!(
            (checked.sender(), checked.hash, checked.nonce()),
            (wallet(1).address(), transaction.hash(), 3)
        );
    }

    #[test]
    fn blob_transactions_messages_and_unknown_types_are_refused() {
        let sent = |bytes: &[u8]| validate(bytes, &spec(), &EngineConfig::default());
        assert_eq!(sent(&[0x03, 0xc0]), Err(SubmitError::UnsupportedType(3)));
        assert_eq!(sent(&[0x05, 0xc0]), Err(SubmitError::UnsupportedType(5)));
        assert_eq!(
            check(&message(0, 100_000).into()),
            Err(SubmitError::UnsupportedType(0x7e))
        );
        assert!(matches!(sent(&[]), Err(SubmitError::Malformed(_))));
        assert!(matches!(sent(&[0x90]), Err(SubmitError::Malformed(_))));
        let mut trailing = Tx::transfer(0).sign(1).encoded_2718();
        trailing.push(0);
        assert!(matches!(sent(&trailing), Err(SubmitError::Malformed(_))));
    }

    #[test]
    fn too_many_bytes_are_refused() {
        let input = Bytes::from(vec![1; 131_072]);
        let transaction = Tx {
            input,
            gas: 16_000_000,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert!(matches!(
            check(&transaction),
            Err(SubmitError::OversizedData { limit: 131_072, .. })
        ));
        let input = Bytes::from(vec![1; 49_153]);
        let transaction = Tx::create(0, input, 16_000_000).sign(1);
        assert_eq!(
            check(&transaction),
            Err(SubmitError::OversizedInitCode {
                size: 49_153,
                limit: 49_152
            })
        );
    }

    #[test]
    fn another_chain_is_refused() {
        let transaction = Tx {
            chain_id: 1,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert_eq!(
            check(&transaction),
            Err(SubmitError::WrongChainId {
                have: 1,
                want: CHAIN_ID
            })
        );
    }

    fn legacy(chain_id: Option<u64>) -> TxLegacy {
        TxLegacy {
            chain_id,
            nonce: 0,
            gas_price: GAS_PRICE,
            gas_limit: 21_000,
            to: TxKind::Call(Address::ZERO),
            value: U256::ZERO,
            input: Bytes::new(),
        }
    }

    fn sign_legacy(transaction: TxLegacy) -> TxEnvelope {
        let signature = wallet(1).sign_hash_sync(&transaction.signature_hash()).unwrap();
        TxEnvelope::Legacy(transaction.into_signed(signature))
    }

    #[test]
    fn unprotected_transactions_follow_the_configuration() {
        let unprotected = sign_legacy(legacy(None));
        check(&unprotected).unwrap();
        let mempool = MempoolConfig {
            allow_unprotected: false,
            ..MempoolConfig::default()
        };
        let strict = EngineConfig {
            mempool,
            ..EngineConfig::default()
        };
        assert_eq!(
            validate(&unprotected.encoded_2718(), &spec(), &strict),
            Err(SubmitError::Unprotected)
        );
        validate(&sign_legacy(legacy(Some(CHAIN_ID))).encoded_2718(), &spec(), &strict).unwrap();
    }

    #[test]
    fn a_malleable_signature_is_refused() {
        /// Order of secp256k1.
        const ORDER: U256 =
            alloy::primitives::uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let transaction = legacy(Some(CHAIN_ID));
        let signature = wallet(1).sign_hash_sync(&transaction.signature_hash()).unwrap();
        let high = Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
        let malleable = TxEnvelope::Legacy(transaction.into_signed(high));
        assert!(matches!(check(&malleable), Err(SubmitError::BadSignature(_))));
    }

    #[test]
    fn fees_gas_and_nonce_out_of_range_are_refused() {
        let tip = Tx {
            tip: GAS_PRICE + 1,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert_eq!(
            check(&tip),
            Err(SubmitError::TipAboveFeeCap {
                tip: GAS_PRICE + 1,
                fee: GAS_PRICE
            })
        );
        let fee = Tx {
            fee: 999_999,
            tip: 0,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert_eq!(
            check(&fee),
            Err(SubmitError::Underpriced {
                fee: 999_999,
                min: 1_000_000
            })
        );
        let limit = MAX_TX_GAS_LIMIT_OSAKA;
        let gas = Tx {
            gas: limit + 1,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert_eq!(check(&gas), Err(SubmitError::GasLimitTooHigh { gas: limit + 1, limit }));
        let low = Tx {
            gas: 20_999,
            ..Tx::transfer(0)
        }
        .sign(1);
        assert_eq!(
            check(&low),
            Err(SubmitError::IntrinsicGas {
                gas: 20_999,
                needed: 21_000
            })
        );
        let create = Tx::create(0, BURN, 21_000).sign(1);
        assert!(matches!(
            check(&create),
            Err(SubmitError::IntrinsicGas { gas: 21_000, .. })
        ));
        let nonce = Tx::transfer(u64::MAX).sign(1);
        assert_eq!(check(&nonce), Err(SubmitError::NonceMax));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn hostile_bytes_are_an_error_not_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), ty in 0u8..5) {
            let _ = validate(&bytes, &spec(), &EngineConfig::default());
            let typed: Vec<u8> = std::iter::once(ty).chain(bytes).collect();
            let _ = validate(&typed, &spec(), &EngineConfig::default());
        }

        #[test]
        fn a_damaged_transaction_never_keeps_its_sender(at in 0usize..100, flip in 1u8..) {
            let mut raw = Tx::transfer(0).sign(1).encoded_2718();
            let at = at % raw.len();
            raw[at] ^= flip;
            if let Ok(checked) = validate(&raw, &spec(), &EngineConfig::default()) {
                prop_assert_ne!(checked.sender(), wallet(1).address());
            }
        }
    }
}

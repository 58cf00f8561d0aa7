//! A JSON-RPC node of a chain on which epoch [`EPOCH`] takes reveals, for ever. It answers what a coordinator asks, and
//! nothing else.

use std::{net::SocketAddr, path::Path};

use alloy::{
    primitives::{Address, B256, Bytes, Log as PrimitiveLog, U256},
    rpc::types::{Block, Log},
    sol_types::{SolCall, SolEvent},
};
use axum::{Json, Router, routing::post};
use cwe_aggregation::{RegionRule, Registry, Roots, Terms, WorkTerms};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{
        CWEConsumption, CWEPayouts, CWETiers, EpochBeacon, EpochClock, RegionRules, WorkRegistry,
        cwe_payouts::ICWEPayouts::Basis, epoch_clock::IEpochClock::Windows, region_rules::IRegionRules::Row,
    },
};
use serde_json::{Value, json};

use super::proofs::{self, Epoch};

/// The epoch that takes reveals.
pub(crate) const EPOCH: u64 = 7;
/// The chain.
pub(crate) const CHAIN_ID: u64 = 51_337;

const HEAD: u64 = 10;
const HEAD_SECS: u64 = 2_500;
const REGISTERED_AT: u64 = 5;

/// Starts the node, and writes the file of its economy into a folder.
pub(crate) async fn start(epoch: Epoch, folder: &Path) -> SocketAddr {
    let addresses = serde_json::to_string(&addresses()).unwrap();
    std::fs::write(folder.join("economy.json"), addresses).unwrap();
    let answer = async move |Json(request): Json<Value>| {
        let result = answer(&request, &epoch);
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/", post(answer)))
            .await
            .unwrap()
    });
    address
}

/// Where `CWEPayouts` is.
pub(crate) fn payouts() -> Address {
    addresses().payouts
}

fn addresses() -> EconomyAddresses {
    let at = Address::repeat_byte;
    EconomyAddresses {
        l2_chain_id: CHAIN_ID,
        timelock: at(1),
        clock: at(2),
        beacon: at(3),
        parameters: at(4),
        regions: at(5),
        identity: at(6),
        creators: at(7),
        registry: at(8),
        split_pay: at(9),
        escrow: at(10),
        direct_sale: at(11),
        treasury: at(12),
        tiers: at(13),
        consumption: at(14),
        payouts: at(15),
        refunds: at(16),
    }
}

fn answer(request: &Value, epoch: &Epoch) -> Value {
    let params = &request["params"];
    match request["method"].as_str().unwrap() {
        "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
        "eth_blockNumber" => json!(format!("{HEAD:#x}")),
        "eth_getBlockByNumber" => {
            let mut block: Block = Block::default();
            block.header.inner.number = HEAD;
            block.header.inner.timestamp = HEAD_SECS;
            serde_json::to_value(block).unwrap()
        }
        "eth_getLogs" => serde_json::to_value(logs(&params[0])).unwrap(),
        "eth_call" => {
            let call = params[0].get("input").or_else(|| params[0].get("data")).unwrap();
            let call: Bytes = serde_json::from_value(call.clone()).unwrap();
            json!(Bytes::from(view(&call, epoch)))
        }
        other => panic!("a coordinator that only takes reveals does not ask for {other}"),
    }
}

fn rule() -> B256 {
    B256::right_padding_from(b"default")
}

fn registry() -> Registry {
    let terms = Terms {
        price_per_min: proofs::PRICE,
        region_rule: rule(),
    };
    let work = |number| WorkTerms {
        work: proofs::work(number),
        registered_at: REGISTERED_AT,
        from_epoch: 1,
        terms,
        previous: terms,
    };
    let row = RegionRule {
        rule: rule(),
        factor_ppm: proofs::REGION_PPM,
    };
    Registry::new((1..=proofs::WORKS).map(work).collect(), vec![row]).unwrap()
}

fn logs(filter: &Value) -> Vec<Log> {
    let topics: Vec<B256> = match &filter["topics"][0] {
        Value::Array(all) => all
            .iter()
            .map(|topic| serde_json::from_value(topic.clone()).unwrap())
            .collect(),
        one => vec![serde_json::from_value(one.clone()).unwrap()],
    };
    let log = |number: u8, data| Log {
        inner: PrimitiveLog {
            address: addresses().registry,
            data,
        },
        block_number: Some(1),
        block_timestamp: Some(REGISTERED_AT),
        log_index: Some(number.into()),
        ..Log::default()
    };
    let works = 1..=proofs::WORKS;
    if topics.contains(&WorkRegistry::WorkRegistered::SIGNATURE_HASH) {
        let event = |number: u8| WorkRegistry::WorkRegistered {
            workId: proofs::work(number),
            creatorId: B256::ZERO,
            index: u32::from(number) - 1,
        };
        works
            .map(|number| log(number, event(number).encode_log_data()))
            .collect()
    } else {
        let event = |number| WorkRegistry::TermsSet {
            workId: proofs::work(number),
            fromEpoch: 1,
            pricePerMin: proofs::PRICE,
            regionRule: rule(),
        };
        works
            .map(|number| log(number, event(number).encode_log_data()))
            .collect()
    }
}

fn windows(epoch: u64) -> Windows {
    let (past, never) = (1_000, u64::MAX - 10);
    let at = |opens: u64, closes: u64| Windows {
        startsAt: past,
        endsAt: opens,
        submissionEndsAt: opens,
        revealEndsAt: closes,
        settleableAt: closes,
    };
    match epoch {
        EPOCH => at(past, never),
        earlier if earlier < EPOCH => at(past, past),
        _ => at(never, never),
    }
}

fn view(call: &[u8], epoch: &Epoch) -> Vec<u8> {
    let asked = |position: usize| {
        let word = &call[4 + 32 * position..][..32];
        U256::from_be_slice(word).to::<u64>()
    };
    let at_epoch = |value: U256, other: U256| if asked(0) == EPOCH { value } else { other };
    let empty = Roots::default();
    let selector: [u8; 4] = call[..4].try_into().unwrap();
    match selector {
        EpochClock::currentEpochCall::SELECTOR => EpochClock::currentEpochCall::abi_encode_returns(&(EPOCH + 1)),
        EpochClock::windowsOfCall::SELECTOR => EpochClock::windowsOfCall::abi_encode_returns(&windows(asked(0))),
        EpochBeacon::keyOfCall::SELECTOR => {
            EpochBeacon::keyOfCall::abi_encode_returns(&at_epoch(epoch.key.to_uint(), U256::from(1)))
        }
        CWEConsumption::noteRootCall::SELECTOR => {
            CWEConsumption::noteRootCall::abi_encode_returns(&at_epoch(epoch.note_root.to_uint(), U256::ZERO))
        }
        CWETiers::tierIdsCall::SELECTOR => CWETiers::tierIdsCall::abi_encode_returns(&vec![epoch.tier]),
        WorkRegistry::registryCommitmentCall::SELECTOR => {
            WorkRegistry::registryCommitmentCall::abi_encode_returns(&registry().commitment())
        }
        RegionRules::rowsOfCall::SELECTOR => RegionRules::rowsOfCall::abi_encode_returns(&vec![Row {
            rule: rule(),
            factorPpm: proofs::REGION_PPM,
        }]),
        CWEPayouts::verifiersCall::SELECTOR => {
            CWEPayouts::verifiersCall::abi_encode_returns(&CWEPayouts::verifiersReturn {
                aggregation: Address::ZERO,
                settlement: Address::ZERO,
            })
        }
        CWEPayouts::nextEpochCall::SELECTOR => CWEPayouts::nextEpochCall::abi_encode_returns(&EPOCH),
        CWEPayouts::basisOfCall::SELECTOR => {
            let none = Basis {
                nullifierRoot: B256::ZERO,
                totalsRoot: B256::ZERO,
                abandonCarried: false,
            };
            CWEPayouts::basisOfCall::abi_encode_returns(&CWEPayouts::basisOfReturn {
                basis: none,
                reveals: 0,
            })
        }
        CWEPayouts::rootsOfCall::SELECTOR => CWEPayouts::rootsOfCall::abi_encode_returns(&CWEPayouts::rootsOfReturn {
            nullifierRoot: empty.nullifiers,
            totalsRoot: empty.totals,
            reveals: 0,
        }),
        other => panic!("a coordinator does not call {}", alloy::hex::encode(other)),
    }
}

//! What the embedding page provides: a place for the wallet's bytes, the L2, and where to send things.

use alloy_primitives::B256;
use cwe_wallet::{
    chain::{
        Chain, ChainError, EpochFacts, EpochWindows, Submissions, Submitted, Subscription, Subscriptions, WorkTable,
        WorkTerms,
    },
    driver::{OutletError, RevealOutlet, Sent, SubmissionOutlet},
    ids::WorkId,
    messages::{RevealBody, SubmissionBody},
    storage::{Storage, StorageError},
};
use js_sys::{Reflect, Uint8Array};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::convert::{from_js, thrown};

/// The interfaces, for TypeScript.
#[wasm_bindgen(typescript_custom_section)]
const INTERFACES: &str = r#"
export type Hex = `0x${string}`;

/** Where the wallet's bytes lie: one value, replaced whole. Synchronous, as nothing may leave the device before it is
 *  kept: in a worker, `FileSystemSyncAccessHandle` with `flush()`; in Node, a file. Whatever is thrown stops the step. */
export interface WalletStorage {
  load(): Uint8Array | undefined;
  replace(value: Uint8Array): void;
}

/** Unix times in seconds at which an epoch's windows begin; each ends where the next one begins. */
export interface EpochWindows {
  starts_at: bigint;
  ends_at: bigint;
  submission_ends_at: bigint;
  reveal_ends_at: bigint;
}

/** The L2, whole epochs at a time: a question about one commitment, nullifier or work would tell the node who asks. */
export interface WalletChain {
  /** Time of the newest sealed block, Unix seconds. */
  headSecs(): Promise<bigint>;
  /** Time at which a transaction would run now. */
  nowSecs(): Promise<bigint>;
  facts(epoch: bigint): Promise<{
    windows: EpochWindows;
    /** `EpochBeacon.keyOf`; none while it is not fixed. */
    key?: Hex;
    diminishing_ppm: number;
    allowances: { tier: Hex; seconds: bigint }[];
  }>;
  /** In the order of the leaves, with the contract's root. */
  subscriptions(epoch: bigint): Promise<{ leaves: { commitment: Hex; tier: Hex }[]; root: Hex }>;
  submissions(epoch: bigint): Promise<{ leaves: { tier: Hex; nullifier: Hex; notes_root: Hex }[]; root: Hex }>;
  /** What a minute of each registered work costs in micro-CLN, and its region's factor. */
  works(epoch: bigint): Promise<{ work: Hex; price: bigint; region_ppm: number }[]>;
}

/** Sends what is to be sent, JSON as `POST`ed. To throw means "not now", and it is sent again; to throw an error with
 *  `refused: true` means "never". */
export interface SubmissionOutlet {
  /** To the chain or a relayer; resolves to the transaction's hash where it is known. */
  send(submission: string): Promise<Hex | undefined>;
}
export interface RevealOutlet {
  /** The coordinator's name in receipts. */
  name: string;
  /** Resolves to the coordinator's answer. */
  send(reveal: string): Promise<string>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The page's storage.
    #[wasm_bindgen(typescript_type = "WalletStorage")]
    pub type JsStorage;
    #[wasm_bindgen(method, catch)]
    fn load(this: &JsStorage) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn replace(this: &JsStorage, value: Uint8Array) -> Result<(), JsValue>;

    /// The page's view of the L2.
    #[wasm_bindgen(typescript_type = "WalletChain")]
    pub type JsChain;
    #[wasm_bindgen(method, catch, js_name = headSecs)]
    async fn head_secs(this: &JsChain) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = nowSecs)]
    async fn now_secs(this: &JsChain) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn facts(this: &JsChain, epoch: u64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn subscriptions(this: &JsChain, epoch: u64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn submissions(this: &JsChain, epoch: u64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn works(this: &JsChain, epoch: u64) -> Result<JsValue, JsValue>;

    /// Where submissions go.
    #[wasm_bindgen(typescript_type = "SubmissionOutlet")]
    pub type JsSubmissionOutlet;
    #[wasm_bindgen(method, catch, js_name = send)]
    async fn send_submission(this: &JsSubmissionOutlet, json: String) -> Result<JsValue, JsValue>;

    /// Where reveals go.
    #[wasm_bindgen(typescript_type = "RevealOutlet")]
    pub type JsRevealOutlet;
    #[wasm_bindgen(method, getter)]
    fn name(this: &JsRevealOutlet) -> String;
    #[wasm_bindgen(method, catch, js_name = send)]
    async fn send_reveal(this: &JsRevealOutlet, json: String) -> Result<JsValue, JsValue>;
}

const STORAGE: &str = "the page's storage";

fn storage_error(action: &'static str, reason: String) -> StorageError {
    StorageError::Io {
        action,
        place: STORAGE.into(),
        reason,
    }
}

impl Storage for JsStorage {
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let failed = |reason| storage_error("reading", reason);
        let value = Self::load(self).map_err(|error| failed(thrown(&error)))?;
        if value.is_undefined() || value.is_null() {
            return Ok(None);
        }
        match wasm_bindgen::JsCast::dyn_into::<Uint8Array>(value) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(_) => Err(failed(
                "load() gave something else than a Uint8Array or undefined".into(),
            )),
        }
    }

    fn replace(&mut self, value: &[u8]) -> Result<(), StorageError> {
        Self::replace(self, Uint8Array::from(value)).map_err(|error| storage_error("writing", thrown(&error)))
    }
}

/// The page's chain; what it says is compared with the contracts' roots as that of any other node.
#[derive(Debug)]
pub(crate) struct HostChain(pub(crate) JsChain);

impl std::fmt::Debug for JsChain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JsChain")
    }
}

impl std::fmt::Debug for JsStorage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JsStorage")
    }
}

#[derive(Deserialize)]
struct Facts {
    windows: EpochWindows,
    #[serde(default)]
    key: Option<B256>,
    diminishing_ppm: u32,
    allowances: Vec<Allowance>,
}

#[derive(Deserialize)]
struct Allowance {
    tier: B256,
    seconds: u64,
}

#[derive(Deserialize)]
struct Leaves<T> {
    leaves: Vec<T>,
    root: B256,
}

#[derive(Deserialize)]
struct SubscriptionLeaf {
    commitment: B256,
    tier: B256,
}

#[derive(Deserialize)]
struct SubmissionLeaf {
    tier: B256,
    nullifier: B256,
    notes_root: B256,
}

#[derive(Deserialize)]
struct WorkRow {
    work: WorkId,
    price: u64,
    region_ppm: u32,
}

fn answer<T: DeserializeOwned>(doing: &'static str, value: Result<JsValue, JsValue>) -> Result<T, ChainError> {
    let value = value.map_err(|error| thrown(&error));
    value
        .and_then(from_js)
        .map_err(|reason| ChainError::Node { doing, reason })
}

impl Chain for HostChain {
    async fn head_secs(&self) -> Result<u64, ChainError> {
        answer("reading the newest block's time", self.0.head_secs().await)
    }

    async fn now_secs(&self) -> Result<u64, ChainError> {
        answer("reading the chain's time", self.0.now_secs().await)
    }

    async fn facts(&self, epoch: u64) -> Result<EpochFacts, ChainError> {
        let facts: Facts = answer("reading what the epoch fixes", self.0.facts(epoch).await)?;
        let allowances = facts.allowances.into_iter().map(|row| (row.tier, row.seconds));
        Ok(EpochFacts {
            windows: facts.windows,
            key: facts.key.filter(|key| !key.is_zero()),
            diminishing_ppm: facts.diminishing_ppm,
            allowances: allowances.collect(),
        })
    }

    async fn subscriptions(&self, epoch: u64) -> Result<Subscriptions, ChainError> {
        let Leaves { leaves, root } = answer("reading the subscriptions", self.0.subscriptions(epoch).await)?;
        let leaf = |SubscriptionLeaf { commitment, tier }| Subscription { commitment, tier };
        Subscriptions::new(epoch, leaves.into_iter().map(leaf).collect(), root)
    }

    async fn submissions(&self, epoch: u64) -> Result<Submissions, ChainError> {
        let Leaves { leaves, root } = answer("reading the submissions", self.0.submissions(epoch).await)?;
        let leaf = |leaf: SubmissionLeaf| Submitted {
            tier: leaf.tier,
            nullifier: leaf.nullifier,
            notes_root: leaf.notes_root,
        };
        Submissions::new(epoch, leaves.into_iter().map(leaf).collect(), root)
    }

    async fn works(&self, epoch: u64) -> Result<WorkTable, ChainError> {
        let rows: Vec<WorkRow> = answer("reading the works' prices", self.0.works(epoch).await)?;
        let terms = |WorkRow {
                         work,
                         price,
                         region_ppm,
                     }| (work, WorkTerms { price, region_ppm });
        Ok(rows.into_iter().map(terms).collect())
    }
}

/// What was thrown by an outlet, and whether it is final.
fn outlet_error(to: &str, error: &JsValue) -> OutletError {
    let (to, reason) = (to.to_owned(), thrown(error));
    let refused = Reflect::get(error, &"refused".into()).is_ok_and(|value| value.is_truthy());
    if refused {
        OutletError::Refused { to, reason }
    } else {
        OutletError::Unreachable { to, reason }
    }
}

fn json(to: &str, body: &impl Serialize) -> Result<String, OutletError> {
    serde_json::to_string(body).map_err(|error| OutletError::Refused {
        to: to.to_owned(),
        reason: error.to_string(),
    })
}

impl SubmissionOutlet for JsSubmissionOutlet {
    async fn send(&self, submission: &SubmissionBody) -> Result<Sent, OutletError> {
        const TO: &str = "the relayer or chain";
        let sent = self.send_submission(json(TO, submission)?).await;
        let answer = sent.map_err(|error| outlet_error(TO, &error))?;
        let transaction = answer.as_string().and_then(|hash| hash.parse().ok());
        Ok(Sent { transaction })
    }
}

/// A coordinator with its name.
pub(crate) struct Coordinator {
    outlet: JsRevealOutlet,
    name: String,
}

impl From<JsRevealOutlet> for Coordinator {
    fn from(outlet: JsRevealOutlet) -> Self {
        let name = outlet.name();
        Self { outlet, name }
    }
}

impl RevealOutlet for Coordinator {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, reveal: &RevealBody) -> Result<String, OutletError> {
        let sent = self.outlet.send_reveal(json(&self.name, reveal)?).await;
        let answer = sent.map_err(|error| outlet_error(&self.name, &error))?;
        Ok(answer.as_string().unwrap_or_default())
    }
}

//! The wallet as JavaScript sees it.

use cwe_wallet::{
    Contents, Played, SystemEntropy,
    chain::Chain as _,
    driver,
    epoch::NextReveal,
    identity::{Phrase, random_secret, secret_from_phrase},
    ids::WorkId,
    ledger::Ruling,
    vault::KdfCost,
};
use serde::Serialize;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use zeroize::Zeroizing;

use crate::{
    Prover,
    convert::to_js,
    host::{Coordinator, HostChain, JsChain, JsRevealOutlet, JsStorage, JsSubmissionOutlet},
};

/// What the methods give back, for TypeScript.
#[wasm_bindgen(typescript_custom_section)]
const RESULTS: &str = r#"
/** What became of a session. `too_late`: its epoch is frozen already, so it is kept but not reported. */
export interface Recorded { epoch: bigint; too_late: boolean }

export interface StatementRow {
  work: Hex;
  recorded_secs: bigint;
  recorded_plays: bigint;
  seconds: number;
  plays: number;
  /** Micro-CLN a minute. */
  price: bigint;
  region_ppm: number;
  /** Share of the fee before rounding to units, ppm. */
  share_ppm: number;
  /** Hundredths of the fee; unknown before the epoch's key is fixed. */
  units?: number;
}
/** What will be reported of an epoch, and what not. */
export interface Statement {
  epoch: bigint;
  tier: Hex;
  allowance_secs: bigint;
  counted_secs: bigint;
  reported_secs: bigint;
  rows: StatementRow[];
  left_out: {
    work: Hex;
    recorded_secs: bigint;
    recorded_plays: bigint;
    reason: 'excluded' | 'no_time' | 'not_registered' | 'free_of_charge' | 'beyond_slots';
  }[];
}

export type EpochStage = 'planned' | 'proven' | 'sending' | 'confirmed' | 'revealing' | 'superseded' | 'missed';

/** What became of a round of reveals. */
export interface Round {
  acknowledged: number;
  failed: { slot: number; reason: string }[];
  /** Missed their time while the wallet slept, and got new ones. */
  postponed: number;
  /** Unix time before which nothing is to do. */
  wait_until?: bigint;
  done: boolean;
  /** The window closed with so many notes unrevealed. */
  unrevealed: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// See `RESULTS`.
    #[wasm_bindgen(typescript_type = "Recorded")]
    pub type JsRecorded;
    /// See `RESULTS`.
    #[wasm_bindgen(typescript_type = "Statement")]
    pub type JsStatement;
    /// See `RESULTS`.
    #[wasm_bindgen(typescript_type = "Round")]
    pub type JsRound;
    /// See `RESULTS`.
    #[wasm_bindgen(typescript_type = "EpochStage | undefined")]
    pub type JsStage;
}

#[derive(Serialize)]
struct RecordedObject {
    epoch: u64,
    too_late: bool,
}

#[derive(Serialize)]
struct RoundObject {
    acknowledged: u32,
    failed: Vec<Failed>,
    postponed: u32,
    wait_until: Option<u64>,
    done: bool,
    unrevealed: u32,
}

#[derive(Serialize)]
struct Failed {
    slot: u8,
    reason: String,
}

/// An open wallet. Every change is in the storage before the method returns, and before anything leaves the device.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Wallet(cwe_wallet::Wallet<JsStorage, SystemEntropy>);

#[wasm_bindgen]
impl Wallet {
    /// Makes a wallet in an empty storage: from a phrase, or with a random secret. `password` encrypts it
    /// (Argon2id, XChaCha20-Poly1305).
    ///
    /// # Errors
    /// There is a wallet already, the phrase is none, the password is empty, or the storage fails.
    #[wasm_bindgen]
    pub fn create(storage: JsStorage, password: Vec<u8>, phrase: Option<String>) -> Result<Self, JsError> {
        let password = Zeroizing::new(password);
        if cwe_wallet::storage::Storage::load(&storage)?.is_some() {
            return Err(JsError::new(
                "there is a wallet in this storage already; it is not overwritten",
            ));
        }
        let secret = match phrase.map(Zeroizing::new) {
            Some(phrase) => secret_from_phrase(&Phrase::parse(&phrase)?)?,
            None => random_secret(&mut SystemEntropy)?,
        };
        let wallet = cwe_wallet::Wallet::create(storage, SystemEntropy, &password, KdfCost::STANDARD, secret)?;
        Ok(Self(wallet))
    }

    /// Opens the wallet in a storage.
    ///
    /// # Errors
    /// There is none, the password is wrong, or the bytes are damaged.
    #[wasm_bindgen]
    pub fn open(storage: JsStorage, password: Vec<u8>) -> Result<Self, JsError> {
        let password = Zeroizing::new(password);
        Ok(Self(cwe_wallet::Wallet::open(storage, SystemEntropy, &password)?))
    }

    /// What is subscribed with: `CWETiers.subscribe(tier, identityCommitment)`.
    #[wasm_bindgen(getter, js_name = identityCommitment)]
    pub fn identity_commitment(&self) -> String {
        self.contents().identity_commitment().to_string()
    }

    /// Learns the epochs' times and what time it is from the chain. Gives by how many seconds the device's clock had been
    /// ahead, if it was.
    ///
    /// # Errors
    /// The chain can't be read, or the storage fails.
    #[wasm_bindgen]
    pub async fn anchor(&mut self, chain: JsChain, epoch: u64, now_secs: u64) -> Result<Option<u64>, JsError> {
        let chain = HostChain(chain);
        let schedule = chain.facts(epoch).await?.windows.schedule(epoch);
        Ok(self.0.anchor(schedule, chain.now_secs().await?, now_secs)?)
    }

    /// Records a session that ended at the device's time `now_secs`. Without `epoch`, that of the time.
    ///
    /// # Errors
    /// It is no plausible session, its epoch is unknown, or the storage fails.
    #[wasm_bindgen]
    pub fn record(
        &mut self,
        work: &str,
        seconds: u32,
        plays: u32,
        now_secs: u64,
        epoch: Option<u64>,
    ) -> Result<JsRecorded, JsError> {
        let played = Played {
            work: work.parse()?,
            seconds,
            plays,
            epoch,
        };
        let recorded = self.0.record(played, now_secs)?;
        let object = RecordedObject {
            epoch: recorded.epoch,
            too_late: recorded.too_late,
        };
        Ok(to_js(&object)?.into())
    }

    /// Reports a work of an epoch with these numbers instead of the recorded ones.
    ///
    /// # Errors
    /// Numbers that can't be, or the storage fails.
    #[wasm_bindgen]
    pub fn correct(&mut self, epoch: u64, work: &str, seconds: u64, plays: u64) -> Result<(), JsError> {
        self.rule(epoch, work, Ruling::Set { seconds, plays })
    }

    /// Leaves a work of an epoch out of the report.
    ///
    /// # Errors
    /// The storage fails.
    #[wasm_bindgen]
    pub fn exclude(&mut self, epoch: u64, work: &str) -> Result<(), JsError> {
        self.rule(epoch, work, Ruling::Excluded)
    }

    /// Takes a correction or exclusion back.
    ///
    /// # Errors
    /// The storage fails.
    #[wasm_bindgen(js_name = asRecorded)]
    pub fn as_recorded(&mut self, epoch: u64, work: &str) -> Result<(), JsError> {
        self.rule(epoch, work, Ruling::AsRecorded)
    }

    /// What will be, or was, reported of an epoch.
    ///
    /// # Errors
    /// The listener is not subscribed, or the chain can't be read.
    #[wasm_bindgen]
    pub async fn statement(&self, chain: JsChain, epoch: u64) -> Result<JsStatement, JsError> {
        let statement = driver::preview(self.contents(), &HostChain(chain), epoch).await?;
        Ok(to_js(&statement)?.into())
    }

    /// How far an epoch is; undefined when nothing of it was begun.
    #[wasm_bindgen]
    pub fn stage(&self, epoch: u64) -> JsStage {
        let stage = self.contents().epoch(epoch).map(|record| record.stage.name());
        stage.map_or(JsValue::UNDEFINED, JsValue::from).into()
    }

    /// Freezes the statement of an epoch that is over and makes its Split proof, unless that was done. `progress` is told
    /// thousandths.
    ///
    /// # Errors
    /// The epoch is not over, there is nothing to report, or the chain changed under the plan.
    #[wasm_bindgen]
    pub async fn prove(
        &mut self,
        chain: JsChain,
        prover: &Prover,
        epoch: u64,
        progress: Option<js_sys::Function>,
    ) -> Result<(), JsError> {
        let report = &mut |thousandths: u32| {
            // What the page's function throws is its own affair: the proof goes on.
            let _ = progress
                .as_ref()
                .map(|told| told.call1(&JsValue::UNDEFINED, &thousandths.into()));
        };
        Ok(driver::prove(&mut self.0, &HostChain(chain), &prover.circuits, epoch, report).await?)
    }

    /// Gives up the plan and proof of an epoch of which nothing was sent.
    ///
    /// # Errors
    /// Something was sent, or nothing was begun.
    #[wasm_bindgen]
    pub fn discard(&mut self, epoch: u64) -> Result<(), JsError> {
        Ok(self.0.discard_epoch(epoch)?)
    }

    /// Sends the Split proof unless the chain has it; gives the transaction where it is known.
    ///
    /// # Errors
    /// There is no proof, the window is closed, or the outlet did not take it: the same is sent again then.
    #[wasm_bindgen]
    pub async fn submit(
        &mut self,
        chain: JsChain,
        outlet: JsSubmissionOutlet,
        epoch: u64,
    ) -> Result<Option<String>, JsError> {
        let sent = driver::submit(&mut self.0, &HostChain(chain), &outlet, epoch).await?;
        Ok(sent.and_then(|sent| sent.transaction).map(|hash| hash.to_string()))
    }

    /// Reveals the notes whose time has come; `hurry` all at once, which links them to each other.
    ///
    /// # Errors
    /// The submission is not on chain, the window is not open, or the storage fails. A coordinator that refuses is no
    /// error: see `failed`.
    #[wasm_bindgen]
    pub async fn reveal(
        &mut self,
        chain: JsChain,
        prover: &Prover,
        outlet: JsRevealOutlet,
        epoch: u64,
        hurry: bool,
    ) -> Result<JsRound, JsError> {
        let outlet = Coordinator::from(outlet);
        let round = driver::reveal(&mut self.0, &HostChain(chain), &prover.circuits, &outlet, epoch, hurry).await?;
        let failed = round.failed.into_iter().map(|(slot, error)| Failed {
            slot,
            reason: error.to_string(),
        });
        let object = RoundObject {
            acknowledged: count(round.acknowledged),
            failed: failed.collect(),
            postponed: count(round.postponed),
            wait_until: match round.next {
                NextReveal::WaitUntil(time) => Some(time),
                _ => None,
            },
            done: round.next == NextReveal::Done,
            unrevealed: match round.next {
                NextReveal::Closed { unrevealed } => count(unrevealed),
                _ => 0,
            },
        };
        Ok(to_js(&object)?.into())
    }
}

/// Slots, of which there are few.
fn count(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(u32::MAX)
}

impl Wallet {
    const fn contents(&self) -> &Contents {
        self.0.contents()
    }

    fn rule(&mut self, epoch: u64, work: &str, ruling: Ruling) -> Result<(), JsError> {
        let work: WorkId = work.parse()?;
        Ok(self.0.correct(epoch, work, ruling)?)
    }
}

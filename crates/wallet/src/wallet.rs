//! An open wallet: its contents in memory, and every change of them on disk before anybody acts on it.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use cwe_usage::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    entropy::{Entropy, EntropyError},
    epoch::{EpochError, EpochRecord},
    identity::secret_bytes,
    ids::{DeviceId, WorkId},
    ledger::{ClockGuard, ClockReading, EpochSchedule, Ledger, Ruling, Session, SessionError},
    storage::{Storage, StorageError},
    vault::{KdfCost, VaultError, VaultKey},
};

/// Version of [`Contents`] inside the file.
const CONTENTS_VERSION: u16 = 1;
/// Submissions of a tier below which reveals wait for the window's last day.
pub const DEFAULT_CROWD_THRESHOLD: u64 = 50;
/// Epochs whose record is kept.
const MAX_EPOCH_RECORDS: usize = 64;

/// Everything that a wallet keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    #[serde(with = "secret_bytes")]
    secret: Secret,
    device: DeviceId,
    next_sequence: u64,
    clock: ClockGuard,
    schedule: Option<EpochSchedule>,
    crowd_threshold: u64,
    ledger: Ledger,
    epochs: BTreeMap<u64, EpochRecord>,
}

/// A session as a player reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// What.
    pub work: WorkId,
    /// How long.
    pub seconds: u32,
    /// How often it was begun; 0 goes on with the play that was recorded before.
    pub plays: u32,
    /// Epoch that it belongs to, if the player knows; else that of the time.
    pub epoch: Option<u64>,
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Epoch that it counts in.
    pub epoch: u64,
    /// What was taken for the time.
    pub clock: ClockReading,
    /// Whether that epoch was frozen already, so that the session is kept but not reported.
    pub too_late: bool,
}

/// Why the wallet can't do something.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The encryption.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file decrypts, and what is in it makes no sense.
    #[error("the wallet's contents are damaged: {0}; restore the file from a copy")]
    Contents(String),
    /// The contents are of a newer program.
    #[error("the wallet's contents have version {0}, this program knows {CONTENTS_VERSION}: use a newer program")]
    ContentsVersion(u16),
    /// There is no wallet.
    #[error("there is no wallet there yet: make one with `cwe wallet create`")]
    Missing,
    /// A session or correction.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The epoch at a time is unknown.
    #[error("the epochs' times are not known yet: connect to the L2 once, or name the epoch")]
    NoSchedule,
    /// Two persons' wallets.
    #[error("that wallet is another identity's: only ledgers of the same identity are merged")]
    OtherIdentity,
    /// An epoch's step.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// A wallet that is open, and where it lies.
#[derive(Debug)]
pub struct Wallet<S, E> {
    storage: S,
    entropy: E,
    key: VaultKey,
    contents: Contents,
}

impl<S: Storage, E: Entropy> Wallet<S, E> {
    /// Makes a wallet and keeps it.
    ///
    /// # Errors
    /// It can't be written, the password is empty, or there is no randomness.
    pub fn create(
        storage: S,
        mut entropy: E,
        password: &[u8],
        cost: KdfCost,
        secret: Secret,
    ) -> Result<Self, WalletError> {
        let contents = Contents {
            secret,
            device: DeviceId::random(&mut entropy)?,
            next_sequence: 0,
            clock: ClockGuard::default(),
            schedule: None,
            crowd_threshold: DEFAULT_CROWD_THRESHOLD,
            ledger: Ledger::default(),
            epochs: BTreeMap::new(),
        };
        let key = VaultKey::new(password, cost, &mut entropy)?;
        let mut wallet = Self {
            storage,
            entropy,
            key,
            contents,
        };
        wallet.save(wallet.contents.clone())?;
        Ok(wallet)
    }

    /// Opens a wallet.
    ///
    /// # Errors
    /// It can't be read, the password is wrong, or the file is damaged.
    pub fn open(storage: S, entropy: E, password: &[u8]) -> Result<Self, WalletError> {
        let file = storage.load()?.ok_or(WalletError::Missing)?;
        let (key, plain) = VaultKey::unlock(&file, password)?;
        let contents = decode(&plain)?;
        Ok(Self {
            storage,
            entropy,
            key,
            contents,
        })
    }

    /// Encrypts under another password from now on.
    ///
    /// # Errors
    /// It can't be written; the old password stays then.
    pub fn change_password(&mut self, password: &[u8], cost: KdfCost) -> Result<(), WalletError> {
        let before = self.key.clone();
        self.key = VaultKey::new(password, cost, &mut self.entropy)?;
        self.save(self.contents.clone()).inspect_err(|_| self.key = before)
    }

    /// Records a session at the device's time `now_secs`.
    ///
    /// # Errors
    /// It can't be, its epoch is unknown, or it can't be written.
    pub fn record(&mut self, played: Played, now_secs: u64) -> Result<Recorded, WalletError> {
        self.change(|contents, _| contents.record(played, now_secs))
    }

    /// Records several sessions, all or none.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn record_all(&mut self, played: &[Played], now_secs: u64) -> Result<Vec<Recorded>, WalletError> {
        self.change(|contents, _| played.iter().map(|played| contents.record(*played, now_secs)).collect())
    }

    /// Corrects a work in an epoch. A frozen epoch's statement does not change any more.
    ///
    /// # Errors
    /// Numbers that can't be, or it can't be written.
    pub fn correct(&mut self, epoch: u64, work: WorkId, ruling: Ruling) -> Result<(), WalletError> {
        self.change(|contents, _| Ok(contents.ledger.correct(epoch, work, contents.device, ruling)?))
    }

    /// Takes over the sessions and corrections of the same identity's wallet on another device. Tells how many sessions
    /// were new.
    ///
    /// # Errors
    /// It is another identity's, or it can't be written.
    pub fn merge(&mut self, other: &Contents) -> Result<usize, WalletError> {
        self.change(|contents, _| {
            if contents.secret != other.secret {
                return Err(WalletError::OtherIdentity);
            }
            let new = contents.ledger.merge(&other.ledger)?;
            contents.next_sequence = contents
                .next_sequence
                .max(contents.ledger.next_sequence(contents.device));
            Ok(new)
        })
    }

    /// Learns the epochs' times, and what time it is, from the chain. Tells by how many seconds the device's clock had
    /// been ahead, if it was.
    ///
    /// # Errors
    /// It can't be written.
    pub fn anchor(
        &mut self,
        schedule: EpochSchedule,
        chain_secs: u64,
        now_secs: u64,
    ) -> Result<Option<u64>, WalletError> {
        self.change(|contents, _| {
            contents.schedule = Some(schedule);
            Ok(contents.clock.anchor(chain_secs, now_secs))
        })
    }

    /// Sets the crowd below which reveals wait for the window's last day.
    ///
    /// # Errors
    /// It can't be written.
    pub fn set_crowd_threshold(&mut self, submissions: u64) -> Result<(), WalletError> {
        self.change(|contents, _| {
            contents.crowd_threshold = submissions;
            Ok(())
        })
    }

    /// Changes an epoch's record and keeps it, or changes nothing.
    ///
    /// # Errors
    /// Nothing was begun, the change fails, or it can't be written.
    pub fn change_epoch<T>(
        &mut self,
        epoch: u64,
        change: impl FnOnce(&mut EpochRecord, &Secret, &mut E) -> Result<T, EpochError>,
    ) -> Result<T, WalletError> {
        self.change(|contents, entropy| {
            let record = contents.epochs.get_mut(&epoch).ok_or(EpochError::NotBegun(epoch))?;
            Ok(change(record, &contents.secret, entropy)?)
        })
    }

    /// Begins an epoch with what `plan` makes of the contents, and keeps it.
    ///
    /// # Errors
    /// It was begun before, planning fails, or it can't be written.
    pub fn begin_epoch(
        &mut self,
        epoch: u64,
        plan: impl FnOnce(&Contents, &mut E) -> Result<EpochRecord, EpochError>,
    ) -> Result<(), WalletError> {
        self.change(|contents, entropy| {
            if let Some(record) = contents.epochs.get(&epoch) {
                return Err(EpochError::WrongStage {
                    epoch,
                    stage: record.stage.name(),
                    doing: "planning it",
                }
                .into());
            }
            let record = plan(contents, entropy)?;
            contents.epochs.insert(epoch, record);
            while contents.epochs.len() > MAX_EPOCH_RECORDS {
                contents.epochs.pop_first();
            }
            Ok(())
        })
    }

    /// Throws an epoch's plan away, so that it can be planned again.
    ///
    /// # Errors
    /// Nothing was begun, or something of it may have left the device.
    pub fn discard_epoch(&mut self, epoch: u64) -> Result<(), WalletError> {
        self.change(|contents, _| {
            let record = contents.epochs.get(&epoch).ok_or(EpochError::NotBegun(epoch))?;
            record.check_discardable()?;
            contents.epochs.remove(&epoch);
            Ok(())
        })
    }

    /// The contents.
    pub const fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Works on a copy, which replaces the contents once it is on disk.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Contents, &mut E) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        let mut contents = self.contents.clone();
        let outcome = change(&mut contents, &mut self.entropy)?;
        if contents != self.contents {
            self.save(contents)?;
        }
        Ok(outcome)
    }

    fn save(&mut self, contents: Contents) -> Result<(), WalletError> {
        let plain = encode(&contents)?;
        let file = self.key.seal(&plain, &mut self.entropy)?;
        self.storage.replace(&file)?;
        self.contents = contents;
        Ok(())
    }
}

impl Contents {
    /// The listener.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What is subscribed.
    pub fn identity_commitment(&self) -> B256 {
        self.secret.identity_commitment().into()
    }

    /// This installation.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The epoch at the device's time `now_secs`, as far as the epochs' times are known.
    pub fn epoch_at(&self, now_secs: u64) -> Option<u64> {
        let mut clock = self.clock;
        self.schedule?.epoch_at(clock.read(now_secs).at_secs)
    }

    /// Sessions and corrections.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// An epoch's record, if it was begun.
    pub fn epoch(&self, epoch: u64) -> Option<&EpochRecord> {
        self.epochs.get(&epoch)
    }

    /// All records.
    pub const fn epochs(&self) -> &BTreeMap<u64, EpochRecord> {
        &self.epochs
    }

    /// Submissions of a tier below which reveals wait.
    pub const fn crowd_threshold(&self) -> u64 {
        self.crowd_threshold
    }

    fn record(&mut self, played: Played, now_secs: u64) -> Result<Recorded, WalletError> {
        let clock = self.clock.read(now_secs);
        let epoch = played
            .epoch
            .or_else(|| self.epoch_at(now_secs))
            .ok_or(WalletError::NoSchedule)?;
        let session = Session {
            device: self.device,
            sequence: self.next_sequence,
            work: played.work,
            seconds: played.seconds,
            plays: played.plays,
            started_hour: clock.at_secs.saturating_sub(played.seconds.into()) / 3600,
        };
        self.ledger.add(epoch, session)?;
        self.next_sequence = self.next_sequence.saturating_add(1);
        Ok(Recorded {
            epoch,
            clock,
            too_late: self.epochs.contains_key(&epoch),
        })
    }
}

fn encode(contents: &Contents) -> Result<Zeroizing<Vec<u8>>, WalletError> {
    // Twice: the first time for the length, so that the second buffer never moves and leaves secrets behind.
    let failed = |error: postcard::Error| WalletError::Contents(error.to_string());
    let version = CONTENTS_VERSION.to_be_bytes();
    let length = postcard::experimental::serialized_size(contents).map_err(failed)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(version.len().saturating_add(length)));
    plain.extend_from_slice(&version);
    let encoded = Zeroizing::new(postcard::to_extend(contents, std::mem::take(&mut *plain)).map_err(failed)?);
    Ok(encoded)
}

fn decode(plain: &[u8]) -> Result<Contents, WalletError> {
    let (version, rest) = plain
        .split_first_chunk()
        .ok_or_else(|| WalletError::Contents("they are empty".into()))?;
    let version = u16::from_be_bytes(*version);
    if version != CONTENTS_VERSION {
        return Err(WalletError::ContentsVersion(version));
    }
    let (contents, rest) = postcard::take_from_bytes(rest).map_err(|error| WalletError::Contents(error.to_string()))?;
    if !rest.is_empty() {
        return Err(WalletError::Contents(format!("{} bytes are left over", rest.len())));
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::random_secret,
        testing::{MemoryStorage, Seeded},
    };

    const PASSWORD: &[u8] = b"password";

    fn wallet(storage: &MemoryStorage, seed: u64) -> Wallet<MemoryStorage, Seeded> {
        let secret = random_secret(&mut Seeded::new(seed)).unwrap();
        Wallet::create(
            storage.clone(),
            Seeded::new(seed + 100),
            PASSWORD,
            KdfCost::LOWEST,
            secret,
        )
        .unwrap()
    }

    fn played(seconds: u32) -> Played {
        Played {
            work: WorkId::try_from(B256::with_last_byte(5)).unwrap(),
            seconds,
            plays: 1,
            epoch: None,
        }
    }

    const SCHEDULE: EpochSchedule = EpochSchedule {
        epoch: 1,
        starts_at: 10_000,
        length_secs: 1_000,
    };

    #[test]
    fn what_was_recorded_is_there_when_the_wallet_is_opened_again() {
        let storage = MemoryStorage::default();
        let mut made = wallet(&storage, 1);
        made.anchor(SCHEDULE, 10_000, 10_000).unwrap();
        assert_eq!(made.record(played(60), 10_500).unwrap().epoch, 1);
        let opened = Wallet::open(storage.clone(), Seeded::new(2), PASSWORD).unwrap();
        assert_eq!(opened.contents(), made.contents());
        assert!(matches!(
            Wallet::open(storage, Seeded::new(2), b"wrong"),
            Err(WalletError::Vault(VaultError::WrongPassword))
        ));
    }

    #[test]
    fn a_change_that_cannot_be_written_is_none() {
        let storage = MemoryStorage::default();
        let mut wallet = wallet(&storage, 1);
        wallet.anchor(SCHEDULE, 10_000, 10_000).unwrap();
        let before = wallet.contents().clone();
        storage.fail_next_writes(1);
        assert!(wallet.record(played(60), 10_500).is_err());
        assert_eq!(wallet.contents(), &before);
        wallet.record(played(60), 10_500).unwrap();
        assert_eq!(wallet.contents().ledger().sessions_in(1).len(), 1);
    }

    #[test]
    fn a_clock_set_back_does_not_move_sessions_into_an_earlier_epoch() {
        let mut wallet = wallet(&MemoryStorage::default(), 1);
        wallet.anchor(SCHEDULE, 11_000, 11_000).unwrap();
        assert_eq!(wallet.record(played(60), 11_500).unwrap().epoch, 2);
        let back = wallet.record(played(60), 10_500).unwrap();
        assert_eq!(back.epoch, 2);
        assert_eq!(back.clock.set_back_secs, Some(1_000));
    }

    #[test]
    fn the_epoch_is_never_guessed() {
        let mut wallet = wallet(&MemoryStorage::default(), 1);
        assert!(matches!(wallet.record(played(60), 5), Err(WalletError::NoSchedule)));
        let named = Played {
            epoch: Some(4),
            ..played(60)
        };
        assert_eq!(wallet.record(named, 5).unwrap().epoch, 4);
    }

    #[test]
    fn sessions_are_recorded_all_or_none() {
        let mut wallet = wallet(&MemoryStorage::default(), 1);
        wallet.anchor(SCHEDULE, 10_000, 10_000).unwrap();
        assert!(wallet.record_all(&[played(60), played(0)], 10_500).is_err());
        assert_eq!(wallet.contents().ledger().sessions_in(1).len(), 0);
    }

    #[test]
    fn only_the_same_identitys_ledger_is_merged() {
        let (mut one, mut other) = (
            wallet(&MemoryStorage::default(), 1),
            wallet(&MemoryStorage::default(), 2),
        );
        other.anchor(SCHEDULE, 10_000, 10_000).unwrap();
        other.record(played(60), 10_500).unwrap();
        assert!(matches!(one.merge(other.contents()), Err(WalletError::OtherIdentity)));
        let mut second_device = {
            let storage = MemoryStorage::default();
            let secret = one.contents().secret().clone();
            Wallet::create(storage, Seeded::new(77), PASSWORD, KdfCost::LOWEST, secret).unwrap()
        };
        second_device.anchor(SCHEDULE, 10_000, 10_000).unwrap();
        second_device.record(played(30), 10_500).unwrap();
        assert_eq!(one.merge(second_device.contents()).unwrap(), 1);
        assert_eq!(one.merge(second_device.contents()).unwrap(), 0);
    }

    #[test]
    fn a_new_password_replaces_the_old_one() {
        let storage = MemoryStorage::default();
        let mut wallet = wallet(&storage, 1);
        storage.fail_next_writes(1);
        assert!(wallet.change_password(b"new", KdfCost::LOWEST).is_err());
        wallet.set_crowd_threshold(7).unwrap();
        Wallet::open(storage.clone(), Seeded::new(2), PASSWORD).unwrap();
        wallet.change_password(b"new", KdfCost::LOWEST).unwrap();
        assert!(Wallet::open(storage.clone(), Seeded::new(2), PASSWORD).is_err());
        assert_eq!(
            Wallet::open(storage, Seeded::new(2), b"new")
                .unwrap()
                .contents()
                .crowd_threshold(),
            7
        );
    }

    #[test]
    fn contents_that_make_no_sense_are_refused() {
        let wallet = wallet(&MemoryStorage::default(), 1);
        let plain = encode(wallet.contents()).unwrap();
        assert_eq!(&decode(&plain).unwrap(), wallet.contents());
        for length in 0..plain.len() {
            assert!(decode(&plain[..length]).is_err(), "{length}");
        }
        let longer = [&plain[..], &[0]].concat();
        assert!(matches!(decode(&longer), Err(WalletError::Contents(_))));
        let mut newer = plain.to_vec();
        newer[1] = 9;
        assert!(matches!(decode(&newer), Err(WalletError::ContentsVersion(9))));
    }

    #[test]
    fn a_secret_is_not_in_what_is_printed() {
        let wallet = wallet(&MemoryStorage::default(), 1);
        let secret = wallet.contents().secret().expose().to_string();
        assert!(!format!("{wallet:?}").contains(&secret[2..]));
    }
}

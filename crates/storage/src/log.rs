//! An append-only file of records that is durable after one flush: the file under the journal.
//!
//! The file begins with a salt and is zero behind its last record. A record is a mark, the length of its payload, its
//! number, a checksum and the payload; the salt in the checksum keeps anybody from planting records inside payloads.
//! Room is written in advance, so that appending changes no metadata of the file and the flush is one write.
//!
//! Only one append is ever under way, and the next begins after it is flushed. A record that fails its checksum is
//! therefore an append that a crash cut off, and is dropped, unless a good record follows it: then the file is damaged.

use std::{
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use alloy_primitives::keccak256;

use crate::{StorageError, lock::io_error};

const FILE_NAME: &str = "journal.log";
const NEW_FILE_NAME: &str = "journal.log.new";

const MARK: [u8; 4] = *b"cwe\xA5";
const SALT_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 8;
/// Mark, length, number, checksum.
const HEAD_BYTES: usize = 4 + 4 + 8 + CHECKSUM_BYTES;
/// Room written in advance.
const ROOM_BYTES: u64 = 1 << 20;

/// The open file.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    file: File,
    salt: [u8; SALT_BYTES],
    /// Where the next record begins.
    end: u64,
    /// Up to where the file is written.
    room: u64,
    next_number: u64,
    max_size_bytes: u64,
    /// After a failed write nobody knows what is in the file; it is replaced before the next record.
    broken: bool,
}

impl Log {
    /// Opens the log in `directory` and returns the payloads of its records; creates an empty one if there is none.
    pub(crate) fn open(directory: &Path, max_size_bytes: u64) -> Result<(Self, Vec<Vec<u8>>), StorageError> {
        let path = directory.join(FILE_NAME);
        if !path
            .try_exists()
            .map_err(|source| io_error("look for", &path, source))?
        {
            return Ok((Self::create(directory, max_size_bytes, &[])?, Vec::new()));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| io_error("open", &path, source))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|source| io_error("read", &path, source))?;
        let salt = *bytes.first_chunk().ok_or_else(|| StorageError::Corrupted {
            path: path.clone(),
            reason: "the journal is shorter than its head".to_owned(),
        })?;
        let scan = scan(&bytes, &salt);
        if let Some(offset) = scan.damaged {
            let reason = format!("the journal's record at byte {offset} is damaged, and later ones are not");
            return Err(StorageError::Corrupted { path, reason });
        }
        let clean = bytes[scan.end..].iter().all(|byte| *byte == 0);
        if !clean {
            tracing::warn!(path = %path.display(), offset = scan.end, "dropping an append that a crash cut off");
        }
        let log = Self {
            directory: directory.to_path_buf(),
            file,
            salt,
            end: scan.end as u64,
            room: bytes.len() as u64,
            next_number: scan.payloads.len() as u64,
            max_size_bytes,
            broken: !clean,
        };
        Ok((
            log,
            scan.payloads.into_iter().map(|range| bytes[range].to_vec()).collect(),
        ))
    }

    /// Writes a log with these records and puts it in place of what is there.
    fn create(directory: &Path, max_size_bytes: u64, payloads: &[Vec<u8>]) -> Result<Self, StorageError> {
        let new_path = directory.join(NEW_FILE_NAME);
        let salt = new_salt();
        let mut bytes = salt.to_vec();
        for (number, payload) in (0..).zip(payloads) {
            bytes.extend_from_slice(&record(&salt, number, payload));
        }
        let end = bytes.len() as u64;
        if end > max_size_bytes {
            return Err(full(directory));
        }
        let room = end.saturating_add(ROOM_BYTES).min(max_size_bytes);
        let write = || {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&new_path)?;
            file.write_all(&bytes)?;
            write_zeros(&mut file, end..room)?;
            file.sync_all()?;
            fs::rename(&new_path, directory.join(FILE_NAME))?;
            File::open(directory)?.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|source| io_error("write", &new_path, source))?;
        let next_number = payloads.len() as u64;
        let directory = directory.to_path_buf();
        Ok(Self {
            directory,
            file,
            salt,
            end,
            room,
            next_number,
            max_size_bytes,
            broken: false,
        })
    }

    /// A new log with these records, in place of this one.
    pub(crate) fn replace(&self, payloads: &[Vec<u8>]) -> Result<Self, StorageError> {
        Self::create(&self.directory, self.max_size_bytes, payloads)
    }

    /// Whether the file must be replaced before anything is appended.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Bytes of all records.
    pub(crate) const fn len(&self) -> u64 {
        self.end
    }

    /// Whether a payload of this length can be appended under the size limit.
    pub(crate) fn has_room_for(&self, payload_bytes: usize) -> bool {
        self.end.saturating_add((HEAD_BYTES + payload_bytes) as u64) <= self.max_size_bytes
    }

    /// Appends a record; it is durable when this returns. After an error the log is broken.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), StorageError> {
        if !self.has_room_for(payload.len()) {
            return Err(full(&self.directory));
        }
        let bytes = record(&self.salt, self.next_number, payload);
        let end = self.end + bytes.len() as u64;
        self.broken = true;
        self.write(&bytes, end)
            .map_err(|source| io_error("write", &self.directory.join(FILE_NAME), source))?;
        self.broken = false;
        self.end = end;
        self.next_number += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], end: u64) -> std::io::Result<()> {
        if end > self.room {
            let room = end.saturating_add(ROOM_BYTES).min(self.max_size_bytes);
            write_zeros(&mut self.file, self.room..room)?;
            self.file.sync_all()?;
            self.room = room;
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }
}

fn write_zeros(file: &mut File, range: Range<u64>) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(range.start))?;
    std::io::copy(&mut std::io::repeat(0).take(range.end - range.start), file).map(drop)
}

fn full(directory: &Path) -> StorageError {
    StorageError::DiskFull {
        path: directory.to_path_buf(),
        reason: "the journal reached its size limit",
    }
}

fn new_salt() -> [u8; SALT_BYTES] {
    let half = || RandomState::new().hash_one(0u8).to_be_bytes();
    let mut salt = [0; SALT_BYTES];
    salt[..8].copy_from_slice(&half());
    salt[8..].copy_from_slice(&half());
    salt
}

fn checksum(salt: &[u8], number: u64, payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = keccak256([salt, &number.to_be_bytes(), payload].concat());
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&hash[..CHECKSUM_BYTES]);
    checksum
}

fn record(salt: &[u8], number: u64, payload: &[u8]) -> Vec<u8> {
    // Payloads are limited to far less by the journal.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let checksum = checksum(salt, number, payload);
    [
        MARK.as_slice(),
        &length.to_be_bytes(),
        &number.to_be_bytes(),
        &checksum,
        payload,
    ]
    .concat()
}

struct Scan {
    payloads: Vec<Range<usize>>,
    /// Where the records end.
    end: usize,
    /// Where a bad record is that a good one follows.
    damaged: Option<usize>,
}

fn scan(bytes: &[u8], salt: &[u8]) -> Scan {
    let mut payloads = Vec::new();
    let mut end = SALT_BYTES;
    while let Some((number, payload)) = record_at(bytes, salt, end) {
        if number != payloads.len() as u64 {
            break;
        }
        end = payload.end;
        payloads.push(payload);
    }
    let next = payloads.len() as u64;
    let later_record =
        (end..bytes.len()).find_map(|offset| record_at(bytes, salt, offset).filter(|(number, _)| *number >= next));
    Scan {
        payloads,
        end,
        damaged: later_record.map(|_| end),
    }
}

/// Number and payload of a good record at `offset`.
fn record_at(bytes: &[u8], salt: &[u8], offset: usize) -> Option<(u64, Range<usize>)> {
    let rest = bytes.get(offset..)?.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (found, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    let number = u64::from_be_bytes(*number);
    let start = offset + HEAD_BYTES;
    (checksum(salt, number, payload) == *found).then(|| (number, start..start + length))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const MAX_SIZE_BYTES: u64 = 8 << 20;

    fn filled(directory: &Path, payloads: &[Vec<u8>]) -> u64 {
        let (mut log, found) = Log::open(directory, MAX_SIZE_BYTES).unwrap();
        assert!(found.is_empty());
        payloads.iter().for_each(|payload| log.append(payload).unwrap());
        log.len()
    }

    fn edit(directory: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let path = directory.join(FILE_NAME);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn an_append_that_a_crash_cut_off_is_dropped_and_nothing_else(
            kept in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5),
            cut in proptest::collection::vec(any::<u8>(), 1..3000),
            lost in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let start = usize::try_from(filled(directory.path(), &kept)).unwrap();
            let (mut log, _) = Log::open(directory.path(), MAX_SIZE_BYTES).unwrap();
            log.append(&cut).unwrap();
            drop(log);
            // Any bytes of the last append may be missing, as sectors are written in any order.
            edit(directory.path(), |bytes| {
                let lost: BTreeSet<_> = lost.iter().map(|index| index.index(HEAD_BYTES + cut.len())).collect();
                lost.iter().for_each(|index| bytes[start + index] ^= 0xff);
            });
            let (log, found) = Log::open(directory.path(), MAX_SIZE_BYTES).unwrap();
            prop_assert_eq!(found, kept);
            prop_assert!(log.is_broken());
        }
    }

    #[test]
    fn damage_before_a_good_record_is_not_taken_for_a_crash() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path(), &[vec![1; 100], vec![2; 100], vec![3; 100]]);
        edit(directory.path(), |bytes| bytes[SALT_BYTES + HEAD_BYTES + 50] ^= 1);
        let refused = Log::open(directory.path(), MAX_SIZE_BYTES).unwrap_err();
        assert!(matches!(refused, StorageError::Corrupted { .. }));
    }

    #[test]
    fn a_record_planted_in_a_payload_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let planted = record(&[0; SALT_BYTES], 7, b"planted");
        let start = usize::try_from(filled(directory.path(), &[])).unwrap();
        let (mut log, _) = Log::open(directory.path(), MAX_SIZE_BYTES).unwrap();
        log.append(&planted).unwrap();
        drop(log);
        edit(directory.path(), |bytes| bytes[start] ^= 1);
        assert_eq!(
            Log::open(directory.path(), MAX_SIZE_BYTES).unwrap().1,
            Vec::<Vec<u8>>::new()
        );
    }

    #[test]
    fn records_survive_growing_over_the_room_written_in_advance() {
        let directory = tempfile::tempdir().unwrap();
        let payloads = vec![vec![7; 700_000]; 4];
        filled(directory.path(), &payloads);
        assert_eq!(Log::open(directory.path(), MAX_SIZE_BYTES).unwrap().1, payloads);
    }
}

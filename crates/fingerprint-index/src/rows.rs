//! The layouts of rows, and writing and removing everything of one work.

use std::borrow::Cow;

use cwe_fingerprint::{Anchor, Descriptor, FpId, Kind, bucket::mix};
use signet_libmdbx::TransactionKind;

use crate::{
    IndexError, WorkId,
    environment::{Table, Transaction, Writer},
};

/// A work's number in the index; numbers are given in ascending order and never again.
pub(crate) type Number = u32;

/// Bands of an FP_ID: two works whose FP_IDs differ in fewer bits than this share one.
pub(crate) const BANDS: usize = 16;

/// Bytes of an anchor's value: work number and time.
pub(crate) const POSTING_BYTES: usize = 8;

/// Row of [`Table::Meta`] with the next number.
const NEXT_NAME: &[u8] = b"next";

/// What the index knows of a numbered work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkRow {
    pub(crate) work: WorkId,
    pub(crate) kind: Kind,
    pub(crate) fp_id: FpId,
}

const WORK_ROW_BYTES: usize = 65;

impl WorkRow {
    pub(crate) fn encode(&self) -> [u8; WORK_ROW_BYTES] {
        let mut bytes = [0; WORK_ROW_BYTES];
        bytes[..32].copy_from_slice(&self.work.0);
        bytes[32] = self.kind.number();
        bytes[33..].copy_from_slice(&self.fp_id.0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (work, rest) = bytes.split_first_chunk()?;
        let (kind, fp_id) = rest.split_first()?;
        Some(Self {
            work: WorkId(*work),
            kind: Kind::from_number(*kind)?,
            fp_id: FpId(fp_id.try_into().ok()?),
        })
    }
}

/// The key of an anchor's posting.
pub(crate) fn posting_key(anchor: &Anchor) -> [u8; 4] {
    mix(anchor.key).to_be_bytes()
}

/// The value of an anchor's posting: ascending by work, then by time.
pub(crate) fn posting(number: Number, at: u32) -> [u8; POSTING_BYTES] {
    (u64::from(number) << 32 | u64::from(at)).to_be_bytes()
}

/// Work number and time of each posting.
pub(crate) fn read_postings(bytes: &[u8]) -> impl Iterator<Item = (Number, u32)> + '_ {
    let (postings, _) = bytes.as_chunks::<POSTING_BYTES>();
    postings.iter().map(|posting| {
        let [a, b, c, d, at @ ..] = *posting;
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes(at))
    })
}

/// The keys of an FP_ID's bands: kind, place of the band, its bits.
pub(crate) fn band_keys(kind: Kind, fp_id: &FpId) -> [[u8; 4]; BANDS] {
    let mut keys = [[0; 4]; BANDS];
    for (place, (key, band)) in (0..).zip(keys.iter_mut().zip(fp_id.0.chunks_exact(2))) {
        *key = [kind.number(), place, band[0], band[1]];
    }
    keys
}

/// The number of a work.
pub(crate) fn number_of<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    work: WorkId,
) -> Result<Option<Number>, IndexError> {
    let Some(bytes) = transaction.get(Table::Numbers, &work.0)? else {
        return Ok(None);
    };
    let bytes = bytes
        .as_ref()
        .try_into()
        .map_err(|_| IndexError::malformed(Table::Numbers.name(), "not a number"))?;
    Ok(Some(Number::from_be_bytes(bytes)))
}

/// The work of a number that other rows name.
pub(crate) fn work_of<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    number: Number,
) -> Result<WorkRow, IndexError> {
    let missing = || IndexError::malformed(Table::Works.name(), format!("no valid row {number}"));
    let bytes = transaction
        .get(Table::Works, &number.to_be_bytes())?
        .ok_or_else(missing)?;
    WorkRow::decode(&bytes).ok_or_else(missing)
}

/// The encoded descriptor of a number, if there is such a work.
pub(crate) fn encoded_descriptor_of<'t, K: TransactionKind>(
    transaction: &'t Transaction<'_, K>,
    number: Number,
) -> Result<Option<Cow<'t, [u8]>>, IndexError> {
    transaction.get(Table::Descriptors, &number.to_be_bytes())
}

/// The descriptor of a number that other rows name.
pub(crate) fn descriptor_of<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    number: Number,
) -> Result<Descriptor, IndexError> {
    let bytes = encoded_descriptor_of(transaction, number)?
        .ok_or_else(|| IndexError::malformed(Table::Descriptors.name(), format!("no row {number}")))?;
    decoded(&bytes)
}

/// The descriptor that a row has.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Descriptor, IndexError> {
    Descriptor::decode(bytes).map_err(|error| IndexError::descriptor(&error))
}

/// The number that the next new work gets.
pub(crate) fn next_number<K: TransactionKind>(transaction: &Transaction<'_, K>) -> Result<Number, IndexError> {
    let Some(bytes) = transaction.get(Table::Meta, NEXT_NAME)? else {
        return Ok(0);
    };
    let bytes = bytes
        .as_ref()
        .try_into()
        .map_err(|_| IndexError::malformed(Table::Meta.name(), "the next number is none"))?;
    Ok(Number::from_be_bytes(bytes))
}

/// Sets the number that the next new work gets.
pub(crate) fn put_next_number(writer: &Writer<'_>, next: Number) -> Result<(), IndexError> {
    writer.put(Table::Meta, NEXT_NAME, &next.to_be_bytes())
}

/// Writes all rows of a work that is not in the index.
pub(crate) fn put_work(writer: &Writer<'_>, work: WorkId, descriptor: &Descriptor) -> Result<(), IndexError> {
    let number = next_number(writer)?;
    let next = number.checked_add(1).ok_or(IndexError::Full { limit: Number::MAX })?;
    put_next_number(writer, next)?;
    let row = WorkRow {
        work,
        kind: descriptor.kind(),
        fp_id: descriptor.fp_id(),
    };
    writer.put(Table::Works, &number.to_be_bytes(), &row.encode())?;
    writer.put(Table::Numbers, &work.0, &number.to_be_bytes())?;
    writer.put(Table::Descriptors, &number.to_be_bytes(), &descriptor.encode())?;
    for key in band_keys(row.kind, &row.fp_id) {
        writer.put(Table::Bands, &key, &number.to_be_bytes())?;
    }
    for anchor in descriptor.anchors() {
        writer.put(Table::Postings, &posting_key(&anchor), &posting(number, anchor.at))?;
    }
    Ok(())
}

/// Removes all rows of a work; says whether it was there.
pub(crate) fn delete_work(writer: &Writer<'_>, work: WorkId) -> Result<bool, IndexError> {
    let Some(number) = number_of(writer, work)? else {
        return Ok(false);
    };
    let row = work_of(writer, number)?;
    let descriptor = descriptor_of(writer, number)?;
    for anchor in descriptor.anchors() {
        writer.delete(
            Table::Postings,
            &posting_key(&anchor),
            Some(&posting(number, anchor.at)),
        )?;
    }
    for key in band_keys(row.kind, &row.fp_id) {
        writer.delete(Table::Bands, &key, Some(&number.to_be_bytes()))?;
    }
    writer.delete(Table::Descriptors, &number.to_be_bytes(), None)?;
    writer.delete(Table::Numbers, &work.0, None)?;
    writer.delete(Table::Works, &number.to_be_bytes(), None)?;
    Ok(true)
}

//! The index's side of buckets: how long a prefix may be, and what is in a bucket.

use cwe_fingerprint::{
    Anchor, Kind,
    bucket::{MAX_ANCHORS, MAX_PREFIX_BITS, unmix},
};
use signet_libmdbx::TransactionKind;

use crate::{
    BucketGroup, BucketPrefix, IndexError, WorkId,
    environment::{Table, Transaction, Writer},
    postings::scan,
    rows::{Number, read_postings, work_of},
};

/// Anchors further apart than this have slices of their own, in milliseconds: a slice reaches further to both sides.
const GROUP_MS: u32 = 4_000;

/// The most anchors that are gathered for one bucket.
const MAX_BUCKET_ANCHORS: usize = 1 << 22;

/// How long prefixes of a kind's keys may be, and how long that is known to hold.
///
/// At `bits` every bucket held at least `smallest` works when the index had `works` works. Each removal takes one work
/// from a bucket at most; additions take none. So nothing has to be counted again before `removed` works have used up
/// what `smallest` is above the wanted number, and nothing is gained by it before the index has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fill {
    bits: u8,
    smallest: u64,
    works: u64,
    removed: u64,
}

const FILL_BYTES: usize = 25;

impl Fill {
    const fn name(kind: Kind) -> &'static [u8] {
        match kind {
            Kind::Audio => b"fill-audio",
            Kind::Video => b"fill-video",
            Kind::Image => b"fill-image",
        }
    }

    fn read<K: TransactionKind>(transaction: &Transaction<'_, K>, kind: Kind) -> Result<Self, IndexError> {
        let Some(bytes) = transaction.get(Table::Meta, Self::name(kind))? else {
            return Ok(Self::default());
        };
        let malformed = || IndexError::malformed(Table::Meta.name(), "a bucket's fill");
        let bytes: &[u8; FILL_BYTES] = bytes.as_ref().try_into().map_err(|_| malformed())?;
        let [bits, numbers @ ..] = bytes;
        let (numbers, _) = numbers.as_chunks::<8>();
        let [smallest, works, removed] = numbers else {
            return Err(malformed());
        };
        Ok(Self {
            bits: *bits,
            smallest: u64::from_be_bytes(*smallest),
            works: u64::from_be_bytes(*works),
            removed: u64::from_be_bytes(*removed),
        })
    }

    fn write(&self, writer: &Writer<'_>, kind: Kind) -> Result<(), IndexError> {
        let mut bytes = vec![self.bits];
        for number in [self.smallest, self.works, self.removed] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        writer.put(Table::Meta, Self::name(kind), &bytes)
    }

    /// Whether it has to be, or is worth to be, measured again for an index of `works` works.
    const fn outdated(&self, works: u64, min_works: u64) -> bool {
        let held = self.smallest.saturating_sub(self.removed);
        let grown = works / 2 >= min_works && works > self.works.saturating_add(self.works / 4);
        (self.bits > 0 && held < min_works) || grown
    }
}

/// The longest prefix of a kind's keys that is answered.
pub(crate) fn bits<K: TransactionKind>(transaction: &Transaction<'_, K>, kind: Kind) -> Result<u8, IndexError> {
    Ok(Fill::read(transaction, kind)?.bits)
}

/// Keeps the kinds' fills true after works were added and `removed` ones removed, in the same transaction.
pub(crate) fn update_fills(writer: &Writer<'_>, min_works: u64, removed: u64) -> Result<(), IndexError> {
    let works = writer.rows(Table::Works)?;
    for kind in Kind::ALL {
        let before = Fill::read(writer, kind)?;
        let mut fill = Fill {
            removed: before.removed.saturating_add(removed),
            ..before
        };
        if fill.outdated(works, min_works) {
            fill = measure(writer, kind, works, min_works)?;
        }
        if fill != before {
            fill.write(writer, kind)?;
        }
    }
    Ok(())
}

/// The longest prefix at which every bucket holds `min_works` works.
fn measure<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    kind: Kind,
    works: u64,
    min_works: u64,
) -> Result<Fill, IndexError> {
    // With more bits than these the buckets hold fewer anchors than that on average.
    let mut longest = 0;
    while longest < MAX_PREFIX_BITS && transaction.rows(Table::Postings)? >> (longest + 1) >= min_works {
        longest += 1;
    }
    for bits in (1..=longest).rev() {
        let smallest = smallest_bucket(transaction, kind, bits, min_works)?;
        if smallest >= min_works {
            return Ok(Fill {
                bits,
                smallest,
                works,
                removed: 0,
            });
        }
    }
    Ok(Fill {
        works,
        ..Fill::default()
    })
}

/// The fewest works that any bucket of so many bits holds; something below `enough` as soon as one holds fewer.
fn smallest_bucket<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    kind: Kind,
    bits: u8,
    enough: u64,
) -> Result<u64, IndexError> {
    let shift = 30 - u32::from(bits);
    let range = BucketPrefix::everything(kind).mixed_range();
    let mut numbers = Vec::<Number>::new();
    let (mut bucket, mut smallest) = (0, u64::MAX);
    scan(transaction, range, |key, postings| {
        let place = (key - range.0) >> shift;
        if place != bucket {
            let skipped = place > bucket + 1;
            smallest = if skipped {
                0
            } else {
                smallest.min(distinct(&mut numbers))
            };
            bucket = place;
        }
        numbers.extend(read_postings(postings).map(|(number, _)| number));
        Ok(smallest >= enough)
    })?;
    if bucket + 1 != 1 << bits {
        return Ok(0);
    }
    Ok(smallest.min(distinct(&mut numbers)))
}

/// How many different numbers there are; leaves none.
fn distinct(numbers: &mut Vec<Number>) -> u64 {
    numbers.sort_unstable();
    numbers.dedup();
    let count = numbers.len() as u64;
    numbers.clear();
    count
}

/// Everything in a bucket.
pub(crate) fn groups<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    prefix: BucketPrefix,
) -> Result<Vec<BucketGroup>, IndexError> {
    let limit = bits(transaction, prefix.kind())?;
    if prefix.bits() > limit {
        return Err(IndexError::PrefixTooLong { prefix, limit });
    }
    let mut found = Vec::<(Number, Anchor)>::new();
    scan(transaction, prefix.mixed_range(), |mixed, postings| {
        let key = unmix(mixed);
        found.extend(read_postings(postings).map(|(number, at)| (number, Anchor { key, at })));
        Ok(found.len() <= MAX_BUCKET_ANCHORS)
    })?;
    if found.len() > MAX_BUCKET_ANCHORS {
        return Err(IndexError::BucketTooLarge {
            prefix,
            limit: MAX_BUCKET_ANCHORS,
        });
    }
    found.sort_unstable_by_key(|(number, anchor)| (*number, anchor.at, anchor.key));
    let mut groups = Vec::new();
    for of_work in found.chunk_by(|(a, _), (b, _)| a == b) {
        if let Some((number, _)) = of_work.first() {
            let work = work_of(transaction, *number)?.work;
            group(work, of_work.iter().map(|(_, anchor)| *anchor), &mut groups);
        }
    }
    groups.sort_by_key(|group| (group.work, group.around_at()));
    Ok(groups)
}

/// Groups one work's anchors, which come ascending by time.
fn group(work: WorkId, anchors: impl Iterator<Item = Anchor>, groups: &mut Vec<BucketGroup>) {
    let mut current: Vec<Anchor> = Vec::new();
    for anchor in anchors {
        // Anchors at one moment stay together: groups of a work are in order by time.
        let fits = current.first().is_none_or(|first| anchor.at - first.at <= GROUP_MS)
            && (current.len() < MAX_ANCHORS || current.last().is_some_and(|last| last.at == anchor.at));
        if !fits {
            groups.push(BucketGroup {
                work,
                anchors: std::mem::take(&mut current),
            });
        }
        if current.len() < MAX_ANCHORS {
            current.push(anchor);
        }
    }
    if !current.is_empty() {
        groups.push(BucketGroup { work, anchors: current });
    }
}

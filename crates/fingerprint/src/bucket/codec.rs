use super::{
    Bucket, BucketEntry, BucketError, BucketPrefix, MAX_ANCHORS, MAX_ENTRIES, MAX_PAGE_BYTES, MAX_SLICE_BYTES, WorkId,
};
use crate::{
    Anchor, DecodeError, Descriptor, Kind, MAX_DURATION_MS,
    codec::{Reader, Writer},
};

const MAGIC: [u8; 2] = *b"cb";
const VERSION: u8 = 1;
/// An entry's work, the lengths of its lists, one anchor and the shortest descriptor.
const MIN_ENTRY_BYTES: usize = 32 + 1 + 2 + 1 + 4;

impl Bucket {
    /// The canonical bytes. `docs/FINGERPRINTS.md` has the format.
    ///
    /// # Errors
    /// [`BucketError`] for everything that [`decode`](Self::decode) refuses: lists that are too long or out of order.
    pub fn encode(&self) -> Result<Vec<u8>, BucketError> {
        check(self)?;
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.byte(self.prefix.kind().number());
        writer.byte(self.prefix.bits());
        writer.number(u64::from(self.prefix.value()));
        writer.number(u64::from(self.works));
        writer.number(u64::from(self.page));
        writer.number(u64::from(self.pages));
        writer.length(self.entries.len());
        for entry in &self.entries {
            writer.bytes(&entry.work.0);
            writer.length(entry.anchors.len());
            for anchor in &entry.anchors {
                writer.number(u64::from(anchor.at));
                writer.number(u64::from(anchor.key));
            }
            let slice = entry.slice.encode();
            within("a slice's length", slice.len(), MAX_SLICE_BYTES)?;
            writer.length(slice.len());
            writer.bytes(&slice);
        }
        let bytes = writer.finish();
        within("the page's length", bytes.len(), MAX_PAGE_BYTES)?;
        Ok(bytes)
    }

    /// The page of canonical bytes.
    ///
    /// # Errors
    /// The bytes are cut, of another version, beyond a limit, hold entries that are not of the bucket, or are not what
    /// [`encode`](Self::encode) writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BucketError> {
        within("the page's length", bytes.len(), MAX_PAGE_BYTES)?;
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "bucket")?;
        let kind = reader.byte("the kind")?;
        let kind = Kind::from_number(kind).ok_or(DecodeError::Kind(kind))?;
        let bits = reader.byte("the bits")?;
        let prefix = BucketPrefix::new(kind, bits, reader.number32(u32::MAX, "the prefix")?)?;
        let works = reader.number32(u32::MAX, "the number of works")?;
        let page = reader.number32(u32::MAX, "the page")?;
        let pages = reader.number32(u32::MAX, "the number of pages")?;
        let count = reader.length(MAX_ENTRIES, MIN_ENTRY_BYTES, "the list of entries")?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(read_entry(&mut reader)?);
        }
        reader.end()?;
        let bucket = Self {
            prefix,
            works,
            page,
            pages,
            entries,
        };
        check(&bucket)?;
        Ok(bucket)
    }
}

fn read_entry(reader: &mut Reader<'_>) -> Result<BucketEntry, BucketError> {
    let work = WorkId(reader.array("a work")?);
    let count = reader.length(MAX_ANCHORS, 2, "the list of anchors")?;
    let mut anchors = Vec::with_capacity(count);
    for _ in 0..count {
        let at = reader.number32(MAX_DURATION_MS, "an anchor's time")?;
        let key = reader.number32(u32::MAX, "an anchor's key")?;
        anchors.push(Anchor { key, at });
    }
    let length = reader.length(MAX_SLICE_BYTES, 1, "a slice")?;
    let slice = Descriptor::decode(reader.bytes(length, "a slice")?)?;
    Ok(BucketEntry { work, anchors, slice })
}

/// The rules that hold for every page, written or read.
fn check(bucket: &Bucket) -> Result<(), BucketError> {
    let Bucket { page, pages, .. } = *bucket;
    if page >= pages {
        return Err(BucketError::Page { page, pages });
    }
    within("the number of entries", bucket.entries.len(), MAX_ENTRIES)?;
    let mut last: Option<(WorkId, u32)> = None;
    for (entry, BucketEntry { work, anchors, .. }) in bucket.entries.iter().enumerate() {
        let refused = |reason| Err(BucketError::Entry { entry, reason });
        within("the number of an entry's anchors", anchors.len(), MAX_ANCHORS)?;
        let (Some(first), Some(end)) = (anchors.first(), anchors.last()) else {
            return refused("it has no anchors");
        };
        if !anchors.iter().all(|anchor| bucket.prefix.contains(anchor.key)) {
            return refused("an anchor's key is of another bucket");
        }
        if !anchors.is_sorted_by(|a, b| (a.at, a.key) < (b.at, b.key)) {
            return refused("its anchors are not in ascending order");
        }
        if end.at > MAX_DURATION_MS {
            return refused("an anchor is beyond the longest work's end");
        }
        if last.is_some_and(|last| last >= (*work, first.at)) {
            return refused("it does not follow the one before");
        }
        last = Some((*work, end.at));
    }
    Ok(())
}

const fn within(what: &'static str, found: usize, max: usize) -> Result<(), BucketError> {
    if found > max {
        return Err(BucketError::TooLarge { what, found, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;
    use crate::{AudioDescriptor, ImageDescriptor, Peak};

    fn slice() -> impl Strategy<Value = Descriptor> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|hash| Descriptor::Image(ImageDescriptor { hash })),
            btree_set((0..60_000_u32, 0..9_000_u16), 0..20).prop_map(|peaks| {
                let peaks = peaks
                    .into_iter()
                    .map(|(at_ms, pitch_cents)| Peak { at_ms, pitch_cents });
                Descriptor::Audio(AudioDescriptor {
                    duration_ms: 60_000,
                    peaks: peaks.collect(),
                    chroma: Vec::new(),
                })
            }),
        ]
    }

    /// Some works, each with anchors of the whole kind, and a bucket of no bits.
    fn bucket() -> impl Strategy<Value = Bucket> {
        let anchors = btree_set((0..60_000_u32, 0..1_u32 << 30), 1..5);
        (
            btree_set(any::<[u8; 32]>(), 0..6),
            prop::collection::vec((anchors, slice()), 6),
            any::<u32>(),
            0..7_u32,
        )
            .prop_map(|(works, contents, count, page)| Bucket {
                prefix: BucketPrefix::new(Kind::Audio, 0, 0).unwrap(),
                works: count,
                page,
                pages: page + 1,
                entries: works
                    .into_iter()
                    .zip(contents)
                    .map(|(work, (anchors, slice))| BucketEntry {
                        work: WorkId(work),
                        anchors: anchors.into_iter().map(|(at, key)| Anchor { key, at }).collect(),
                        slice,
                    })
                    .collect(),
            })
    }

    fn small() -> Bucket {
        let entry = |at| BucketEntry {
            work: WorkId([7; 32]),
            anchors: vec![Anchor { key: 5, at }],
            slice: Descriptor::Image(ImageDescriptor { hash: [9; 32] }),
        };
        Bucket {
            prefix: BucketPrefix::of(5, 4).unwrap(),
            works: 1,
            page: 0,
            pages: 1,
            entries: vec![entry(10), entry(20)],
        }
    }

    proptest! {
        #[test]
        fn a_bucket_survives_its_encoding(bucket in bucket()) {
            prop_assert_eq!(Bucket::decode(&bucket.encode().unwrap()), Ok(bucket));
        }

        #[test]
        fn only_canonical_bytes_are_a_bucket(bucket in bucket(), place in any::<prop::sample::Index>(), bits in 1..=255_u8) {
            let mut bytes = bucket.encode().unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(other) = Bucket::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap(), bytes);
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Bucket::decode(&bytes);
            let _ = Bucket::decode(&[b"cb\x01".as_slice(), &bytes].concat());
        }
    }

    #[test]
    fn a_cut_bucket_is_refused_at_every_length() {
        let bytes = small().encode().unwrap();
        for length in 0..bytes.len() {
            Bucket::decode(&bytes[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_length_beyond_the_input_allocates_nothing() {
        let mut writer = Writer::new(MAGIC, VERSION);
        for byte in [0, 0, 0, 1, 0, 1] {
            writer.byte(byte);
        }
        writer.length(MAX_ENTRIES);
        let refused = Bucket::decode(&writer.finish()).unwrap_err();
        assert_eq!(
            refused,
            DecodeError::Truncated {
                what: "the list of entries"
            }
            .into()
        );
    }

    #[test]
    fn entries_that_do_not_belong_are_refused() {
        type Change = fn(&mut Bucket);
        let changes: [Change; 6] = [
            |bucket| bucket.entries.reverse(),
            |bucket| bucket.entries[1] = bucket.entries[0].clone(),
            |bucket| bucket.entries[0].anchors.clear(),
            |bucket| bucket.entries[0].anchors[0].key = 1 << 30,
            |bucket| bucket.page = 1,
            |bucket| bucket.entries = vec![bucket.entries[0].clone(); MAX_ENTRIES + 1],
        ];
        small().encode().unwrap();
        for change in changes {
            let mut bucket = small();
            change(&mut bucket);
            bucket.encode().unwrap_err();
        }
    }
}

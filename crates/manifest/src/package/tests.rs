//! Sealing and opening, and what must not be opened.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

use alloy_primitives::B256;
use proptest::prelude::*;

use super::*;
use crate::{Fragment, Manifest, dag, testing};

/// The smallest fragments there are.
fn small() -> FragmentSize {
    FragmentSize::new(16 << 10).unwrap()
}

fn contents(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

struct Stored {
    key: ContentKey,
    content: SealedContent,
    blocks: HashMap<B256, Vec<u8>>,
}

fn sealed(contents: &[u8]) -> Stored {
    let key = ContentKey::generate().unwrap();
    let mut blocks = HashMap::new();
    let length = u64::try_from(contents.len()).unwrap();
    let content = seal(&mut &*contents, length, small(), &key, |sealed| {
        blocks.insert(sealed.fragment.fragment_hash, sealed.bytes.to_vec());
        Ok(())
    });
    Stored {
        key,
        content: content.unwrap(),
        blocks,
    }
}

impl Stored {
    fn open_as(&self, fragments: &[Fragment], key: &ContentKey) -> Result<Vec<u8>, OpenError> {
        let mut out = Vec::new();
        open(
            &Opener::new(fragments, key)?,
            |fragment| Ok(self.blocks[&fragment.fragment_hash].clone()),
            &mut out,
        )?;
        Ok(out)
    }

    fn open(&self) -> Result<Vec<u8>, OpenError> {
        self.open_as(&self.content.fragments, &self.key)
    }
}

#[test]
fn a_file_comes_back_whole_at_every_edge_of_a_fragment() {
    let room = (16 << 10) - 16;
    for bytes in [
        0,
        1,
        4088,
        4089,
        room - 8,
        room - 7,
        room,
        2 * room - 8,
        2 * room - 7,
        20 * room,
    ] {
        let stored = sealed(&contents(bytes));
        assert_eq!(stored.open().unwrap(), contents(bytes), "{bytes}");
        let fragments = &stored.content.fragments;
        assert_eq!(stored.blocks.len(), fragments.len());
        assert!(fragments.iter().all(|fragment| fragment.size == fragments[0].size));
        assert!(
            fragments
                .iter()
                .map(|fragment| fragment.order)
                .eq(0..fragments.len() as u64)
        );
        assert_eq!(stored.content.content_id, dag::content_id(fragments));
    }
}

#[derive(serde::Deserialize)]
struct Vectors {
    files: Vec<SealedFile>,
}

#[derive(serde::Deserialize)]
struct SealedFile {
    bytes: usize,
    size: u64,
    key: B256,
    fragments: usize,
    fragment_bytes: u64,
    content_id: String,
    car_sha256: Option<B256>,
}

#[test]
fn another_implementation_seals_to_the_same_bytes() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../../../test/vectors/manifest/sealed.json")).unwrap();
    assert!(vectors.files.iter().any(|file| file.fragments > dag::MAX_LINKS));
    for file in vectors.files {
        let (key, size) = (
            ContentKey::from_bytes(file.key.0.into()),
            FragmentSize::new(file.size).unwrap(),
        );
        let length = u64::try_from(file.bytes).unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("sealed");
        let draft = Draft::seal(&mut contents(file.bytes).as_slice(), length, size, &key, &path).unwrap();
        let content = draft.content().clone();
        let found = (
            content.fragments.len(),
            content.fragments[0].size,
            content.content_id.to_string(),
        );
        assert_eq!(
            found,
            (file.fragments, file.fragment_bytes, file.content_id),
            "{} bytes",
            file.bytes
        );
        draft.finish(&manifest_of(&content)).unwrap();
        if let Some(expected) = file.car_sha256 {
            let archive = std::fs::read(path.join(CONTENT_FILE)).unwrap();
            assert_eq!(hash(&archive), expected, "{} bytes", file.bytes);
        }
    }
}

#[test]
fn the_same_file_sealed_twice_has_nothing_in_common() {
    let (first, second) = (sealed(&contents(100_000)), sealed(&contents(100_000)));
    assert_ne!(first.content.content_id, second.content.content_id);
    assert!(first.blocks.keys().all(|hash| !second.blocks.contains_key(hash)));
}

#[test]
fn another_key_opens_nothing() {
    let stored = sealed(&contents(100_000));
    let other = ContentKey::generate().unwrap();
    let refused = stored.open_as(&stored.content.fragments, &other);
    assert!(matches!(refused, Err(OpenError::WrongKey { part: 0 })), "{refused:?}");
}

#[test]
fn a_changed_bit_is_noticed_before_decryption() {
    let mut stored = sealed(&contents(100_000));
    let hash = stored.content.fragments[3].fragment_hash;
    stored.blocks.get_mut(&hash).unwrap()[77] ^= 1;
    assert!(matches!(stored.open(), Err(OpenError::WrongFragment { expected, .. }) if expected == hash));
}

#[test]
fn a_fragment_of_another_length_is_noticed() {
    let mut stored = sealed(&contents(100_000));
    let hash = stored.content.fragments[0].fragment_hash;
    stored.blocks.get_mut(&hash).unwrap().pop();
    assert!(matches!(
        stored.open(),
        Err(OpenError::WrongFragment { bytes: 16_383, .. })
    ));
}

#[test]
fn fragments_left_out_repeated_or_in_false_order_open_nothing() {
    let stored = sealed(&contents(200_000));
    let fragments = &stored.content.fragments;
    let cut = &fragments[..fragments.len() - 1];
    assert!(stored.open_as(cut, &stored.key).is_err());
    let mut repeated = fragments.clone();
    repeated[1] = repeated[0];
    assert!(matches!(
        stored.open_as(&repeated, &stored.key),
        Err(OpenError::WrongKey { .. })
    ));
    let mut swapped = fragments.clone();
    swapped.swap(0, 1);
    assert!(matches!(
        stored.open_as(&swapped, &stored.key),
        Err(OpenError::WrongKey { .. })
    ));
    let mut appended = fragments.clone();
    appended.push(appended[0]);
    assert!(stored.open_as(&appended, &stored.key).is_err());
}

#[test]
fn lists_that_sealing_does_not_make_are_refused() {
    let key = ContentKey::generate().unwrap();
    let fragment = |size| Fragment {
        size,
        ..testing::fragment(0)
    };
    for sizes in [&[][..], &[24], &[1 << 21], &[4112, 4113]] {
        let fragments: Vec<_> = sizes.iter().copied().map(fragment).collect();
        assert!(matches!(
            Opener::new(&fragments, &key),
            Err(OpenError::Fragments { .. })
        ));
    }
}

#[test]
fn a_false_length_or_padding_inside_is_refused() {
    let key = ContentKey::generate().unwrap();
    let opened = |inside: Vec<u8>| {
        use aead_stream::StreamPrimitive as _;
        let mut block = inside;
        cipher(&key)
            .encrypt_in_place(0, true, ASSOCIATED_DATA, &mut block)
            .unwrap();
        let fragment = Fragment {
            fragment_hash: hash(&block),
            size: u64::try_from(block.len()).unwrap(),
            order: 0,
        };
        open(
            &Opener::new(&[fragment], &key).unwrap(),
            |_| Ok(block.clone()),
            &mut Vec::new(),
        )
    };
    let inside = |length: u64, rest: &[u8]| [&length.to_be_bytes()[..], rest].concat();
    assert_eq!(opened(inside(2, &[1, 2, 0, 0])).unwrap(), 2);
    for length in [5, u64::MAX, u64::MAX - 7] {
        assert!(
            matches!(
                opened(inside(length, &[1, 2, 0, 0])),
                Err(OpenError::LengthInvalid { .. })
            ),
            "{length}"
        );
    }
    assert!(matches!(
        opened(inside(2, &[1, 2, 0, 9])),
        Err(OpenError::PaddingInvalid { part: 0 })
    ));
}

#[test]
fn parts_open_by_themselves_in_any_order() {
    let contents = contents(100_000);
    let stored = sealed(&contents);
    let opener = Opener::new(&stored.content.fragments, &stored.key).unwrap();
    let part_bytes = usize::try_from(opener.part_bytes()).unwrap();
    for part in [5, 2, 4] {
        let block = stored.blocks[&opener.fragment(part).unwrap().fragment_hash].clone();
        let opened = opener.open(part, block).unwrap();
        let from = usize::try_from(part).unwrap() * part_bytes - 8;
        assert_eq!(*opened, contents[from..from + part_bytes]);
    }
    let parts = opener.parts();
    assert!(matches!(opener.fragment(parts), Err(OpenError::NoSuchPart { .. })));
}

#[test]
fn a_file_that_grows_or_shrinks_meanwhile_is_not_sealed() {
    let key = ContentKey::generate().unwrap();
    for (said, there) in [(100, 99), (100, 101), (40_000, 39_999), (40_000, 50_000)] {
        let contents = contents(there);
        let refused = seal(&mut contents.as_slice(), said, small(), &key, |_| Ok(()));
        assert!(
            matches!(refused, Err(SealError::LengthChanged { .. })),
            "{said} {there}"
        );
    }
}

#[test]
fn a_full_disk_says_what_to_do() {
    let key = ContentKey::generate().unwrap();
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let refused = seal(&mut [1].as_slice(), 1, small(), &key, |_| Err(full())).unwrap_err();
    assert!(refused.to_string().contains("free space"), "{refused}");
    let stored = sealed(&contents(10));
    let opener = Opener::new(&stored.content.fragments, &stored.key).unwrap();
    let mut device = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let refused = open(
        &opener,
        |fragment| Ok(stored.blocks[&fragment.fragment_hash].clone()),
        &mut device,
    );
    assert!(refused.unwrap_err().to_string().contains("free space"));
}

fn manifest_of(content: &SealedContent) -> Manifest {
    let mut body = testing::body();
    body.content_id = content.content_id;
    body.fragments.clone_from(&content.fragments);
    body.sign(|hash| testing::signature(&testing::key(1), hash)).unwrap()
}

fn entries(folder: &std::path::Path) -> usize {
    folder.read_dir().unwrap().count()
}

#[test]
fn a_package_is_there_whole_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("song");
    let key = ContentKey::generate().unwrap();
    let contents = contents(3_000_000);
    let seal = |size| Draft::seal(&mut contents.as_slice(), 3_000_000, size, &key, &path);

    let shorter = Draft::seal(&mut contents.as_slice(), 3_000_001, small(), &key, &path);
    assert!(matches!(
        shorter,
        Err(PackageError::Seal(SealError::LengthChanged { .. }))
    ));
    drop(seal(small()).unwrap());
    let draft = seal(small()).unwrap();
    assert!(matches!(
        draft.finish(&testing::manifest()),
        Err(PackageError::OtherContent { .. })
    ));
    assert_eq!(entries(place.path()), 0, "what failed leaves nothing");

    let draft = seal(small()).unwrap();
    let manifest = manifest_of(draft.content());
    let package = draft.finish(&manifest).unwrap();
    assert_eq!((entries(place.path()), entries(&path)), (1, 2));
    assert_eq!(*package.manifest(), manifest);
    package.manifest().validate(&crate::Checks::default()).unwrap();
    let mut opened = Vec::new();
    assert_eq!(package.decrypt(&key, &mut opened).unwrap(), 3_000_000);
    assert_eq!(opened, contents);
    assert!(matches!(seal(small()), Err(PackageError::Exists { .. })));
}

#[test]
fn a_draft_removes_what_killed_programs_left_and_none_that_lives() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("song");
    let key = ContentKey::generate().unwrap();
    let seal = || Draft::seal(&mut contents(50_000).as_slice(), 50_000, small(), &key, &path).unwrap();
    let others = [".song.partial-begun", ".other.partial-1", "song.partial-1"].map(|name| place.path().join(name));
    let left = place.path().join(".song.partial-killed");
    for folder in others.iter().chain([&left]) {
        std::fs::create_dir(folder).unwrap();
    }
    for folder in [&left, &others[1], &others[2]] {
        std::fs::write(folder.join(CONTENT_FILE), "half of it").unwrap();
    }
    let (living, second) = (seal(), seal());
    assert!(!left.exists());
    assert!(others.iter().all(|folder| folder.exists()));
    assert_eq!(entries(place.path()), others.len() + 2);
    let manifest = manifest_of(living.content());
    living.finish(&manifest).unwrap();
    drop(second);
    assert_eq!(entries(place.path()), others.len() + 1);
}

#[test]
fn a_damaged_package_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("song");
    let key = ContentKey::generate().unwrap();
    let draft = Draft::seal(&mut contents(50_000).as_slice(), 50_000, small(), &key, &path).unwrap();
    let manifest = manifest_of(draft.content());
    draft.finish(&manifest).unwrap();
    let archive = path.join(CONTENT_FILE);
    let mut file = OpenOptions::new().read(true).write(true).open(&archive).unwrap();
    let length = file.metadata().unwrap().len();

    file.seek(SeekFrom::Start(5_000)).unwrap();
    file.write_all(b"damage").unwrap();
    let refused = Package::read(&path).unwrap().decrypt(&key, &mut Vec::new());
    assert!(matches!(
        refused,
        Err(PackageError::Open(OpenError::WrongFragment { .. }))
    ));
    file.set_len(length - 1).unwrap();
    assert!(matches!(Package::read(&path), Err(PackageError::Io { .. })));
    file.set_len(30_000).unwrap();
    assert!(matches!(Package::read(&path), Err(PackageError::Io { .. })));
    std::fs::write(path.join(MANIFEST_FILE), testing::manifest().to_json().unwrap()).unwrap();
    file.set_len(0).unwrap();
    assert!(matches!(Package::read(&path), Err(PackageError::Io { .. })));
}

#[test]
fn the_archive_begins_with_its_root_and_has_every_block() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("song");
    let key = ContentKey::generate().unwrap();
    // More fragments than one node links.
    let bytes = 180 * 16_368;
    let draft = Draft::seal(&mut contents(bytes).as_slice(), bytes as u64, small(), &key, &path).unwrap();
    let content = draft.content().clone();
    draft.finish(&manifest_of(&content)).unwrap();
    let mut archive = Vec::new();
    std::fs::File::open(path.join(CONTENT_FILE))
        .unwrap()
        .read_to_end(&mut archive)
        .unwrap();
    // Length, then the map {roots: [link], version: 1} in DAG-CBOR.
    let header = [&[58, 0xa2, 0x65][..], b"roots", &[0x81, 0xd8, 0x2a, 0x58, 0x25, 0x00]].concat();
    assert!(archive.starts_with(&header));
    assert_eq!(archive[header.len()..][..36], content.content_id.to_cid().to_bytes());
    let (_, nodes) = dag::nodes(&content.fragments);
    assert!(nodes.len() > 2);
    for node in nodes {
        assert!(archive.windows(node.bytes.len()).any(|window| window == node.bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_sealed_is_opened(contents in prop::collection::vec(any::<u8>(), 0..60_000)) {
        prop_assert_eq!(sealed(&contents).open().unwrap(), contents);
    }
}

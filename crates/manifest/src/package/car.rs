//! The encrypted file as a CARv1 archive: every block of its IPFS tree, for `ipfs dag import`.
//!
//! Header, then sections of varint length, CID and block. Fragments lie by place, all equally large, so each is written
//! where it belongs however late it comes; the nodes above follow. An archive that another program made may have its
//! blocks in any order.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
};

use alloy_primitives::B256;
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::{ContentId, Fragment, MAX_FRAGMENT_BYTES, MAX_FRAGMENTS, dag::Node};

/// Bytes of the CIDs here: version, codec, multihash of 32 bytes.
const CID_BYTES: usize = 36;
/// Most bytes of a header with one root.
const MAX_HEADER_BYTES: u64 = 256;
/// Most bytes of a section: a fragment, or a node of 174 links, with its CID.
const MAX_SECTION_BYTES: u64 = MAX_FRAGMENT_BYTES + 64;
/// Most sections: every fragment, and fewer nodes than one for each.
const MAX_SECTIONS: usize = 2 * MAX_FRAGMENTS;

#[derive(Serialize, Deserialize)]
struct Header {
    roots: Vec<Cid>,
    version: u64,
}

/// Writes an archive whose root is known last.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    header_bytes: u64,
}

impl Writer {
    pub(super) fn new(file: File) -> io::Result<Self> {
        // Every root has the same length.
        let header_bytes = length(&header(ContentId::raw(B256::ZERO))?);
        Ok(Self { file, header_bytes })
    }

    /// Writes a fragment at its place.
    pub(super) fn fragment(&mut self, fragment: &Fragment, bytes: &[u8]) -> io::Result<()> {
        let section = section(ContentId::raw(fragment.fragment_hash), bytes);
        self.file
            .seek(SeekFrom::Start(self.header_bytes + fragment.order * length(&section)))?;
        self.file.write_all(&section)
    }

    /// Writes the nodes and the header, and waits until all of it is on disk.
    pub(super) fn finish(mut self, root: ContentId, nodes: &[Node]) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        for node in nodes {
            self.file.write_all(&section(node.id, &node.bytes))?;
        }
        self.file.rewind()?;
        self.file.write_all(&header(root)?)?;
        self.file.sync_all()
    }
}

/// An archive, and where its blocks are.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    root: Cid,
    /// Offset and length of each block by the SHA-256 in its CID.
    blocks: HashMap<B256, (u64, usize)>,
}

impl Reader {
    /// Reads the header and where the blocks are.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut input = BufReader::new(&file);
        let (header_bytes, size) = read_varint(&mut input)?.ok_or_else(|| malformed("it is empty"))?;
        if header_bytes > MAX_HEADER_BYTES {
            return Err(malformed("its header is too long"));
        }
        let mut bytes = vec![0; usize::try_from(header_bytes).map_err(io::Error::other)?];
        input.read_exact(&mut bytes)?;
        let header: Header = serde_ipld_dagcbor::from_slice(&bytes).map_err(|_| malformed("its header is none"))?;
        let ([root], 1) = (header.roots.as_slice(), header.version) else {
            return Err(malformed("it is not version 1 with one root"));
        };
        let (root, blocks) = (*root, index(&mut input, size + header_bytes)?);
        Ok(Self { file, root, blocks })
    }

    pub(super) const fn root(&self) -> &Cid {
        &self.root
    }

    /// A fragment's bytes, as they are there: whoever uses them checks them.
    pub(super) fn fragment(&self, fragment: &Fragment) -> io::Result<Vec<u8>> {
        let Some((offset, bytes)) = self.blocks.get(&fragment.fragment_hash).copied() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the archive does not have it"));
        };
        let mut block = vec![0; bytes];
        (&self.file).seek(SeekFrom::Start(offset))?;
        (&self.file).read_exact(&mut block)?;
        Ok(block)
    }
}

fn index(input: &mut BufReader<&File>, mut offset: u64) -> io::Result<HashMap<B256, (u64, usize)>> {
    let file_bytes = input.get_ref().metadata()?.len();
    let mut blocks = HashMap::new();
    while let Some((section_bytes, size)) = read_varint(input)? {
        if section_bytes > MAX_SECTION_BYTES || blocks.len() >= MAX_SECTIONS {
            return Err(malformed("it has a larger block, or more blocks, than a package"));
        }
        offset += size;
        let cid = Cid::read_bytes(&mut *input).map_err(|_| malformed("a block has no CID"))?;
        let cid_bytes = u64::try_from(cid.encoded_len()).map_err(io::Error::other)?;
        let block_bytes = section_bytes
            .checked_sub(cid_bytes)
            .ok_or_else(|| malformed("a block is cut off"))?;
        if let Ok(digest) = B256::try_from(cid.hash().digest()) {
            blocks.insert(
                digest,
                (
                    offset + cid_bytes,
                    usize::try_from(block_bytes).map_err(io::Error::other)?,
                ),
            );
        }
        input.seek_relative(i64::try_from(block_bytes).map_err(io::Error::other)?)?;
        offset += section_bytes;
        if offset > file_bytes {
            return Err(malformed("it is cut off"));
        }
    }
    Ok(blocks)
}

fn header(root: ContentId) -> io::Result<Vec<u8>> {
    let header = Header {
        roots: vec![root.to_cid()],
        version: 1,
    };
    let bytes = serde_ipld_dagcbor::to_vec(&header).map_err(io::Error::other)?;
    let mut whole = varint(bytes.len());
    whole.extend(bytes);
    Ok(whole)
}

fn section(id: ContentId, block: &[u8]) -> Vec<u8> {
    let mut section = varint(CID_BYTES + block.len());
    section.extend(id.to_cid().to_bytes());
    section.extend(block);
    section
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

/// The number and its bytes; none at the end of the file.
fn read_varint(input: &mut impl Read) -> io::Result<Option<(u64, u64)>> {
    let mut number = 0u64;
    for size in 0..5u64 {
        let mut byte = [0];
        match input.read(&mut byte)? {
            0 if size == 0 => return Ok(None),
            0 => return Err(malformed("it is cut off")),
            _ => number |= u64::from(byte[0] & 0x7f) << (7 * size),
        }
        if byte[0] & 0x80 == 0 {
            return Ok(Some((number, size + 1)));
        }
    }
    Err(malformed("a length is too long"))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn malformed(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_as_leb128() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (524_324, &[0xa4, 0x80, 0x20]),
        ] {
            assert_eq!(varint(number), bytes);
            let expected = (u64::try_from(number).unwrap(), length(bytes));
            assert_eq!(read_varint(&mut &*bytes).unwrap(), Some(expected));
        }
        assert!(read_varint(&mut &[0xff; 10][..]).is_err());
        assert!(read_varint(&mut &[0x80][..]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn bytes_of_a_stranger_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut file = tempfile::tempfile().unwrap();
            // A true header gets the rest further.
            file.write_all(&header(ContentId::raw(B256::ZERO)).unwrap()).unwrap();
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            let _ = Reader::new(file);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            prop_assert!(Reader::new(file).is_err());
        }
    }
}

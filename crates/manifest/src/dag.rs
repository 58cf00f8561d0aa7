//! The content id: the root of the tree that `ipfs add --cid-version=1 --raw-leaves --chunker=size-N` makes of the
//! encrypted file, computed from its fragments' hashes and sizes alone.
//!
//! Leaves are the fragments. Each node above has up to 174 children: a dag-pb block whose data is UnixFS. A file of one
//! fragment is its raw leaf.

use alloy_primitives::B256;
use ipld_dagpb::{PbLink, PbNode};
use quick_protobuf::Writer;
use sha2::{Digest, Sha256};

use crate::{ContentId, Fragment};

/// Children of a node, as IPFS programs have it by default.
pub const MAX_LINKS: usize = 174;

/// UnixFS's type of a file.
const UNIXFS_FILE: u64 = 2;
/// Protobuf tags of UnixFS's fields: number and wire type of an integer.
const TYPE: u32 = 1 << 3;
const FILE_SIZE: u32 = 3 << 3;
const BLOCK_SIZE: u32 = 4 << 3;

/// A block that is no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its CID: dag-pb.
    pub id: ContentId,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// A subtree, as its parent links to it.
#[derive(Clone, Copy)]
struct Subtree {
    id: ContentId,
    /// Bytes of the file below.
    file_bytes: u64,
    /// Bytes of all blocks of it.
    block_bytes: u64,
}

/// The id of the file that these fragments, one after another, are.
pub fn content_id(fragments: &[Fragment]) -> ContentId {
    build(fragments, |_| ())
}

/// The id, and the nodes above the fragments, the root last.
pub fn nodes(fragments: &[Fragment]) -> (ContentId, Vec<Node>) {
    let mut nodes = Vec::new();
    let id = build(fragments, |node| nodes.push(node));
    (id, nodes)
}

fn build(fragments: &[Fragment], mut take: impl FnMut(Node)) -> ContentId {
    let mut layer: Vec<Subtree> = fragments.iter().map(leaf).collect();
    while layer.len() > 1 {
        let parents = layer.chunks(MAX_LINKS).map(|children| {
            let (node, subtree) = parent(children);
            take(node);
            subtree
        });
        layer = parents.collect();
    }
    // No fragments are an empty file.
    layer.first().map_or_else(|| ContentId::raw(hash(&[])), |root| root.id)
}

fn leaf(fragment: &Fragment) -> Subtree {
    Subtree {
        id: ContentId::raw(fragment.fragment_hash),
        file_bytes: fragment.size,
        block_bytes: fragment.size,
    }
}

fn parent(children: &[Subtree]) -> (Node, Subtree) {
    let links = children.iter().map(|child| PbLink {
        cid: child.id.to_cid(),
        name: Some(String::new()),
        size: Some(child.block_bytes),
    });
    let bytes = PbNode {
        links: links.collect(),
        data: Some(unixfs(children).into()),
    }
    .into_bytes();
    let id = ContentId::dag_pb(hash(&bytes));
    let own_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let subtree = Subtree {
        id,
        file_bytes: sum(children, |child| child.file_bytes),
        block_bytes: sum(children, |child| child.block_bytes).saturating_add(own_bytes),
    };
    (Node { id, bytes }, subtree)
}

/// The data of a node: a file, its size, the sizes of its parts.
fn unixfs(children: &[Subtree]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    let parts = children.iter().map(|child| (BLOCK_SIZE, child.file_bytes));
    let fields = [
        (TYPE, UNIXFS_FILE),
        (FILE_SIZE, sum(children, |child| child.file_bytes)),
    ];
    for (tag, number) in fields.into_iter().chain(parts) {
        // Writing to memory does not fail.
        let _ = writer.write_with_tag(tag, |writer| writer.write_uint64(number));
    }
    bytes
}

fn sum(children: &[Subtree], bytes: impl Fn(&Subtree) -> u64) -> u64 {
    children.iter().map(bytes).fold(0, u64::saturating_add)
}

fn hash(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        files: Vec<File>,
    }

    #[derive(Deserialize)]
    struct File {
        bytes: usize,
        chunk: usize,
        cid: String,
    }

    fn contents(bytes: usize) -> Vec<u8> {
        let byte = |i: usize| u8::try_from((7 * i + 13 * (i >> 8) + (i >> 16)) % 256).unwrap();
        (0..bytes).map(byte).collect()
    }

    fn fragments(contents: &[u8], chunk: usize) -> Vec<Fragment> {
        let pieces = (0..).zip(contents.chunks(chunk)).map(|(order, piece)| Fragment {
            fragment_hash: hash(piece),
            size: u64::try_from(piece.len()).unwrap(),
            order,
        });
        pieces.collect()
    }

    #[test]
    fn content_ids_are_those_of_other_ipfs_programs() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../test/vectors/manifest/unixfs.json")).unwrap();
        assert!(
            vectors
                .files
                .iter()
                .any(|file| file.bytes / file.chunk > MAX_LINKS * MAX_LINKS)
        );
        for file in vectors.files {
            let fragments = fragments(&contents(file.bytes), file.chunk);
            assert_eq!(
                content_id(&fragments).to_string(),
                file.cid,
                "{} bytes by {}",
                file.bytes,
                file.chunk
            );
        }
    }

    #[test]
    fn the_nodes_link_every_fragment_once_and_end_with_the_root() {
        let fragments = fragments(&contents(400), 1);
        let (id, nodes) = nodes(&fragments);
        assert_eq!(nodes.last().unwrap().id, id);
        assert_eq!(nodes.len(), 400_usize.div_ceil(MAX_LINKS) + 1);
        let links = nodes.iter().flat_map(|node| {
            assert_eq!(node.id, ContentId::dag_pb(hash(&node.bytes)));
            PbNode::from_bytes(node.bytes.clone().into()).unwrap().links
        });
        let leaves = links
            .filter_map(|link| ContentId::from_cid(&link.cid))
            .filter(|id| *id == ContentId::raw(id.digest()));
        let expected = fragments.iter().map(|fragment| ContentId::raw(fragment.fragment_hash));
        assert!(leaves.eq(expected));
    }
}

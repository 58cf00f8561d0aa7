//! Nodes as they lie in their RLP: parsed in place, nothing copied.

use alloy_primitives::B256;
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Header};
use alloy_trie::Nibbles;

/// Nibbles of a key.
pub(crate) const KEY_NIBBLES: usize = 64;

/// What is wrong with a node.
type Malformed = &'static str;

/// RLP of the missing child.
pub(crate) const NO_CHILD: &[u8] = &[EMPTY_STRING_CODE];

/// First byte of a 32-byte string.
pub(crate) const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;

/// A reference from a node to the one below.
#[derive(Clone, Copy)]
pub(crate) enum Child<'a> {
    Empty,
    Hash(B256),
    Embedded(&'a [u8]),
}

impl<'a> Child<'a> {
    pub(crate) fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        match raw {
            [EMPTY_STRING_CODE] => Ok(Self::Empty),
            [HASH_CODE, hash @ ..] if hash.len() == 32 => Ok(Self::Hash(B256::from_slice(hash))),
            [first, ..] if *first >= EMPTY_LIST_CODE && raw.len() < 32 => Ok(Self::Embedded(raw)),
            _ => Err("a child is neither a hash nor an embedded node"),
        }
    }
}

/// Whether a raw item leads anywhere; what [`Child::parse`] refuses is refused.
fn is_child(raw: &[u8]) -> Result<bool, Malformed> {
    match (raw.len(), raw.first()) {
        (1, Some(&EMPTY_STRING_CODE)) => Ok(false),
        (33, Some(&HASH_CODE)) => Ok(true),
        _ => Child::parse(raw).map(|child| !matches!(child, Child::Empty)),
    }
}

/// A node. Children are raw items that [`Child::parse`] accepts; a branch has at least two.
pub(crate) enum Node<'a> {
    Branch([&'a [u8]; 16]),
    Extension { key: Nibbles, child: &'a [u8] },
    Leaf { key: Nibbles, value: &'a [u8] },
}

impl<'a> Node<'a> {
    /// Parses a node that lies `depth` nibbles below the root. A leaf then ends at 64 nibbles, all else before.
    pub(crate) fn parse(rlp: &'a [u8], depth: usize) -> Result<Self, Malformed> {
        let mut items = list(rlp)?;
        let first = take_item(&mut items)?;
        let second = take_item(&mut items)?;
        if items.is_empty() {
            Self::parse_short(first, second, depth)
        } else {
            Self::parse_branch(first, second, items, depth)
        }
    }

    fn parse_branch(first: &'a [u8], second: &'a [u8], items: &'a [u8], depth: usize) -> Result<Self, Malformed> {
        let mut children = [first; 16];
        children[1] = second;
        let count = usize::from(is_child(first)?) + usize::from(is_child(second)?);
        check_branch(count, items, depth, |index, child| children[index] = child)?;
        Ok(Self::Branch(children))
    }

    fn parse_short(first: &'a [u8], second: &'a [u8], depth: usize) -> Result<Self, Malformed> {
        let (key, second) = check_short(first, second, depth)?;
        let nibbles = key.nibbles();
        Ok(if key.is_leaf {
            Self::Leaf {
                key: nibbles,
                value: second,
            }
        } else {
            Self::Extension {
                key: nibbles,
                child: second,
            }
        })
    }
}

/// Checks a branch behind its first two items, `count` of which are children, and shows every other child to `visit`.
#[inline(always)]
fn check_branch<'a>(
    mut count: usize,
    mut items: &'a [u8],
    depth: usize,
    mut visit: impl FnMut(usize, &'a [u8]),
) -> Result<(), Malformed> {
    if depth >= KEY_NIBBLES {
        return Err("a branch below the longest key");
    }
    for index in 2..16 {
        // The two kinds that nearly all children are of, without decoding.
        let length = match items.first() {
            Some(&EMPTY_STRING_CODE) => 1,
            Some(&HASH_CODE) if items.len() > 33 => {
                count += 1;
                33
            }
            _ => {
                let child = take_item(&mut items)?;
                count += usize::from(is_child(child)?);
                visit(index, child);
                continue;
            }
        };
        let (child, rest) = items.split_at(length);
        visit(index, child);
        items = rest;
    }
    if !matches!(items, [EMPTY_STRING_CODE]) {
        return Err("a branch has a value, or not 17 items");
    }
    if count < 2 {
        return Err("a branch has fewer than two children");
    }
    Ok(())
}

/// A node whose children are looked at later, one by one.
pub(crate) enum Shape<'a> {
    Branch,
    /// Flags and nibbles in their hex-prefix encoding, and a child that is not empty.
    Extension {
        key: HexPrefix<'a>,
        child: &'a [u8],
    },
    Leaf {
        key: HexPrefix<'a>,
        value: &'a [u8],
    },
}

impl<'a> Shape<'a> {
    /// Checks all that [`Node::parse`] checks.
    pub(crate) fn parse(rlp: &'a [u8], depth: usize) -> Result<Self, Malformed> {
        let mut items = list(rlp)?;
        let first = take_item(&mut items)?;
        let second = take_item(&mut items)?;
        if !items.is_empty() {
            let count = usize::from(is_child(first)?) + usize::from(is_child(second)?);
            check_branch(count, items, depth, |_, _| {})?;
            return Ok(Self::Branch);
        }
        let (key, second) = check_short(first, second, depth)?;
        Ok(if key.is_leaf {
            Self::Leaf { key, value: second }
        } else {
            Self::Extension { key, child: second }
        })
    }
}

/// The payload of a list that fills `rlp`.
fn list(mut rlp: &[u8]) -> Result<&[u8], Malformed> {
    let header = Header::decode(&mut rlp).map_err(|_| "not RLP")?;
    if !header.list || header.payload_length != rlp.len() {
        return Err("not a list, or bytes behind it");
    }
    Ok(rlp)
}

/// The raw item of a branch's child; empty bytes if `rlp` is no branch.
pub(crate) fn branch_item(rlp: &[u8], nibble: u8) -> &[u8] {
    let mut items = list(rlp).unwrap_or_default();
    for _ in 0..nibble {
        if take_item(&mut items).is_err() {
            return &[];
        }
    }
    take_item(&mut items).unwrap_or_default()
}

/// Checks a leaf or an extension; returns its key, and the leaf's value or the extension's child.
fn check_short<'a>(
    mut key: &'a [u8],
    mut second: &'a [u8],
    depth: usize,
) -> Result<(HexPrefix<'a>, &'a [u8]), Malformed> {
    let key = Header::decode_bytes(&mut key, false).map_err(|_| "a node's key is not a string")?;
    let key = HexPrefix::parse(key)?;
    let end = depth + key.len();
    if key.is_leaf {
        if end != KEY_NIBBLES {
            return Err("a leaf doesn't end at 64 nibbles");
        }
        let value = Header::decode_bytes(&mut second, false).map_err(|_| "a leaf's value is not a string")?;
        return Ok((key, value));
    }
    if key.len() == 0 || end >= KEY_NIBBLES {
        return Err("an extension is empty or too long");
    }
    match Child::parse(second)? {
        Child::Empty => Err("an extension leads nowhere"),
        Child::Hash(_) | Child::Embedded(_) => Ok((key, second)),
    }
}

/// Splits the first RLP item, header included, off a list's payload.
#[inline]
fn take_item<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = match rest.first() {
        Some(&EMPTY_STRING_CODE) => 1,
        Some(&HASH_CODE) => 33,
        _ => {
            let mut payload = *rest;
            let header = Header::decode(&mut payload).map_err(|_| "a list ends too early")?;
            rest.len() - payload.len() + header.payload_length
        }
    };
    let (item, tail) = rest.split_at_checked(length).ok_or("a list ends too early")?;
    *rest = tail;
    Ok(item)
}

/// The hex-prefix encoding of a path.
#[derive(Clone, Copy)]
pub(crate) struct HexPrefix<'a> {
    is_leaf: bool,
    /// The first nibble, of an odd number.
    odd: Option<u8>,
    /// The others.
    rest: &'a [u8],
}

impl<'a> HexPrefix<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((first, rest)) = bytes.split_first() else {
            return Err("a node's key is empty");
        };
        let (flags, nibble) = (first >> 4, first & 0x0f);
        let is_odd = flags & 1 == 1;
        if flags > 3 || (!is_odd && nibble != 0) {
            return Err("a node's key has bad flags");
        }
        let key = Self {
            is_leaf: flags & 2 == 2,
            odd: is_odd.then_some(nibble),
            rest,
        };
        if key.len() > KEY_NIBBLES {
            return Err("a node's key is too long");
        }
        Ok(key)
    }

    /// Number of nibbles.
    pub(crate) fn len(&self) -> usize {
        self.rest.len() * 2 + usize::from(self.odd.is_some())
    }

    fn nibbles(&self) -> Nibbles {
        let rest = Nibbles::unpack(self.rest);
        match self.odd {
            Some(nibble) => Nibbles::from_nibbles_unchecked([nibble]).join(&rest),
            None => rest,
        }
    }

    /// `key` with these nibbles from `depth` on; there is room for them.
    pub(crate) fn behind(&self, mut key: B256, depth: usize) -> B256 {
        let mut at = depth;
        if let Some(nibble) = self.odd {
            set_nibble(&mut key, at, nibble);
            at += 1;
        }
        if at.is_multiple_of(2) {
            if let Some(room) = key.get_mut(at / 2..at / 2 + self.rest.len()) {
                room.copy_from_slice(self.rest);
            }
            return key;
        }
        for byte in self.rest {
            set_nibble(&mut key, at, byte >> 4);
            set_nibble(&mut key, at + 1, byte & 0xf);
            at += 2;
        }
        key
    }
}

/// The nibble of a key at a depth below 64.
pub(crate) fn nibble(key: &B256, depth: usize) -> u8 {
    let byte = key[depth / 2];
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

/// Puts a nibble into a key at a depth below 64.
pub(crate) fn set_nibble(key: &mut B256, depth: usize, nibble: u8) {
    let byte = &mut key[depth / 2];
    *byte = if depth.is_multiple_of(2) {
        nibble << 4 | *byte & 0xf
    } else {
        *byte & 0xf0 | nibble
    };
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use alloy_primitives::hex;

    use super::*;

    fn leaf(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        alloy_rlp::encode_list::<&[u8], [u8]>(&[key, value], &mut out);
        out
    }

    fn reason(rlp: &[u8], depth: usize) -> &'static str {
        Node::parse(rlp, depth).err().unwrap_or("accepted")
    }

    #[test]
    fn a_leaf_must_end_where_keys_end() {
        let rlp = leaf(&hex!("20abcd"), b"v");
        assert!(
            matches!(Node::parse(&rlp, 60), Ok(Node::Leaf { key, value: b"v" }) if key.to_vec() == [10, 11, 12, 13])
        );
        assert_eq!(reason(&rlp, 59), "a leaf doesn't end at 64 nibbles");
        assert_eq!(reason(&rlp, 61), "a leaf doesn't end at 64 nibbles");
    }

    #[test]
    fn keys_have_one_encoding() {
        assert_eq!(reason(&leaf(&hex!("2fab"), b"v"), 62), "a node's key has bad flags");
        assert_eq!(reason(&leaf(&hex!("40ab"), b"v"), 62), "a node's key has bad flags");
        assert_eq!(reason(&leaf(&[], b"v"), 64), "a node's key is empty");
        assert_eq!(reason(&leaf(&[0x20; 34], b"v"), 0), "a node's key is too long");
    }

    #[test]
    fn bytes_behind_a_node_are_refused() {
        let mut rlp = leaf(&hex!("20abcd"), b"v");
        rlp.push(0);
        assert_eq!(reason(&rlp, 60), "not a list, or bytes behind it");
    }

    #[test]
    fn a_branch_needs_two_children_and_no_value() {
        let branch = |items: &[&[u8]]| {
            let payload: Vec<u8> = items.concat();
            let mut rlp = Vec::new();
            Header {
                list: true,
                payload_length: payload.len(),
            }
            .encode(&mut rlp);
            rlp.extend(payload);
            rlp
        };
        let child = leaf(&hex!("20"), b"v");
        let mut items = [NO_CHILD; 17];
        items[3] = &child;
        assert_eq!(reason(&branch(&items), 63), "a branch has fewer than two children");
        items[15] = &child;
        assert_eq!(reason(&branch(&items), 63), "accepted");
        assert_eq!(reason(&branch(&items), 64), "a branch below the longest key");
        assert_eq!(
            reason(&branch(&items[..16]), 63),
            "a branch has a value, or not 17 items"
        );
        items[16] = b"v";
        assert_eq!(reason(&branch(&items), 63), "a branch has a value, or not 17 items");
    }

    #[test]
    fn an_extension_leads_somewhere_before_the_end() {
        let extension = |key: &[u8], child: &[u8]| {
            let mut payload = Vec::new();
            alloy_rlp::Encodable::encode(key, &mut payload);
            payload.extend_from_slice(child);
            let mut rlp = Vec::new();
            Header {
                list: true,
                payload_length: payload.len(),
            }
            .encode(&mut rlp);
            rlp.extend(payload);
            rlp
        };
        let hash = [&[HASH_CODE][..], &[7; 32]].concat();
        assert_eq!(reason(&extension(&hex!("00ab"), &hash), 61), "accepted");
        assert_eq!(
            reason(&extension(&hex!("00ab"), &hash), 62),
            "an extension is empty or too long"
        );
        assert_eq!(
            reason(&extension(&hex!("00"), &hash), 10),
            "an extension is empty or too long"
        );
        assert_eq!(
            reason(&extension(&hex!("00ab"), NO_CHILD), 0),
            "an extension leads nowhere"
        );
        assert_eq!(
            reason(&extension(&hex!("00ab"), &hash[..20]), 0),
            "a list ends too early"
        );
    }
}

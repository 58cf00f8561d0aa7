//! Encoding of changed nodes.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Header};

use crate::node::{HASH_CODE, KEY_NIBBLES, NO_CHILD, nibble};

/// How a parent refers to a node: by its hash, or by holding all of it if it is shorter than one.
#[repr(C, align(4))]
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// The hash, or an embedded node's RLP.
    bytes: [u8; 32],
    /// Bytes of that.
    length: u8,
}

impl Reference {
    /// Of no node.
    pub(super) const NONE: Self = {
        let mut bytes = [0; 32];
        bytes[0] = NO_CHILD[0];
        Self { bytes, length: 1 }
    };

    pub(super) fn of(rlp: &[u8]) -> Self {
        match u8::try_from(rlp.len()) {
            Ok(length) if length < 32 => {
                let mut bytes = [0; 32];
                bytes[..rlp.len()].copy_from_slice(rlp);
                Self { bytes, length }
            }
            _ => Self::of_hash(keccak256(rlp)),
        }
    }

    /// Of a node with this hash.
    pub(super) const fn of_hash(hash: B256) -> Self {
        Self {
            bytes: hash.0,
            length: 32,
        }
    }

    /// The hash, if it is one.
    pub(super) const fn hash(&self) -> Option<B256> {
        if self.is_hash() {
            Some(B256::new(self.bytes))
        } else {
            None
        }
    }

    const fn is_hash(&self) -> bool {
        self.length == 32
    }

    /// Bytes of the raw item.
    const fn item_length(&self) -> usize {
        self.length as usize + self.is_hash() as usize
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.is_hash() {
            out.push(HASH_CODE);
        }
        out.extend_from_slice(&self.bytes[..usize::from(self.length)]);
    }
}

/// A leaf that hangs `depth` nibbles below the root.
pub(super) fn leaf(key: &B256, depth: usize, value: &[u8]) -> Vec<u8> {
    let (first, rest) = if depth.is_multiple_of(2) {
        (0x20, &key[depth / 2..])
    } else {
        (0x30 | key[depth / 2] & 0xf, &key[depth / 2 + 1..])
    };
    let header = Header {
        list: false,
        payload_length: value.len(),
    };
    let has_header = !matches!(value, [byte] if *byte < EMPTY_STRING_CODE);
    let value_length = if has_header { header.length_with_payload() } else { 1 };
    let mut out = list(usize::from(!rest.is_empty()) + 1 + rest.len() + value_length);
    path(first, rest, &mut out);
    if has_header {
        header.encode(&mut out);
    }
    out.extend_from_slice(value);
    out
}

/// An extension of the nibbles from `depth` to `end`.
pub(super) fn extension(key: &B256, depth: usize, end: usize, child: &Reference) -> Vec<u8> {
    let is_odd = (end - depth) % 2 == 1;
    let first = if is_odd { 0x10 | nibble(key, depth) } else { 0 };
    let mut packed = [0; KEY_NIBBLES / 2];
    let start = depth + usize::from(is_odd);
    let count = (end - start) / 2;
    for (index, byte) in packed.iter_mut().enumerate().take(count) {
        *byte = nibble(key, start + 2 * index) << 4 | nibble(key, start + 2 * index + 1);
    }
    let mut out = list(usize::from(count > 0) + 1 + count + child.item_length());
    path(first, &packed[..count], &mut out);
    child.write(&mut out);
    out
}

/// A branch like `old`, empty bytes for none, but for the children whose bits are set in `changed`.
pub(super) fn branch<'a>(old: &[u8], changed: u16, child: impl Fn(usize) -> &'a Reference) -> Vec<u8> {
    patched(old, changed, &child).unwrap_or_else(|| rebuilt(old, changed, &child))
}

/// The usual case: hashes take the places of hashes.
fn patched<'a>(old: &[u8], mut changed: u16, child: impl Fn(usize) -> &'a Reference) -> Option<Vec<u8>> {
    let mut rest = old;
    Header::decode(&mut rest).ok()?;
    let mut at = old.len() - rest.len();
    let mut out = Vec::with_capacity(old.len());
    out.extend_from_slice(old);
    let mut index = 0;
    while changed != 0 {
        let item = *old.get(at)?;
        if changed & 1 == 1 {
            let reference = child(index);
            if item != HASH_CODE || !reference.is_hash() {
                return None;
            }
            out.get_mut(at + 1..at + 33)?.copy_from_slice(&reference.bytes);
        }
        at += match item {
            EMPTY_STRING_CODE => 1,
            HASH_CODE => 33,
            _ => return None,
        };
        changed >>= 1;
        index += 1;
    }
    Some(out)
}

fn rebuilt<'a>(old: &[u8], changed: u16, child: impl Fn(usize) -> &'a Reference) -> Vec<u8> {
    let mut payload = Vec::with_capacity(16 * 33 + 1);
    for index in 0..16u8 {
        if changed >> index & 1 == 1 {
            child(index.into()).write(&mut payload);
            continue;
        }
        payload.extend_from_slice(match crate::node::branch_item(old, index) {
            [] => NO_CHILD,
            item => item,
        });
    }
    payload.push(EMPTY_STRING_CODE);
    let mut out = list(payload.len());
    out.extend_from_slice(&payload);
    out
}

/// The header of a list, with room for its payload.
fn list(payload_length: usize) -> Vec<u8> {
    let header = Header {
        list: true,
        payload_length,
    };
    let mut out = Vec::with_capacity(header.length_with_payload());
    match u8::try_from(payload_length) {
        Ok(short) if short < 56 => out.push(EMPTY_LIST_CODE + short),
        _ => header.encode(&mut out),
    }
    out
}

/// A path by its first byte, which is below 128, and the others.
#[expect(clippy::cast_possible_truncation, reason = "a path has at most 32 bytes")]
fn path(first: u8, rest: &[u8], out: &mut Vec<u8>) {
    if !rest.is_empty() {
        out.push(EMPTY_STRING_CODE + 1 + rest.len() as u8);
    }
    out.push(first);
    out.extend_from_slice(rest);
}

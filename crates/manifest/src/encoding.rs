//! Documents as bytes: strict and bounded reading into a [`Tree`], canonical writing.

use std::{cell::Cell, fmt};

use cid::Cid;
use serde::{
    Serialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

use crate::{ManifestError, Rule};

/// Most bytes of a document in either encoding.
pub const MAX_DOCUMENT_BYTES: usize = 8 << 20;
/// Most values of a document: the largest manifest has four a fragment.
const MAX_VALUES: usize = 300_000;
/// Manifest, list of fragments, fragment, value.
const MAX_LEVELS: usize = 4;

/// A document before anything is required of it. Maps keep repeated keys, numbers their kind.
#[derive(Debug)]
pub(crate) enum Tree {
    Null,
    Bool,
    Integer(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Link(Box<Cid>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Integer(_) | Self::Negative(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Link(_) => "a link",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Reads JSON.
pub(crate) fn read_json(bytes: &[u8]) -> Result<Tree, ManifestError> {
    require_size(bytes)?;
    let limits = Limits::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Reader::new(&limits).deserialize(&mut reader);
    tree.and_then(|tree| reader.end().map(|()| tree))
        .map_err(|error| limits.refusal(&error))
}

/// Reads DAG-CBOR; whether it is canonical shows when it is written again.
pub(crate) fn read_dag_cbor(bytes: &[u8]) -> Result<Tree, ManifestError> {
    require_size(bytes)?;
    let limits = Limits::default();
    let mut reader = serde_ipld_dagcbor::de::Deserializer::from_slice(bytes);
    let tree = Reader::new(&limits)
        .deserialize(&mut reader)
        .map_err(|error| limits.refusal(&error))?;
    reader.end().map_err(|error| limits.refusal(&error))?;
    Ok(tree)
}

/// Canonical JSON (RFC 8785).
pub(crate) fn write_json(value: &impl Serialize) -> Result<Vec<u8>, ManifestError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| ManifestError::new(Rule::Malformed, "manifest", error))
}

/// DAG-CBOR, which has one encoding only.
pub(crate) fn write_dag_cbor(value: &impl Serialize) -> Result<Vec<u8>, ManifestError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|error| ManifestError::new(Rule::Malformed, "manifest", error))
}

fn require_size(bytes: &[u8]) -> Result<(), ManifestError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let found = format!("{} bytes, at most {MAX_DOCUMENT_BYTES}", bytes.len());
        return Err(ManifestError::new(Rule::DocumentTooLarge, "manifest", found));
    }
    Ok(())
}

/// A short document can stand for a large tree; this is what it may cost.
#[derive(Debug)]
struct Limits {
    values_left: Cell<usize>,
    is_exceeded: Cell<bool>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values_left: Cell::new(MAX_VALUES),
            is_exceeded: Cell::new(false),
        }
    }
}

impl Limits {
    fn refusal(&self, error: &dyn fmt::Display) -> ManifestError {
        let rule = if self.is_exceeded.get() {
            Rule::DocumentTooComplex
        } else {
            Rule::Malformed
        };
        ManifestError::new(rule, "manifest", format!("unreadable: {error}"))
    }
}

/// Reads one value, `level` objects and lists deep.
struct Reader<'a> {
    limits: &'a Limits,
    level: usize,
}

impl<'a> Reader<'a> {
    const fn new(limits: &'a Limits) -> Self {
        Self { limits, level: 0 }
    }

    const fn inner(&self) -> Self {
        Self {
            limits: self.limits,
            level: self.level + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        match self
            .limits
            .values_left
            .get()
            .checked_sub(1)
            .filter(|_| self.level < MAX_LEVELS)
        {
            Some(left) => self.limits.values_left.set(left),
            None => {
                self.limits.is_exceeded.set(true);
                return Err(D::Error::custom("more values or levels than a manifest has"));
            }
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Bool)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(u64::try_from(value).map_or(Tree::Negative(value), Tree::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Bytes(value.into()))
    }

    /// A link: the only such value of DAG-CBOR.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let bytes = deserializer.deserialize_bytes(Reader { ..self })?;
        match bytes {
            Tree::Bytes(bytes) => Cid::try_from(bytes.as_slice())
                .map(|cid| Tree::Link(Box::new(cid)))
                .map_err(D::Error::custom),
            _ => Err(D::Error::custom("a link without bytes")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self.inner())? {
            list.push(value);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value_seed(self.inner())?));
        }
        Ok(Tree::Map(entries))
    }
}

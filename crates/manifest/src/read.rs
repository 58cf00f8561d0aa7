//! From a [`Tree`] to fields of the right types, naming where a document is wrong.

use alloy_primitives::{B256, FixedBytes};

use crate::{
    Collaborator, ContentId, CreatorId, Fragment, MAX_COLLABORATORS, MAX_FRAGMENTS, MAX_SAFE_INTEGER, MAX_TAGS,
    ManifestBody, ManifestError, Rule, Tier, VERSION, Version, WorkType, encoding::Tree,
};

/// A manifest's fields before hashes and signature are checked.
pub(crate) struct Document {
    pub body: ManifestBody,
    pub manifest_id: B256,
    pub signature: FixedBytes<65>,
}

const FIELDS: &[&str] = &[
    "version",
    "work_id",
    "content_id",
    "manifest_id",
    "creator_id",
    "timestamp",
    "work_type",
    "title",
    "description",
    "tags",
    "tier_requirements",
    "fingerprint",
    "fp_id",
    "fragments",
    "price_per_min",
    "region_rule",
    "collaborators",
    "signature",
];

/// Reads a document; [`ManifestBody::check`] remains to be done.
pub(crate) fn read(tree: Tree) -> Result<Document, ManifestError> {
    let root = Field {
        path: "manifest".into(),
        tree,
    };
    let mut fields = root.object("", FIELDS)?;
    let version = fields.required("version")?;
    let (path, number) = (version.path.clone(), version.integer()?);
    if number != VERSION {
        return Err(ManifestError::new(Rule::VersionUnsupported, path, number));
    }
    let body = ManifestBody {
        version: Version,
        work_id: fields.required("work_id")?.hash()?,
        content_id: fields.required("content_id")?.content_id()?,
        creator_id: CreatorId(fields.required("creator_id")?.hash()?),
        timestamp: fields.required("timestamp")?.integer()?,
        work_type: fields
            .required("work_type")?
            .named(Rule::WorkTypeUnknown, WorkType::from_name)?,
        title: fields.required("title")?.text()?,
        description: fields.required("description")?.text()?,
        tags: fields.required("tags")?.list(MAX_TAGS, Field::text)?,
        tier_requirements: fields
            .required("tier_requirements")?
            .list(Tier::ALL.len(), |tier| tier.named(Rule::TierUnknown, Tier::from_name))?,
        fingerprint: fields.optional("fingerprint").map(Field::hash).transpose()?,
        fp_id: fields.optional("fp_id").map(Field::hash).transpose()?,
        fragments: fields.required("fragments")?.list(MAX_FRAGMENTS, fragment)?,
        price_per_min: fields.required("price_per_min")?.integer()?,
        region_rule: fields.required("region_rule")?.text()?,
        collaborators: fields.optional("collaborators").map_or(Ok(Vec::new()), collaborators)?,
    };
    Ok(Document {
        body,
        manifest_id: fields.required("manifest_id")?.hash()?,
        signature: fields.required("signature")?.bytes()?,
    })
}

fn fragment(field: Field) -> Result<Fragment, ManifestError> {
    let prefix = format!("{}.", field.path);
    let mut fields = field.object(&prefix, &["fragment_hash", "size", "order"])?;
    Ok(Fragment {
        fragment_hash: fields.required("fragment_hash")?.hash()?,
        size: fields.required("size")?.integer()?,
        order: fields.required("order")?.integer()?,
    })
}

/// A list that is there has entries: nobody says "none" in two ways.
fn collaborators(field: Field) -> Result<Vec<Collaborator>, ManifestError> {
    let path = field.path.clone();
    let list = field.list(MAX_COLLABORATORS, collaborator)?;
    if list.is_empty() {
        return Err(ManifestError::new(Rule::ListEmpty, path, "an empty list"));
    }
    Ok(list)
}

fn collaborator(field: Field) -> Result<Collaborator, ManifestError> {
    let prefix = format!("{}.", field.path);
    let mut fields = field.object(&prefix, &["creator_id", "share_ppm"])?;
    Ok(Collaborator {
        creator_id: CreatorId(fields.required("creator_id")?.hash()?),
        share_ppm: fields.required("share_ppm")?.integer()?,
    })
}

/// An object with known fields only, each once.
struct Object {
    prefix: String,
    entries: Vec<(String, Tree)>,
}

impl Object {
    fn optional(&mut self, name: &str) -> Option<Field> {
        let index = self.entries.iter().position(|(key, _)| key == name)?;
        let (key, tree) = self.entries.swap_remove(index);
        Some(Field {
            path: format!("{}{key}", self.prefix),
            tree,
        })
    }

    fn required(&mut self, name: &str) -> Result<Field, ManifestError> {
        let field = self.optional(name);
        field.ok_or_else(|| ManifestError::new(Rule::MissingField, format!("{}{name}", self.prefix), "missing"))
    }
}

/// A value and where it stands.
struct Field {
    path: String,
    tree: Tree,
}

impl Field {
    fn object(self, prefix: &str, known: &[&str]) -> Result<Object, ManifestError> {
        let Tree::Map(entries) = self.tree else {
            return Err(self.wrong_type("an object"));
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            let path = || format!("{prefix}{}", crate::error::shown(key));
            if !known.contains(&key.as_str()) {
                return Err(ManifestError::new(Rule::UnknownField, path(), "no field of a manifest"));
            }
            if entries.iter().take(index).any(|(earlier, _)| earlier == key) {
                return Err(ManifestError::new(Rule::DuplicateKey, path(), "there twice"));
            }
        }
        Ok(Object {
            prefix: prefix.into(),
            entries,
        })
    }

    fn list<T>(self, max: usize, each: impl Fn(Self) -> Result<T, ManifestError>) -> Result<Vec<T>, ManifestError> {
        let Tree::List(list) = self.tree else {
            return Err(self.wrong_type("a list"));
        };
        if list.len() > max {
            let found = format!("{} entries, at most {max}", list.len());
            return Err(ManifestError::new(Rule::ListTooLong, self.path, found));
        }
        let path = &self.path;
        let fields = list.into_iter().enumerate().map(|(index, tree)| Self {
            path: format!("{path}[{index}]"),
            tree,
        });
        fields.map(each).collect()
    }

    fn text(self) -> Result<String, ManifestError> {
        match self.tree {
            Tree::Text(text) => Ok(text),
            _ => Err(self.wrong_type("text")),
        }
    }

    fn named<T>(self, rule: Rule, from_name: impl Fn(&str) -> Option<T>) -> Result<T, ManifestError> {
        let path = self.path.clone();
        let name = self.text()?;
        from_name(&name).ok_or_else(|| ManifestError::new(rule, path, format!("`{name}`")))
    }

    fn integer(self) -> Result<u64, ManifestError> {
        match self.tree {
            Tree::Integer(number) if number <= MAX_SAFE_INTEGER => Ok(number),
            Tree::Integer(number) => Err(ManifestError::new(Rule::IntegerOutOfRange, self.path, number)),
            Tree::Negative(number) => Err(ManifestError::new(Rule::IntegerOutOfRange, self.path, number)),
            Tree::Float(number) => Err(ManifestError::new(Rule::Float, self.path, number)),
            _ => Err(self.wrong_type("an integer")),
        }
    }

    fn hash(self) -> Result<B256, ManifestError> {
        self.bytes()
    }

    /// Hex in JSON, bytes in DAG-CBOR.
    fn bytes<const N: usize>(self) -> Result<FixedBytes<N>, ManifestError> {
        let wrong = |path, found: &str| Err(ManifestError::new(Rule::HexNotCanonical, path, format!("`{found}`")));
        match self.tree {
            Tree::Bytes(bytes) => match FixedBytes::try_from(bytes.as_slice()) {
                Ok(fixed) => Ok(fixed),
                Err(_) => wrong(self.path, &format!("{} bytes, not {N}", bytes.len())),
            },
            Tree::Text(text) => match text.parse::<FixedBytes<N>>() {
                Ok(fixed) if fixed.to_string() == text => Ok(fixed),
                _ => wrong(self.path, &text),
            },
            _ => Err(self.wrong_type("hexadecimal text")),
        }
    }

    fn content_id(self) -> Result<ContentId, ManifestError> {
        match self.tree {
            Tree::Text(text) => ContentId::parse(&text, &self.path),
            Tree::Link(cid) => {
                ContentId::from_cid(&cid).ok_or_else(|| ManifestError::new(Rule::CidNotCanonical, self.path, cid))
            }
            _ => Err(self.wrong_type("a CID")),
        }
    }

    fn wrong_type(&self, expected: &str) -> ManifestError {
        let found = format!("{} where {expected} belongs", self.tree.kind());
        ManifestError::new(Rule::WrongType, self.path.as_str(), found)
    }
}

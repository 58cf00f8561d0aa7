//! One error for every rule that a manifest can break.

use std::fmt;

/// Most characters of a refused value that a message repeats.
const SHOWN_CHARS: usize = 80;

/// A manifest breaks a rule: which one, in which field, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest refused ({rule}): `{field}` is {found}; {}", rule.remedy())]
pub struct ManifestError {
    /// The rule; its [`code`](Rule::code) is the same in every language.
    pub rule: Rule,
    /// Where: `title`, `fragments[3].size`; `manifest` for the document as a whole.
    pub field: String,
    /// What stands there, shortened.
    pub found: String,
}

impl ManifestError {
    pub(crate) fn new(rule: Rule, field: impl Into<String>, found: impl fmt::Display) -> Self {
        Self {
            rule,
            field: field.into(),
            found: shown(&found.to_string()),
        }
    }
}

/// Names of fields and values of strangers: short, and without characters that a terminal obeys.
pub(crate) fn shown(text: &str) -> String {
    let mut chars = text.chars().flat_map(char::escape_debug);
    let short: String = chars.by_ref().take(SHOWN_CHARS).collect();
    if chars.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}

macro_rules! rules {
    ($($name:ident = $code:literal, $says:literal, $remedy:literal;)+) => {
        /// The rules of a manifest (docs/MANIFEST.md has the same list, with where each comes from).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $says] $name,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Name of the broken rule, for programs: lower case, words joined by `_`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What is required.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)+ }
            }

            /// What to do.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }
        }
    };
}

rules! {
    DocumentTooLarge = "document_too_large", "A document has at most 8 MiB.", "use larger fragments, or publish the file in parts";
    DocumentTooComplex = "document_too_complex", "A document has at most 300 000 values in at most four levels.", "send a manifest and nothing else";
    Malformed = "malformed", "The document is JSON in UTF-8, or DAG-CBOR, with nothing behind it.", "send the document as it was published";
    CborNotCanonical = "cbor_not_canonical", "DAG-CBOR has one encoding for each manifest.", "encode it by the rules of DAG-CBOR: sorted keys, shortest numbers, hashes as bytes, the content id as a link";
    DuplicateKey = "duplicate_key", "No object has a key twice.", "keep one of the two";
    UnknownField = "unknown_field", "Only the fields of version 1 are allowed, so that nothing travels along.", "remove the field, or use a newer program if the format has grown";
    MissingField = "missing_field", "Every field that is not optional is there.", "add the field";
    WrongType = "wrong_type", "Every field has its own type.", "write the type that docs/MANIFEST.md names";
    Float = "float", "Numbers are integers, so that every program reads the same one.", "use the field's integer unit (micro-CLN, parts per million, bytes, seconds)";
    IntegerOutOfRange = "integer_out_of_range", "Integers are 0 to 2^53 - 1.", "use a number that every JSON reader keeps exactly";
    HexNotCanonical = "hex_not_canonical", "Hashes are 0x and lower-case hexadecimal of exactly their length.", "write 0x and lower-case digits, 64 for a hash, 130 for a signature";
    CidNotCanonical = "cid_not_canonical", "A content id is a CIDv1 in base32, raw or dag-pb, by SHA-256.", "write the CID as `ipfs add --cid-version=1` prints it";
    ControlCharacter = "control_character", "Text has no control characters and none that turn the direction of writing; a description may have line feeds.", "remove the character";
    TextEmpty = "text_empty", "Titles and tags are not empty.", "write at least one character";
    TextTooLong = "text_too_long", "A title has at most 200 characters, a description 5 000, a tag 64.", "shorten the text";
    ListEmpty = "list_empty", "There is at least one fragment and one tier; an empty list of collaborators is left out.", "add an entry, or leave the optional field out";
    ListTooLong = "list_too_long", "At most 32 tags, 5 tiers, 65 536 fragments, 63 collaborators.", "shorten the list; larger fragments make fewer of them";
    Repeated = "repeated", "Tags, tiers, fragments and collaborators are each named once.", "remove the second one";
    VersionUnsupported = "version_unsupported", "The version is 1.", "use a program that knows this version";
    WorkIdInvalid = "work_id_invalid", "A work id is not zero and its first byte is.", "use the id that the work has, or will have, on chain";
    HashZero = "hash_zero", "No hash or id is zero.", "compute the hash, or leave the optional field out";
    WorkTypeUnknown = "work_type_unknown", "The type is audio, code, image, interactive, news, scientific, text or video.", "choose the nearest of these";
    TierUnknown = "tier_unknown", "Tiers are audio, basic, premium, research and video.", "choose among these";
    RegionRuleInvalid = "region_rule_invalid", "A region rule has 1 to 32 letters, digits, `-`, `.` or `_`.", "use a rule of the chain's region table";
    FingerprintMissing = "fingerprint_missing", "Audio, image and video have a fingerprint.", "compute it with `cwe fingerprint`";
    FingerprintIncomplete = "fingerprint_incomplete", "`fingerprint` and `fp_id` are both there or both not.", "give both, or neither";
    FragmentOrder = "fragment_order", "Fragments are listed by `order`, from 0 without gaps.", "list the fragments as they lie in the encrypted file";
    FragmentSizeInvalid = "fragment_size_invalid", "A fragment has 1 to 1 048 576 bytes, which every IPFS node transfers.", "cut the file into smaller fragments";
    ShareInvalid = "share_invalid", "A share is 1 to 1 000 000 parts per million.", "correct the share, or leave the collaborator out";
    SharesExceedWhole = "shares_exceed_whole", "All shares together are at most 1 000 000 parts per million.", "lower the shares; what is left is the creator's";
    CollaboratorIsCreator = "collaborator_is_creator", "The creator is not among the collaborators: it has what their shares leave.", "remove the entry";
    ContentIdMismatch = "content_id_mismatch", "The content id is that of a file of exactly these fragments.", "do not use this manifest: its fragments are not the content that it names";
    ManifestIdMismatch = "manifest_id_mismatch", "The manifest id is the SHA-256 of the canonical JSON without id and signature.", "do not use this manifest: it was changed after it was signed";
    SignatureMalformed = "signature_malformed", "A signature is r, s and v, where v is 27 or 28.", "encode the signature in 65 bytes";
    SignatureHighS = "signature_high_s", "s is in the lower half of the curve's order, so that nobody makes a second signature of a first one.", "negate s and flip v";
    SignatureUnrecoverable = "signature_unrecoverable", "The signature is one that a key could have made.", "do not use this manifest; its creator signs it again";
    WrongCreator = "wrong_creator", "The creator's key signed, or a delegate that may publish for it.", "do not use this manifest, or have the creator make the signer a delegate";
    FragmentUnavailable = "fragment_unavailable", "Storage has every fragment.", "try other storage nodes, or later";
    TierInsufficient = "tier_insufficient", "The listener's tier has one of the work's access classes.", "subscribe to one of the tiers that the work names";
    ChainWorkMismatch = "chain_work_mismatch", "The manifest is of the work that the chain was asked for.", "ask the chain for the manifest's work id";
    ChainCreatorMismatch = "chain_creator_mismatch", "The work's creator on chain is the manifest's.", "do not use this manifest: the work is another creator's";
    ChainManifestMismatch = "chain_manifest_mismatch", "The version on chain names this manifest.", "fetch the manifest that the chain names, or register this one as a new version";
    ChainContentMismatch = "chain_content_mismatch", "The version on chain has this content.", "register the content of this manifest as a new version";
    ChainFpIdMismatch = "chain_fp_id_mismatch", "The version on chain has this FP_ID, or none as the manifest.", "register the fingerprint of this manifest as a new version";
    ChainFingerprintMismatch = "chain_fingerprint_mismatch", "The version on chain has this descriptor's hash, or none as the manifest.", "register the fingerprint of this manifest as a new version";
    ChainAccessMismatch = "chain_access_mismatch", "The version on chain asks for the same tiers.", "register the tiers of this manifest as a new version";
    ChainSharesMismatch = "chain_shares_mismatch", "Each collaborator's share is that of a payee on chain.", "register payees with these shares as a new version";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

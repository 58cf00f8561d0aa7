//! Keys of both circuits: derived from a reference string, or read from a file that this program wrote.

use std::io::{Cursor, Read, Write};

use halo2_proofs::{
    SerdeFormat,
    halo2curves::bn256::{Bn256, G1Affine},
    plonk::{ProvingKey, VerifyingKey, keygen_pk, keygen_vk},
    poly::{commitment::Params as _, kzg::commitment::ParamsKZG},
};
use sha2::{Digest, Sha256};

use crate::{
    KeysError, ProofError,
    columns::{Shape, TraceCircuit},
    fault::Fault,
    layout::Layout,
    reveal::RevealHints,
    split_hints::SplitHints,
};

/// A reference string (KZG over BN254); `cwe_srs` makes them.
pub type Srs = ParamsKZG<Bn256>;

/// log₂ of the points that a reference string must have.
pub const SRS_K: u32 = Layout::SPLIT.log2_rows;

/// Begins every file of keys; the number rises with every change of a circuit.
const MAGIC: &[u8; 16] = b"cwe-usage-keys 1";
/// Most bytes of a file of keys; they are far below.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// One circuit's proving key with a reference string of its size.
#[derive(Debug, Clone)]
pub(crate) struct CircuitKey {
    pub(crate) srs: Srs,
    pub(crate) key: ProvingKey<G1Affine>,
}

/// One circuit's verifying key with its reference string.
#[derive(Debug, Clone)]
pub struct CircuitVerifyingKey {
    /// The reference string, of the circuit's size.
    pub srs: Srs,
    /// The key.
    pub key: VerifyingKey<G1Affine>,
}

/// What a wallet proves with.
#[derive(Debug, Clone)]
pub struct ProvingKeys {
    pub(crate) split: CircuitKey,
    pub(crate) reveal: CircuitKey,
}

/// What a verifier checks proofs with.
#[derive(Debug, Clone)]
pub struct VerifyingKeys {
    /// Of the Split circuit.
    pub split: CircuitVerifyingKey,
    /// Of the Reveal circuit.
    pub reveal: CircuitVerifyingKey,
}

/// The Split circuit without values.
pub(crate) fn split_circuit(layout: Layout) -> TraceCircuit {
    let trace = SplitHints::empty().trace(&layout, Fault::default());
    TraceCircuit { trace, layout }
}

/// The Reveal circuit without values.
pub(crate) fn reveal_circuit(layout: Layout) -> TraceCircuit {
    let trace = RevealHints::empty().trace(&layout, Fault::default());
    TraceCircuit { trace, layout }
}

fn sized(srs: &Srs, k: u32) -> Result<Srs, ProofError> {
    if srs.k() < k {
        return Err(ProofError::SrsTooSmall {
            given: srs.k(),
            needed: k,
        });
    }
    let mut srs = srs.clone();
    if srs.k() > k {
        srs.downsize(k);
    }
    Ok(srs)
}

impl CircuitKey {
    pub(crate) fn derive(srs: &Srs, circuit: &TraceCircuit) -> Result<Self, ProofError> {
        let srs = sized(srs, circuit.layout.log2_rows)?;
        let key = keygen_pk(&srs, keygen_vk(&srs, circuit)?, circuit)?;
        Ok(Self { srs, key })
    }

    fn write(&self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        self.srs.write_custom(bytes, SerdeFormat::RawBytes)?;
        self.key.write(bytes, SerdeFormat::RawBytes)
    }

    fn read(bytes: &mut Cursor<&[u8]>, layout: Layout) -> std::io::Result<Self> {
        let srs = Srs::read_custom(bytes, SerdeFormat::RawBytes)?;
        let shape = Shape {
            layout,
            fault: Fault::default(),
        };
        let key = ProvingKey::read::<_, TraceCircuit>(bytes, SerdeFormat::RawBytes, shape)?;
        Ok(Self { srs, key })
    }

    pub(crate) fn verifying(&self) -> CircuitVerifyingKey {
        CircuitVerifyingKey {
            srs: self.srs.clone(),
            key: self.key.get_vk().clone(),
        }
    }
}

impl ProvingKeys {
    /// Derives the keys: the same ones everywhere from the same reference string, of at least 2^[`SRS_K`] points.
    ///
    /// # Errors
    /// [`ProofError::SrsTooSmall`], [`ProofError::System`].
    pub fn derive(srs: &Srs) -> Result<Self, ProofError> {
        Ok(Self {
            split: CircuitKey::derive(srs, &split_circuit(Layout::SPLIT))?,
            reveal: CircuitKey::derive(srs, &reveal_circuit(Layout::REVEAL))?,
        })
    }

    /// What proofs made with these keys are checked with.
    pub fn verifying_keys(&self) -> VerifyingKeys {
        VerifyingKeys {
            split: self.split.verifying(),
            reveal: self.reveal.verifying(),
        }
    }

    /// Writes the keys with a checksum, for [`read`](Self::read) to find later.
    ///
    /// # Errors
    /// [`KeysError::Io`].
    pub fn write(&self, mut to: impl Write) -> Result<(), KeysError> {
        let mut keys = Vec::new();
        self.split.write(&mut keys)?;
        self.reveal.write(&mut keys)?;
        to.write_all(MAGIC)?;
        to.write_all(&Sha256::digest(&keys))?;
        to.write_all(&keys)?;
        Ok(to.flush()?)
    }

    /// Reads what [`write`](Self::write) wrote. The checksum shows damage, not malice: keep the file where only this
    /// program writes.
    ///
    /// # Errors
    /// [`KeysError`]; in all cases the keys can be derived again.
    pub fn read(from: impl Read) -> Result<Self, KeysError> {
        let mut bytes = Vec::new();
        from.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        let rest = bytes.strip_prefix(MAGIC).ok_or(KeysError::OtherVersion)?;
        let (checksum, keys) = rest.split_at_checked(32).ok_or(KeysError::Damaged)?;
        if <[u8; 32]>::from(Sha256::digest(keys)) != checksum {
            return Err(KeysError::Damaged);
        }
        let mut keys = Cursor::new(keys);
        let split = CircuitKey::read(&mut keys, Layout::SPLIT)?;
        let reveal = CircuitKey::read(&mut keys, Layout::REVEAL)?;
        Ok(Self { split, reveal })
    }
}

impl VerifyingKeys {
    /// Derives the keys that belong to [`ProvingKeys::derive`]'s.
    ///
    /// # Errors
    /// [`ProofError::SrsTooSmall`], [`ProofError::System`].
    pub fn derive(srs: &Srs) -> Result<Self, ProofError> {
        let derive = |circuit: &TraceCircuit| -> Result<_, ProofError> {
            let srs = sized(srs, circuit.layout.log2_rows)?;
            let key = keygen_vk(&srs, circuit)?;
            Ok(CircuitVerifyingKey { srs, key })
        };
        Ok(Self {
            split: derive(&split_circuit(Layout::SPLIT))?,
            reveal: derive(&reveal_circuit(Layout::REVEAL))?,
        })
    }
}

//! A circuit in another layout, to measure it. No program and no contract takes these proofs.

use rand_core::{CryptoRng, RngCore};

use crate::{
    CircuitVerifyingKey, ProofError, RevealWitness, SplitWitness, Srs, VerificationError,
    columns::TraceCircuit,
    field::scalar,
    keys::{self, CircuitKey},
    layout::Layout,
    placement::Placement,
    prove,
    verify::check,
};

/// What is proven.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// A submission.
    Split(&'a SplitWitness),
    /// A note.
    Reveal(&'a RevealWitness),
}

/// Keys of one circuit in one layout.
#[derive(Debug, Clone)]
pub struct LayoutKeys {
    layout: Layout,
    key: CircuitKey,
    size: LayoutSize,
}

/// How large a circuit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutSize {
    /// Rows that are used, of the fullest column.
    pub rows: usize,
    /// Columns of values.
    pub advice: usize,
    /// Columns of constants.
    pub fixed: usize,
    /// Lookup arguments, each with three commitments of a proof.
    pub lookups: usize,
    /// Columns that copies go to and from.
    pub copied: usize,
    /// Highest degree of an equation.
    pub degree: usize,
}

impl Statement<'_> {
    fn empty(self, layout: Layout) -> TraceCircuit {
        match self {
            Self::Split(_) => keys::split_circuit(layout),
            Self::Reveal(_) => keys::reveal_circuit(layout),
        }
    }

    fn circuit(self, layout: Layout) -> Result<TraceCircuit, ProofError> {
        match self {
            Self::Split(witness) => Ok(prove::split_circuit(witness, layout)?),
            Self::Reveal(witness) => Ok(prove::reveal_circuit(witness, layout)),
        }
    }
}

impl LayoutKeys {
    /// Derives the keys of the statement's circuit; its values do not matter.
    ///
    /// # Errors
    /// [`ProofError::SrsTooSmall`], [`ProofError::System`]: among others, the layout has too few rows.
    pub fn derive(srs: &Srs, statement: Statement<'_>, layout: Layout) -> Result<Self, ProofError> {
        let circuit = statement.empty(layout);
        let key = CircuitKey::derive(srs, &circuit)?;
        let cs = key.key.get_vk().cs();
        let size = LayoutSize {
            rows: Placement::new(&layout, &circuit.trace).rows(),
            advice: cs.num_advice_columns(),
            fixed: cs.num_fixed_columns(),
            lookups: cs.lookups().len(),
            copied: cs.permutation().get_columns().len(),
            degree: cs.degree(),
        };
        Ok(Self { layout, key, size })
    }

    /// How large the circuit is.
    pub const fn size(&self) -> LayoutSize {
        self.size
    }

    /// What verifiers are made from.
    pub fn verifying_key(&self) -> CircuitVerifyingKey {
        self.key.verifying()
    }

    /// Proves, and checks the proof as the wallet does.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn prove(&self, statement: Statement<'_>, rng: impl RngCore + CryptoRng) -> Result<Vec<u8>, ProofError> {
        prove::prove(&self.key, statement.circuit(self.layout)?, rng, &mut |_| ())
    }

    /// Checks a proof.
    ///
    /// # Errors
    /// [`VerificationError::Invalid`].
    pub fn verify(&self, statement: Statement<'_>, proof: &[u8]) -> Result<(), VerificationError> {
        let public: Vec<_> = match statement {
            Statement::Split(witness) => witness.inputs().to_elements().map(scalar).to_vec(),
            Statement::Reveal(witness) => witness.inputs().to_elements().map(scalar).to_vec(),
        };
        if check(&self.key.srs, self.key.key.get_vk(), &public, proof) {
            Ok(())
        } else {
            Err(VerificationError::Invalid)
        }
    }
}

//! The proving keys.

use cwe_srs::Setup;
use cwe_usage_circuits::{ProvingKeys, SRS_K};
use cwe_wallet::{SystemEntropy, proving::CircuitProver};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Makes proofs. Keys are derived on the device, or read from where the page kept them; nobody hands them out.
#[wasm_bindgen]
pub struct Prover {
    pub(crate) circuits: CircuitProver<SystemEntropy>,
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Prover")
    }
}

impl From<ProvingKeys> for Prover {
    fn from(keys: ProvingKeys) -> Self {
        let circuits = CircuitProver::new(keys, SystemEntropy);
        Self { circuits }
    }
}

#[wasm_bindgen]
impl Prover {
    /// Derives the keys from the development setup, whose secret anybody can compute: for devnets.
    ///
    /// # Errors
    /// Never on a working machine.
    #[wasm_bindgen(js_name = unsafeDevelopment)]
    pub fn unsafe_development() -> Result<Self, JsError> {
        let srs = Setup::default().make(SRS_K)?;
        Ok(ProvingKeys::derive(&srs)?.into())
    }

    /// Keys that [`keys`](Self::keys) gave before. Takes a fraction of the time of deriving them.
    ///
    /// # Errors
    /// They are damaged, or another version's: derive them again.
    #[wasm_bindgen]
    pub fn read(keys: &[u8]) -> Result<Self, JsError> {
        Ok(ProvingKeys::read(keys)?.into())
    }

    /// The keys with a checksum, to be kept by the page where nobody else writes.
    ///
    /// # Errors
    /// Memory is short.
    #[wasm_bindgen]
    pub fn keys(&self) -> Result<Vec<u8>, JsError> {
        let mut bytes = Vec::new();
        self.circuits.keys().write(&mut bytes)?;
        Ok(bytes)
    }
}

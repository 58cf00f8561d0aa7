//! Randomness of the page.

use cwe_wallet::{Entropy, EntropyError};

/// `crypto.getRandomValues`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostEntropy;

impl Entropy for HostEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::getrandom(bytes).map_err(|error| EntropyError(error.to_string()))
    }
}

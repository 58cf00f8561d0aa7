//! Challenges: Keccak-256 over all that was read, as Solidity verifiers have it.

use alloc::vec::Vec;

use alloy_primitives::keccak256;

use crate::arithmetic::{Scalar, Word};

/// What the next challenge will be a hash of.
#[derive(Debug)]
pub(crate) struct Transcript {
    absorbed: Vec<u8>,
}

impl Transcript {
    /// Begins with a circuit's digest and the public inputs.
    pub(crate) fn new(digest: &Word, instances: &[Word], capacity: usize) -> Self {
        let mut absorbed = Vec::with_capacity(capacity);
        absorbed.extend_from_slice(digest);
        absorbed.extend_from_slice(instances.as_flattened());
        Self { absorbed }
    }

    /// Adds what was read of a proof.
    pub(crate) fn absorb(&mut self, bytes: &[u8]) {
        self.absorbed.extend_from_slice(bytes);
    }

    /// The next challenge. One to which nothing was added is told apart by a byte.
    pub(crate) fn squeeze<S: Scalar>(&mut self) -> S {
        S::from_reduced(&self.squeeze_word())
    }

    /// The next challenge before it is reduced.
    pub(crate) fn squeeze_word(&mut self) -> Word {
        if self.absorbed.len() == size_of::<Word>() {
            self.absorbed.push(1);
        }
        let hash = keccak256(&self.absorbed).0;
        self.absorbed.clear();
        self.absorbed.extend_from_slice(&hash);
        hash
    }
}

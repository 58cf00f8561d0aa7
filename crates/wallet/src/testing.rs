//! What the tests of this crate share.

use std::{cell::RefCell, rc::Rc};

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{
    entropy::{Entropy, EntropyError},
    storage::{Storage, StorageError},
};

/// Randomness that is the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(ChaCha20Rng);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

/// A place in memory that several wallets can open, one after another, and that can fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStorage(Rc<RefCell<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    value: Option<Vec<u8>>,
    failures: u32,
    /// Writes until the process is killed right after one; none when it never is.
    writes_left: Option<u32>,
}

impl MemoryStorage {
    pub(crate) fn fail_next_writes(&self, count: u32) {
        self.0.borrow_mut().failures = count;
    }

    /// The write after `count` more is done, and then the process is killed: whoever wrote never learns of it.
    pub(crate) fn kill_after_writes(&self, count: Option<u32>) {
        self.0.borrow_mut().writes_left = count;
    }
}

impl Storage for MemoryStorage {
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.borrow().value.clone())
    }

    fn replace(&mut self, value: &[u8]) -> Result<(), StorageError> {
        let failed = |reason: &str| StorageError::Io {
            action: "writing",
            place: "memory".into(),
            reason: reason.into(),
        };
        let mut memory = self.0.borrow_mut();
        if memory.failures > 0 {
            memory.failures -= 1;
            return Err(failed("disk full"));
        }
        memory.value = Some(value.to_vec());
        match &mut memory.writes_left {
            Some(0) => Err(failed("killed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

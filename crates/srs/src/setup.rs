//! Where a secret came from, and the parameters made from it.

use std::{fmt, path::PathBuf, str::FromStr};

use sha2::{Digest, Sha256};

use crate::{MAX_K, Params, SrsError, development, powers_of_tau};

/// SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 32]);

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Checksum {
    type Err = SrsError;

    fn from_str(text: &str) -> Result<Self, SrsError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SrsError::NoChecksum(text.into()))?;
        Ok(Self(bytes))
    }
}

/// Where the secret of the parameters came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// Anybody can compute the secret from the seed.
    Development {
        /// Any text.
        seed: String,
    },
    /// A ceremony; nobody knows the secret if one participant was honest.
    PowersOfTau {
        /// snarkjs' `.ptau` file.
        file: PathBuf,
        /// Its checksum, as published by the ceremony.
        checksum: Checksum,
    },
}

impl Default for Setup {
    fn default() -> Self {
        Self::Development {
            seed: "Clean Web Economy".into(),
        }
    }
}

impl Setup {
    /// Whether proofs under it convince anybody.
    pub const fn is_safe(&self) -> bool {
        matches!(self, Self::PowersOfTau { .. })
    }

    /// What logs, RPC, contracts and files call it: `unsafe-dev-…` or `ptau-…`, with the first eight bytes of the
    /// SHA-256 of the seed or the file.
    pub fn name(&self) -> String {
        match self {
            Self::Development { seed } => format!("unsafe-dev-{}", hex::encode(&Sha256::digest(seed)[..8])),
            Self::PowersOfTau { checksum, .. } => format!("ptau-{}", hex::encode(&checksum.0[..8])),
        }
    }

    /// Parameters of 2^`k` points, made anew. Minutes for a `k` above 20: a store keeps them.
    ///
    /// # Errors
    /// The size is out of range, or the powers-of-tau file is wrong.
    pub fn make(&self, k: u32) -> Result<Params, SrsError> {
        check_size(k)?;
        match self {
            Self::Development { seed } => Ok(development::setup(k, Sha256::digest(seed).into())),
            Self::PowersOfTau { file, checksum } => powers_of_tau::load(file, *checksum, k),
        }
    }
}

pub(crate) const fn check_size(k: u32) -> Result<(), SrsError> {
    match k {
        1..=MAX_K => Ok(()),
        _ => Err(SrsError::Size(k)),
    }
}

#[cfg(test)]
mod tests {
    use halo2_proofs::poly::commitment::ParamsProver;

    use super::*;

    #[test]
    fn one_seed_gives_one_secret_for_all_sizes_and_another_seed_another() {
        let development = |seed: &str, k| Setup::Development { seed: seed.into() }.make(k).unwrap();
        let (small, large) = (development("a", 3), development("a", 5));
        assert_eq!(small.get_g(), &large.get_g()[..8]);
        assert_eq!(small.s_g2(), large.s_g2());
        assert_ne!(small.s_g2(), development("b", 3).s_g2());
    }

    #[test]
    fn a_name_tells_whether_the_setup_is_safe() {
        let development = Setup::default();
        assert!(!development.is_safe() && development.name().starts_with("unsafe-"));
        let ceremony = Setup::PowersOfTau {
            file: PathBuf::new(),
            checksum: Checksum([0xab; 32]),
        };
        assert!(ceremony.is_safe());
        assert_eq!(ceremony.name(), "ptau-abababababababab");
    }

    #[test]
    fn a_checksum_is_64_digits() {
        let checksum = Checksum([7; 32]);
        assert_eq!(checksum.to_string().parse::<Checksum>().unwrap(), checksum);
        for wrong in ["", "07", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            assert!(wrong.parse::<Checksum>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for k in [0, MAX_K + 1, u32::MAX] {
            assert!(matches!(Setup::default().make(k), Err(SrsError::Size(_))));
        }
    }
}

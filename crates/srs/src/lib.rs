//! The structured reference string (SRS) of KZG commitments over BN254 that every halo2 proof of this project is made
//! and checked with. In go a seed or a powers-of-tau file, out come parameters of the asked size `k` (2^`k` points) and
//! what is to be told about their origin. The prover and the usage circuits call it.
//!
//! - [`Setup::Development`]: computed from a seed, for development and tests. Whoever knows the seed can prove anything
//!   false, so its [`Setup::name`] says `unsafe` wherever it shows. One seed gives one secret for all sizes.
//! - [`Setup::PowersOfTau`]: the file of a public ceremony (snarkjs' `.ptau`), named together with its SHA-256. It is
//!   read only if the checksum is right, every point is on the curve and the powers belong together.
//!
//! What was computed or converted is kept in a cache folder under a checksum ([`SrsStore`], feature `store`); a damaged
//! copy is made again. Without that feature the crate needs no files and no threads: browsers make the small parameters
//! of wallets anew.

#[cfg(feature = "store")]
mod cache;
mod development;
mod error;
mod powers_of_tau;
mod setup;

#[cfg(feature = "store")]
pub use cache::SrsStore;
pub use error::SrsError;
pub use setup::{Checksum, Setup};

/// Parameters of KZG over BN254.
pub type Params = halo2_proofs::poly::kzg::commitment::ParamsKZG<halo2_proofs::halo2curves::bn256::Bn256>;

/// Largest size: 2^24 points are 2 GiB, and no circuit here needs more.
pub const MAX_K: u32 = 24;

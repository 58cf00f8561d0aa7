//! Reading snarkjs' `.ptau` files.
//!
//! A file is `"ptau"`, a version, a count of sections, and the sections, each with a type and a length. Section 1 tells
//! the field and the power of the ceremony, section 2 holds the powers of the secret in G1, section 3 those in G2.
//! Points are pairs of coordinates in Montgomery form, little-endian. Source: `src/powersoftau_utils.js` of snarkjs.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        CurveAffine,
        bn256::{Bn256, Fq, Fr, G1, G1Affine, G2Affine},
        ff::{Field, PrimeField},
        group::{Curve, cofactor::CofactorGroup, prime::PrimeCurveAffine},
        pairing::Engine,
        serde::SerdeObject,
    },
    poly::kzg::commitment::ParamsKZG,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use sha2::{Digest, Sha256};

use crate::{Checksum, Params, SrsError};

const MAGIC: &[u8; 4] = b"ptau";
const VERSION: u32 = 1;
const MAX_SECTIONS: u32 = 64;
const HEADER: u32 = 1;
const POWERS_IN_G1: u32 = 2;
const POWERS_IN_G2: u32 = 3;
const G1_BYTES: u64 = 64;
const G2_BYTES: u64 = 128;

struct Section {
    kind: u32,
    start: u64,
    length: u64,
}

/// Reads 2^`k` powers and checks them.
pub(crate) fn load(path: &Path, checksum: Checksum, k: u32) -> Result<Params, SrsError> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let found = digest(&file).map_err(|source| io_error(path, source))?;
    if found != checksum {
        return Err(SrsError::WrongChecksum {
            path: path.into(),
            expected: checksum,
            found,
        });
    }
    let powers = read(&mut BufReader::new(file), k).map_err(|error| error.at(path, k))?;
    powers
        .check(found)
        .map_err(|reason| Problem::Content(reason).at(path, k))?;
    Ok(powers.into_params(k))
}

/// What is wrong with a file, before its name is known.
enum Problem {
    Io(io::Error),
    Content(&'static str),
    TooSmall(u32),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Content("it ends too early"),
            _ => Self::Io(error),
        }
    }
}

impl Problem {
    fn at(self, path: &Path, wanted: u32) -> SrsError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => SrsError::Io { path, source },
            Self::Content(reason) => SrsError::PowersOfTau { path, reason },
            Self::TooSmall(found) => SrsError::TooSmall { path, found, wanted },
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> SrsError {
    SrsError::Io {
        path: path.into(),
        source,
    }
}

fn digest(mut file: &File) -> io::Result<Checksum> {
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    file.rewind()?;
    Ok(Checksum(hasher.finalize().into()))
}

struct Powers {
    g1: Vec<G1Affine>,
    g2: [G2Affine; 2],
}

fn read(file: &mut (impl Read + Seek), k: u32) -> Result<Powers, Problem> {
    let sections = sections(file)?;
    let power = power(file, &sections)?;
    if power < k {
        return Err(Problem::TooSmall(power));
    }
    let count = 1_u64 << k;
    enter(file, &sections, POWERS_IN_G1, count * G1_BYTES)?;
    let g1 = (0..count).map(|_| point(file)).collect::<Result<_, _>>()?;
    enter(file, &sections, POWERS_IN_G2, 2 * G2_BYTES)?;
    Ok(Powers {
        g1,
        g2: [point(file)?, point(file)?],
    })
}

fn sections(file: &mut (impl Read + Seek)) -> Result<Vec<Section>, Problem> {
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    if &magic != MAGIC || read_u32(file)? != VERSION {
        return Err(Problem::Content("it does not begin like one of version 1"));
    }
    let count = read_u32(file)?;
    if count > MAX_SECTIONS {
        return Err(Problem::Content("it has too many sections"));
    }
    let here = file.stream_position()?;
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(here))?;
    (0..count).map(|_| section(file, end)).collect()
}

/// Reads a section's head and goes behind its content. `file_end` is the length of the file.
fn section(file: &mut (impl Read + Seek), file_end: u64) -> Result<Section, Problem> {
    let kind = read_u32(file)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let start = file.stream_position()?;
    let end = start.checked_add(length).filter(|end| *end <= file_end);
    file.seek(SeekFrom::Start(end.ok_or(Problem::Content("it ends too early"))?))?;
    Ok(Section { kind, start, length })
}

/// Goes to the start of the one section of a kind, if it has as many bytes.
fn enter(file: &mut impl Seek, sections: &[Section], kind: u32, bytes: u64) -> Result<(), Problem> {
    let mut found = sections.iter().filter(|section| section.kind == kind);
    match (found.next(), found.next()) {
        (Some(section), None) if section.length >= bytes => {
            file.seek(SeekFrom::Start(section.start))?;
            Ok(())
        }
        _ => Err(Problem::Content("a section is missing, double or too short")),
    }
}

fn power(file: &mut (impl Read + Seek), sections: &[Section]) -> Result<u32, Problem> {
    const FIELD_BYTES: u32 = 32;
    enter(file, sections, HEADER, u64::from(4 + FIELD_BYTES + 4))?;
    let mut modulus = [0; FIELD_BYTES as usize];
    let width = read_u32(file)?;
    file.read_exact(&mut modulus)?;
    if width != FIELD_BYTES || modulus != modulus_bytes() {
        return Err(Problem::Content("it is for another curve than BN254"));
    }
    Ok(read_u32(file)?)
}

/// The base field's modulus, little-endian.
fn modulus_bytes() -> [u8; 32] {
    let mut bytes = (-Fq::ONE).to_repr();
    // p − 1 is even, so adding 1 carries nowhere.
    bytes[0] += 1;
    bytes
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// A point on the curve other than the identity; coordinates at or above the modulus are refused.
fn point<P: CurveAffine + SerdeObject>(file: &mut impl Read) -> Result<P, Problem> {
    let read = P::read_raw(file).map_err(|error| match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::UnexpectedEof, _) | (_, Some(_)) => Problem::from(error),
        _ => Problem::Content("a point is not on the curve"),
    })?;
    if !bool::from(read.is_on_curve()) || bool::from(read.is_identity()) {
        return Err(Problem::Content("a point is not on the curve"));
    }
    Ok(read)
}

impl Powers {
    /// The points are `[sⁱ]G1` and `[1, s]G2` for one `s`: checked for a random combination, which the file determines,
    /// so that nobody can make a file that passes by chance.
    fn check(&self, seed: Checksum) -> Result<(), &'static str> {
        let [first, second] = self.g2;
        if self.g1.first() != Some(&G1Affine::generator()) || first != G2Affine::generator() {
            return Err("it does not begin with the curve's generators");
        }
        if !bool::from(second.to_curve().is_torsion_free()) {
            return Err("a point is outside the group");
        }
        let mut rng = ChaCha20Rng::from_seed(seed.0);
        let pairs = self.g1.len() - 1;
        let weights: Vec<Fr> = (0..pairs).map(|_| Fr::random(&mut rng)).collect();
        let lower: G1 = best_multiexp(&weights, &self.g1[..pairs]);
        let upper: G1 = best_multiexp(&weights, &self.g1[1..]);
        if Bn256::pairing(&upper.to_affine(), &first) != Bn256::pairing(&lower.to_affine(), &second) {
            return Err("its powers are not of one secret");
        }
        Ok(())
    }

    fn into_params(self, k: u32) -> Params {
        // The trait's constructor is a method of some parameters; these are the smallest.
        let any = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::from_seed([0; 32]));
        let [g2, s_g2] = self.g2;
        any.from_parts(k, self.g1, None, g2, s_g2)
    }
}

//! The transcript of snark-verifier's EVM verifiers: Keccak-256 over big-endian words, points as x ‖ y.

use std::io::{self, Read, Write};

use alloy_primitives::U256;
use halo2_proofs::{
    halo2curves::{
        Coordinates, CurveAffine,
        bn256::{Fq, Fr, G1Affine},
        ff::PrimeField,
    },
    transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite},
};
use sha3::{Digest, Keccak256};

use crate::field::scalar_of;

/// Bytes of a word.
const WORD: usize = 32;

/// A challenge: a hash reduced to a scalar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Challenge(Fr);

impl EncodedChallenge<G1Affine> for Challenge {
    type Input = [u8; WORD];

    fn new(hash: &[u8; WORD]) -> Self {
        let modulus = cwe_usage::Element::modulus();
        Self(scalar_of(U256::from_be_bytes(*hash) % modulus))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// Reads a proof from, or writes it to, `stream`.
#[derive(Debug)]
pub(crate) struct EvmTranscript<S> {
    pub(crate) stream: S,
    absorbed: Vec<u8>,
}

impl<S> EvmTranscript<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self {
            stream,
            absorbed: Vec::new(),
        }
    }
}

fn scalar_bytes(scalar: &Fr) -> [u8; WORD] {
    let mut bytes = scalar.to_repr();
    bytes.reverse();
    bytes
}

fn point_bytes(point: &G1Affine) -> io::Result<[[u8; WORD]; 2]> {
    let coordinates: Option<Coordinates<G1Affine>> = point.coordinates().into();
    let coordinates = coordinates.ok_or_else(|| invalid("the point at infinity has no place in a proof"))?;
    Ok([coordinates.x(), coordinates.y()].map(|coordinate| {
        let mut bytes = coordinate.to_repr();
        bytes.reverse();
        bytes
    }))
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl<S> Transcript<G1Affine, Challenge> for EvmTranscript<S> {
    fn squeeze_challenge(&mut self) -> Challenge {
        // A hash that nothing was added to is told apart from one by this byte.
        if self.absorbed.len() == WORD {
            self.absorbed.push(1);
        }
        let hash: [u8; WORD] = Keccak256::digest(&self.absorbed).into();
        self.absorbed = hash.to_vec();
        Challenge::new(&hash)
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.absorbed.extend(point_bytes(&point)?.as_flattened());
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.absorbed.extend(scalar_bytes(&scalar));
        Ok(())
    }
}

impl<W: Write> TranscriptWrite<G1Affine, Challenge> for EvmTranscript<W> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.common_point(point)?;
        self.stream.write_all(point_bytes(&point)?.as_flattened())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.common_scalar(scalar)?;
        self.stream.write_all(&scalar_bytes(&scalar))
    }
}

impl<R: Read> EvmTranscript<R> {
    fn word(&mut self) -> io::Result<[u8; WORD]> {
        let mut word = [0; WORD];
        self.stream.read_exact(&mut word)?;
        word.reverse();
        Ok(word)
    }
}

impl<R: Read> TranscriptRead<G1Affine, Challenge> for EvmTranscript<R> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let (x, y) = (Fq::from_repr(self.word()?), Fq::from_repr(self.word()?));
        let point = Option::from(x)
            .zip(Option::from(y))
            .and_then(|(x, y)| G1Affine::from_xy(x, y).into());
        let point: G1Affine = point.ok_or_else(|| invalid("two words of the proof are no point of the curve"))?;
        self.common_point(point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let scalar: Option<Fr> = Fr::from_repr(self.word()?).into();
        let scalar = scalar.ok_or_else(|| invalid("a word of the proof is not below the scalar modulus"))?;
        self.common_scalar(scalar)?;
        Ok(scalar)
    }
}

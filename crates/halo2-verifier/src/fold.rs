//! From proofs to two points.

use alloc::vec::Vec;

use alloy_primitives::keccak256;

use crate::{
    VerifyError,
    arithmetic::{Curve, Scalar, Word},
    key::{LAGRANGE, PreparedKey},
    opening::{self, Challenges},
    program,
    transcript::Transcript,
};

/// A proof with its public inputs.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Public inputs, each below the scalar modulus.
    pub instances: &'a [Word],
    /// The proof.
    pub bytes: &'a [u8],
}

/// Two points with `e(left, [s]₂) = e(right, [1]₂)` if the proofs hold, where `[s]₂` is of the reference string.
#[derive(Debug, Clone)]
pub struct Accumulator<C: Curve> {
    /// The sum of the quotients.
    pub left: C::Point,
    /// The sum of what they must be quotients of.
    pub right: C::Point,
}

/// A proof read, with the value of the equations and all challenges.
pub(crate) struct Opened<C: Curve> {
    /// Its points, before the two of the opening.
    pub(crate) points: Vec<C::Point>,
    /// The opening's.
    pub(crate) openings: [C::Point; 2],
    /// Its scalars.
    pub(crate) evaluations: Vec<C::Scalar>,
    /// Value of the quotient.
    pub(crate) quotient: C::Scalar,
    /// x to the number of rows.
    pub(crate) x_rows: C::Scalar,
    pub(crate) challenges: Challenges<C::Scalar>,
    /// Hash of all of it.
    digest: Word,
}

/// Folds proofs of one circuit into an accumulator. A proof that does not hold makes its pairing fail; what can be told
/// without a pairing is an error.
///
/// # Errors
/// [`VerifyError`].
pub fn fold<C: Curve>(key: &PreparedKey<C>, proofs: &[Proof<'_>]) -> Result<Accumulator<C>, VerifyError> {
    if proofs.is_empty() {
        return Err(VerifyError::Empty);
    }
    let opened: Vec<_> = proofs
        .iter()
        .enumerate()
        .map(|(index, proof)| Reading { key, index, proof }.open())
        .collect::<Result<_, _>>()?;
    let digests: Vec<Word> = opened.iter().map(|proof| proof.digest).collect();
    let seed = keccak256(digests.as_flattened());
    let mut sum = opening::Sum::new(key, proofs.len());
    for (index, proof) in opened.into_iter().enumerate() {
        let factor = factor(&seed.0, index);
        sum.add(key, proof, &factor).ok_or(VerifyError::Degenerate(index))?;
    }
    Ok(sum.finish(key))
}

/// The weight of a proof: 128 bits of a hash of all of them.
fn factor<S: Scalar>(seed: &Word, index: usize) -> S {
    let mut input = [0; 40];
    input[..32].copy_from_slice(seed);
    input[32..].copy_from_slice(&(index as u64).to_be_bytes());
    let mut word = keccak256(input).0;
    word[..16].fill(0);
    S::from_reduced(&word)
}

/// A proof that is being read.
struct Reading<'a, C: Curve> {
    key: &'a PreparedKey<C>,
    index: usize,
    proof: &'a Proof<'a>,
}

impl<C: Curve> Reading<'_, C> {
    fn open(&self) -> Result<Opened<C>, VerifyError> {
        self.require_lengths()?;
        let key = &self.key.key;
        let mut transcript = Transcript::new(&key.digest, self.proof.instances, self.proof.bytes.len());
        let mut at = 0;
        let mut read = |transcript: &mut Transcript, words: u32| {
            let end = at + 32 * words as usize;
            // The length was checked, and is the sum of all parts.
            transcript.absorb(self.proof.bytes.get(at..end).unwrap_or_default());
            at = end;
        };
        let [advice, permuted, products, pieces] = key.points;
        read(&mut transcript, 2 * advice);
        let theta = transcript.squeeze();
        read(&mut transcript, 2 * permuted);
        let (beta, gamma) = (transcript.squeeze(), transcript.squeeze());
        read(&mut transcript, 2 * products);
        let y = transcript.squeeze();
        read(&mut transcript, 2 * pieces);
        let x: C::Scalar = transcript.squeeze();
        read(&mut transcript, key.evaluations);
        let (opening_y, v) = (transcript.squeeze(), transcript.squeeze());
        read(&mut transcript, 2);
        let u = transcript.squeeze();
        read(&mut transcript, 2);
        let digest = transcript.squeeze_word();

        let points = self.points(0, key.witness_points())?;
        let evaluations = self.evaluations(2 * key.witness_points())?;
        let openings = self.points(2 * key.witness_points() + evaluations.len(), 2)?;
        let openings = openings.try_into().map_err(|_| VerifyError::Degenerate(self.index))?;
        let (quotient, x_rows) = self.quotient([theta, beta, gamma, y, x.clone()], &evaluations)?;
        Ok(Opened {
            points,
            openings,
            evaluations,
            quotient,
            x_rows,
            challenges: Challenges { x, y: opening_y, v, u },
            digest,
        })
    }

    fn require_lengths(&self) -> Result<(), VerifyError> {
        let proof = self.index;
        let (given, expected) = (self.proof.bytes.len(), self.key.proof_bytes());
        if given != expected {
            return Err(VerifyError::Length { proof, given, expected });
        }
        let (given, expected) = (self.proof.instances.len(), self.key.instances());
        if given != expected {
            return Err(VerifyError::Instances { proof, given, expected });
        }
        Ok(())
    }

    fn not_canonical(&self, word: usize) -> VerifyError {
        VerifyError::NotCanonical {
            proof: self.index,
            word: self.proof.instances.len() + word,
        }
    }

    /// Points from word `first` on.
    fn points(&self, first: usize, count: usize) -> Result<Vec<C::Point>, VerifyError> {
        let bytes = self.proof.bytes.get(32 * first..).unwrap_or_default();
        let (pairs, _) = bytes.as_chunks::<64>();
        let point = |(index, bytes)| C::point(bytes).ok_or_else(|| self.not_canonical(first + 2 * index));
        pairs.iter().take(count).enumerate().map(point).collect()
    }

    /// The scalars, from word `first` on.
    fn evaluations(&self, first: usize) -> Result<Vec<C::Scalar>, VerifyError> {
        let bytes = self.proof.bytes.get(32 * first..).unwrap_or_default();
        let (words, _) = bytes.as_chunks::<32>();
        let scalar = |(index, word)| C::Scalar::from_canonical(word).ok_or_else(|| self.not_canonical(first + index));
        words
            .iter()
            .take(self.key.key.evaluations as usize)
            .enumerate()
            .map(scalar)
            .collect()
    }

    /// The equations' sum over the vanishing polynomial, and x to the number of rows.
    fn quotient(
        &self,
        challenges: [C::Scalar; 5],
        evaluations: &[C::Scalar],
    ) -> Result<(C::Scalar, C::Scalar), VerifyError> {
        let key = self.key;
        let degenerate = VerifyError::Degenerate(self.index);
        let [.., x] = &challenges;
        let x_rows = (0..key.key.log2_rows).fold(x.clone(), |power, _| power.times(&power));
        let vanishing = x_rows.minus(&C::Scalar::from_u32(1));
        let (lagrange, public) = self.lagrange(x, &vanishing)?;
        let mut registers = Vec::with_capacity(key.key.inputs() + key.key.operations.len());
        registers.extend_from_slice(&key.constants);
        registers.extend(challenges);
        registers.extend(lagrange);
        registers.push(public);
        registers.extend_from_slice(evaluations);
        program::run(&key.key.operations, &mut registers);
        let sum = registers.last().ok_or(degenerate)?;
        Ok((sum.over(&vanishing).ok_or(degenerate)?, x_rows))
    }

    /// The Lagrange polynomials at x that equations use, and the public inputs' polynomial at x.
    fn lagrange(
        &self,
        x: &C::Scalar,
        vanishing: &C::Scalar,
    ) -> Result<([C::Scalar; LAGRANGE], C::Scalar), VerifyError> {
        let degenerate = VerifyError::Degenerate(self.index);
        let scale = vanishing.times(&self.key.rows_inverse);
        let at = |row: &C::Scalar| row.times(&scale).over(&x.minus(row)).ok_or(degenerate);
        let first: Vec<_> = self.key.first_rows.iter().map(at).collect::<Result<_, _>>()?;
        let mut last: Vec<_> = self.key.last_rows.iter().map(at).collect::<Result<_, _>>()?;
        let last_usable = last.pop().ok_or(degenerate)?;
        let blind = last.iter().fold(C::Scalar::from_u32(0), |sum, value| sum.plus(value));
        let mut public = C::Scalar::from_u32(0);
        for (index, (word, value)) in self.proof.instances.iter().zip(&first).enumerate() {
            let input = C::Scalar::from_canonical(word).ok_or(VerifyError::NotCanonical {
                proof: self.index,
                word: index,
            })?;
            public.add_product(&input, value);
        }
        let first = first.into_iter().next().ok_or(degenerate)?;
        Ok(([first, last_usable, blind], public))
    }
}

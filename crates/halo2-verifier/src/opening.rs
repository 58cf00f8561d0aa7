//! SHPLONK: all polynomials of a proof at all their places by two points.

use alloc::{vec, vec::Vec};

use crate::{
    arithmetic::{Curve, Scalar, powers},
    fold::{Accumulator, Opened},
    key::{PreparedKey, Source},
};

/// Challenges of the opening, and the place x.
pub(crate) struct Challenges<S> {
    pub(crate) x: S,
    pub(crate) y: S,
    pub(crate) v: S,
    pub(crate) u: S,
}

/// The sum of many openings: points that differ from proof to proof with their scalars, and scalars of those that don't.
pub(crate) struct Sum<C: Curve> {
    right: Terms<C>,
    left: Terms<C>,
    of_key: Vec<C::Scalar>,
    of_generator: C::Scalar,
}

struct Terms<C: Curve> {
    scalars: Vec<C::Scalar>,
    points: Vec<C::Point>,
}

impl<C: Curve> Terms<C> {
    fn with_capacity(count: usize) -> Self {
        Self {
            scalars: Vec::with_capacity(count),
            points: Vec::with_capacity(count),
        }
    }

    fn push(&mut self, scalar: C::Scalar, point: C::Point) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    fn combine(&self) -> C::Point {
        C::combine(&self.scalars, &self.points)
    }
}

impl<C: Curve> Sum<C> {
    pub(crate) fn new(key: &PreparedKey<C>, proofs: usize) -> Self {
        let shared = key.commitments.len() + 1;
        Self {
            right: Terms::with_capacity(proofs * (key.key.witness_points() + 2) + shared),
            left: Terms::with_capacity(proofs),
            of_key: vec![C::Scalar::from_u32(0); key.commitments.len()],
            of_generator: C::Scalar::from_u32(0),
        }
    }

    /// Adds a proof's equation times `factor`; `None` if a challenge makes a divisor zero.
    pub(crate) fn add(&mut self, key: &PreparedKey<C>, proof: Opened<C>, factor: &C::Scalar) -> Option<()> {
        let zero = C::Scalar::from_u32(0);
        let Challenges { x, y, v, u } = &proof.challenges;
        let mut of_points = vec![zero.clone(); proof.points.len()];
        let mut of_quotient = zero.clone();
        let mut value = zero.clone();
        let places = Places { key, x, u };
        let (first_vanishing, first_rest) = places.split(0)?;
        let longest = key.key.sets.iter().map(|set| set.openings.len()).max()?;
        let (powers_of_y, powers_of_v) = (powers(y, longest), powers(v, key.key.sets.len()));
        for (index, (set, power_of_v)) in key.key.sets.iter().zip(&powers_of_v).enumerate() {
            let mut weight = factor.times(power_of_v);
            if index > 0 {
                let (_, rest) = places.split(index)?;
                weight = weight.times(&rest.over(&first_rest)?);
            }
            let basis = places.basis(index)?;
            for (opening, power_of_y) in set.openings.iter().zip(&powers_of_y) {
                let weight = weight.times(power_of_y);
                let target = match opening.source {
                    Source::Proof(point) => of_points.get_mut(usize::from(point))?,
                    Source::Key(point) => self.of_key.get_mut(usize::from(point))?,
                    Source::Quotient => {
                        value.add_product(&weight, &proof.quotient);
                        &mut of_quotient
                    }
                };
                *target = target.plus(&weight);
                let values = opening.evaluations.iter().zip(&basis);
                for (evaluation, part) in values {
                    value.add_product(&weight.times(part), proof.evaluations.get(usize::from(*evaluation))?);
                }
            }
        }
        self.of_generator = self.of_generator.minus(&value);
        let Opened {
            points,
            openings: [first, second],
            x_rows,
            ..
        } = proof;
        let [.., pieces] = key.key.points;
        let pieces_from = points.len().checked_sub(pieces as usize)?;
        for (scalar, power) in of_points
            .iter_mut()
            .skip(pieces_from)
            .zip(powers(&x_rows, pieces as usize))
        {
            scalar.add_product(&of_quotient, &power);
        }
        for (scalar, point) in of_points.into_iter().zip(points) {
            self.right.push(scalar, point);
        }
        self.right.push(zero.minus(&factor.times(&first_vanishing)), first);
        self.right.push(factor.times(u), second.clone());
        self.left.push(factor.clone(), second);
        Some(())
    }

    pub(crate) fn finish(mut self, key: &PreparedKey<C>) -> Accumulator<C> {
        for (scalar, point) in self.of_key.into_iter().zip(&key.commitments) {
            if let Some(point) = point {
                self.right.push(scalar, point.clone());
            }
        }
        self.right.push(self.of_generator, C::generator());
        Accumulator {
            left: self.left.combine(),
            right: self.right.combine(),
        }
    }
}

/// The places of a proof: x times powers of ω, seen from u.
struct Places<'a, C: Curve> {
    key: &'a PreparedKey<C>,
    x: &'a C::Scalar,
    u: &'a C::Scalar,
}

impl<C: Curve> Places<'_, C> {
    fn distance(&self, place: &C::Scalar) -> C::Scalar {
        self.u.minus(&self.x.times(place))
    }

    /// The product of u's distances from the places of a set, and from all the others; neither is zero.
    fn split(&self, set: usize) -> Option<(C::Scalar, C::Scalar)> {
        let places = self.key.places.get(set)?;
        let (zero, one) = (C::Scalar::from_u32(0), C::Scalar::from_u32(1));
        let (mut inside, mut outside) = (one.clone(), one);
        for place in &self.key.all_places {
            let product = if places.contains(place) {
                &mut inside
            } else {
                &mut outside
            };
            *product = product.times(&self.distance(place));
        }
        (inside != zero && outside != zero).then_some((inside, outside))
    }

    /// The Lagrange basis of a set's places at u.
    fn basis(&self, set: usize) -> Option<Vec<C::Scalar>> {
        let places = self.key.places.get(set)?;
        let part = |(index, place): (usize, &C::Scalar)| {
            let others = places.iter().enumerate().filter(|(other, _)| *other != index);
            let mut part = C::Scalar::from_u32(1);
            for (_, other) in others {
                let divisor = self.x.times(&place.minus(other));
                part = part.times(&self.distance(other)).over(&divisor)?;
            }
            Some(part)
        };
        places.iter().enumerate().map(part).collect()
    }
}

//! Which commitments are opened where, in the order that the opening's weights follow.

use std::collections::BTreeSet;

use cwe_halo2_verifier::{Opening, OpeningSet, Source};
use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem, poly::Rotation};

use super::{Shape, narrow};
use crate::PortableKeyError;

/// A polynomial's value at one place.
struct Query {
    source: Source,
    rotation: i32,
    /// `None` for the quotient's, which is computed.
    evaluation: Option<u16>,
}

/// The sets, as the proof system's verifier forms them: polynomials in the order in which they are first asked for, and
/// sets in the order of their first polynomials.
pub(super) fn sets(cs: &ConstraintSystem<Fr>, shape: &Shape) -> Result<Vec<OpeningSet>, PortableKeyError> {
    let queries = Queries {
        cs,
        shape,
        all: Vec::new(),
    }
    .collect()?;
    let mut polynomials: Vec<(Source, Vec<&Query>)> = Vec::new();
    for query in &queries {
        match polynomials.iter_mut().find(|(source, _)| *source == query.source) {
            Some((_, queries)) => queries.push(query),
            None => polynomials.push((query.source, vec![query])),
        }
    }
    let mut sets: Vec<OpeningSet> = Vec::new();
    for (source, queries) in polynomials {
        let places: BTreeSet<i32> = queries.iter().map(|query| query.rotation).collect();
        let at = |place: &i32| queries.iter().find(|query| query.rotation == *place);
        let opening = Opening {
            source,
            evaluations: places.iter().filter_map(|place| at(place)?.evaluation).collect(),
        };
        let rotations: Vec<i32> = places.into_iter().collect();
        match sets.iter_mut().find(|set| set.rotations == rotations) {
            Some(set) => set.openings.push(opening),
            None => sets.push(OpeningSet {
                rotations,
                openings: vec![opening],
            }),
        }
    }
    Ok(sets)
}

struct Queries<'a> {
    cs: &'a ConstraintSystem<Fr>,
    shape: &'a Shape,
    all: Vec<Query>,
}

impl Queries<'_> {
    fn push(&mut self, source: Source, rotation: Rotation, evaluation: usize) -> Result<(), PortableKeyError> {
        self.all.push(Query {
            source,
            rotation: rotation.0,
            evaluation: Some(narrow(evaluation)?),
        });
        Ok(())
    }

    fn collect(mut self) -> Result<Vec<Query>, PortableKeyError> {
        let (cs, shape) = (self.cs, self.shape);
        let columns = cs.permutation().get_columns().len();
        let fixed = cs.advice_queries().len();
        let random = fixed + cs.fixed_queries().len();
        let common = random + 1;
        let products = common + columns;
        let lookups = products + 3 * shape.chunks - usize::from(shape.chunks > 0);
        let first_product = shape.advice + 2 * shape.lookups;

        for (number, (column, rotation)) in cs.advice_queries().iter().enumerate() {
            self.push(Source::Proof(narrow(column.index())?), *rotation, number)?;
        }
        for chunk in 0..shape.chunks {
            let source = Source::Proof(narrow(first_product + chunk)?);
            self.push(source, Rotation::cur(), products + 3 * chunk)?;
            self.push(source, Rotation::next(), products + 3 * chunk + 1)?;
        }
        for chunk in (0..shape.chunks.saturating_sub(1)).rev() {
            let source = Source::Proof(narrow(first_product + chunk)?);
            self.push(source, shape.last, products + 3 * chunk + 2)?;
        }
        for lookup in 0..shape.lookups {
            let first = lookups + 5 * lookup;
            let input = Source::Proof(narrow(shape.advice + 2 * lookup)?);
            let table = Source::Proof(narrow(shape.advice + 2 * lookup + 1)?);
            let product = Source::Proof(narrow(first_product + shape.chunks + lookup)?);
            self.push(product, Rotation::cur(), first)?;
            self.push(input, Rotation::cur(), first + 2)?;
            self.push(table, Rotation::cur(), first + 4)?;
            self.push(input, Rotation::prev(), first + 3)?;
            self.push(product, Rotation::next(), first + 1)?;
        }
        for (number, (column, rotation)) in cs.fixed_queries().iter().enumerate() {
            self.push(Source::Key(narrow(column.index())?), *rotation, fixed + number)?;
        }
        for column in 0..columns {
            let source = Source::Key(narrow(cs.num_fixed_columns() + column)?);
            self.push(source, Rotation::cur(), common + column)?;
        }
        self.all.push(Query {
            source: Source::Quotient,
            rotation: 0,
            evaluation: None,
        });
        let source = Source::Proof(narrow(first_product + shape.products())?);
        self.push(source, Rotation::cur(), random)?;
        Ok(self.all)
    }
}

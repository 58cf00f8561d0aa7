//! A circuit's equations as a straight-line program in which nothing is computed twice.

use std::collections::HashMap;

use cwe_halo2_verifier::{Operation, Operator, Word};
use halo2_proofs::{
    halo2curves::{
        bn256::{Fr, G1Affine},
        ff::{Field, PrimeField},
    },
    plonk::{Any, ConstraintSystem, Expression, VerifyingKey},
    poly::Rotation,
};

use super::{Shape, narrow, word};
use crate::PortableKeyError;

/// A value: a constant, an input of the program, or the result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Value {
    Constant(Word),
    Input(usize),
    Result(usize),
}

/// Inputs before the proof's scalars: five challenges, three Lagrange polynomials, the public inputs.
const THETA: Value = Value::Input(0);
const BETA: Value = Value::Input(1);
const GAMMA: Value = Value::Input(2);
const Y: Value = Value::Input(3);
const X: Value = Value::Input(4);
const FIRST: Value = Value::Input(5);
const LAST: Value = Value::Input(6);
const BLIND: Value = Value::Input(7);
const PUBLIC: Value = Value::Input(8);
const EVALUATIONS: usize = 9;

/// Constants and operations.
type Compiled = (Vec<Word>, Vec<Operation>);

/// Compiles the sum of all equations, weighted by powers of y.
pub(super) fn compile(key: &VerifyingKey<G1Affine>, shape: &Shape) -> Result<Compiled, PortableKeyError> {
    let mut equations = Equations {
        cs: key.cs(),
        shape,
        program: Program::default(),
    };
    let mut sum = constant(Fr::ZERO);
    for value in equations.all()? {
        let scaled = equations.program.multiply(sum, Y);
        sum = equations.program.add(scaled, value);
    }
    equations.program.finish(sum)
}

fn constant(value: Fr) -> Value {
    Value::Constant(word(&value))
}

#[derive(Debug, Default)]
struct Program {
    operations: Vec<(Operator, Value, Value)>,
    known: HashMap<(Operator, Value, Value), usize>,
}

impl Program {
    fn operation(&mut self, operator: Operator, left: Value, right: Value) -> Value {
        let next = self.operations.len();
        let operation = (operator, left, right);
        let index = *self.known.entry(operation).or_insert(next);
        if index == next {
            self.operations.push(operation);
        }
        Value::Result(index)
    }

    fn add(&mut self, left: Value, right: Value) -> Value {
        let zero = constant(Fr::ZERO);
        if left == zero {
            right
        } else if right == zero {
            left
        } else {
            self.operation(Operator::Add, left, right)
        }
    }

    fn subtract(&mut self, left: Value, right: Value) -> Value {
        if right == constant(Fr::ZERO) {
            left
        } else {
            self.operation(Operator::Subtract, left, right)
        }
    }

    fn multiply(&mut self, left: Value, right: Value) -> Value {
        let (zero, one) = (constant(Fr::ZERO), constant(Fr::ONE));
        if left == zero || right == zero {
            zero
        } else if left == one {
            right
        } else if right == one {
            left
        } else {
            self.operation(Operator::Multiply, left, right)
        }
    }

    /// Numbers the registers: constants, inputs, results.
    fn finish(self, outcome: Value) -> Result<Compiled, PortableKeyError> {
        if outcome != Value::Result(self.operations.len().wrapping_sub(1)) {
            return Err(PortableKeyError::NoEquations);
        }
        let mut constants: Vec<Word> = Vec::new();
        let mut places = HashMap::new();
        for (_, left, right) in &self.operations {
            for value in [left, right] {
                if let Value::Constant(word) = value {
                    places.entry(*word).or_insert_with(|| {
                        constants.push(*word);
                        constants.len() - 1
                    });
                }
            }
        }
        let inputs = self.operations.iter().flat_map(|(_, left, right)| [left, right]);
        let evaluations = inputs
            .filter_map(|value| {
                if let Value::Input(number) = value {
                    Some(number + 1)
                } else {
                    None
                }
            })
            .max()
            .unwrap_or_default();
        Numbering {
            places,
            constants,
            inputs: evaluations,
        }
        .number(&self.operations)
    }
}

struct Numbering {
    places: HashMap<Word, usize>,
    constants: Vec<Word>,
    inputs: usize,
}

impl Numbering {
    fn number(self, operations: &[(Operator, Value, Value)]) -> Result<Compiled, PortableKeyError> {
        let register = |value: &Value| {
            narrow(match value {
                Value::Constant(word) => self.places.get(word).copied().unwrap_or_default(),
                Value::Input(number) => self.constants.len() + number,
                Value::Result(number) => self.constants.len() + self.inputs + number,
            })
        };
        let operations = operations
            .iter()
            .map(|(operator, left, right)| {
                Ok(Operation {
                    operator: *operator,
                    left: register(left)?,
                    right: register(right)?,
                })
            })
            .collect::<Result<_, PortableKeyError>>()?;
        Ok((self.constants, operations))
    }
}

/// The proof's scalars of a product of the permutation.
struct Product {
    here: Value,
    next: Value,
    last: Option<Value>,
}

/// The proof's scalars of a lookup.
struct Lookup {
    product: Value,
    product_next: Value,
    input: Value,
    input_before: Value,
    table: Value,
}

struct Equations<'a> {
    cs: &'a ConstraintSystem<Fr>,
    shape: &'a Shape,
    program: Program,
}

impl Equations<'_> {
    fn all(&mut self) -> Result<Vec<Value>, PortableKeyError> {
        let cs = self.cs;
        let mut equations = Vec::new();
        for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
            equations.push(self.expression(polynomial)?);
        }
        equations.extend(self.permutation()?);
        for index in 0..cs.lookups().len() {
            equations.extend(self.lookup(index)?);
        }
        Ok(equations)
    }

    const fn evaluation(number: usize) -> Value {
        Value::Input(EVALUATIONS + number)
    }

    fn fixed(&self, number: usize) -> Value {
        Self::evaluation(self.cs.advice_queries().len() + number)
    }

    /// The random polynomial's value, which no equation uses, is before this one's.
    fn common(&self, column: usize) -> Value {
        self.fixed(self.cs.fixed_queries().len() + 1 + column)
    }

    fn after_common(&self) -> usize {
        let columns = self.cs.permutation().get_columns().len();
        self.cs.advice_queries().len() + self.cs.fixed_queries().len() + 1 + columns
    }

    fn product(&self, chunk: usize) -> Product {
        let first = self.after_common() + 3 * chunk;
        Product {
            here: Self::evaluation(first),
            next: Self::evaluation(first + 1),
            last: (chunk + 1 < self.shape.chunks).then(|| Self::evaluation(first + 2)),
        }
    }

    fn lookup_values(&self, lookup: usize) -> Lookup {
        let products = 3 * self.shape.chunks - usize::from(self.shape.chunks > 0);
        let first = self.after_common() + products + 5 * lookup;
        Lookup {
            product: Self::evaluation(first),
            product_next: Self::evaluation(first + 1),
            input: Self::evaluation(first + 2),
            input_before: Self::evaluation(first + 3),
            table: Self::evaluation(first + 4),
        }
    }

    fn expression(&mut self, expression: &Expression<Fr>) -> Result<Value, PortableKeyError> {
        Ok(match expression {
            Expression::Constant(value) => constant(*value),
            Expression::Selector(_) => return Err(PortableKeyError::Selectors),
            Expression::Challenge(_) => return Err(PortableKeyError::Phases),
            Expression::Fixed(query) => self.column(Any::Fixed, query.column_index(), query.rotation())?,
            Expression::Advice(query) => self.column(Any::advice(), query.column_index(), query.rotation())?,
            Expression::Instance(query) => self.column(Any::Instance, query.column_index(), query.rotation())?,
            Expression::Negated(value) => {
                let value = self.expression(value)?;
                self.program.subtract(constant(Fr::ZERO), value)
            }
            Expression::Sum(left, right) => {
                let left = self.expression(left)?;
                if let Expression::Negated(right) = right.as_ref() {
                    let right = self.expression(right)?;
                    self.program.subtract(left, right)
                } else {
                    let right = self.expression(right)?;
                    self.program.add(left, right)
                }
            }
            Expression::Product(left, right) => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                self.program.multiply(left, right)
            }
            Expression::Scaled(value, factor) => {
                let value = self.expression(value)?;
                self.program.multiply(value, constant(*factor))
            }
        })
    }

    /// The value of a column at a place where the proof opens it.
    fn column(&self, kind: Any, index: usize, rotation: Rotation) -> Result<Value, PortableKeyError> {
        let cs = self.cs;
        let value = match kind {
            Any::Advice(_) => {
                let mut queries = cs.advice_queries().iter();
                let place = queries.position(|(other, at)| other.index() == index && *at == rotation);
                place.map(Self::evaluation)
            }
            Any::Fixed => {
                let mut queries = cs.fixed_queries().iter();
                let place = queries.position(|(other, at)| other.index() == index && *at == rotation);
                place.map(|number| self.fixed(number))
            }
            Any::Instance => (rotation == Rotation::cur()).then_some(PUBLIC),
        };
        value.ok_or(PortableKeyError::NotOpened)
    }

    /// 1 where rows are neither the last usable one nor random.
    fn active(&mut self) -> Value {
        let inactive = self.program.add(LAST, BLIND);
        self.program.subtract(constant(Fr::ONE), inactive)
    }

    /// `FIRST · (1 − z)`
    fn begins(&mut self, product: Value) -> Value {
        let difference = self.program.subtract(constant(Fr::ONE), product);
        self.program.multiply(FIRST, difference)
    }

    /// `LAST · (z² − z)`
    fn ends(&mut self, product: Value) -> Value {
        let square = self.program.multiply(product, product);
        let difference = self.program.subtract(square, product);
        self.program.multiply(difference, LAST)
    }

    fn permutation(&mut self) -> Result<Vec<Value>, PortableKeyError> {
        let products: Vec<_> = (0..self.shape.chunks).map(|chunk| self.product(chunk)).collect();
        let mut equations = Vec::new();
        if let (Some(first), Some(last)) = (products.first(), products.last()) {
            equations.extend([self.begins(first.here), self.ends(last.here)]);
        }
        for (before, product) in products.iter().zip(products.iter().skip(1)) {
            let last = before.last.ok_or(PortableKeyError::NotOpened)?;
            let difference = self.program.subtract(product.here, last);
            equations.push(self.program.multiply(difference, FIRST));
        }
        let columns = self.cs.permutation().get_columns();
        let mut identity = self.program.multiply(BETA, X);
        for (chunk, (product, columns)) in products.iter().zip(columns.chunks(self.shape.chunk)).enumerate() {
            let (mut left, mut right) = (product.next, product.here);
            for (index, column) in columns.iter().enumerate() {
                let value = self.column(*column.column_type(), column.index(), Rotation::cur())?;
                let value = self.program.add(value, GAMMA);
                let common = self.common(chunk * self.shape.chunk + index);
                let permuted = self.program.multiply(BETA, common);
                let permuted = self.program.add(value, permuted);
                left = self.program.multiply(left, permuted);
                let own = self.program.add(value, identity);
                right = self.program.multiply(right, own);
                identity = self.program.multiply(identity, constant(Fr::DELTA));
            }
            let difference = self.program.subtract(left, right);
            let active = self.active();
            equations.push(self.program.multiply(difference, active));
        }
        Ok(equations)
    }

    fn lookup(&mut self, index: usize) -> Result<[Value; 5], PortableKeyError> {
        let argument = self.cs.lookups().get(index).ok_or(PortableKeyError::NotOpened)?;
        let values = self.lookup_values(index);
        let input = self.compressed(argument.input_expressions())?;
        let table = self.compressed(argument.table_expressions())?;
        let program = &mut self.program;
        let permuted = [program.add(values.input, BETA), program.add(values.table, GAMMA)];
        let original = [program.add(input, BETA), program.add(table, GAMMA)];
        let product = |program: &mut Program, first, factors: [Value; 2]| {
            factors
                .into_iter()
                .fold(first, |product, factor| program.multiply(product, factor))
        };
        let left = product(program, values.product_next, permuted);
        let right = product(program, values.product, original);
        let moves = program.subtract(left, right);
        let same = program.subtract(values.input, values.table);
        let repeats = program.subtract(values.input, values.input_before);
        let either = program.multiply(same, repeats);
        let active = self.active();
        Ok([
            self.begins(values.product),
            self.ends(values.product),
            self.program.multiply(moves, active),
            self.program.multiply(FIRST, same),
            self.program.multiply(either, active),
        ])
    }

    fn compressed(&mut self, expressions: &[Expression<Fr>]) -> Result<Value, PortableKeyError> {
        expressions.iter().try_fold(constant(Fr::ZERO), |sum, expression| {
            let value = self.expression(expression)?;
            let scaled = self.program.multiply(sum, THETA);
            Ok(self.program.add(scaled, value))
        })
    }
}

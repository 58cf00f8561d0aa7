//! The hash chip: circomlib's Poseidon with two inputs in seven rows of fifteen cells.
//!
//! Only S-boxes cost cells. Between two of them everything is linear, so that a row of twelve partial rounds has its
//! state of three cells and the twelve S-boxes' outputs, each the fifth power of a linear form in the cells before it;
//! and a row of four full rounds has the three states in between. Seven rows a hash are what lets 534 hashes fit 2¹²
//! rows.
//!
//! | row | rounds | `s0 s1 s2` | `t0 … t11` |
//! |---|---|---|---|
//! | 0, first | 0 … 3, full | (the hash before this one's output), left, right; the state's first element is 0 | states after rounds 0, 1, 2; then unused |
//! | 1 … 4, partial | 12 partial rounds each, 4 … 51 | state | outputs of the S-boxes |
//! | 5, tail | 9 partial rounds, 52 … 60 | state | outputs of the S-boxes; then unused |
//! | 6, last | 61 … 64, full | state | states after rounds 61, 62, 63; then unused |
//! | 7 | | output, … | (first row of the next hash) |
//!
//! Each row's equations say what its `t` cells and the next row's `s` cells are. None has a degree above 6.

use std::array;

use cwe_usage::poseidon::{PARTIAL_ROUNDS, constants};
use halo2_proofs::{
    halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    },
    plonk::{Advice, Column, ConstraintSystem, Expression, Fixed, VirtualCells},
    poly::Rotation,
};

use crate::fault::{Fault, Omission};

/// Rows of a hash.
pub(crate) const ROWS: usize = 7;
/// Cells of the state.
pub(crate) const STATE: usize = 3;
/// Cells beside the state.
pub(crate) const BESIDE: usize = 12;

const PARTIAL_ROWS: usize = 4;
const ROUNDS_PER_ROW: usize = BESIDE;
const TAIL_ROUNDS: usize = PARTIAL_ROUNDS - PARTIAL_ROWS * ROUNDS_PER_ROW;
/// Full rounds of the first and of the last row.
const HALF: usize = 4;
const FIRST_TAIL_ROUND: usize = HALF + PARTIAL_ROWS * ROUNDS_PER_ROW;
const FIRST_LAST_ROUND: usize = HALF + PARTIAL_ROUNDS;

/// The kinds of rows, by the gate that binds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    First,
    Partial,
    Tail,
    Last,
}

/// A cell that an equation of the hash determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoseidonCell {
    /// Gate of the row.
    pub(crate) kind: RowKind,
    /// A cell beside the state, or, from [`BESIDE`] on, of the next row's state.
    pub(crate) cell: usize,
}

/// Columns of the chip.
#[derive(Debug, Clone)]
pub(crate) struct PoseidonConfig {
    /// `s0 s1 s2`; copies go to and from all of them.
    pub(crate) state: [Column<Advice>; STATE],
    /// `t0 … t11`.
    pub(crate) beside: [Column<Advice>; BESIDE],
    /// 1 in the row of a hash that has the number of the column.
    pub(crate) selectors: [Column<Fixed>; ROWS],
}

/// Values of one hash: its rows, and the output, which stands in the next hash's first row.
#[derive(Debug, Clone)]
pub(crate) struct Permutation {
    pub(crate) rows: [PoseidonRow; ROWS],
    pub(crate) output: Fr,
}

/// Values of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PoseidonRow {
    pub(crate) state: [Fr; STATE],
    pub(crate) beside: [Fr; BESIDE],
}

impl Permutation {
    /// Hashes; `change` may falsify a cell, given its row and the honest value.
    pub(crate) fn new(left: Fr, right: Fr, change: impl Fn(usize, PoseidonCell, Fr) -> Fr) -> Self {
        let mut rows = [PoseidonRow::default(); ROWS];
        let mut state = [Fr::ZERO, left, right];
        for (row, values) in rows.iter_mut().enumerate() {
            values.state = state;
            let (kind, first_round, rounds) = schedule(row);
            let changed = |cell, honest| change(row, PoseidonCell { kind, cell }, honest);
            state = match kind {
                RowKind::First | RowKind::Last => full_rounds(state, first_round, &mut values.beside, changed),
                RowKind::Partial | RowKind::Tail => {
                    partial_rounds(state, first_round, rounds, &mut values.beside, changed)
                }
            };
            let last_cells = if kind == RowKind::Last { 1 } else { STATE };
            for (lane, value) in state.iter_mut().enumerate().take(last_cells) {
                *value = changed(BESIDE + lane, *value);
            }
        }
        let [output, ..] = state;
        Self { rows, output }
    }
}

/// Kind, first round and number of rounds of a row.
const fn schedule(row: usize) -> (RowKind, usize, usize) {
    match row {
        0 => (RowKind::First, 0, HALF),
        1..=PARTIAL_ROWS => (RowKind::Partial, HALF + (row - 1) * ROUNDS_PER_ROW, ROUNDS_PER_ROW),
        5 => (RowKind::Tail, FIRST_TAIL_ROUND, TAIL_ROUNDS),
        _ => (RowKind::Last, FIRST_LAST_ROUND, HALF),
    }
}

fn full_rounds(
    mut state: [Fr; STATE],
    first: usize,
    beside: &mut [Fr; BESIDE],
    changed: impl Fn(usize, Fr) -> Fr,
) -> [Fr; STATE] {
    for round in 0..HALF {
        let constants = round_constants(first + round);
        state = mix(array::from_fn(|lane| fifth(state[lane] + constants[lane])));
        if round < HALF - 1 {
            for (lane, value) in state.iter_mut().enumerate() {
                *value = changed(STATE * round + lane, *value);
                beside[STATE * round + lane] = *value;
            }
        }
    }
    state
}

fn partial_rounds(
    mut state: [Fr; STATE],
    first: usize,
    rounds: usize,
    beside: &mut [Fr; BESIDE],
    changed: impl Fn(usize, Fr) -> Fr,
) -> [Fr; STATE] {
    for (round, output) in beside.iter_mut().enumerate().take(rounds) {
        let constants = round_constants(first + round);
        let [input, one, other] = array::from_fn(|lane| state[lane] + constants[lane]);
        *output = changed(round, fifth(input));
        state = mix([*output, one, other]);
    }
    state
}

impl PoseidonConfig {
    /// Adds columns and gates.
    pub(crate) fn new(meta: &mut ConstraintSystem<Fr>, fault: &Fault) -> Self {
        let config = Self {
            state: array::from_fn(|_| meta.advice_column()),
            beside: array::from_fn(|_| meta.advice_column()),
            selectors: array::from_fn(|_| meta.fixed_column()),
        };
        for column in config.state {
            meta.enable_equality(column);
        }
        config.full_gate(meta, RowKind::First, fault);
        config.partial_gate(meta, RowKind::Partial, fault);
        config.partial_gate(meta, RowKind::Tail, fault);
        config.full_gate(meta, RowKind::Last, fault);
        config
    }

    fn full_gate(&self, meta: &mut ConstraintSystem<Fr>, kind: RowKind, fault: &Fault) {
        let row = if kind == RowKind::First { 0 } else { ROWS - 1 };
        let (_, first, _) = schedule(row);
        let name = format!("poseidon {kind:?}");
        meta.create_gate(name, |cells| {
            let selector = cells.query_fixed(self.selectors[row], Rotation::cur());
            let mut state = self.query_state(cells, Rotation::cur());
            if kind == RowKind::First {
                state[0] = Expression::Constant(Fr::ZERO);
            }
            let beside = self.query_beside(cells);
            let next = self.query_state(cells, Rotation::next());
            let mut equations = Vec::new();
            for round in 0..HALF {
                let constants = round_constants(first + round);
                let powers: [_; STATE] =
                    array::from_fn(|lane| fifth_power(state[lane].clone() + Expression::Constant(constants[lane])));
                let mixed: [_; STATE] = array::from_fn(|lane| combination(&mds()[lane], &powers));
                if round < HALF - 1 {
                    state = array::from_fn(|lane| beside[STATE * round + lane].clone());
                    equations.extend(mixed.into_iter().enumerate().map(|(lane, value)| {
                        let cell = STATE * round + lane;
                        (cell, state[lane].clone() - value)
                    }));
                } else {
                    let lanes = if kind == RowKind::Last { 1 } else { STATE };
                    let last = mixed.into_iter().zip(&next).enumerate().take(lanes);
                    equations.extend(last.map(|(lane, (value, next))| (BESIDE + lane, next.clone() - value)));
                }
            }
            kept(equations, kind, fault)
                .map(|equation| selector.clone() * equation)
                .collect::<Vec<_>>()
        });
    }

    fn partial_gate(&self, meta: &mut ConstraintSystem<Fr>, kind: RowKind, fault: &Fault) {
        let rows = if kind == RowKind::Tail {
            5..6
        } else {
            1..1 + PARTIAL_ROWS
        };
        let (_, _, rounds) = schedule(rows.start);
        // The forms differ between the rows only in their constant terms.
        let forms: Vec<_> = rows.clone().map(|row| Forms::new(schedule(row).1, rounds)).collect();
        meta.create_gate(format!("poseidon {kind:?}"), |cells| {
            let selectors: Vec<_> = rows
                .map(|row| cells.query_fixed(self.selectors[row], Rotation::cur()))
                .collect();
            let any = sum(selectors.iter().cloned());
            let beside = self.query_beside(cells);
            let inputs: Vec<_> = self
                .query_state(cells, Rotation::cur())
                .into_iter()
                .chain(beside.clone())
                .collect();
            let next = self.query_state(cells, Rotation::next());
            let form = |pick: &dyn Fn(&Forms) -> Form| {
                let constants = forms.iter().zip(&selectors);
                let constants = constants.map(|(forms, selector)| selector.clone() * pick(forms).constant);
                let shared = forms.first().map(pick).unwrap_or_default();
                combination(&shared.cells, &inputs) + sum(constants)
            };
            let boxes = (0..rounds).map(|round| {
                let input = form(&|forms: &Forms| forms.boxes[round]);
                (round, beside[round].clone() - fifth_power(input))
            });
            let states = (0..STATE).map(|lane| {
                let value = form(&|forms: &Forms| forms.next[lane]);
                (BESIDE + lane, next[lane].clone() - value)
            });
            let equations = boxes.chain(states).collect();
            kept(equations, kind, fault)
                .map(|equation| any.clone() * equation)
                .collect::<Vec<_>>()
        });
    }

    fn query_state(&self, cells: &mut VirtualCells<'_, Fr>, at: Rotation) -> [Expression<Fr>; STATE] {
        self.state.map(|column| cells.query_advice(column, at))
    }

    fn query_beside(&self, cells: &mut VirtualCells<'_, Fr>) -> [Expression<Fr>; BESIDE] {
        self.beside.map(|column| cells.query_advice(column, Rotation::cur()))
    }
}

/// The equations that are not left out.
fn kept(equations: Vec<(usize, Expression<Fr>)>, kind: RowKind, fault: &Fault) -> impl Iterator<Item = Expression<Fr>> {
    let omitted = move |cell: usize| fault.omits(Omission::Poseidon(PoseidonCell { kind, cell }));
    equations
        .into_iter()
        .filter(move |(cell, _)| !omitted(*cell))
        .map(|(_, equation)| equation)
}

/// A linear form in a row's cells, with a constant term.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    cells: [Fr; STATE + BESIDE],
    constant: Fr,
}

impl Form {
    fn cell(index: usize) -> Self {
        let mut form = Self::default();
        form.cells[index] = Fr::ONE;
        form
    }

    fn plus(mut self, constant: Fr) -> Self {
        self.constant += constant;
        self
    }

    fn add_scaled(mut self, factor: Fr, other: &Self) -> Self {
        for (cell, other) in self.cells.iter_mut().zip(other.cells) {
            *cell += factor * other;
        }
        self.constant += factor * other.constant;
        self
    }
}

/// What a row of partial rounds computes.
struct Forms {
    /// Inputs of the S-boxes.
    boxes: Vec<Form>,
    /// The next row's state.
    next: [Form; STATE],
}

impl Forms {
    fn new(first: usize, rounds: usize) -> Self {
        let mut state: [Form; STATE] = array::from_fn(Form::cell);
        let mut boxes = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let constants = round_constants(first + round);
            let [input, one, other] = array::from_fn(|lane| state[lane].plus(constants[lane]));
            boxes.push(input);
            let powered = [Form::cell(STATE + round), one, other];
            state = array::from_fn(|lane| {
                let row = mds()[lane];
                row.iter()
                    .zip(&powered)
                    .fold(Form::default(), |form, (factor, other)| form.add_scaled(*factor, other))
            });
        }
        Self { boxes, next: state }
    }
}

fn sum(terms: impl IntoIterator<Item = Expression<Fr>>) -> Expression<Fr> {
    terms
        .into_iter()
        .reduce(|sum, term| sum + term)
        .unwrap_or(Expression::Constant(Fr::ZERO))
}

fn combination(factors: &[Fr], values: &[Expression<Fr>]) -> Expression<Fr> {
    let terms = factors.iter().zip(values).filter(|(factor, _)| **factor != Fr::ZERO);
    sum(terms.map(|(factor, value)| value.clone() * *factor))
}

fn fifth_power(value: Expression<Fr>) -> Expression<Fr> {
    let square = value.clone() * value.clone();
    square.clone() * square * value
}

fn fifth(value: Fr) -> Fr {
    value.square().square() * value
}

fn mix(state: [Fr; STATE]) -> [Fr; STATE] {
    mds().map(|row| row.iter().zip(state).map(|(factor, value)| factor * value).sum())
}

fn round_constants(round: usize) -> [Fr; STATE] {
    tables().0.get(round).copied().unwrap_or_default()
}

fn mds() -> [[Fr; STATE]; STATE] {
    tables().1
}

type Tables = (Vec<[Fr; STATE]>, [[Fr; STATE]; STATE]);

fn tables() -> &'static Tables {
    static TABLES: std::sync::OnceLock<Tables> = std::sync::OnceLock::new();
    TABLES.get_or_init(|| {
        let element = |limbs: constants::Limbs| {
            let mut bytes = [0; 32];
            for (chunk, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
                chunk.copy_from_slice(&limb.to_le_bytes());
            }
            Option::from(Fr::from_repr(bytes)).unwrap_or_default()
        };
        let rounds = constants::ROUND_CONSTANTS.iter().map(|row| row.map(element)).collect();
        (rounds, constants::MDS.map(|row| row.map(element)))
    })
}

#[cfg(test)]
mod tests {
    use cwe_usage::{Element, poseidon::hash};

    use super::*;
    use crate::field::scalar;

    #[test]
    fn the_rows_give_the_protocols_hash() {
        let mut left = Element::ZERO;
        for right in 0..8 {
            let right = Element::from(right);
            let permutation = Permutation::new(scalar(left), scalar(right), |_, _, honest| honest);
            left = hash(left, right);
            assert_eq!(permutation.output, scalar(left));
        }
    }
}

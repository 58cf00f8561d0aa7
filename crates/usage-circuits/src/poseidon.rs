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
//! Each row's equations say what its `t` cells and the next row's `s` cells are. None has a degree above 6. With another
//! number of `t` cells ([`Schedule`]) the rows are fewer or more, for layouts that are measured against this one.

use std::{array, ops::Range};

use cwe_usage::poseidon::{PARTIAL_ROUNDS, constants};
use halo2_proofs::{
    circuit::{Region, Value},
    halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    },
    plonk::{Advice, Column, ConstraintSystem, Expression, Fixed, VirtualCells},
    poly::Rotation,
};

use crate::fault::{Fault, Omission};

/// Cells of the state.
pub(crate) const STATE: usize = 3;
/// Cells beside the state.
pub(crate) const BESIDE: usize = 12;

/// Full rounds before and after the partial ones.
const HALF: usize = 4;

/// The kinds of rows, by the gate that binds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    First,
    /// Full rounds that are neither the first nor the last; none with twelve cells.
    Full,
    Partial,
    Tail,
    Last,
}

/// One row of a hash.
#[derive(Debug, Clone, Copy)]
struct ScheduledRow {
    kind: RowKind,
    first_round: usize,
    rounds: usize,
}

/// Which rounds stand in which row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    beside: usize,
    rows: Vec<ScheduledRow>,
}

/// A cell that an equation of the hash determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoseidonCell {
    /// Gate of the row.
    pub(crate) kind: RowKind,
    /// A cell beside the state, or, from [`BESIDE`] on, of the next row's state.
    pub(crate) cell: usize,
}

/// Columns of the chip, of one lane.
#[derive(Debug, Clone)]
pub(crate) struct PoseidonConfig {
    /// `s0 s1 s2`; copies go to and from all of them.
    pub(crate) state: [Column<Advice>; STATE],
    /// `t0 … t11`.
    pub(crate) beside: Vec<Column<Advice>>,
}

/// Which rows are which, in all lanes.
#[derive(Debug, Clone)]
pub(crate) struct PoseidonSelectors {
    /// 1 in the row of a hash that has the number of the column; with constants in columns, in rows of the kind.
    selectors: Vec<Column<Fixed>>,
    /// Constants of a row's forms, where they have columns.
    constants: Vec<Column<Fixed>>,
}

/// Values of one hash: its rows, and the output, which stands in the next hash's first row.
#[derive(Debug, Clone)]
pub(crate) struct Permutation {
    pub(crate) rows: Vec<PoseidonRow>,
    pub(crate) output: Fr,
}

/// Values of one row.
#[derive(Debug, Clone, Default)]
pub(crate) struct PoseidonRow {
    pub(crate) state: [Fr; STATE],
    pub(crate) beside: Vec<Fr>,
}

impl Schedule {
    /// With so many cells beside the state, 3 at least.
    pub(crate) fn new(beside: usize) -> Self {
        let rows_of = |rounds: Range<usize>, per_row: usize, kind: fn(usize, bool) -> RowKind| {
            let end = rounds.end;
            rounds.step_by(per_row.max(1)).map(move |first_round| ScheduledRow {
                kind: kind(first_round, first_round + per_row >= end),
                first_round,
                rounds: per_row.min(end - first_round),
            })
        };
        // The last round of a row stands in the next one.
        let full = (beside / STATE + 1).min(HALF);
        let partial_end = HALF + PARTIAL_ROUNDS;
        let first = rows_of(
            0..HALF,
            full,
            |round, _| {
                if round == 0 { RowKind::First } else { RowKind::Full }
            },
        );
        let partial = rows_of(HALF..partial_end, beside, |_, _| RowKind::Partial);
        let last = rows_of(partial_end..partial_end + HALF, full, |_, last| {
            if last { RowKind::Last } else { RowKind::Full }
        });
        let mut rows: Vec<_> = first.chain(partial).chain(last).collect();
        for row in &mut rows {
            if row.kind == RowKind::Partial && row.rounds < beside {
                row.kind = RowKind::Tail;
            }
        }
        Self { beside, rows }
    }

    /// Rows of a hash.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows that one gate binds: all rows with as many partial rounds as fit, any other by itself. Where constants have
    /// columns, rows of full rounds too.
    fn gates(&self, constants_in_columns: bool) -> Vec<Range<usize>> {
        let mut gates: Vec<Range<usize>> = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let shared = row.kind == RowKind::Partial || (constants_in_columns && row.kind == RowKind::Full);
            match gates.last_mut() {
                Some(gate) if shared && self.alike(gate.start, index) => gate.end = index + 1,
                _ => gates.push(index..index + 1),
            }
        }
        gates
    }

    fn alike(&self, one: usize, other: usize) -> bool {
        let [one, other] = [one, other].map(|row| self.rows.get(row).map(|row| (row.kind, row.rounds)));
        one == other
    }

    /// Constants of the forms that a row computes, in the order of its equations' columns.
    fn constants(&self, row: &ScheduledRow) -> Vec<Fr> {
        match row.kind {
            RowKind::Partial | RowKind::Tail => {
                let forms = Forms::new(row.first_round, row.rounds);
                forms
                    .boxes
                    .iter()
                    .chain(&forms.next)
                    .map(|form| form.constant)
                    .collect()
            }
            _ => (0..row.rounds)
                .flat_map(|round| round_constants(row.first_round + round))
                .collect(),
        }
    }
}

impl Permutation {
    /// Hashes; `change` may falsify a cell, given its row and the honest value.
    pub(crate) fn new(
        schedule: &Schedule,
        left: Fr,
        right: Fr,
        change: impl Fn(usize, PoseidonCell, Fr) -> Fr,
    ) -> Self {
        let mut state = [Fr::ZERO, left, right];
        let rows = schedule.rows.iter().enumerate().map(|(row, scheduled)| {
            let mut values = PoseidonRow {
                state,
                beside: vec![Fr::ZERO; schedule.beside],
            };
            let kind = scheduled.kind;
            let changed = |cell, honest| change(row, PoseidonCell { kind, cell }, honest);
            state = match kind {
                RowKind::First | RowKind::Full | RowKind::Last => {
                    full_rounds(state, scheduled, &mut values.beside, changed)
                }
                RowKind::Partial | RowKind::Tail => partial_rounds(state, scheduled, &mut values.beside, changed),
            };
            let last_cells = if kind == RowKind::Last { 1 } else { STATE };
            for (lane, value) in state.iter_mut().enumerate().take(last_cells) {
                *value = changed(schedule.beside + lane, *value);
            }
            values
        });
        let rows = rows.collect();
        let [output, ..] = state;
        Self { rows, output }
    }
}

fn full_rounds(
    mut state: [Fr; STATE],
    row: &ScheduledRow,
    beside: &mut [Fr],
    changed: impl Fn(usize, Fr) -> Fr,
) -> [Fr; STATE] {
    for round in 0..row.rounds {
        let constants = round_constants(row.first_round + round);
        state = mix(array::from_fn(|lane| fifth(state[lane] + constants[lane])));
        if round < row.rounds - 1 {
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
    row: &ScheduledRow,
    beside: &mut [Fr],
    changed: impl Fn(usize, Fr) -> Fr,
) -> [Fr; STATE] {
    for (round, output) in beside.iter_mut().enumerate().take(row.rounds) {
        let constants = round_constants(row.first_round + round);
        let [input, one, other] = array::from_fn(|lane| state[lane] + constants[lane]);
        *output = changed(round, fifth(input));
        state = mix([*output, one, other]);
    }
    state
}

/// What the gates of all lanes share.
pub(crate) struct Chip<'a> {
    pub(crate) schedule: Schedule,
    pub(crate) selectors: &'a PoseidonSelectors,
    pub(crate) fault: &'a Fault,
}

impl PoseidonSelectors {
    pub(crate) fn new(meta: &mut ConstraintSystem<Fr>, schedule: &Schedule, constants_in_columns: bool) -> Self {
        let gates = schedule.gates(constants_in_columns).len();
        let constants = schedule.rows.iter().map(|row| schedule.constants(row).len()).max();
        let (selectors, constants) = if constants_in_columns {
            (gates, constants.unwrap_or_default())
        } else {
            (schedule.len(), 0)
        };
        Self {
            selectors: (0..selectors).map(|_| meta.fixed_column()).collect(),
            constants: (0..constants).map(|_| meta.fixed_column()).collect(),
        }
    }

    /// Marks so many hashes from row 0 on.
    pub(crate) fn assign(&self, region: &mut Region<'_, Fr>, schedule: &Schedule, hashes: usize) {
        let in_columns = !self.constants.is_empty();
        let gates = schedule.gates(in_columns);
        for (index, row) in schedule.rows.iter().enumerate() {
            let selector = if in_columns {
                gates.iter().position(|gate| gate.contains(&index)).unwrap_or_default()
            } else {
                index
            };
            let constants = if in_columns {
                schedule.constants(row)
            } else {
                Vec::new()
            };
            for at in (0..hashes).map(|hash| hash * schedule.len() + index) {
                region.assign_fixed(self.selectors[selector], at, Fr::ONE);
                for (column, constant) in self.constants.iter().zip(&constants) {
                    region.assign_fixed(*column, at, *constant);
                }
            }
        }
    }

    fn query(&self, cells: &mut VirtualCells<'_, Fr>, gate: usize, rows: &Range<usize>) -> Vec<Expression<Fr>> {
        let columns = if self.constants.is_empty() {
            rows.clone()
        } else {
            gate..gate + 1
        };
        columns
            .map(|column| cells.query_fixed(self.selectors[column], Rotation::cur()))
            .collect()
    }

    /// Constant `index` of a gate's equations: from its column, or by which of the gate's rows it is.
    fn constant(
        &self,
        cells: &mut VirtualCells<'_, Fr>,
        selectors: &[Expression<Fr>],
        index: usize,
        of_rows: &[Vec<Fr>],
    ) -> Expression<Fr> {
        match self.constants.get(index) {
            Some(column) => cells.query_fixed(*column, Rotation::cur()),
            None => sum(selectors
                .iter()
                .zip(of_rows)
                .map(|(selector, constants)| selector.clone() * constants[index])),
        }
    }
}

impl PoseidonConfig {
    /// Adds columns.
    pub(crate) fn new(meta: &mut ConstraintSystem<Fr>, beside: usize) -> Self {
        Self {
            state: array::from_fn(|_| meta.advice_column()),
            beside: (0..beside).map(|_| meta.advice_column()).collect(),
        }
    }

    /// All columns, those of the state first.
    pub(crate) fn columns(&self) -> Vec<Column<Advice>> {
        self.state.iter().chain(&self.beside).copied().collect()
    }

    /// Writes a hash from `first` on; `before` is the output of the one above it.
    pub(crate) fn assign(&self, region: &mut Region<'_, Fr>, first: usize, hash: &Permutation, before: Fr) {
        for (row, values) in hash.rows.iter().enumerate() {
            let cells = values.state.iter().chain(&values.beside);
            for (index, (column, value)) in self.state.iter().chain(&self.beside).zip(cells).enumerate() {
                let value = if (row, index) == (0, 0) { before } else { *value };
                region.assign_advice(*column, first + row, Value::known(value));
            }
        }
    }

    /// Adds copies and gates.
    pub(crate) fn bind(&self, meta: &mut ConstraintSystem<Fr>, chip: &Chip<'_>) {
        for column in self.state {
            meta.enable_equality(column);
        }
        let in_columns = !chip.selectors.constants.is_empty();
        for (gate, rows) in chip.schedule.gates(in_columns).into_iter().enumerate() {
            match chip.schedule.rows[rows.start].kind {
                RowKind::Partial | RowKind::Tail => self.partial_gate(meta, chip, gate, rows),
                RowKind::First | RowKind::Full | RowKind::Last => self.full_gate(meta, chip, gate, rows),
            }
        }
    }

    fn full_gate(&self, meta: &mut ConstraintSystem<Fr>, chip: &Chip<'_>, gate: usize, rows: Range<usize>) {
        let Chip {
            schedule,
            selectors: columns,
            fault,
        } = chip;
        let ScheduledRow {
            kind,
            first_round,
            rounds,
        } = schedule.rows[rows.start];
        meta.create_gate(format!("poseidon {kind:?}"), |cells| {
            let selectors = columns.query(cells, gate, &rows);
            let selector = sum(selectors.iter().cloned());
            let mut state = self.query_state(cells, Rotation::cur());
            if kind == RowKind::First {
                state[0] = Expression::Constant(Fr::ZERO);
            }
            let beside = self.query_beside(cells);
            let next = self.query_state(cells, Rotation::next());
            let mut equations = Vec::new();
            for round in 0..rounds {
                let constants: [_; STATE] = array::from_fn(|lane| match columns.constants.get(STATE * round + lane) {
                    Some(column) => cells.query_fixed(*column, Rotation::cur()),
                    None => Expression::Constant(round_constants(first_round + round)[lane]),
                });
                let powers: [_; STATE] =
                    array::from_fn(|lane| fifth_power(state[lane].clone() + constants[lane].clone()));
                let mixed: [_; STATE] = array::from_fn(|lane| combination(&mds()[lane], &powers));
                if round < rounds - 1 {
                    state = array::from_fn(|lane| beside[STATE * round + lane].clone());
                    equations.extend(mixed.into_iter().enumerate().map(|(lane, value)| {
                        let cell = STATE * round + lane;
                        (cell, state[lane].clone() - value)
                    }));
                } else {
                    let lanes = if kind == RowKind::Last { 1 } else { STATE };
                    let last = mixed.into_iter().zip(&next).enumerate().take(lanes);
                    equations.extend(last.map(|(lane, (value, next))| (schedule.beside + lane, next.clone() - value)));
                }
            }
            kept(equations, kind, fault)
                .map(|equation| selector.clone() * equation)
                .collect::<Vec<_>>()
        });
    }

    fn partial_gate(&self, meta: &mut ConstraintSystem<Fr>, chip: &Chip<'_>, gate: usize, rows: Range<usize>) {
        let Chip {
            schedule,
            selectors: columns,
            fault,
        } = chip;
        let ScheduledRow {
            kind,
            first_round,
            rounds,
        } = schedule.rows[rows.start];
        // The forms differ between the rows only in their constant terms.
        let forms = Forms::new(first_round, rounds);
        let constants: Vec<_> = schedule.rows[rows.clone()]
            .iter()
            .map(|row| schedule.constants(row))
            .collect();
        meta.create_gate(format!("poseidon {kind:?}"), |cells| {
            let selectors = columns.query(cells, gate, &rows);
            let any = sum(selectors.iter().cloned());
            let beside = self.query_beside(cells);
            let inputs: Vec<_> = self
                .query_state(cells, Rotation::cur())
                .into_iter()
                .chain(beside.clone())
                .collect();
            let next = self.query_state(cells, Rotation::next());
            let values: Vec<_> = forms
                .boxes
                .iter()
                .chain(&forms.next)
                .enumerate()
                .map(|(index, form)| {
                    combination(&form.cells, &inputs) + columns.constant(cells, &selectors, index, &constants)
                })
                .collect();
            let boxes = (0..rounds).map(|round| (round, beside[round].clone() - fifth_power(values[round].clone())));
            let states = (0..STATE).map(|lane| {
                (
                    schedule.beside + lane,
                    next[lane].clone() - values[rounds + lane].clone(),
                )
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

    fn query_beside(&self, cells: &mut VirtualCells<'_, Fr>) -> Vec<Expression<Fr>> {
        let columns = self.beside.iter();
        columns
            .map(|column| cells.query_advice(*column, Rotation::cur()))
            .collect()
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
#[derive(Debug, Clone)]
struct Form {
    cells: Vec<Fr>,
    constant: Fr,
}

impl Form {
    fn zero(cells: usize) -> Self {
        Self {
            cells: vec![Fr::ZERO; cells],
            constant: Fr::ZERO,
        }
    }

    fn cell(index: usize, cells: usize) -> Self {
        let mut form = Self::zero(cells);
        form.cells[index] = Fr::ONE;
        form
    }

    fn plus(mut self, constant: Fr) -> Self {
        self.constant += constant;
        self
    }

    fn add_scaled(mut self, factor: Fr, other: &Self) -> Self {
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
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
        let cells = STATE + rounds;
        let mut state: [Form; STATE] = array::from_fn(|lane| Form::cell(lane, cells));
        let mut boxes = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let constants = round_constants(first + round);
            let [input, one, other] = array::from_fn(|lane| state[lane].clone().plus(constants[lane]));
            boxes.push(input);
            let powered = [Form::cell(STATE + round, cells), one, other];
            state = array::from_fn(|lane| {
                let row = mds()[lane];
                row.iter()
                    .zip(&powered)
                    .fold(Form::zero(cells), |form, (factor, other)| {
                        form.add_scaled(*factor, other)
                    })
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
            let honest = |beside| {
                let schedule = Schedule::new(beside);
                Permutation::new(&schedule, scalar(left), scalar(right), |_, _, honest| honest).output
            };
            let outputs = [BESIDE, 3, 5, 9, 19, 57].map(honest);
            left = hash(left, right);
            assert_eq!(outputs, [scalar(left); 6]);
        }
    }
}

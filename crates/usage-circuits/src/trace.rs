//! The values of a circuit with the constraints between them, before they are laid out in the proof system's columns.
//!
//! The circuits are written against this: main rows (one equation over four cells), ranges (digits), hashes, copies and
//! public inputs. What is written depends on the circuit alone and never on a value, so the trace of any witness is
//! also the circuit of the keys.

use alloy_primitives::U256;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    fault::{Fault, Omission, Place},
    field::{power_of_two, scalar_of, uint},
    layout::Layout,
    poseidon::{Permutation, Schedule},
    rule::Rule,
};

/// Digits of a row.
pub(crate) const DIGITS: usize = 14;
/// Bits of a digit.
pub(crate) const DIGIT_BITS: usize = 3;
/// Bits of a full row.
pub(crate) const ROW_BITS: usize = DIGITS * DIGIT_BITS;
/// Digits of a short row.
pub(crate) const SHORT_DIGITS: usize = 8;
/// Bits of a short row.
pub(crate) const SHORT_BITS: usize = SHORT_DIGITS * DIGIT_BITS;

/// What copies go to and from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A cell of a main row.
    Main(usize),
    /// The number so far, in a row of digits.
    Accumulator,
    /// Output and inputs of a hash.
    Hash(usize),
}

/// A cell, wherever a layout puts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) wire: Wire,
    /// Number of the main row, row of digits or hash, from 0.
    pub(crate) row: usize,
}

/// A cell with its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Var {
    pub(crate) cell: Cell,
    pub(crate) value: Fr,
}

/// What stands in an input.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input {
    /// The value of another cell.
    Copy(Var),
    /// The value of the row's first cell.
    First,
    /// A value that nothing else binds.
    New(Fr),
    /// In a main row: whatever satisfies its equation, with a factor of −1.
    Solve,
    /// Nothing.
    Unused,
}

/// Factors of a main row: `ab·a·b + ax·a + bx·b + cx·c + dx·d + one = 0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Equation {
    pub(crate) ab: Fr,
    /// Of the single cells.
    pub(crate) x: [Fr; 4],
    pub(crate) one: Fr,
}

impl Equation {
    /// `ab·a·b + Σ x·cell = 0`.
    pub(crate) fn new(ab: i64, x: [i64; 4]) -> Self {
        Self {
            ab: signed(ab),
            x: x.map(signed),
            one: Fr::ZERO,
        }
    }

    fn value(&self, [a, b, c, d]: [Fr; 4]) -> Fr {
        let linear = self.x.iter().zip([a, b, c, d]);
        self.ab * a * b + linear.map(|(factor, value)| factor * value).sum::<Fr>() + self.one
    }
}

/// A small number of either sign.
pub(crate) fn signed(number: i64) -> Fr {
    let magnitude = Fr::from(number.unsigned_abs());
    if number < 0 { -magnitude } else { magnitude }
}

/// Part that a main row has in the table of diminishing returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    None,
    /// Cells `a` and `d` must be an entry.
    Lookup,
    /// The number and cell `c` are an entry.
    Entry(u64),
}

/// A main row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MainRow {
    pub(crate) equation: Equation,
    pub(crate) values: [Fr; 4],
    pub(crate) table: Table,
}

/// A row of digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DigitRow {
    pub(crate) digits: [Fr; DIGITS],
    pub(crate) accumulator: Fr,
    /// Whether it continues the number of the row before.
    pub(crate) continues: bool,
    /// Whether only the low digits may be other than 0.
    pub(crate) short: bool,
    /// Whether anything holds here; always, outside of tests.
    pub(crate) active: bool,
}

/// Bits of one row of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// 24.
    Short,
    /// 42.
    Full,
}

impl Width {
    const fn bits(self) -> usize {
        match self {
            Self::Short => SHORT_BITS,
            Self::Full => ROW_BITS,
        }
    }
}

/// A number in a range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranged {
    pub(crate) value: Var,
    /// What its first row holds: the number without the other rows' bits.
    pub(crate) top: Var,
}

/// A whole circuit with its values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) main: Vec<MainRow>,
    pub(crate) digits: Vec<DigitRow>,
    pub(crate) hashes: Vec<Permutation>,
    /// How a hash is computed.
    pub(crate) schedule: Schedule,
    pub(crate) copies: Vec<(Cell, Cell)>,
    /// Cells of the public inputs, in order; none where a test leaves the binding out.
    pub(crate) public: Vec<(Option<Cell>, Fr)>,
    pub(crate) fault: Fault,
}

impl Trace {
    pub(crate) fn new(layout: &Layout, fault: Fault) -> Self {
        Self {
            schedule: Schedule::new(layout.hash_cells),
            fault,
            ..Self::default()
        }
    }

    /// Values of the public inputs.
    pub(crate) fn public_inputs(&self) -> Vec<Fr> {
        self.public.iter().map(|(_, value)| *value).collect()
    }

    /// Makes a cell the next public input.
    pub(crate) fn publish(&mut self, var: Var) {
        let bound = !self.fault.omits(Omission::Public(self.public.len()));
        self.public.push((bound.then_some(var.cell), var.value));
    }

    /// A cell that no equation is about.
    pub(crate) fn free(&mut self, rule: Rule, value: Fr) -> Var {
        let unused = Input::Unused;
        let [var, ..] = self.row(rule, Equation::default(), [Input::New(value), unused, unused, unused]);
        var
    }

    /// A main row.
    pub(crate) fn row(&mut self, rule: Rule, equation: Equation, inputs: [Input; 4]) -> [Var; 4] {
        self.table_row(rule, equation, inputs, Table::None)
    }

    /// A main row that is solved for one cell.
    pub(crate) fn solve(&mut self, rule: Rule, equation: Equation, inputs: &[Input]) -> Var {
        let mut all = [Input::Unused; 4];
        for (slot, input) in all.iter_mut().zip(inputs.iter().chain([&Input::Solve])) {
            *slot = *input;
        }
        let vars = self.row(rule, equation, all);
        vars[inputs.len().min(3)]
    }

    /// A main row with a part in the table.
    pub(crate) fn table_row(
        &mut self,
        rule: Rule,
        mut equation: Equation,
        inputs: [Input; 4],
        table: Table,
    ) -> [Var; 4] {
        let occurrence = self.fault.begin(rule);
        let row = self.main.len();
        let mut values = [Fr::ZERO; 4];
        for (index, input) in inputs.into_iter().enumerate() {
            let cell = Cell {
                wire: Wire::Main(index),
                row,
            };
            let first = Var {
                cell: Cell {
                    wire: Wire::Main(0),
                    row,
                },
                value: values[0],
            };
            let input = if matches!(input, Input::First) {
                Input::Copy(first)
            } else {
                input
            };
            values[index] = self.input(rule, occurrence, index, input, cell);
        }
        if let Some(solved) = inputs.iter().position(|input| matches!(input, Input::Solve)) {
            equation.x[solved] = -Fr::ONE;
            let solution = equation.value(values);
            values[solved] = self.fault.value(rule, occurrence, Place::Solved, solution);
        }
        if self.fault.omits(Omission::Gate(rule)) {
            equation = Equation::default();
        }
        self.main.push(MainRow {
            equation,
            values,
            table,
        });
        let mut index = 0;
        values.map(|value| {
            let cell = Cell {
                wire: Wire::Main(index),
                row,
            };
            index += 1;
            Var { cell, value }
        })
    }

    /// A new cell that is 0 or 1.
    pub(crate) fn bit(&mut self, rule: Rule, value: Fr) -> Var {
        let square_less_self = Equation::new(1, [-1, 0, 0, 0]);
        let [bit, ..] = self.row(
            rule,
            square_less_self,
            [Input::New(value), Input::First, Input::Unused, Input::Unused],
        );
        bit
    }

    /// A number of so many bits; `widths` are those of its rows, from the top.
    pub(crate) fn range(&mut self, rule: Rule, value: Fr, widths: &[Width]) -> Ranged {
        self.range_input(rule, Input::New(value), widths)
    }

    /// Requires that a cell is a number of so many bits.
    pub(crate) fn range_of(&mut self, rule: Rule, var: Var, widths: &[Width]) -> Ranged {
        self.range_input(rule, Input::Copy(var), widths)
    }

    /// `H(left, right)`; gives the inputs' cells too.
    pub(crate) fn hash(&mut self, rule: Rule, left: Input, right: Input) -> [Var; 3] {
        let occurrence = self.fault.begin(rule);
        let row = self.hashes.len();
        let mut vars = [Var {
            cell: Cell {
                wire: Wire::Hash(0),
                row,
            },
            value: Fr::ZERO,
        }; 3];
        for (index, input) in [left, right].into_iter().enumerate() {
            let cell = Cell {
                wire: Wire::Hash(index + 1),
                row,
            };
            let value = self.input(rule, occurrence, index, input, cell);
            vars[index] = Var { cell, value };
        }
        let change = |_: usize, cell, honest| self.fault.value(rule, occurrence, Place::Poseidon(cell), honest);
        let permutation = Permutation::new(&self.schedule, vars[0].value, vars[1].value, change);
        vars[2].value = permutation.output;
        self.hashes.push(permutation);
        vars
    }

    fn input(&mut self, rule: Rule, occurrence: usize, index: usize, input: Input, cell: Cell) -> Fr {
        let honest = match input {
            Input::Copy(var) => {
                self.fault.copy(rule, index);
                if !self.fault.omits(Omission::Copy(rule, index)) {
                    self.copies.push((var.cell, cell));
                }
                var.value
            }
            Input::New(value) => value,
            Input::Solve | Input::First | Input::Unused => return Fr::ZERO,
        };
        self.fault.value(rule, occurrence, Place::Input(index), honest)
    }

    fn range_input(&mut self, rule: Rule, input: Input, widths: &[Width]) -> Ranged {
        let occurrence = self.fault.begin(rule);
        let first = self.digits.len();
        let last = first + widths.len().saturating_sub(1);
        let cell = Cell {
            wire: Wire::Accumulator,
            row: last,
        };
        let value = self.input(rule, occurrence, 0, input, cell);
        let number = uint(&value);
        let mut shift: usize = widths.iter().map(|width| width.bits()).sum();
        let mut accumulator = Fr::ZERO;
        for (index, width) in widths.iter().enumerate() {
            shift -= width.bits();
            let mut part = number >> shift;
            // What does not fit stays in the first row, where it breaks the range and not the sum.
            if index > 0 {
                part &= (U256::from(1) << ROW_BITS) - U256::from(1);
            }
            let mut digits = digits(part);
            if first + index == last {
                for (digit, value) in digits.iter_mut().enumerate() {
                    *value = self.fault.value(rule, occurrence, Place::Digit(digit), *value);
                }
            }
            accumulator = if index > 0 {
                accumulator * power_of_two(ROW_BITS)
            } else {
                Fr::ZERO
            } + recomposed(&digits);
            self.digits.push(DigitRow {
                digits,
                accumulator,
                continues: index > 0,
                short: *width == Width::Short,
                active: !self.fault.omits(Omission::Range(rule)),
            });
        }
        if let Some(row) = self.digits.get_mut(first) {
            row.accumulator = self.fault.value(rule, occurrence, Place::Top, row.accumulator);
        }
        if let Some(row) = self.digits.get_mut(last) {
            row.accumulator = self.fault.value(rule, occurrence, Place::Accumulator, row.accumulator);
        }
        let var = |row: usize, digits: &[DigitRow]| Var {
            cell: Cell {
                wire: Wire::Accumulator,
                row,
            },
            value: digits.get(row).map(|row| row.accumulator).unwrap_or_default(),
        };
        Ranged {
            value: var(last, &self.digits),
            top: var(first, &self.digits),
        }
    }
}

/// Digits from the lowest; what does not fit stays in the last one.
fn digits(number: U256) -> [Fr; DIGITS] {
    let mut rest = number;
    let mut digits = [Fr::ZERO; DIGITS];
    for (index, digit) in digits.iter_mut().enumerate() {
        let value = if index == DIGITS - 1 {
            rest
        } else {
            rest & U256::from((1 << DIGIT_BITS) - 1)
        };
        *digit = scalar_of(value);
        rest >>= DIGIT_BITS;
    }
    digits
}

pub(crate) fn recomposed(digits: &[Fr; DIGITS]) -> Fr {
    let base = Fr::from(1 << DIGIT_BITS);
    digits
        .iter()
        .rev()
        .fold(Fr::ZERO, |number, digit| number * base + digit)
}

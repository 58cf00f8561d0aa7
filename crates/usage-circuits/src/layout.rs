//! Columns and gates, and how a [`Trace`] fills them. Every trace begins in row 0 of each of its columns.

use std::array;

use halo2_proofs::{
    circuit::{self, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance},
    poly::Rotation,
};

use crate::{
    fault::{Fault, Omission},
    field::power_of_two,
    poseidon::{BESIDE, PoseidonConfig, ROWS, STATE},
    trace::{Cell, DIGIT_BITS, DIGITS, ROW_BITS, SHORT_DIGITS, Table, Trace, Wire},
};

/// Degree of the digits' equations: a selector and eight factors.
const DIGIT_DEGREE: usize = 1 + (1 << DIGIT_BITS);
/// Degree of the hash's equations: a selector and a fifth power.
const HASH_DEGREE: usize = 6;

/// Which gates a circuit has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Whether it has digits and the table of diminishing returns.
    pub(crate) ranges: bool,
    pub(crate) fault: Fault,
}

/// A trace as a circuit of the proof system.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceCircuit {
    pub(crate) trace: Trace,
    pub(crate) ranges: bool,
}

/// Columns of a circuit.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    main: MainConfig,
    poseidon: PoseidonConfig,
    ranges: Option<RangeConfig>,
    public: Column<Instance>,
}

/// One equation a row over four cells.
#[derive(Debug, Clone)]
struct MainConfig {
    cells: [Column<Advice>; 4],
    ab: Column<Fixed>,
    x: [Column<Fixed>; 4],
    one: Column<Fixed>,
}

/// Rows of fourteen digits in base 8 with an accumulator, and the table of diminishing returns.
#[derive(Debug, Clone)]
struct RangeConfig {
    digits: [Column<Advice>; DIGITS],
    accumulator: Column<Advice>,
    /// 1 in rows of digits.
    active: Column<Fixed>,
    /// 2⁴² in rows that continue a number.
    shift: Column<Fixed>,
    /// 1 in short rows.
    short: Column<Fixed>,
    /// 1 in main rows that look up.
    lookup: Column<Fixed>,
    /// 1 in main rows that are entries.
    entry: Column<Fixed>,
    /// Number of the entry.
    number: Column<Fixed>,
}

impl MainConfig {
    fn new(meta: &mut ConstraintSystem<Fr>) -> Self {
        let config = Self {
            cells: array::from_fn(|_| meta.advice_column()),
            ab: meta.fixed_column(),
            x: array::from_fn(|_| meta.fixed_column()),
            one: meta.fixed_column(),
        };
        for column in config.cells {
            meta.enable_equality(column);
        }
        meta.create_gate("main", |cells| {
            let [a, b, c, d] = config.cells.map(|column| cells.query_advice(column, Rotation::cur()));
            let product = cells.query_fixed(config.ab, Rotation::cur()) * a.clone() * b.clone();
            let constant = cells.query_fixed(config.one, Rotation::cur());
            let linear = config.x.map(|column| cells.query_fixed(column, Rotation::cur()));
            let sum = linear
                .into_iter()
                .zip([a, b, c, d])
                .fold(product + constant, |sum, (factor, cell)| sum + factor * cell);
            [sum]
        });
        config
    }

    fn assign(&self, region: &mut Region<'_, Fr>, trace: &Trace) {
        for (row, main) in trace.main.iter().enumerate() {
            for (column, value) in self.cells.iter().zip(main.values) {
                region.assign_advice(*column, row, Value::known(value));
            }
            region.assign_fixed(self.ab, row, main.equation.ab);
            for (column, factor) in self.x.iter().zip(main.equation.x) {
                region.assign_fixed(*column, row, factor);
            }
            region.assign_fixed(self.one, row, main.equation.one);
        }
    }
}

impl RangeConfig {
    fn new(meta: &mut ConstraintSystem<Fr>, main: &MainConfig, fault: &Fault) -> Self {
        let config = Self {
            digits: array::from_fn(|_| meta.advice_column()),
            accumulator: meta.advice_column(),
            active: meta.fixed_column(),
            shift: meta.fixed_column(),
            short: meta.fixed_column(),
            lookup: meta.fixed_column(),
            entry: meta.fixed_column(),
            number: meta.fixed_column(),
        };
        meta.enable_equality(config.accumulator);
        config.digit_gate(meta, fault);
        config.recomposition_gate(meta, fault);
        if !fault.omits(Omission::Lookup) {
            config.table(meta, main);
        }
        config
    }

    fn digit_gate(&self, meta: &mut ConstraintSystem<Fr>, fault: &Fault) {
        for (index, column) in self.digits.into_iter().enumerate() {
            if fault.omits(Omission::Digit(index)) {
                continue;
            }
            meta.create_gate("digit", |cells| {
                let active = cells.query_fixed(self.active, Rotation::cur());
                let digit = cells.query_advice(column, Rotation::cur());
                let values = 0..1_u64 << DIGIT_BITS;
                [values.fold(active, |product, value| {
                    product * (digit.clone() - Expression::Constant(Fr::from(value)))
                })]
            });
        }
    }

    fn recomposition_gate(&self, meta: &mut ConstraintSystem<Fr>, fault: &Fault) {
        meta.create_gate("digits", |cells| {
            let active = cells.query_fixed(self.active, Rotation::cur());
            let shift = cells.query_fixed(self.shift, Rotation::cur());
            let short = cells.query_fixed(self.short, Rotation::cur());
            let before = cells.query_advice(self.accumulator, Rotation::prev());
            let accumulator = cells.query_advice(self.accumulator, Rotation::cur());
            let digits = self.digits.map(|column| cells.query_advice(column, Rotation::cur()));
            let number = digits.iter().enumerate().fold(shift * before, |sum, (index, digit)| {
                sum + digit.clone() * power_of_two(DIGIT_BITS * index)
            });
            let upper = digits.into_iter().skip(SHORT_DIGITS).reduce(|sum, digit| sum + digit);
            let mut equations = Vec::new();
            if !fault.omits(Omission::Recomposition) {
                equations.push(active * (accumulator - number));
            }
            // Digits are small, so that their sum is 0 only if all of them are.
            if !fault.omits(Omission::Short) {
                equations.extend(upper.map(|upper| short * upper));
            }
            equations
        });
    }

    fn table(&self, meta: &mut ConstraintSystem<Fr>, main: &MainConfig) {
        meta.lookup_any("diminishing returns", |cells| {
            let lookup = cells.query_fixed(self.lookup, Rotation::cur());
            let entry = cells.query_fixed(self.entry, Rotation::cur());
            let number = cells.query_fixed(self.number, Rotation::cur());
            let [plays, _, entry_sum, sum] = main.cells.map(|column| cells.query_advice(column, Rotation::cur()));
            vec![(lookup.clone() * plays, number), (lookup * sum, entry * entry_sum)]
        });
    }

    fn assign(&self, region: &mut Region<'_, Fr>, trace: &Trace) {
        for (row, digits) in trace.digits.iter().enumerate() {
            for (column, digit) in self.digits.iter().zip(digits.digits) {
                region.assign_advice(*column, row, Value::known(digit));
            }
            region.assign_advice(self.accumulator, row, Value::known(digits.accumulator));
            if !digits.active {
                continue;
            }
            region.assign_fixed(self.active, row, Fr::ONE);
            let shift = if digits.continues {
                power_of_two(ROW_BITS)
            } else {
                Fr::ZERO
            };
            region.assign_fixed(self.shift, row, shift);
            region.assign_fixed(self.short, row, Fr::from(u64::from(digits.short)));
        }
        for (row, main) in trace.main.iter().enumerate() {
            match main.table {
                Table::None => {}
                Table::Lookup => {
                    region.assign_fixed(self.lookup, row, Fr::ONE);
                }
                Table::Entry(number) => {
                    region.assign_fixed(self.entry, row, Fr::ONE);
                    region.assign_fixed(self.number, row, Fr::from(number));
                }
            }
        }
    }
}

impl Layout {
    fn new(meta: &mut ConstraintSystem<Fr>, shape: &Shape) -> Self {
        // The proof system would cut the degree down to what an environment variable says.
        meta.set_minimum_degree(if shape.ranges { DIGIT_DEGREE } else { HASH_DEGREE });
        let public = meta.instance_column();
        meta.enable_equality(public);
        let main = MainConfig::new(meta);
        let poseidon = PoseidonConfig::new(meta, &shape.fault);
        let ranges = shape.ranges.then(|| RangeConfig::new(meta, &main, &shape.fault));
        Self {
            main,
            poseidon,
            ranges,
            public,
        }
    }

    fn assign_hashes(&self, region: &mut Region<'_, Fr>, trace: &Trace) {
        let columns = &self.poseidon;
        for (row, hash) in trace.hashes.iter().enumerate() {
            let advice = columns.state.iter().chain(&columns.beside);
            for (column, value) in advice.zip(hash.state.iter().chain(&hash.beside)) {
                region.assign_advice(*column, row, Value::known(*value));
            }
            region.assign_fixed(columns.selectors[row % ROWS], row, Fr::ONE);
        }
        region.assign_advice(columns.state[0], trace.hashes.len(), Value::known(trace.last_hash));
    }

    /// The proof system's cell; none in a circuit without that column.
    fn cell(&self, cell: Cell) -> Option<circuit::Cell> {
        let column: Column<Any> = match cell.wire {
            Wire::Main(index) => (*self.main.cells.get(index)?).into(),
            Wire::Hash(index) => (*self.poseidon.state.get(index)?).into(),
            Wire::Accumulator => self.ranges.as_ref()?.accumulator.into(),
        };
        Some(circuit::Cell {
            row_offset: cell.row,
            column,
        })
    }

    fn assign(&self, region: &mut Region<'_, Fr>, trace: &Trace) -> Result<(), Error> {
        self.main.assign(region, trace);
        self.assign_hashes(region, trace);
        if let Some(ranges) = &self.ranges {
            ranges.assign(region, trace);
        }
        for (left, right) in &trace.copies {
            let (left, right) = (self.cell(*left), self.cell(*right));
            let (left, right) = left.zip(right).ok_or(Error::Synthesis)?;
            region.constrain_equal(left, right);
        }
        Ok(())
    }
}

impl Circuit<Fr> for TraceCircuit {
    type Config = Layout;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Shape {
        Shape {
            ranges: self.ranges,
            fault: self.trace.fault.clone(),
        }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Layout {
        Layout::new(meta, &Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Layout {
        Layout::new(meta, &shape)
    }

    fn synthesize(&self, layout: Layout, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_region(|| "trace", |mut region| layout.assign(&mut region, &self.trace))?;
        for (index, (cell, _)) in self.trace.public.iter().enumerate() {
            if let Some(cell) = cell {
                let cell = layout.cell(*cell).ok_or(Error::Synthesis)?;
                layouter.constrain_instance(cell, layout.public, index);
            }
        }
        Ok(())
    }
}

const _: () = assert!(STATE + BESIDE == 15, "the layout table of the documentation");

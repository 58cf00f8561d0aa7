//! Columns and gates, and how a [`Trace`] fills them. Every trace begins in row 0 of each of its columns, but for parts
//! that a [`Layout`] puts below others.

use std::array;

use halo2_proofs::{
    circuit::{self, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance},
    poly::Rotation,
};

use crate::{
    fault::{Fault, Omission},
    field::{power_of_two, uint},
    layout::{Digits, Layout, Stacking},
    placement::{At, Placement},
    poseidon::{BESIDE, Chip, Permutation, PoseidonConfig, PoseidonSelectors, STATE, Schedule},
    trace::{Cell, DIGIT_BITS, DigitRow, MainRow, ROW_BITS, Table, Trace, Wire, recomposed},
};

/// Degree of the hash's equations: a selector and a fifth power.
const HASH_DEGREE: usize = 6;

/// Which columns and gates a circuit has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) layout: Layout,
    pub(crate) fault: Fault,
}

/// A trace as a circuit of the proof system.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceCircuit {
    pub(crate) trace: Trace,
    pub(crate) layout: Layout,
}

/// Columns of a circuit, by lane.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    layout: Layout,
    main: Vec<MainConfig>,
    hashes: Vec<PoseidonConfig>,
    selectors: PoseidonSelectors,
    ranges: Vec<RangeConfig>,
    table: Option<TableConfig>,
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

/// Rows of digits with an accumulator: fourteen in base 8, or as many as 42 bits have in another base.
#[derive(Debug, Clone)]
struct RangeConfig {
    form: Digits,
    digits: Vec<Column<Advice>>,
    accumulator: Column<Advice>,
    /// 1 in rows of digits.
    active: Column<Fixed>,
    /// 2⁴² in rows that continue a number.
    shift: Column<Fixed>,
    /// 1 in short rows.
    short: Column<Fixed>,
}

/// The table of diminishing returns, in the first lane of main rows, and that of digits where they are looked up.
#[derive(Debug, Clone)]
struct TableConfig {
    /// 1 in main rows that look up.
    lookup: Column<Fixed>,
    /// 1 in main rows that are entries.
    entry: Column<Fixed>,
    /// Number of the entry.
    number: Column<Fixed>,
    /// All digits there are.
    digits: Option<Column<Fixed>>,
}

impl MainConfig {
    /// In columns that are there, or in its own.
    fn new(meta: &mut ConstraintSystem<Fr>, shared: Option<[Column<Advice>; 4]>) -> Self {
        let config = Self {
            cells: shared.unwrap_or_else(|| array::from_fn(|_| meta.advice_column())),
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

    fn assign(&self, region: &mut Region<'_, Fr>, row: usize, main: &MainRow) {
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

impl RangeConfig {
    /// In columns that are there, accumulator first, and as many more as it takes.
    fn new(meta: &mut ConstraintSystem<Fr>, form: Digits, shared: &[Column<Advice>]) -> Self {
        let mut shared = shared.iter().copied();
        let accumulator = shared.next();
        let digits: Vec<_> = (0..form.columns())
            .map(|_| shared.next().unwrap_or_else(|| meta.advice_column()))
            .collect();
        Self {
            form,
            digits,
            accumulator: accumulator.unwrap_or_else(|| meta.advice_column()),
            active: meta.fixed_column(),
            shift: meta.fixed_column(),
            short: meta.fixed_column(),
        }
    }

    fn bind(&self, meta: &mut ConstraintSystem<Fr>, table: &TableConfig, fault: &Fault) {
        meta.enable_equality(self.accumulator);
        match table.digits {
            Some(table) => self.digit_lookup(meta, table),
            None => self.digit_gate(meta, fault),
        }
        self.recomposition_gate(meta, fault);
    }

    fn digit_lookup(&self, meta: &mut ConstraintSystem<Fr>, table: Column<Fixed>) {
        for column in &self.digits {
            meta.lookup_any("digit", |cells| {
                let active = cells.query_fixed(self.active, Rotation::cur());
                let digit = cells.query_advice(*column, Rotation::cur());
                vec![(active * digit, cells.query_fixed(table, Rotation::cur()))]
            });
        }
    }

    fn digit_gate(&self, meta: &mut ConstraintSystem<Fr>, fault: &Fault) {
        for (index, column) in self.digits.iter().enumerate() {
            if fault.omits(Omission::Digit(index)) {
                continue;
            }
            meta.create_gate("digit", |cells| {
                let active = cells.query_fixed(self.active, Rotation::cur());
                let digit = cells.query_advice(*column, Rotation::cur());
                let values = 0..1_u64 << self.form.bits;
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
            let digits = self.digits.iter();
            let digits: Vec<_> = digits
                .map(|column| cells.query_advice(*column, Rotation::cur()))
                .collect();
            let number = digits.iter().enumerate().fold(shift * before, |sum, (index, digit)| {
                sum + digit.clone() * power_of_two(self.form.bits * index)
            });
            let upper = digits
                .into_iter()
                .skip(self.form.short())
                .reduce(|sum, digit| sum + digit);
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

    fn assign(&self, region: &mut Region<'_, Fr>, row: usize, digits: &DigitRow) {
        for (column, digit) in self.digits.iter().zip(self.digits_of(digits)) {
            region.assign_advice(*column, row, Value::known(digit));
        }
        region.assign_advice(self.accumulator, row, Value::known(digits.accumulator));
        if !digits.active {
            return;
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

    /// The digits of a row in this lane's base.
    fn digits_of(&self, row: &DigitRow) -> Vec<Fr> {
        if self.form.bits == DIGIT_BITS {
            return row.digits.to_vec();
        }
        let number = uint(&recomposed(&row.digits)).wrapping_to::<u64>();
        let mask = (1 << self.form.bits) - 1;
        let digits = 0..self.form.columns();
        digits
            .map(|digit| Fr::from((number >> (self.form.bits * digit)) & mask))
            .collect()
    }
}

impl TableConfig {
    fn new(meta: &mut ConstraintSystem<Fr>, form: Digits) -> Self {
        Self {
            lookup: meta.fixed_column(),
            entry: meta.fixed_column(),
            number: meta.fixed_column(),
            digits: form.looked_up.then(|| meta.fixed_column()),
        }
    }

    fn bind(&self, meta: &mut ConstraintSystem<Fr>, main: &MainConfig) {
        meta.lookup_any("diminishing returns", |cells| {
            let lookup = cells.query_fixed(self.lookup, Rotation::cur());
            let entry = cells.query_fixed(self.entry, Rotation::cur());
            let number = cells.query_fixed(self.number, Rotation::cur());
            let [plays, _, entry_sum, sum] = main.cells.map(|column| cells.query_advice(column, Rotation::cur()));
            vec![(lookup.clone() * plays, number), (lookup * sum, entry * entry_sum)]
        });
    }

    fn assign(&self, region: &mut Region<'_, Fr>, row: usize, table: Table) {
        match table {
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

    fn assign_digits(&self, region: &mut Region<'_, Fr>, bits: usize) {
        if let Some(column) = self.digits {
            for (row, digit) in (0..1_u64 << bits).enumerate() {
                region.assign_fixed(column, row, Fr::from(digit));
            }
        }
    }
}

impl Columns {
    fn new(meta: &mut ConstraintSystem<Fr>, Shape { layout, fault }: &Shape) -> Self {
        let degree = layout
            .digits
            .map_or(HASH_DEGREE, |digits| HASH_DEGREE.max(digits.degree()));
        // The proof system would cut the degree down to what an environment variable says.
        meta.set_minimum_degree(degree);
        let public = meta.instance_column();
        meta.enable_equality(public);
        let apart = layout.stacking != Stacking::All;
        let lanes = if apart { layout.main_lanes } else { 0 };
        let mut main: Vec<_> = (0..lanes).map(|_| MainConfig::new(meta, None)).collect();
        let (hashes, selectors) = hash_columns(meta, layout, fault);
        let shared: Vec<_> = hashes.iter().map(PoseidonConfig::columns).collect();
        if !apart {
            let cells = |columns: &Vec<_>| columns.first_chunk().copied();
            main = shared
                .iter()
                .map(|columns| MainConfig::new(meta, cells(columns)))
                .collect();
        }
        let mut columns = Self {
            layout: *layout,
            main,
            hashes,
            selectors,
            ranges: Vec::new(),
            table: None,
            public,
        };
        if let Some(form) = layout.digits {
            columns.add_ranges(meta, form, &shared, fault);
        }
        columns
    }

    fn add_ranges(
        &mut self,
        meta: &mut ConstraintSystem<Fr>,
        form: Digits,
        shared: &[Vec<Column<Advice>>],
        fault: &Fault,
    ) {
        let stacked = self.layout.stacking != Stacking::Apart;
        let ranges = (0..form.lanes).map(|lane| {
            let columns = shared.get(lane).filter(|_| stacked);
            RangeConfig::new(meta, form, columns.map(Vec::as_slice).unwrap_or_default())
        });
        self.ranges = ranges.collect();
        let table = TableConfig::new(meta, form);
        self.ranges.iter().for_each(|lane| lane.bind(meta, &table, fault));
        if let Some(main) = self.main.first().filter(|_| !fault.omits(Omission::Lookup)) {
            table.bind(meta, main);
        }
        self.table = Some(table);
    }

    fn assign_hashes(&self, region: &mut Region<'_, Fr>, trace: &Trace, placement: &Placement) {
        let (rows, per_lane) = (trace.schedule.len(), placement.hashes_per_lane);
        self.selectors.assign(region, &trace.schedule, per_lane);
        let filling = Permutation::new(&trace.schedule, Fr::ZERO, Fr::ZERO, |_, _, honest| honest);
        for (lane, columns) in self.hashes.iter().enumerate() {
            let hashes = trace
                .hashes
                .iter()
                .skip(lane * per_lane)
                .chain(std::iter::repeat(&filling));
            let mut before = Fr::ZERO;
            for (hash, permutation) in hashes.take(per_lane).enumerate() {
                columns.assign(region, hash * rows, permutation, before);
                before = permutation.output;
            }
            region.assign_advice(columns.state[0], per_lane * rows, Value::known(before));
        }
    }

    fn assign_main(&self, region: &mut Region<'_, Fr>, trace: &Trace, placement: &Placement) {
        for (main, At { lane, row }) in trace.main.iter().zip(&placement.main) {
            if let Some(columns) = self.main.get(*lane) {
                columns.assign(region, *row, main);
            }
            if let Some(columns) = &self.table {
                columns.assign(region, *row, main.table);
            }
        }
    }

    fn assign_digits(&self, region: &mut Region<'_, Fr>, trace: &Trace, placement: &Placement) {
        for (digits, At { lane, row }) in trace.digits.iter().zip(&placement.digits) {
            if let Some(columns) = self.ranges.get(*lane) {
                columns.assign(region, *row, digits);
            }
        }
        if let (Some(columns), Some(form)) = (&self.table, self.layout.digits) {
            columns.assign_digits(region, form.bits);
        }
    }

    /// The proof system's cell; none in a circuit without that column.
    fn cell(&self, cell: Cell, placement: &Placement) -> Option<circuit::Cell> {
        let (At { row, .. }, column): (_, Column<Any>) = match cell.wire {
            Wire::Main(index) => {
                let at = *placement.main.get(cell.row)?;
                (at, (*self.main.get(at.lane)?.cells.get(index)?).into())
            }
            Wire::Hash(index) => {
                // The first cell of a hash is the output of the one before it.
                let at = if index == 0 {
                    placement.output(cell.row)
                } else {
                    placement.hash(cell.row)
                };
                (at, (*self.hashes.get(at.lane)?.state.get(index)?).into())
            }
            Wire::Accumulator => {
                let at = *placement.digits.get(cell.row)?;
                (at, self.ranges.get(at.lane)?.accumulator.into())
            }
        };
        Some(circuit::Cell {
            row_offset: row,
            column,
        })
    }

    fn assign(&self, region: &mut Region<'_, Fr>, trace: &Trace, placement: &Placement) -> Result<(), Error> {
        self.assign_main(region, trace, placement);
        self.assign_hashes(region, trace, placement);
        self.assign_digits(region, trace, placement);
        for (left, right) in &trace.copies {
            let (left, right) = (self.cell(*left, placement), self.cell(*right, placement));
            let (left, right) = left.zip(right).ok_or(Error::Synthesis)?;
            region.constrain_equal(left, right);
        }
        Ok(())
    }
}

fn hash_columns(
    meta: &mut ConstraintSystem<Fr>,
    layout: &Layout,
    fault: &Fault,
) -> (Vec<PoseidonConfig>, PoseidonSelectors) {
    let lanes = 0..layout.hash_lanes;
    let hashes: Vec<_> = lanes.map(|_| PoseidonConfig::new(meta, layout.hash_cells)).collect();
    let schedule = Schedule::new(layout.hash_cells);
    let selectors = PoseidonSelectors::new(meta, &schedule, layout.constants_in_columns);
    let chip = Chip {
        schedule,
        selectors: &selectors,
        fault,
    };
    hashes.iter().for_each(|lane| lane.bind(meta, &chip));
    (hashes, selectors)
}

impl Circuit<Fr> for TraceCircuit {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Shape {
        Shape {
            layout: self.layout,
            fault: self.trace.fault.clone(),
        }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Columns {
        Columns::new(meta, &Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Columns {
        Columns::new(meta, &shape)
    }

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let placement = Placement::new(&self.layout, &self.trace);
        layouter.assign_region(
            || "trace",
            |mut region| columns.assign(&mut region, &self.trace, &placement),
        )?;
        for (index, (cell, _)) in self.trace.public.iter().enumerate() {
            if let Some(cell) = cell {
                let cell = columns.cell(*cell, &placement).ok_or(Error::Synthesis)?;
                layouter.constrain_instance(cell, columns.public, index);
            }
        }
        Ok(())
    }
}

const _: () = assert!(STATE + BESIDE == 15, "the layout table of the documentation");

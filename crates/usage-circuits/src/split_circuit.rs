//! The Split circuit. Statement and numbers of the constraints: see the crate's documentation.

use cwe_usage::{Element, OFFSET_BITS, ONE, UNITS};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    fault::Fault,
    field::{power_of_two, scalar_of},
    layout::Layout,
    parts::{climb, commitment, packed, tier_epoch, zero},
    rule::Rule,
    split_hints::{SlotHints, SplitHints},
    trace::{Equation, Input, Table, Trace, Var, Width, signed},
};

const FULL: Width = Width::Full;
const SHORT: Width = Width::Short;
const PPM: i64 = 1_000_000;

/// Cells that all slots use.
#[derive(Clone, Copy)]
struct Common {
    /// Plays that count.
    most_plays: i64,
    zero: Var,
    tier_epoch: Var,
    total: Var,
}

/// Sums that run from slot to slot.
#[derive(Clone, Copy)]
struct Running {
    /// Largest work id so far.
    last_work: Var,
    gap_tops: Var,
    seconds: Var,
    /// `o + U · C_i`.
    cumulated: Var,
    units: Var,
}

impl SplitHints {
    /// The circuit.
    pub(crate) fn trace(&self, layout: &Layout, fault: Fault) -> Trace {
        let mut trace = Trace::new(layout, fault);
        let [epoch, tier, allowance, k, total] =
            [self.epoch, self.tier, self.allowance, self.k, self.total].map(|value| trace.free(Rule::Free, value));
        let common = Common {
            most_plays: i64::try_from(self.reciprocals.len()).unwrap_or(i64::MAX),
            zero: zero(&mut trace),
            tier_epoch: tier_epoch(&mut trace, tier, epoch),
            total,
        };
        let [key, root, nullifier] = self.membership(&mut trace, &common);
        self.diminishing(&mut trace, &common, k);
        let offset = self.offset(&mut trace, &common, nullifier);
        let mut running = Running {
            last_work: common.zero,
            gap_tops: common.zero,
            seconds: common.zero,
            cumulated: offset,
            units: common.zero,
        };
        let notes: Vec<_> = self
            .slots
            .iter()
            .map(|slot| slot.trace(&mut trace, &common, &mut running))
            .collect();
        ordered(&mut trace, &running);
        allowed(&mut trace, allowance, running.seconds);
        summed(&mut trace, &common, running.cumulated, offset);
        let notes_root = tree(&mut trace, notes, common.zero);
        for var in [epoch, key, tier, allowance, k, root, nullifier, notes_root] {
            trace.publish(var);
        }
        trace
    }

    /// S1, S2. Gives the cells of the epoch key, the subscription root and the nullifier.
    fn membership(&self, trace: &mut Trace, common: &Common) -> [Var; 3] {
        let [secret, _, identity] = trace.hash(Rule::Identity, Input::New(self.secret), Input::Copy(common.zero));
        let [_, _, leaf] = trace.hash(Rule::Leaf, Input::Copy(identity), Input::Copy(common.tier_epoch));
        let root = climb(trace, leaf, &self.path);
        let [_, key, nullifier] = trace.hash(Rule::Nullifier, Input::Copy(secret), Input::New(self.key));
        [key, root, nullifier]
    }

    /// S5, the table: entry v is the sum of the first v terms `a_j = ⌊2²⁴ · 10⁶ / (10⁶ + k·j)⌋`.
    fn diminishing(&self, trace: &mut Trace, common: &Common, k: Var) {
        let mut sum = common.zero;
        for (play, reciprocal) in (0_i64..).zip(&self.reciprocals) {
            let term = trace.range(Rule::Reciprocal, *reciprocal, &[FULL]).value;
            let mut remainder = Equation::new(-play, [-PPM, 0, 0, 0]);
            remainder.one = Fr::from(ONE) * signed(PPM);
            let remainder = trace.solve(Rule::ReciprocalRemainder, remainder, &[term, k].map(Input::Copy));
            trace.range_of(Rule::ReciprocalRemainderRange, remainder, &[FULL]);
            let mut bound = Equation::new(0, [play, -1, 0, 0]);
            bound.one = signed(PPM - 1);
            let bound = trace.solve(Rule::ReciprocalBound, bound, &[k, remainder].map(Input::Copy));
            trace.range_of(Rule::ReciprocalBoundRange, bound, &[FULL]);
            let inputs = [Input::Copy(sum), Input::Copy(term), Input::Solve, Input::Unused];
            let entry = Table::Entry(play.unsigned_abs() + 1);
            let add = Equation::new(0, [1, 1, 0, 0]);
            [_, _, sum, _] = trace.table_row(Rule::ReciprocalSum, add, inputs, entry);
        }
    }

    /// S6, the offset `o = ⌊(nf mod 2⁸⁴) · W / 2⁸⁴⌋`. The nullifier's parts are those of the number below the modulus:
    /// its high part is below the modulus' one.
    fn offset(&self, trace: &mut Trace, common: &Common, nullifier: Var) -> Var {
        let low = trace.range(Rule::OffsetLow, self.low, &[FULL; 2]).value;
        let high = trace.range(Rule::OffsetHigh, self.high, &[FULL; 5]).value;
        let mut parts = Equation::new(0, [0, 1, -1, 0]);
        parts.x[0] = power_of_two(OFFSET_BITS);
        let [high_copy, low_copy, nullifier] = [high, low, nullifier].map(Input::Copy);
        trace.row(
            Rule::OffsetParts,
            parts,
            [high_copy, low_copy, nullifier, Input::Unused],
        );
        let mut canonical = Equation::new(0, [-1, 0, 0, 0]);
        canonical.one = scalar_of(Element::modulus() >> OFFSET_BITS) - Fr::ONE;
        let canonical = trace.solve(Rule::OffsetCanonical, canonical, &[high_copy]);
        trace.range_of(Rule::OffsetCanonicalRange, canonical, &[FULL; 5]);

        let offset = trace.range(Rule::Offset, self.offset, &[FULL; 4]).value;
        let mut remainder = Equation::new(1, [0; 4]);
        remainder.x[2] = -power_of_two(OFFSET_BITS);
        let inputs = [low, common.total, offset].map(Input::Copy);
        let remainder = trace.solve(Rule::OffsetRemainder, remainder, &inputs);
        trace.range_of(Rule::OffsetRemainderRange, remainder, &[FULL; 2]);
        offset
    }
}

impl SlotHints {
    /// S3 to S7 for one slot; gives its note's commitment.
    fn trace(&self, trace: &mut Trace, common: &Common, running: &mut Running) -> Var {
        let (used, work) = self.work(trace, running);
        let seconds = trace.range(Rule::Seconds, self.seconds, &[SHORT]).value;
        let price = self.price(trace);
        let region = trace.range(Rule::Region, self.region, &[SHORT]).value;
        let credibility = trace.range(Rule::Credibility, self.credibility, &[SHORT]).value;
        let unused = [
            (Rule::UnusedSeconds, seconds),
            (Rule::UnusedPrice, price),
            (Rule::UnusedRegion, region),
        ];
        for (rule, value) in unused {
            // used · value − value = 0
            let [used, value] = [used, value].map(Input::Copy);
            trace.row(
                rule,
                Equation::new(1, [0, -1, 0, 0]),
                [used, value, Input::Unused, Input::Unused],
            );
        }
        let add = Equation::new(0, [1, 1, 0, 0]);
        running.seconds = trace.solve(Rule::SecondsSum, add, &[running.seconds, seconds].map(Input::Copy));

        let factor = self.factor(trace, common, used);
        let product = Equation::new(1, [0; 4]);
        let seconds_price = trace.solve(Rule::SecondsPrice, product, &[seconds, price].map(Input::Copy));
        let both = [region, credibility].map(Input::Copy);
        let region_credibility = trace.solve(Rule::RegionCredibility, product, &both);
        let both = [seconds_price, region_credibility].map(Input::Copy);
        let weighted = trace.solve(Rule::Weighted, product, &both);
        let cumulate = Equation::new(UNITS.into(), [0, 0, 1, 0]);
        let inputs = [weighted, factor, running.cumulated].map(Input::Copy);
        running.cumulated = trace.solve(Rule::Cumulated, cumulate, &inputs);

        let units = self.units(trace, common, running);
        let packed = packed(trace, units, price, region);
        let [_, note] = commitment(trace, work, packed, self.r, common.tier_epoch);
        note
    }

    /// S3: `last += used · (1 + gap)`, `work = used · last`.
    fn work(&self, trace: &mut Trace, running: &mut Running) -> (Var, Var) {
        let used = trace.bit(Rule::Used, self.used);
        let gap = trace.range(Rule::Gap, self.gap, &[FULL; 6]);
        let inputs = [used, gap.value, running.last_work].map(Input::Copy);
        running.last_work = trace.solve(Rule::LastWork, Equation::new(1, [1, 0, 1, 0]), &inputs);
        let inputs = [used, running.last_work].map(Input::Copy);
        let work = trace.solve(Rule::Work, Equation::new(1, [0; 4]), &inputs);
        let add = Equation::new(0, [1, 1, 0, 0]);
        running.gap_tops = trace.solve(Rule::GapTops, add, &[running.gap_tops, gap.top].map(Input::Copy));
        (used, work)
    }

    /// S4: 24 + 42 bits, of which the upper ones are 22.
    fn price(&self, trace: &mut Trace) -> Var {
        let price = trace.range(Rule::Price, self.price, &[SHORT, FULL]);
        let top = trace.solve(
            Rule::PriceTop,
            Equation::new(0, [4, 0, 0, 0]),
            &[Input::Copy(price.top)],
        );
        trace.range_of(Rule::PriceTopRange, top, &[SHORT]);
        price.value
    }

    /// S5: `D(v) = ⌊S(v) / v⌋`. In an unused slot the remainder's bound is one higher, so that v may be 0.
    fn factor(&self, trace: &mut Trace, common: &Common, used: Var) -> Var {
        let extra = trace.range(Rule::ExtraPlays, self.extra, &[SHORT]).value;
        let counted = trace.free(Rule::Free, self.counted);
        let plays = trace.solve(
            Rule::Plays,
            Equation::new(0, [1, 1, 0, 0]),
            &[counted, extra].map(Input::Copy),
        );
        let factor = trace.range(Rule::Factor, self.factor, &[FULL]).value;
        let remainder = trace.range(Rule::FactorRemainder, self.factor_remainder, &[FULL]).value;
        let inputs = [factor, plays, remainder].map(Input::Copy);
        let sum = trace.solve(Rule::FactorSum, Equation::new(1, [0, 0, 1, 0]), &inputs);
        let bound = Equation::new(0, [1, -1, -1, 0]);
        let bound = trace.solve(Rule::FactorBound, bound, &[plays, used, remainder].map(Input::Copy));
        trace.range_of(Rule::FactorBoundRange, bound, &[FULL]);
        // (counted − 256) · extra = 0
        let inputs = [
            Input::Copy(counted),
            Input::Copy(extra),
            Input::Unused,
            Input::Copy(sum),
        ];
        trace.table_row(
            Rule::CountedPlays,
            Equation::new(1, [0, -common.most_plays, 0, 0]),
            inputs,
            Table::Lookup,
        );
        factor
    }

    /// S6: `q_i · W ≤ o + U·C_i < (q_i + 1) · W`.
    fn units(&self, trace: &mut Trace, common: &Common, running: &mut Running) -> Var {
        let units = trace.range(Rule::Units, self.units, &[FULL]).value;
        let add = Equation::new(0, [1, 1, 0, 0]);
        running.units = trace.solve(Rule::UnitsSum, add, &[running.units, units].map(Input::Copy));
        let inputs = [running.units, common.total, running.cumulated].map(Input::Copy);
        let remainder = trace.solve(Rule::Rounding, Equation::new(-1, [0, 0, 1, 0]), &inputs);
        trace.range_of(Rule::RoundingRange, remainder, &[FULL; 4]);
        let mut bound = Equation::new(0, [1, -1, 0, 0]);
        bound.one = -Fr::ONE;
        let bound = trace.solve(Rule::RoundingBound, bound, &[common.total, remainder].map(Input::Copy));
        trace.range_of(Rule::RoundingBoundRange, bound, &[FULL; 4]);
        units
    }
}

/// S3: the ids did not wrap around the modulus, and the largest is below 2²⁴⁸.
fn ordered(trace: &mut Trace, running: &Running) {
    trace.range_of(Rule::GapTopsRange, running.gap_tops, &[FULL]);
    let largest = trace.range_of(Rule::LargestWork, running.last_work, &[FULL; 6]);
    let top = trace.solve(
        Rule::LargestWorkTop,
        Equation::new(0, [16, 0, 0, 0]),
        &[Input::Copy(largest.top)],
    );
    trace.range_of(Rule::LargestWorkTopRange, top, &[FULL]);
}

/// S4.
fn allowed(trace: &mut Trace, allowance: Var, seconds: Var) {
    let slack = trace.solve(
        Rule::Slack,
        Equation::new(0, [1, -1, 0, 0]),
        &[allowance, seconds].map(Input::Copy),
    );
    trace.range_of(Rule::SlackRange, slack, &[FULL; 2]);
}

/// S5: `o + U·C_M = o + U·W`.
fn summed(trace: &mut Trace, common: &Common, cumulated: Var, offset: Var) {
    let equation = Equation::new(0, [1, -1, -i64::from(UNITS), 0]);
    let [cumulated, offset, total] = [cumulated, offset, common.total].map(Input::Copy);
    trace.row(Rule::Total, equation, [cumulated, offset, total, Input::Unused]);
}

/// S7: the root of a full tree.
fn tree(trace: &mut Trace, mut nodes: Vec<Var>, zero: Var) -> Var {
    while nodes.len() > 1 {
        let parents = nodes.chunks(2).map(|pair| {
            let [left, right] = [pair.first(), pair.last()].map(|node| Input::Copy(*node.unwrap_or(&zero)));
            let [_, _, parent] = trace.hash(Rule::NotesNode, left, right);
            parent
        });
        nodes = parents.collect();
    }
    nodes.first().copied().unwrap_or(zero)
}

//! Every constraint is needed: without it something false is accepted that the circuit otherwise rejects.
//!
//! The circuits here are small instances of the real ones, of four slots, five counted plays and paths of two levels:
//! the same code writes both. A falsehood is a witness with falsified values; it must be rejected, and accepted as soon
//! as one constraint is left out.

use alloy_primitives::U256;
use cwe_usage::{Element, OFFSET_BITS, ONE, UNITS};
use halo2_proofs::{
    dev::MockProver,
    halo2curves::{bn256::Fr, ff::Field},
};

use super::rng;
use crate::{
    Layout, Srs,
    columns::TraceCircuit,
    fault::{Change, Fault, Omission, Place, To},
    field::{power_of_two, scalar_of, uint},
    keys::CircuitKey,
    parts::Step,
    poseidon::{BESIDE, PoseidonCell, RowKind},
    prove::create,
    reveal::RevealHints,
    rule::Rule,
    split_hints::{SlotHints, SplitHints},
    trace::{DIGITS, Trace},
    verify::check,
};

const K: u32 = 8;
/// Split's columns on the rows of the small instances.
const SPLIT: Layout = Layout {
    log2_rows: K,
    ..Layout::SPLIT
};
const REVEAL: Layout = Layout::REVEAL;
const SLOTS: usize = 4;
const PLAYS: usize = 5;
/// The slot that is not used.
const UNUSED: usize = 1;
/// The slot with more plays than count.
const BUSY: usize = 2;
const K_PPM: u64 = 1_000_000;

fn fr(number: u64) -> Fr {
    Fr::from(number)
}

fn steps() -> Vec<Step> {
    vec![
        Step {
            right: Fr::ZERO,
            sibling: fr(11),
        },
        Step {
            right: Fr::ONE,
            sibling: fr(12),
        },
    ]
}

/// Sum of the first `plays` terms.
fn sum(plays: usize) -> u64 {
    (0..plays.min(PLAYS) as u64)
        .map(|play| ONE * 1_000_000 / (1_000_000 + K_PPM * play))
        .sum()
}

impl SlotHints {
    fn set_plays(&mut self, counted: usize, extra: u64) {
        let plays = counted as u64 + extra;
        self.counted = fr(counted as u64);
        self.extra = fr(extra);
        self.factor = fr(sum(counted).checked_div(plays).unwrap_or_default());
        self.factor_remainder = fr(sum(counted).checked_rem(plays).unwrap_or_default());
    }

    fn weight(&self) -> Fr {
        self.seconds * self.price * self.region * self.credibility * self.factor
    }
}

/// What a falsehood computes with instead of the honest values.
#[derive(Default)]
struct Lie {
    low: Option<Fr>,
    total: Option<Fr>,
    offset: Option<Fr>,
    /// Added to each slot's weight.
    weights: [Fr; SLOTS],
}

impl SplitHints {
    /// An honest month.
    fn small() -> Self {
        let slot = |gap: U256, seconds, plays, extra| {
            let mut slot = SlotHints {
                used: Fr::ONE,
                gap: scalar_of(gap),
                seconds: fr(seconds),
                price: fr(1 << 60),
                region: fr(1_000_000),
                credibility: fr(900_000),
                r: fr(1000 + seconds),
                ..SlotHints::default()
            };
            slot.set_plays(plays, extra);
            slot
        };
        let mut hints = Self {
            epoch: fr(7),
            key: fr(8),
            tier: fr(9),
            allowance: fr(1 << 40),
            k: fr(K_PPM),
            secret: fr(10),
            path: steps(),
            low: Fr::ZERO,
            high: Fr::ZERO,
            total: Fr::ZERO,
            offset: Fr::ZERO,
            reciprocals: (0..PLAYS).map(|play| fr(sum(play + 1) - sum(play))).collect(),
            slots: vec![
                slot(U256::from(4), 100_000, 1, 0),
                SlotHints {
                    r: fr(55),
                    ..SlotHints::default()
                },
                slot(U256::from(1) << 200, 900_000, PLAYS, 3),
                slot(U256::from(1) << 247, 333_333, 2, 0),
            ],
        };
        hints.complete(&Lie::default());
        hints
    }

    fn nullifier(&self) -> U256 {
        let element = |value: &Fr| Element::try_from(uint(value)).unwrap();
        cwe_usage::poseidon::hash(element(&self.secret), element(&self.key)).to_uint()
    }

    /// Computes offset, total and units from the rest.
    fn complete(&mut self, lie: &Lie) {
        let mask = (U256::from(1) << OFFSET_BITS) - U256::from(1);
        let nullifier = self.nullifier();
        if lie.low.is_none() {
            self.high = scalar_of(nullifier >> OFFSET_BITS);
        }
        self.low = lie.low.unwrap_or(scalar_of(nullifier & mask));
        let weights: Vec<_> = self
            .slots
            .iter()
            .zip(lie.weights)
            .map(|(slot, more)| slot.weight() + more)
            .collect();
        self.total = lie.total.unwrap_or(weights.iter().sum());
        self.offset = lie
            .offset
            .unwrap_or(scalar_of((uint(&self.low) * uint(&self.total)) >> OFFSET_BITS));
        let mut cumulated = self.offset;
        let mut before = U256::ZERO;
        for (slot, weight) in self.slots.iter_mut().zip(weights) {
            cumulated += weight * fr(UNITS.into());
            let units = uint(&cumulated) / uint(&self.total);
            slot.units = scalar_of(units - before);
            before = units;
        }
    }
}

fn small_reveal() -> RevealHints {
    RevealHints {
        epoch: fr(1),
        key: fr(2),
        tier: fr(3),
        work: fr(4),
        units: fr(5),
        price: fr(6),
        region: fr(7),
        r: fr(8),
        path: steps(),
    }
}

/// Whether a trace satisfies the constraints that are not left out.
fn accepted(trace: Trace, layout: Layout, public: Vec<Fr>) -> bool {
    let circuit = TraceCircuit { trace, layout };
    MockProver::run(K, &circuit, vec![public]).unwrap().verify().is_ok()
}

fn split_accepted(hints: &SplitHints, fault: Fault) -> bool {
    let trace = hints.trace(&SPLIT, fault);
    let public = trace.public_inputs();
    accepted(trace, SPLIT, public)
}

fn change(rule: Rule, occurrence: usize, place: Place, to: To) -> Change {
    Change {
        rule,
        occurrence,
        place,
        to,
    }
}

fn plus(rule: Rule, occurrence: usize, place: Place, amount: u64) -> Change {
    change(rule, occurrence, place, To::Plus(fr(amount)))
}

/// A falsehood that exactly one constraint keeps out.
struct Falsehood {
    without: Omission,
    hints: SplitHints,
    changes: Vec<Change>,
}

impl Falsehood {
    fn new(without: Omission, change_hints: impl FnOnce(&mut SplitHints), changes: Vec<Change>) -> Self {
        let mut hints = SplitHints::small();
        change_hints(&mut hints);
        Self {
            without,
            hints,
            changes,
        }
    }

    fn check(&self) -> Result<(), String> {
        let fault = |omission| Fault {
            omission,
            changes: self.changes.clone(),
            ..Fault::default()
        };
        if split_accepted(&self.hints, fault(None)) {
            return Err(format!("{:?}: accepted by the whole circuit", self.without));
        }
        if !split_accepted(&self.hints, fault(Some(self.without))) {
            return Err(format!("{:?}: rejected without it too", self.without));
        }
        Ok(())
    }
}

fn check_all(falsehoods: &[Falsehood]) {
    let failures: Vec<_> = falsehoods
        .iter()
        .filter_map(|falsehood| falsehood.check().err())
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_small_circuits_accept_honest_values() {
    assert!(split_accepted(&SplitHints::small(), Fault::default()));
    let trace = small_reveal().trace(&REVEAL, Fault::default());
    let public = trace.public_inputs();
    assert!(accepted(trace, REVEAL, public));
}

/// Equations that compute a value which nothing else checks.
#[test]
fn computed_values_cannot_be_replaced() {
    let rules = [
        Rule::TierEpoch,
        Rule::PathDifference,
        Rule::PathLeft,
        Rule::PathRight,
        Rule::LastWork,
        Rule::Work,
        Rule::GapTops,
        Rule::LargestWorkTop,
        Rule::PriceTop,
        Rule::SecondsSum,
        Rule::Slack,
        Rule::ReciprocalRemainder,
        Rule::ReciprocalBound,
        Rule::FactorBound,
        Rule::OffsetCanonical,
        Rule::OffsetRemainder,
        Rule::RoundingBound,
        Rule::Packed,
    ];
    let falsehoods =
        rules.map(|rule| Falsehood::new(Omission::Gate(rule), |_| (), vec![plus(rule, 0, Place::Solved, 1)]));
    check_all(&falsehoods);
}

/// Weights that are not the product of their factors.
#[test]
fn weights_cannot_be_replaced() {
    let cases = [
        (Rule::SecondsPrice, Fr::ONE),
        (Rule::RegionCredibility, Fr::ONE),
        (Rule::Weighted, Fr::ONE),
        (Rule::Cumulated, fr(UNITS.into())),
    ];
    let falsehoods = cases.map(|(rule, amount)| {
        let lie = |hints: &mut SplitHints| {
            let slot = &hints.slots[0];
            let more = match rule {
                Rule::SecondsPrice => slot.region * slot.credibility * slot.factor,
                Rule::RegionCredibility => slot.seconds * slot.price * slot.factor,
                Rule::Weighted => slot.factor,
                _ => Fr::ONE,
            };
            hints.complete(&Lie {
                weights: [more, Fr::ZERO, Fr::ZERO, Fr::ZERO],
                ..Lie::default()
            });
        };
        Falsehood::new(
            Omission::Gate(rule),
            lie,
            vec![change(rule, 0, Place::Solved, To::Plus(amount))],
        )
    });
    check_all(&falsehoods);
}

#[test]
fn every_other_equation_is_needed() {
    let gate = Omission::Gate;
    let minus_one = -Fr::ONE;
    let one = Fr::ONE;
    let move_unit = |hints: &mut SplitHints, amount: Fr| {
        hints.slots[0].units += amount;
        hints.slots[BUSY].units -= amount;
    };
    let total = SplitHints::small().total;
    let mut falsehoods = vec![
        // All that begins at 0 begins at 1, the units among it.
        Falsehood::new(
            gate(Rule::Zero),
            |hints| {
                hints.slots[0].factor += one;
                hints.slots[BUSY].factor_remainder += one;
                hints.slots[3].factor_remainder += one;
                hints.complete(&Lie::default());
                hints.slots[0].units -= one;
            },
            vec![plus(Rule::Zero, 0, Place::Input(0), 1)],
        ),
        Falsehood::new(gate(Rule::PathBit), |hints| hints.path[0].right = fr(5), vec![]),
        Falsehood::new(
            gate(Rule::Used),
            |hints| {
                hints.slots[UNUSED].used = fr(2);
                hints.slots[UNUSED].set_plays(3, 0);
            },
            vec![],
        ),
        Falsehood::new(
            gate(Rule::UnusedSeconds),
            |hints| hints.slots[UNUSED].seconds = one,
            vec![],
        ),
        Falsehood::new(gate(Rule::UnusedPrice), |hints| hints.slots[UNUSED].price = one, vec![]),
        Falsehood::new(
            gate(Rule::UnusedRegion),
            |hints| hints.slots[UNUSED].region = one,
            vec![],
        ),
        // Few plays with the terms of fewer: extra ones though not all terms count.
        Falsehood::new(
            gate(Rule::CountedPlays),
            |hints| {
                hints.slots[BUSY].set_plays(2, 6);
                hints.complete(&Lie::default());
            },
            vec![],
        ),
        // A sum of weights that is twice the real one: only half of the units.
        Falsehood::new(
            gate(Rule::Total),
            |hints| {
                hints.complete(&Lie {
                    total: Some(total + total),
                    ..Lie::default()
                })
            },
            vec![],
        ),
        // Another offset than the nullifier's.
        Falsehood::new(
            gate(Rule::OffsetParts),
            |hints| {
                let low = hints.low + one;
                hints.complete(&Lie {
                    low: Some(low),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        Falsehood::new(
            gate(Rule::UnitsSum),
            |hints| hints.slots[0].units -= one,
            vec![plus(Rule::UnitsSum, 0, Place::Solved, 1)],
        ),
        // One unit moved from one work to another.
        Falsehood::new(
            gate(Rule::Rounding),
            |hints| move_unit(hints, one),
            vec![
                change(Rule::Rounding, 0, Place::Solved, To::Plus(total)),
                change(Rule::Rounding, 1, Place::Solved, To::Plus(total)),
            ],
        ),
    ];
    // One play more than there were.
    let mut hints = SplitHints::small();
    let slot = &mut hints.slots[BUSY];
    let plays = PLAYS as u64 + 4;
    (slot.factor, slot.factor_remainder) = (fr(sum(PLAYS) / plays), fr(sum(PLAYS) % plays));
    hints.complete(&Lie::default());
    falsehoods.push(Falsehood {
        without: gate(Rule::Plays),
        hints,
        changes: vec![plus(Rule::Plays, BUSY, Place::Solved, 1)],
    });
    // A larger mean than the sum gives.
    let mut hints = SplitHints::small();
    hints.slots[0].factor += one;
    hints.complete(&Lie::default());
    let changes = vec![change(Rule::FactorSum, 0, Place::Solved, To::Plus(minus_one))];
    falsehoods.push(Falsehood {
        without: gate(Rule::FactorSum),
        hints,
        changes,
    });
    // A larger sum in the table.
    let mut hints = SplitHints::small();
    hints.slots[BUSY].factor_remainder += one;
    let changes = vec![plus(Rule::ReciprocalSum, PLAYS - 1, Place::Solved, 1)];
    falsehoods.push(Falsehood {
        without: gate(Rule::ReciprocalSum),
        hints,
        changes,
    });
    // A sum that is not in the table.
    let mut hints = SplitHints::small();
    hints.slots[0].factor += one;
    hints.complete(&Lie::default());
    falsehoods.push(Falsehood {
        without: Omission::Lookup,
        hints,
        changes: vec![],
    });
    check_all(&falsehoods);
}

/// Falsehoods that a range keeps out.
fn out_of_range() -> Vec<Falsehood> {
    let range = Omission::Range;
    let one = Fr::ONE;
    let modulus = Element::modulus();
    let honest = SplitHints::small();
    let nullifier = honest.nullifier();
    let mask = (U256::from(1) << OFFSET_BITS) - U256::from(1);
    let top = |rule, occurrence| change(rule, occurrence, Place::Top, To::Exactly(Fr::ZERO));
    let big = power_of_two(30);
    let with = |rule, lie: &dyn Fn(&mut SplitHints), changes| Falsehood::new(range(rule), lie, changes);
    let completed = |change_slot: &dyn Fn(&mut SlotHints)| {
        let change_slot = |hints: &mut SplitHints| {
            change_slot(&mut hints.slots[0]);
            hints.complete(&Lie::default());
        };
        let mut hints = SplitHints::small();
        change_slot(&mut hints);
        hints
    };
    let slot = |rule, change_slot: &dyn Fn(&mut SlotHints), changes| Falsehood {
        without: range(rule),
        hints: completed(change_slot),
        changes,
    };
    let table = |rule, change_term: &dyn Fn(&mut Fr)| {
        with(
            rule,
            &|hints| {
                hints.slots[BUSY].set_plays(2, 0);
                hints.complete(&Lie::default());
                change_term(&mut hints.reciprocals[PLAYS - 1]);
            },
            vec![],
        )
    };
    let all_used = |hints: &mut SplitHints, gaps: [Fr; SLOTS]| {
        hints.slots[UNUSED].used = one;
        hints.slots[UNUSED].set_plays(1, 0);
        for (slot, gap) in hints.slots.iter_mut().zip(gaps) {
            slot.gap = gap;
        }
    };
    let widest = power_of_two(252) - one;
    vec![
        // The same work twice.
        with(
            Rule::Gap,
            &|hints| hints.slots[BUSY].gap = -one,
            vec![top(Rule::Gap, BUSY)],
        ),
        // Ids that wrap around the modulus, down to a small one.
        with(
            Rule::GapTopsRange,
            &|hints| all_used(hints, [widest, widest, widest, -(widest + one) * fr(3)]),
            vec![],
        ),
        with(
            Rule::LargestWork,
            &|hints| all_used(hints, [widest, fr(1), fr(1), fr(1)]),
            vec![top(Rule::LargestWork, 0)],
        ),
        with(
            Rule::LargestWorkTopRange,
            &|hints| hints.slots[3].gap = power_of_two(249),
            vec![],
        ),
        slot(Rule::Seconds, &|slot| slot.seconds = big, vec![]),
        slot(
            Rule::Price,
            &|slot| (slot.price, slot.seconds) = (power_of_two(70), one),
            vec![top(Rule::Price, 0)],
        ),
        slot(
            Rule::PriceTopRange,
            &|slot| (slot.price, slot.seconds) = (power_of_two(65), one),
            vec![],
        ),
        slot(Rule::Region, &|slot| slot.region = big, vec![]),
        slot(Rule::Credibility, &|slot| slot.credibility = big, vec![]),
        with(Rule::SlackRange, &|hints| hints.allowance = fr(1_333_332), vec![]),
        // (2²⁴ · 10⁶ − remainder) / divisor, for a remainder that leaves no integer.
        table(Rule::Reciprocal, &|term| {
            *term -= (fr(1_000_000 + 4 * K_PPM)).invert().unwrap()
        }),
        table(Rule::ReciprocalRemainderRange, &|term| *term += one),
        table(Rule::ReciprocalBoundRange, &|term| *term -= one),
        with(
            Rule::ExtraPlays,
            &|hints| {
                hints.slots[BUSY].set_plays(PLAYS, 1 << 30);
                hints.complete(&Lie::default());
            },
            vec![],
        ),
        // A mean that is no integer; of a work without seconds, as it would show in the weights.
        slot(
            Rule::Factor,
            &|slot| {
                slot.seconds = Fr::ZERO;
                slot.set_plays(3, 0);
                let other = slot.factor_remainder + one;
                let valid = if other == fr(3) { Fr::ZERO } else { other };
                slot.factor = (fr(sum(3)) - valid) * fr(3).invert().unwrap();
                slot.factor_remainder = valid;
            },
            vec![],
        ),
        slot(
            Rule::FactorRemainder,
            &|slot| (slot.factor, slot.factor_remainder) = (slot.factor + one, slot.factor_remainder - one),
            vec![],
        ),
        slot(
            Rule::FactorBoundRange,
            &|slot| (slot.factor, slot.factor_remainder) = (slot.factor - one, slot.factor_remainder + one),
            vec![],
        ),
        // An offset above the sum of weights: 101 units.
        with(
            Rule::OffsetLow,
            &|hints| {
                let low = hints.low + power_of_two(OFFSET_BITS);
                hints.high -= one;
                hints.complete(&Lie {
                    low: Some(low),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        // The parts of the nullifier less the modulus.
        with(
            Rule::OffsetHigh,
            &|hints| {
                let below = modulus - nullifier;
                let low = (mask + U256::from(1) - (below & mask)) & mask;
                hints.high = -scalar_of((below + low) >> OFFSET_BITS);
                hints.complete(&Lie {
                    low: Some(scalar_of(low)),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        // The parts of the nullifier plus the modulus.
        with(
            Rule::OffsetCanonicalRange,
            &|hints| {
                let above = nullifier + modulus;
                hints.high = scalar_of(above >> OFFSET_BITS);
                hints.complete(&Lie {
                    low: Some(scalar_of(above & mask)),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        // The offset of a product that wraps around the modulus.
        with(
            Rule::Offset,
            &|hints| {
                let product = uint(&hints.low) * uint(&hints.total) + modulus;
                hints.complete(&Lie {
                    offset: Some(scalar_of(product >> OFFSET_BITS)),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        with(
            Rule::OffsetRemainderRange,
            &|hints| {
                let offset = hints.offset + one;
                hints.complete(&Lie {
                    offset: Some(offset),
                    ..Lie::default()
                });
            },
            vec![],
        ),
        // A quotient that is no integer.
        with(
            Rule::Units,
            &|hints| {
                let wrong = hints.total.invert().unwrap();
                hints.slots[0].units -= wrong;
                hints.slots[UNUSED].units += wrong;
            },
            vec![],
        ),
        with(
            Rule::RoundingRange,
            &|hints| {
                hints.slots[0].units += one;
                hints.slots[BUSY].units -= one;
            },
            vec![],
        ),
        with(
            Rule::RoundingBoundRange,
            &|hints| {
                hints.slots[0].units -= one;
                hints.slots[UNUSED].units += one;
            },
            vec![],
        ),
    ]
}

#[test]
fn every_range_is_needed() {
    check_all(&out_of_range());
}

#[test]
fn every_part_of_a_range_is_needed() {
    // The gap of an unused slot may be any number.
    let mut falsehoods: Vec<_> = (0..DIGITS)
        .map(|digit| {
            let eight = plus(Rule::Gap, UNUSED, Place::Digit(digit), 8);
            Falsehood::new(Omission::Digit(digit), |_| (), vec![eight])
        })
        .collect();
    let other = plus(Rule::Gap, UNUSED, Place::Accumulator, 1);
    falsehoods.push(Falsehood::new(Omission::Recomposition, |_| (), vec![other]));
    falsehoods.push(Falsehood::new(
        Omission::Short,
        |hints| {
            hints.slots[0].seconds = power_of_two(24);
            hints.complete(&Lie::default());
        },
        vec![],
    ));
    check_all(&falsehoods);
}

#[test]
fn every_equation_of_the_hash_is_needed() {
    let kinds = [
        (RowKind::First, [0..9, BESIDE..BESIDE + 3]),
        (RowKind::Partial, [0..12, BESIDE..BESIDE + 3]),
        (RowKind::Tail, [0..9, BESIDE..BESIDE + 3]),
        (RowKind::Last, [0..9, BESIDE..BESIDE + 1]),
    ];
    for (kind, used) in kinds {
        for cell in used.into_iter().flatten() {
            let cell = PoseidonCell { kind, cell };
            let changes = vec![plus(Rule::Content, 0, Place::Poseidon(cell), 1)];
            let run = |omission| {
                let trace = small_reveal().trace(
                    &REVEAL,
                    Fault {
                        omission,
                        changes: changes.clone(),
                        ..Fault::default()
                    },
                );
                let public = trace.public_inputs();
                accepted(trace, REVEAL, public)
            };
            assert!(!run(None), "{cell:?}: accepted by the whole circuit");
            assert!(run(Some(Omission::Poseidon(cell))), "{cell:?}: rejected without it too");
        }
    }
}

#[test]
fn every_public_input_is_bound() {
    let split = |fault| (SplitHints::small().trace(&SPLIT, fault), SPLIT);
    let reveal = |fault| (small_reveal().trace(&REVEAL, fault), REVEAL);
    let circuits: [&dyn Fn(Fault) -> (Trace, Layout); 2] = [&split, &reveal];
    for circuit in circuits {
        let inputs = circuit(Fault::default()).0.public.len();
        for input in 0..inputs {
            let run = |omission| {
                let (trace, layout) = circuit(Fault {
                    omission,
                    ..Fault::default()
                });
                let mut public = trace.public_inputs();
                public[input] += Fr::ONE;
                accepted(trace, layout, public)
            };
            assert!(!run(None), "input {input} is not bound");
            assert!(run(Some(Omission::Public(input))), "input {input} is bound twice");
        }
    }
}

/// Falsehoods that one copy keeps out, where the value copied must not just be any other.
fn false_copies() -> Vec<Falsehood> {
    let copy = |rule, input| Omission::Copy(rule, input);
    let one = Fr::ONE;
    let set = |rule, occurrence, input, to| change(rule, occurrence, Place::Input(input), To::Exactly(to));
    let add = |rule, occurrence, input, amount| change(rule, occurrence, Place::Input(input), To::Plus(amount));
    let honest = SplitHints::small();
    let total = honest.total;
    let shift = power_of_two(OFFSET_BITS);
    let doubled = |input, amount| {
        let lie = |hints: &mut SplitHints| {
            hints.complete(&Lie {
                total: Some(total + total),
                ..Lie::default()
            })
        };
        Falsehood::new(copy(Rule::Total, input), lie, vec![add(Rule::Total, 0, input, amount)])
    };
    let other_low = |input, amount| {
        let lie = |hints: &mut SplitHints| {
            let low = hints.low + one;
            hints.complete(&Lie {
                low: Some(low),
                ..Lie::default()
            });
        };
        Falsehood::new(
            copy(Rule::OffsetParts, input),
            lie,
            vec![add(Rule::OffsetParts, 0, input, amount)],
        )
    };
    let higher_offset = |input, to| {
        let lie = |hints: &mut SplitHints| {
            let offset = hints.offset + one;
            hints.complete(&Lie {
                offset: Some(offset),
                ..Lie::default()
            });
        };
        Falsehood::new(
            copy(Rule::OffsetRemainder, input),
            lie,
            vec![set(Rule::OffsetRemainder, 0, input, to)],
        )
    };
    let moved = (honest.offset + one) * shift;
    let last_term = PLAYS - 1;
    let without_busy = |hints: &mut SplitHints| {
        hints.slots[BUSY].set_plays(2, 0);
        hints.complete(&Lie::default());
    };
    let fewer_units = |hints: &mut SplitHints| hints.slots[0].units -= one;
    vec![
        // A second submission: the nullifier of another secret.
        Falsehood::new(
            copy(Rule::Nullifier, 0),
            |hints| {
                hints.secret += one;
                hints.complete(&Lie::default());
                hints.secret -= one;
            },
            vec![add(Rule::Nullifier, 0, 0, one)],
        ),
        doubled(0, total * fr(UNITS.into())),
        doubled(1, -total * fr(UNITS.into())),
        doubled(2, -total),
        other_low(0, -shift.invert().unwrap()),
        other_low(1, -one),
        other_low(2, one),
        higher_offset(0, moved * total.invert().unwrap()),
        higher_offset(1, moved * honest.low.invert().unwrap()),
        higher_offset(2, honest.offset),
        Falsehood::new(
            copy(Rule::ReciprocalRemainder, 0),
            |hints| {
                without_busy(hints);
                hints.reciprocals[last_term] += one;
            },
            vec![add(Rule::ReciprocalRemainder, last_term, 0, -one)],
        ),
        Falsehood::new(
            copy(Rule::ReciprocalSum, 0),
            without_busy,
            vec![add(Rule::ReciprocalSum, last_term, 0, one)],
        ),
        Falsehood::new(
            copy(Rule::ReciprocalSum, 1),
            without_busy,
            vec![add(Rule::ReciprocalSum, last_term, 1, one)],
        ),
        // The sum of more plays than there were.
        Falsehood::new(
            copy(Rule::CountedPlays, 0),
            |hints| {
                (hints.slots[3].factor, hints.slots[3].factor_remainder) = (fr(sum(3) / 2), fr(sum(3) % 2));
                hints.complete(&Lie::default());
            },
            vec![add(Rule::CountedPlays, 3, 0, one)],
        ),
        Falsehood::new(
            copy(Rule::CountedPlays, 3),
            |hints| {
                hints.slots[0].factor += one;
                hints.complete(&Lie::default());
            },
            vec![add(Rule::CountedPlays, 0, 3, -one)],
        ),
        Falsehood::new(
            copy(Rule::FactorSum, 2),
            |hints| hints.slots[3].factor_remainder = one - hints.slots[3].factor_remainder,
            vec![set(Rule::FactorSum, 3, 2, honest.slots[3].factor_remainder)],
        ),
        Falsehood::new(
            copy(Rule::Cumulated, 2),
            |hints| {
                hints.complete(&Lie {
                    weights: [one, Fr::ZERO, Fr::ZERO, Fr::ZERO],
                    ..Lie::default()
                })
            },
            vec![add(Rule::Cumulated, 0, 2, fr(UNITS.into()))],
        ),
        Falsehood::new(
            copy(Rule::UnitsSum, 0),
            fewer_units,
            vec![add(Rule::UnitsSum, 0, 0, one)],
        ),
        Falsehood::new(
            copy(Rule::UnitsSum, 1),
            fewer_units,
            vec![add(Rule::UnitsSum, 0, 1, one)],
        ),
        Falsehood::new(
            copy(Rule::Rounding, 0),
            |hints| {
                hints.slots[0].units += one;
                hints.slots[BUSY].units -= one;
            },
            vec![add(Rule::Rounding, 0, 0, -one), add(Rule::Rounding, 1, 0, -one)],
        ),
    ]
}

/// Whether some copy into this input can be another value by one, and only the copy forbids it.
fn copy_is_needed(rule: Rule, input: usize, holds: &dyn Fn(Fault) -> bool) -> bool {
    let amounts = [Fr::ONE, -Fr::ONE];
    let tries = (0..=BUSY).flat_map(|occurrence| amounts.map(|amount| (occurrence, amount)));
    tries.into_iter().any(|(occurrence, amount)| {
        let changes = vec![change(rule, occurrence, Place::Input(input), To::Plus(amount))];
        let fault = |omission| Fault {
            omission,
            changes: changes.clone(),
            ..Fault::default()
        };
        holds(fault(Some(Omission::Copy(rule, input)))) && !holds(fault(None))
    })
}

#[test]
fn every_copy_is_needed() {
    let falsehoods = false_copies();
    check_all(&falsehoods);
    let shown: Vec<_> = falsehoods.iter().map(|falsehood| falsehood.without).collect();
    let split = SplitHints::small();
    let in_split = split.trace(&SPLIT, Fault::default()).fault.copied;
    for (rule, input) in in_split {
        if !shown.contains(&Omission::Copy(rule, input)) {
            let needed = copy_is_needed(rule, input, &|fault| split_accepted(&split, fault));
            assert!(needed, "Split, {rule:?}, input {input}");
        }
    }
    let in_reveal = small_reveal().trace(&REVEAL, Fault::default()).fault.copied;
    for (rule, input) in in_reveal {
        let holds = |fault| {
            let trace = small_reveal().trace(&REVEAL, fault);
            let public = trace.public_inputs();
            accepted(trace, REVEAL, public)
        };
        assert!(copy_is_needed(rule, input, &holds), "Reveal, {rule:?}, input {input}");
    }
}

/// The same falsehoods against the proof system itself.
#[test]
fn no_falsehood_has_a_proof() {
    let srs = Srs::setup(K, rng());
    let circuit = TraceCircuit {
        trace: SplitHints::small().trace(&SPLIT, Fault::default()),
        layout: SPLIT,
    };
    let keys = CircuitKey::derive(&srs, &circuit).unwrap();
    let holds = |hints: &SplitHints, changes: Vec<Change>| {
        let trace = hints.trace(
            &SPLIT,
            Fault {
                changes,
                ..Fault::default()
            },
        );
        let public = trace.public_inputs();
        // Something that is not in the table has no proof at all.
        let proof = create(&keys, TraceCircuit { trace, layout: SPLIT }, &public, rng());
        proof.is_ok_and(|proof| check(&keys.srs, keys.key.get_vk(), &public, &proof))
    };
    assert!(holds(&SplitHints::small(), vec![]));
    for falsehood in out_of_range().into_iter().chain(false_copies()) {
        assert!(!holds(&falsehood.hints, falsehood.changes), "{:?}", falsehood.without);
    }
}

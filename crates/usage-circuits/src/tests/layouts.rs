//! Other layouts are circuits of the same statements: what they accept, and that they refuse a lie.

use super::*;

fn digits(lanes: usize, bits: usize, looked_up: bool) -> Option<Digits> {
    Some(Digits { lanes, bits, looked_up })
}

/// Every knob turned at least once.
fn splits() -> [Layout; 5] {
    let wide = Layout {
        log2_rows: 11,
        main_lanes: 2,
        hash_lanes: 2,
        digits: digits(2, 3, false),
        ..Layout::SPLIT
    };
    let [bits, looked_up] = [(1, false), (6, true)].map(|(bits, looked_up)| Layout {
        digits: digits(1, bits, looked_up),
        ..Layout::SPLIT
    });
    let stacked = Layout {
        log2_rows: 13,
        stacking: Stacking::Digits,
        ..Layout::SPLIT
    };
    let one_below_the_other = Layout {
        log2_rows: 14,
        constants_in_columns: true,
        stacking: Stacking::All,
        ..Layout::SPLIT
    };
    [wide, bits, looked_up, stacked, one_below_the_other]
}

fn reveals() -> [Layout; 3] {
    let narrow = |constants_in_columns| Layout {
        log2_rows: 10,
        hash_cells: 3,
        constants_in_columns,
        stacking: Stacking::All,
        ..Layout::REVEAL
    };
    let wide = Layout {
        log2_rows: 7,
        hash_cells: 57,
        ..Layout::REVEAL
    };
    [narrow(false), narrow(true), wide]
}

fn split_in(layout: Layout, lie: impl Fn(&mut SplitHints)) -> Result<(), String> {
    let mut hints = SplitHints::new(&split()).unwrap();
    lie(&mut hints);
    let trace = hints.trace(&layout, Fault::default());
    mock(&TraceCircuit { trace, layout })
}

#[test]
fn every_layout_takes_an_honest_month_and_no_lie() {
    for layout in splits() {
        split_in(layout, |_| ()).unwrap_or_else(|error| panic!("{layout:?}: {error}"));
        let lies: [Lie<'_>; 4] = [
            &|hints| hints.slots[0].units += Fr::ONE,
            &|hints| hints.slots[17].gap = -Fr::ONE,
            &|hints| hints.slots[0].price += field::power_of_two(64),
            &|hints| hints.slots[0].counted += Fr::ONE,
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            assert!(split_in(layout, lie).is_err(), "{layout:?}, lie {number}");
        }
    }
}

#[test]
fn every_layout_takes_an_honest_note_and_no_lie() {
    for layout in reveals() {
        let accepted = |lie: Fr| {
            let mut hints = reveal_of(64).hints();
            hints.units += lie;
            let mut trace = hints.trace(&layout, Fault::default());
            let honest = reveal_of(64).hints().trace(&layout, Fault::default());
            trace.public = trace
                .public
                .iter()
                .zip(&honest.public)
                .map(|((cell, _), (_, value))| (*cell, *value))
                .collect();
            mock(&TraceCircuit { trace, layout })
        };
        accepted(Fr::ZERO).unwrap_or_else(|error| panic!("{layout:?}: {error}"));
        assert!(accepted(Fr::ONE).is_err(), "{layout:?}");
    }
}

#[test]
fn a_layout_has_proofs_of_its_own() {
    let layout = Layout {
        log2_rows: 10,
        hash_cells: 3,
        constants_in_columns: true,
        stacking: Stacking::All,
        ..Layout::REVEAL
    };
    let (witness, other) = (reveal_of(64), reveal_of(17));
    let [statement, other] = [&witness, &other].map(Statement::Reveal);
    let srs = SrsStore::in_folder(Setup::default(), tempfile::tempdir().unwrap().path().into());
    let keys = LayoutKeys::derive(&srs.params(SRS_K).unwrap(), statement, layout).unwrap();
    let proof = keys.prove(statement, rng()).unwrap();
    assert_eq!(keys.verify(statement, &proof), Ok(()));
    assert_eq!(keys.verify(other, &proof), Err(VerificationError::Invalid));
    assert!(proof.len() < REVEAL_PROOF_BYTES);
    assert!(keys.size().advice < 19);
}

//! Measures the aggregation guest by executing it, and a settlement natively: part of `make bench-aggregation`.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use cwe_aggregation::{EpochState, aggregate_input};
use cwe_halo2_verifier::NativeCurve;
use cwe_prover::{AGGREGATION_ELF, Centre, Machine, profile};
use cwe_prover_testkit::Epoch;
use eyre::{Result, WrapErr, ensure};
use serde_json::json;

/// Reveals of the aggregates measured; the marginal cost is taken between the last two.
const COUNTS: [usize; 4] = [1, 8, 64, 192];
/// What the guest may take at most for one more reveal, in its first version.
const AIM: u64 = 250_000;

/// Executes the guest and prints what that took, at last as one line of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// The guest with its symbols, as the linker left it; without it there is no table by cost centre.
    #[arg(long)]
    symbols: Option<PathBuf>,
    /// Prints this many functions of the third aggregate's run, most instructions first, instead of measuring.
    #[arg(long, requires = "symbols")]
    functions: Option<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let symbols = arguments.symbols.as_ref();
    let symbols = symbols.map(|path| std::fs::read(path).wrap_err_with(|| path.display().to_string()));
    let symbols = symbols.transpose()?;
    let machine = Machine::new()?;
    let [.., third, most] = COUNTS;
    let epoch = Epoch::new(most.div_ceil(5), 40)?;
    let count = if arguments.functions.is_some() { third } else { most };
    let records = epoch.reveal(0..count)?;
    let input = |count: usize| -> Result<_> { Ok(epoch.input(&EpochState::new(), &records[..count])?.encode()) };
    if let (Some(functions), Some(elf)) = (arguments.functions, &symbols) {
        return print_functions(&machine, elf, &input(third)?, functions);
    }

    let program = machine.load(AGGREGATION_ELF)?;
    let mut table = new_table(["reveals", "instructions", "per reveal", "input bytes"]);
    let mut measured = Vec::new();
    for count in COUNTS {
        let input = input(count)?;
        let run = machine.execute(&program, &input)?;
        let native = aggregate_input::<NativeCurve>(&input)?;
        ensure!(
            native.0 == run.public_value,
            "{count} reveals: the machine shows another value than native execution"
        );
        table.add_row([
            count as u64,
            run.instructions,
            run.instructions / count as u64,
            input.len() as u64,
        ]);
        measured.push(run.instructions);
    }
    println!("{}", right(table));
    let [.., few, many] = measured[..] else {
        eyre::bail!("too few measurements")
    };
    let more = (most - third) as u64;
    let marginal = (many - few) / more;
    println!("one more reveal in an aggregate of {most}: {marginal} instructions (aim: at most {AIM})");
    let centres = match &symbols {
        Some(elf) => centres(&machine, elf, &[input(third)?, input(most)?], more)?,
        None => BTreeMap::new(),
    };
    if !centres.is_empty() {
        let mut table = new_table(["cost centre", "instructions", "percent"]);
        for (centre, count) in &centres {
            let percent = *count as f64 * 100.0 / marginal as f64;
            table.add_row([centre.name().to_owned(), count.to_string(), format!("{percent:.1}")]);
        }
        println!("{}", right(table));
    }
    let by_centre: BTreeMap<_, _> = centres.iter().map(|(centre, count)| (centre.name(), count)).collect();
    println!(
        "{}",
        json!({ "reveal_instructions": marginal, "reveal_instructions_by_centre": by_centre })
    );
    Ok(())
}

fn print_functions(machine: &Machine, elf: &[u8], input: &[u8], count: usize) -> Result<()> {
    let profile = profile(machine, &machine.load(elf)?, elf, input)?;
    println!("{} instructions", profile.total);
    for (title, functions) in [
        ("themselves", &profile.functions),
        ("with what they call", &profile.inclusive),
    ] {
        println!("\nfunctions {title}");
        for (name, instructions) in functions.iter().take(count) {
            println!("{instructions:>12} {name}");
        }
    }
    Ok(())
}

/// Instructions by cost centre that one more reveal takes.
fn centres(machine: &Machine, elf: &[u8], inputs: &[Vec<u8>; 2], more: u64) -> Result<BTreeMap<Centre, u64>> {
    let program = machine.load(elf)?;
    let [few, many] = inputs.each_ref().map(|input| profile(machine, &program, elf, input));
    let (few, many) = (few?.centres, many?.centres);
    let count = |counts: &BTreeMap<Centre, u64>, centre| counts.get(&centre).copied().unwrap_or_default();
    Ok(Centre::ALL
        .into_iter()
        .map(|centre| (centre, count(&many, centre).saturating_sub(count(&few, centre)) / more))
        .filter(|(_, count)| *count > 0)
        .collect())
}

fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    table
}

fn right(mut table: Table) -> Table {
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

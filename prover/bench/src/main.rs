//! Measures the state-transition guest by executing it: `make bench-guest`.
//!
//! Token transfers by the number of transactions in a batch: instructions, and where they go. Writes `guest.json` and
//! `guest.svg`.

mod report;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Parser;
use cwe_prover::{Centre, Machine, Program, STATE_TRANSITION_ELF, profile};
use cwe_prover_testkit::{Chain, Location, Senders, erc20_blocks};
use eyre::{OptionExt, Result, WrapErr, ensure};

use report::{Point, Report};

/// Accounts that exist besides the senders; a state of this size makes tries four levels deep.
const HOLDERS: u64 = 10_000;

/// Transactions of the batches measured; the marginal cost is taken between the second and the third.
const COUNTS: [usize; 4] = [1, 10, 100, 1000];

/// Executes the guest and writes what that took.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for `guest.json` and `guest.svg`.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The guest with its symbols, as the linker left it; without it there is no table by cost centre.
    #[arg(long)]
    symbols: Option<PathBuf>,
    /// Prints this many functions of the third batch's run, most instructions first, instead of measuring.
    #[arg(long, requires = "symbols")]
    functions: Option<usize>,
    /// The run is of this input instead, a file that the prover keeps with a job.
    #[arg(long, requires = "functions")]
    input: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let machine = Machine::new()?;
    if let (Some(count), Some(symbols)) = (arguments.functions, &arguments.symbols) {
        let input = arguments.input.as_deref().map_or_else(|| input(COUNTS[2]), read)?;
        return functions(&machine, &read(symbols)?, &input, count);
    }
    let program = machine.load(STATE_TRANSITION_ELF)?;
    let inputs = COUNTS.map(input).into_iter().collect::<Result<Vec<_>>>()?;
    let points = COUNTS
        .iter()
        .zip(&inputs)
        .map(|(count, input)| measure(&machine, &program, *count, input))
        .collect::<Result<Vec<_>>>()?;
    let centres = match &arguments.symbols {
        Some(path) => centres(&machine, &read(path)?, &inputs)?,
        None => BTreeMap::new(),
    };
    let report = Report::new(points, centres)?;
    report.print();
    report.write(&arguments.out)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).wrap_err_with(|| path.display().to_string())
}

/// Prints where a run's instructions go, function by function.
fn functions(machine: &Machine, elf: &[u8], input: &[u8], count: usize) -> Result<()> {
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
    println!("\ncopies and comparisons of memory, number of calls, return address");
    for (site, instructions, calls) in profile.memory.iter().take(count) {
        println!("{instructions:>12} {calls:>8} {site}");
    }
    Ok(())
}

/// The input of a batch with `count` transfers.
fn input(count: usize) -> Result<Vec<u8>> {
    let senders = Senders::new(1_000).ok_or_eyre("no keys")?;
    let mut chain = Chain::new(1337, &senders, HOLDERS)?;
    let blocks = erc20_blocks(&chain, &senders, count);
    Ok(chain.seal(vec![blocks], Location::Blobs)?.input.encode())
}

fn measure(machine: &Machine, program: &Program, transactions: usize, input: &[u8]) -> Result<Point> {
    let execution = machine.execute(program, input)?;
    let native = cwe_statement::prove::<cwe_statement::NativeScalar>(&input.to_vec().into())?;
    ensure!(
        native.0 == execution.public_value,
        "{transactions} transactions: the machine shows another public value than native execution"
    );
    Ok(Point {
        transactions,
        instructions: execution.instructions,
        input_bytes: input.len(),
    })
}

/// Instructions by cost centre that one more transaction takes.
fn centres(machine: &Machine, elf: &[u8], inputs: &[Vec<u8>]) -> Result<BTreeMap<Centre, u64>> {
    let program = machine.load(elf)?;
    let [_, few, many, ..] = inputs else {
        eyre::bail!("too few batches");
    };
    let few = profile(machine, &program, elf, few)?.centres;
    let many = profile(machine, &program, elf, many)?.centres;
    let more = (COUNTS[2] - COUNTS[1]) as u64;
    Ok(Centre::ALL
        .into_iter()
        .map(|centre| {
            let count = |counts: &BTreeMap<Centre, u64>| counts.get(&centre).copied().unwrap_or_default();
            (centre, count(&many).saturating_sub(count(&few)) / more)
        })
        .collect())
}

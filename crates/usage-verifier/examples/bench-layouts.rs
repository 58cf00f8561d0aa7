//! Measures the layouts that both circuits could have: a table, `layouts.json` and `layouts.svg` in the folder given.
//! Each layout is measured by a process of its own, so that its memory is its own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use cwe_srs::{Setup, SrsStore};
use cwe_usage::{EPOCH_TREE_DEPTH, Tree};
use cwe_usage_circuits::{Digits, Layout, LayoutKeys, REVEAL_INPUTS, RevealWitness, SPLIT_INPUTS, Stacking, Statement};
use cwe_usage_verifier::{VerifierCost, sample_witness};
use eyre::{ContextCompat as _, Result, WrapErr as _, bail, ensure};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde_json::{Map, Value, json};

/// Proofs that a time is the median of.
const RUNS: usize = 3;
/// First of each circuit's layouts: what the others are compared with.
const CHOSEN: &str = "chosen";

/// A layout with its name; the first of a circuit is the chosen one.
type Named = (&'static str, Layout);

fn digits(lanes: usize, bits: usize, looked_up: bool) -> Option<Digits> {
    Some(Digits { lanes, bits, looked_up })
}

fn splits() -> Vec<Named> {
    let chosen = Layout::SPLIT;
    let lanes = |log2_rows, lanes| Layout {
        log2_rows,
        main_lanes: lanes,
        hash_lanes: lanes,
        digits: digits(lanes, 3, false),
        ..chosen
    };
    let digits = |bits, looked_up| Layout {
        digits: digits(1, bits, looked_up),
        ..chosen
    };
    let stacked = |log2_rows, stacking| Layout {
        log2_rows,
        stacking,
        ..chosen
    };
    vec![
        (CHOSEN, chosen),
        ("four-lanes", lanes(10, 4)),
        ("two-lanes", lanes(11, 2)),
        ("digits-of-1-bit", digits(1, false)),
        ("digits-of-2-bits", digits(2, false)),
        ("digits-looked-up", digits(6, true)),
        (
            "hashes-in-5-rows",
            Layout {
                hash_cells: 19,
                ..chosen
            },
        ),
        (
            "constants-in-columns",
            Layout {
                constants_in_columns: true,
                ..chosen
            },
        ),
        ("digits-below-hashes", stacked(13, Stacking::Digits)),
        ("all-in-15-columns", stacked(14, Stacking::All)),
        (
            "all-in-9-columns",
            Layout {
                log2_rows: 14,
                hash_cells: 6,
                constants_in_columns: true,
                digits: self::digits(1, 6, true),
                stacking: Stacking::All,
                ..chosen
            },
        ),
    ]
}

fn reveals() -> Vec<Named> {
    let chosen = Layout::REVEAL;
    let narrow = |log2_rows, hash_cells, stacking| Layout {
        log2_rows,
        hash_cells,
        constants_in_columns: true,
        stacking,
        ..chosen
    };
    vec![
        (CHOSEN, chosen),
        (
            "four-lanes",
            Layout {
                log2_rows: 6,
                main_lanes: 2,
                hash_lanes: 4,
                ..chosen
            },
        ),
        (
            "two-lanes",
            Layout {
                log2_rows: 7,
                hash_lanes: 2,
                ..chosen
            },
        ),
        (
            "hashes-in-3-rows",
            Layout {
                log2_rows: 7,
                hash_cells: 57,
                ..chosen
            },
        ),
        (
            "constants-in-columns",
            Layout {
                constants_in_columns: true,
                ..chosen
            },
        ),
        (
            "all-in-15-columns",
            Layout {
                log2_rows: 9,
                stacking: Stacking::All,
                ..chosen
            },
        ),
        ("hashes-in-16-rows", narrow(9, 5, Stacking::Apart)),
        ("all-in-6-columns", narrow(10, 3, Stacking::All)),
    ]
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--one", circuit, name] => {
            println!("{}", Value::from(measure(circuit, name)?));
            Ok(())
        }
        [folder] => compare(&PathBuf::from(folder)),
        _ => bail!("usage: bench-layouts FOLDER"),
    }
}

fn layouts(circuit: &str) -> Vec<Named> {
    if circuit == "split" { splits() } else { reveals() }
}

/// Figures of one layout.
fn measure(circuit: &str, name: &str) -> Result<Map<String, Value>> {
    let named = layouts(circuit).into_iter().find(|(of, _)| *of == name);
    let (_, layout) = named.wrap_err("no such layout")?;
    let (split, reveal) = (sample_witness()?, reveal_witness()?);
    let (statement, inputs) = if circuit == "split" {
        (Statement::Split(&split), SPLIT_INPUTS)
    } else {
        (Statement::Reveal(&reveal), REVEAL_INPUTS)
    };
    let srs = SrsStore::new(Setup::default())?.params(layout.log2_rows)?;
    let started = Instant::now();
    let keys = LayoutKeys::derive(&srs, statement, layout).wrap_err("deriving keys")?;
    let keys_secs = started.elapsed().as_secs_f64();

    let proof = keys.prove(statement, rng())?;
    let cpu = cpu_secs()?;
    let prove_secs = median(|| keys.prove(statement, rng()).map(drop).map_err(Into::into))?;
    let prove_cpu_secs = (cpu_secs()? - cpu) / RUNS as f64;
    let verify_secs = median(|| Ok(keys.verify(statement, &proof)?))?;

    let (size, verifying) = (keys.size(), keys.verifying_key());
    let portable = verifying.portable(inputs)?;
    let cost = VerifierCost::of(&verifying, inputs)?;
    let figures = json!({
        "log2_rows": layout.log2_rows,
        "rows": size.rows,
        "advice": size.advice,
        "fixed": size.fixed,
        "lookups": size.lookups,
        "copied": size.copied,
        "degree": size.degree,
        "proof_bytes": proof.len(),
        "keys_s": keys_secs,
        "prove_s": prove_secs,
        "prove_cpu_s": prove_cpu_secs,
        "verify_ms": verify_secs * 1000.0,
        "peak_memory_mib": peak_memory_mib()?,
        "multiplications": cost.multiplications,
        "precompile_gas": cost.precompile_gas,
        "code_bytes": cost.code_bytes,
        "equation_operations": portable.operations.len(),
    });
    figures.as_object().cloned().wrap_err("an object")
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([9; 32])
}

fn median(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut secs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        run()?;
        secs.push(started.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    secs.get(RUNS / 2).copied().wrap_err("no runs")
}

/// Most memory that this process has had.
fn peak_memory_mib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.wrap_err("no VmHWM")?.trim().trim_end_matches("kB").trim();
    Ok(kib.parse::<f64>()? / 1024.0)
}

/// Processor time of this process, all threads together.
fn cpu_secs() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').wrap_err("no stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// The first note of the month that Split proves.
fn reveal_witness() -> Result<RevealWitness> {
    let witness = sample_witness()?;
    let split = witness.split();
    let notes = Tree::with_leaves(EPOCH_TREE_DEPTH, [split.notes_root()])?;
    let slot = split
        .slots
        .iter()
        .position(|slot| slot.usage.is_some())
        .wrap_err("no note")?;
    let note = split.slots.get(slot).and_then(|slot| slot.note()).wrap_err("no note")?;
    let path = split.note_path(slot)?.extended(&notes.path(0)?);
    let terms = split.terms;
    Ok(RevealWitness::new(
        terms.epoch,
        terms.key,
        terms.tier,
        note,
        path,
        notes.root(),
    )?)
}

fn compare(folder: &Path) -> Result<()> {
    let mut flat = Map::new();
    let mut picture = Vec::new();
    for circuit in ["split", "reveal"] {
        println!(
            "{circuit:<22} |  k | rows used | advice fixed lookups | proof | keys, s | prove, s (of processors) | \
             verify, ms |  MiB | multiplications, gas of precompiles | code, kB | operations"
        );
        let mut chosen = None;
        for (name, _) in layouts(circuit) {
            let figures = in_own_process(circuit, name).wrap_err_with(|| format!("{circuit} {name}"))?;
            let chosen = chosen.get_or_insert_with(|| figures.clone());
            print(name, &figures, chosen);
            picture.push((format!("{circuit}: {name}"), ratios(&figures, chosen)));
            let prefix = format!("{circuit}_{}", name.replace('-', "_"));
            flat.extend(
                figures
                    .into_iter()
                    .map(|(key, value)| (format!("{prefix}_{key}"), value)),
            );
        }
        println!();
    }
    fs::create_dir_all(folder)?;
    let (path, drawn) = (folder.join("layouts.json"), folder.join("layouts.svg"));
    fs::write(&path, format!("{:#}\n", Value::from(flat)))?;
    fs::write(&drawn, draw(&picture)?)?;
    println!("-> {}, {}", path.display(), drawn.display());
    Ok(())
}

fn in_own_process(circuit: &str, name: &str) -> Result<Map<String, Value>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--one", circuit, name])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the measurement failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn number(figures: &Map<String, Value>, key: &str) -> f64 {
    figures.get(key).and_then(Value::as_f64).unwrap_or_default()
}

/// Proving time and precompiles' gas by those of the chosen layout.
fn ratios(figures: &Map<String, Value>, chosen: &Map<String, Value>) -> [f64; 2] {
    ["prove_cpu_s", "precompile_gas"].map(|key| number(figures, key) / number(chosen, key))
}

fn print(name: &str, figures: &Map<String, Value>, chosen: &Map<String, Value>) {
    let of = |key| number(figures, key);
    let [prove, gas] = ratios(figures, chosen);
    println!(
        "{name:<22} | {:>2} | {:>9} | {:>6} {:>5} {:>7} | {:>5} | {:>7.2} | {:>6.3} ({:>6.3}, {prove:>4.2} ×) | {:>10.1} | \
         {:>4.0} | {:>4}, {:>9} ({gas:>4.2} ×) | {:>8.1} | {:>6}",
        of("log2_rows"),
        of("rows"),
        of("advice"),
        of("fixed"),
        of("lookups"),
        of("proof_bytes"),
        of("keys_s"),
        of("prove_s"),
        of("prove_cpu_s"),
        of("verify_ms"),
        of("peak_memory_mib"),
        of("multiplications"),
        of("precompile_gas"),
        of("code_bytes") / 1000.0,
        of("equation_operations"),
    );
}

/// Two bars a layout: how proving and verifying on the L2 compare with the chosen one.
fn draw(rows: &[(String, [f64; 2])]) -> Result<String> {
    let largest = rows.iter().flat_map(|(_, ratios)| *ratios).fold(1.0, f64::max);
    let scale = 380.0 / largest;
    let height = 60 + 34 * rows.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"230\" y=\"20\">\
         <tspan fill=\"#2f6f9f\">proving time</tspan> and <tspan fill=\"#c06030\">gas of precompiles</tspan>, by the \
         chosen layout's</text>\n"
    );
    for (index, (name, ratios)) in rows.iter().enumerate() {
        let y = 36 + 34 * index;
        writeln!(
            svg,
            "<text x=\"220\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            y + 16
        )?;
        for (bar, (ratio, color)) in ratios.iter().zip(["#2f6f9f", "#c06030"]).enumerate() {
            let (y, width) = (y + 13 * bar, ratio * scale);
            writeln!(
                svg,
                "<rect x=\"230\" y=\"{y}\" width=\"{width:.1}\" height=\"11\" fill=\"{color}\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\">{ratio:.2}</text>",
                236.0 + width,
                y + 10
            )?;
        }
    }
    let chosen = 230.0 + scale;
    writeln!(
        svg,
        "<line x1=\"{chosen:.1}\" x2=\"{chosen:.1}\" y1=\"30\" y2=\"{height}\" stroke=\"#888\" stroke-dasharray=\"3\"/>\n</svg>"
    )?;
    Ok(svg)
}

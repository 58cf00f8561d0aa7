//! Table, figures and picture.

use std::{fs, path::Path};

use eyre::{Result, WrapErr, eyre};
use plotters::prelude::*;
use serde_json::{Map, Value};

use crate::{
    cells::{CELLS, Cell},
    extract,
    matching::{Outcome, Tally},
};

pub(crate) fn print(outcome: &Outcome) {
    println!(
        "{:<24} | {:>6} {:>9} | {:>9} {:>9} | chromaprint",
        "", "of", "recall", "asked", "wrong"
    );
    for ((cell, ours), chromaprint) in CELLS.iter().zip(&outcome.ours).zip(&outcome.chromaprint) {
        line(&cell.label(), ours, chromaprint);
    }
    let (ours, chromaprint) = (
        outcome.ours.iter().copied().sum(),
        outcome.chromaprint.iter().copied().sum(),
    );
    line("all", &ours, &chromaprint);
    println!(
        "Chromaprint counts from a score of {:.3}; without unknown look-alikes it finds {:.2} %",
        outcome.chromaprint_threshold,
        outcome.chromaprint_easy.recall() * 100.0
    );
}

fn line(name: &str, ours: &Tally, chromaprint: &Tally) {
    println!(
        "{name:<24} | {:>6} {:>7.2} % | {:>9} {:>9} | {:>7.2} % {:>5}",
        ours.known,
        ours.recall() * 100.0,
        ours.asked,
        ours.wrong,
        chromaprint.recall() * 100.0,
        chromaprint.wrong,
    );
}

/// Recall over all excerpts of the chosen kinds.
fn recall(tallies: &[Tally], chosen: impl Fn(&Cell) -> bool) -> f64 {
    let chosen = CELLS.iter().zip(tallies).filter(|(cell, _)| chosen(cell));
    chosen.map(|(_, tally)| *tally).sum::<Tally>().recall()
}

pub(crate) fn figures(outcome: &Outcome, realtime_factor: f64) -> Map<String, Value> {
    let mut figures = Map::new();
    let mut put = |name: String, value: f64| figures.insert(name, extract::figure(value));
    for (prefix, tallies) in [("", &outcome.ours), ("chromaprint_", &outcome.chromaprint)] {
        put(
            format!("{prefix}recall_transcode_10s"),
            recall(tallies, Cell::is_transcode_10s),
        );
        put(
            format!("{prefix}recall_noise10db_5s"),
            recall(tallies, Cell::is_noise_10db_5s),
        );
        put(
            format!("{prefix}recall_speed2pct"),
            recall(tallies, Cell::is_speed_2_percent),
        );
        put(format!("{prefix}recall_all"), recall(tallies, |_| true));
        let all: Tally = tallies.iter().copied().sum();
        put(format!("{prefix}false_positive_rate"), all.false_positive_rate());
        for (cell, tally) in CELLS.iter().zip(tallies) {
            put(format!("{prefix}recall_{}", key(cell)), tally.recall());
        }
    }
    let all: Tally = outcome.ours.iter().copied().sum();
    put("queries".to_owned(), f64::from(all.asked));
    put("queries_of_known_works".to_owned(), f64::from(all.known));
    put("chromaprint_threshold".to_owned(), outcome.chromaprint_threshold);
    put(
        "chromaprint_recall_without_look_alikes".to_owned(),
        outcome.chromaprint_easy.recall(),
    );
    put("native_realtime_factor".to_owned(), realtime_factor);
    put("answer_p50_ms".to_owned(), outcome.answer_p50_ms);
    figures
}

/// A cell's name as a key: `mp3_48k_10s`, `speed_minus_2pct_10s`.
fn key(cell: &Cell) -> String {
    let name = cell
        .name
        .replace(" %", "pct")
        .replace('+', "plus_")
        .replace('-', "minus_");
    format!("{}_{}s", name.replace(' ', "_").to_lowercase(), cell.seconds)
}

/// Puts the figures into the file beside those of other measurements.
pub(crate) fn merge(path: &Path, figures: Map<String, Value>) -> Result<()> {
    let mut all: Map<String, Value> = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).wrap_err_with(|| format!("reading {}", path.display()))?,
        Err(_) => Map::new(),
    };
    all.extend(figures);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let text = format!("{:#}\n", Value::Object(all));
    fs::write(path, text).wrap_err_with(|| format!("writing {}", path.display()))
}

const WIDTH: i32 = 760;
const ROW: i32 = 17;
const TOP: i32 = 44;
const LABELS: i32 = 190;
const BARS: i32 = WIDTH - LABELS - 70;

/// Recall by kind of change, both sides' bars under each other.
pub(crate) fn draw(path: &Path, outcome: &Outcome) -> Result<()> {
    let rows: Vec<_> = CELLS
        .iter()
        .zip(outcome.ours.iter().zip(&outcome.chromaprint))
        .map(|(cell, (ours, chromaprint))| (cell.label(), ours.recall(), chromaprint.recall()))
        .collect();
    draw_bars(path, &rows).map_err(|error| eyre!("drawing {}: {error}", path.display()))
}

fn draw_bars(path: &Path, rows: &[(String, f64, f64)]) -> Result<(), Box<dyn std::error::Error>> {
    let height = TOP + ROW * i32::try_from(rows.len())? + 30;
    let area = SVGBackend::new(path, (WIDTH as u32, u32::try_from(height)?)).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let place = |part: f64| LABELS + (part * f64::from(BARS)) as i32;
    for (at, name, color) in [(LABELS, "this fingerprint", &BLUE), (LABELS + 160, "Chromaprint", &RED)] {
        area.draw(&Rectangle::new([(at, 10), (at + 10, 20)], color.filled()))?;
        area.draw(&Text::new(name, (at + 16, 9), text(13)))?;
    }
    for percent in (0..=100).step_by(20) {
        let x = place(f64::from(percent) / 100.0);
        area.draw(&PathElement::new([(x, TOP - 4), (x, height - 26)], BLACK.mix(0.15)))?;
        area.draw(&Text::new(format!("{percent} %"), (x - 10, height - 22), text(11)))?;
    }
    for (row, (label, ours, chromaprint)) in (0..).zip(rows) {
        let y = TOP + row * ROW;
        area.draw(&Text::new(label.clone(), (8, y), text(12)))?;
        area.draw(&Rectangle::new([(LABELS, y), (place(*ours), y + 7)], BLUE.filled()))?;
        area.draw(&Rectangle::new(
            [(LABELS, y + 7), (place(*chromaprint), y + 13)],
            RED.mix(0.7).filled(),
        ))?;
        area.draw(&Text::new(
            format!("{:.1}", ours * 100.0),
            (place(1.0) + 8, y),
            text(11),
        ))?;
        area.draw(&Text::new(
            format!("{:.1}", chromaprint * 100.0),
            (place(1.0) + 38, y),
            text(11),
        ))?;
    }
    area.present()?;
    Ok(())
}

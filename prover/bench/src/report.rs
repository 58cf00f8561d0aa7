//! The measurements as a table, a file and a picture.

use std::{collections::BTreeMap, fs, path::Path};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use cwe_prover::Centre;
use eyre::{OptionExt, Result, WrapErr, eyre};
use plotters::prelude::*;
use serde::Serialize;

/// One batch.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Point {
    /// Token transfers in it.
    pub transactions: usize,
    /// Instructions that the guest executed.
    pub instructions: u64,
    /// Bytes of the proof's input.
    pub input_bytes: usize,
}

/// All measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Instructions of one more ERC-20 transfer in a batch of 100, all included.
    erc20_transfer_instructions: u64,
    /// Of these, by cost centre.
    centres: BTreeMap<Centre, u64>,
    batches: Vec<Point>,
}

impl Report {
    pub(crate) fn new(batches: Vec<Point>, centres: BTreeMap<Centre, u64>) -> Result<Self> {
        let [_, few, many, ..] = batches.as_slice() else {
            return Err(eyre!("too few batches"));
        };
        let more = (many.transactions - few.transactions) as u64;
        Ok(Self {
            erc20_transfer_instructions: (many.instructions - few.instructions) / more,
            centres,
            batches,
        })
    }

    pub(crate) fn print(&self) {
        let mut table = new_table(["transactions", "instructions", "per transaction", "input bytes"]);
        for point in &self.batches {
            table.add_row([
                point.transactions.to_string(),
                point.instructions.to_string(),
                (point.instructions / point.transactions as u64).to_string(),
                point.input_bytes.to_string(),
            ]);
        }
        println!("{}", right(table));
        println!(
            "one more ERC-20 transfer in a batch of 100: {} instructions",
            self.erc20_transfer_instructions
        );
        if self.centres.is_empty() {
            return;
        }
        let mut table = new_table(["cost centre", "instructions", "percent"]);
        for (centre, count) in &self.centres {
            let percent = *count as f64 * 100.0 / self.erc20_transfer_instructions as f64;
            table.add_row([centre.name().to_owned(), count.to_string(), format!("{percent:.1}")]);
        }
        println!("{}", right(table));
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let path = folder.join("guest.json");
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n").wrap_err_with(|| path.display().to_string())?;
        let path = folder.join("guest.svg");
        self.draw(&path).wrap_err_with(|| path.display().to_string())
    }

    /// Instructions by transactions, both logarithmic.
    fn draw(&self, path: &Path) -> Result<()> {
        let last = self.batches.last().ok_or_eyre("nothing was measured")?;
        let first = self.batches.first().ok_or_eyre("nothing was measured")?;
        let points = || {
            self.batches
                .iter()
                .map(|point| (point.transactions as f64, point.instructions as f64))
        };
        let area = SVGBackend::new(path, (800, 500)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(20)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .caption(
                "Instructions to execute a batch of ERC-20 transfers",
                ("sans-serif", 20),
            )
            .build_cartesian_2d(
                (1.0..last.transactions as f64 * 1.3).log_scale(),
                (first.instructions as f64 / 2.0..last.instructions as f64 * 2.0).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("transactions in the batch")
            .y_desc("instructions")
            .y_label_formatter(&|value| format!("{value:.0e}"))
            .draw()?;
        chart.draw_series(LineSeries::new(points(), &BLUE))?;
        chart.draw_series(points().map(|point| Circle::new(point, 4, BLUE.filled())))?;
        area.present()?;
        Ok(())
    }
}

fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    table
}

fn right(mut table: Table) -> Table {
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

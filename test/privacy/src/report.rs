//! Table, figures and picture.

use std::{fmt, fs, path::Path};

use eyre::{Result, WrapErr, eyre};
use plotters::prelude::*;

use crate::observer::{CROWDS, Scores};

const SIZE: (u32, u32) = (720, 420);
/// The figures of the files are of this many subscribers: the goal begins there.
const GOAL_SUBSCRIBERS: usize = 1000;
const GOAL: f64 = 0.02;

/// The same listeners attacked with the protocol's units, and with another number of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pair {
    pub(crate) protocol: Scores,
    pub(crate) other: Scores,
}

/// One number of subscribers.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) subscribers: usize,
    /// One for each seed.
    pub(crate) runs: Vec<Pair>,
}

/// A figure's mean over the runs with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// None of one run only.
    pub(crate) error: Option<f64>,
}

impl Estimate {
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt());
        Self { mean, error }
    }
}

/// In percent.
impl fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.mean * 100.0;
        let text = match self.error {
            Some(error) => format!("{mean:.2} ± {:.2} %", error * 100.0),
            None => format!("{mean:.2} %"),
        };
        formatter.pad(&text)
    }
}

impl Row {
    pub(crate) fn protocol(&self, figure: impl Fn(&Scores) -> f64) -> Estimate {
        let values: Vec<_> = self.runs.iter().map(|run| figure(&run.protocol)).collect();
        Estimate::of(&values)
    }

    pub(crate) fn other(&self, figure: impl Fn(&Scores) -> f64) -> Estimate {
        let values: Vec<_> = self.runs.iter().map(|run| figure(&run.other)).collect();
        Estimate::of(&values)
    }
}

pub(crate) fn print(rows: &[Row], other_units: u32) {
    let runs = rows.first().map_or(0, |row| row.runs.len());
    println!("{runs} runs; ± is the standard error of their mean");
    println!(
        "             |         right guesses of a partner, U = 100          |   what amounts add (to guessing it,"
    );
    println!(
        " subscribers |     by chance      from works     with the amounts   |   or the submission): U = 100     {other_units} units"
    );
    for row in rows {
        println!(
            "{:>12} | {:>13} {:>15} {:>20} | {:>31} {:>15}",
            row.subscribers,
            row.protocol(Scores::blind),
            row.protocol(Scores::by_works),
            row.protocol(Scores::by_all),
            row.protocol(Scores::advantage),
            row.other(Scores::advantage),
        );
    }
    println!("\nWhose reveals are found by amounts, U = 100, as parts of the whole");
    println!(" subscribers | at most 5 works     6 to 20 works   more");
    for row in rows {
        let parts = crowds(row).map(|part| format!("{part:>17}"));
        println!("{:>12} | {}", row.subscribers, parts.join(" "));
    }
}

fn crowds(row: &Row) -> [Estimate; CROWDS.len()] {
    std::array::from_fn(|crowd| row.protocol(|scores| scores.added()[crowd]))
}

pub(crate) fn write(folder: &Path, rows: &[Row], other_units: u32) -> Result<()> {
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let goal = rows
        .iter()
        .find(|row| row.subscribers == GOAL_SUBSCRIBERS)
        .or(rows.last());
    let goal = goal.ok_or_else(|| eyre!("name at least one number of subscribers"))?;
    let curve = rows.iter().map(|row| {
        let (protocol, other) = (row.protocol(Scores::advantage), row.other(Scores::advantage));
        serde_json::json!({
            "subscribers": row.subscribers,
            "linkage_advantage_u100": protocol.mean,
            "linkage_advantage_u100_error": protocol.error,
            "linkage_advantage_ppm": other.mean,
            "linkage_advantage_ppm_error": other.error,
        })
    });
    let (protocol, other) = (goal.protocol(Scores::advantage), goal.other(Scores::advantage));
    let figures = serde_json::json!({
        "subscribers": goal.subscribers,
        "runs": goal.runs.len(),
        "other_units": other_units,
        "linkage_advantage_u100": protocol.mean,
        "linkage_advantage_u100_error": protocol.error,
        "linkage_advantage_ppm": other.mean,
        "linkage_advantage_ppm_error": other.error,
        "linkage_advantage_u100_by_works_revealed": crowds(goal).map(|part| part.mean),
        "submission_advantage_u100": goal.protocol(Scores::submission_advantage).mean,
        "partner_by_chance": goal.protocol(Scores::blind).mean,
        "partner_by_works": goal.protocol(Scores::by_works).mean,
        "partner_u100": goal.protocol(Scores::by_all).mean,
        "partner_ppm": goal.other(Scores::by_all).mean,
        "curve": curve.collect::<Vec<_>>(),
    });
    let path = folder.join("privacy.json");
    fs::write(&path, format!("{figures:#}\n")).wrap_err_with(|| format!("writing {}", path.display()))?;
    let picture = folder.join("privacy.svg");
    draw(&picture, rows, other_units).map_err(|error| eyre!("drawing {}: {error}", picture.display()))?;
    println!("-> {}, {}", path.display(), picture.display());
    Ok(())
}

fn draw(path: &Path, rows: &[Row], other_units: u32) -> Result<(), Box<dyn std::error::Error>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(());
    };
    let top = rows
        .iter()
        .map(|row| row.other(Scores::advantage).mean)
        .fold(GOAL, f64::max)
        * 110.0;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let range = (first.subscribers as f64..last.subscribers as f64).log_scale();
    let mut chart = ChartBuilder::on(&area)
        .margin(15)
        .x_label_area_size(40)
        .y_label_area_size(55)
        .build_cartesian_2d(range, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("subscribers of a tier and epoch")
        .y_desc("what amounts add to guessing, %")
        .draw()?;
    let points = |figure: &dyn Fn(&Row) -> Estimate| -> Vec<(f64, Estimate)> {
        rows.iter().map(|row| (row.subscribers as f64, figure(row))).collect()
    };
    let curves = [
        (
            format!("{other_units} units"),
            RED,
            points(&|row| row.other(Scores::advantage)),
        ),
        ("100 units".into(), BLUE, points(&|row| row.protocol(Scores::advantage))),
    ];
    for (name, color, points) in curves {
        chart
            .draw_series(LineSeries::new(
                points.iter().map(|(x, y)| (*x, y.mean * 100.0)),
                color.stroke_width(2),
            ))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(points.iter().map(|(x, y)| {
            let (mean, error) = (y.mean * 100.0, y.error.unwrap_or_default() * 100.0);
            PathElement::new(vec![(*x, mean - error), (*x, mean + error)], color.stroke_width(2))
        }))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_the_mean_and_not_of_a_run() {
        let Estimate { mean, error } = Estimate::of(&[0.01, 0.02, 0.03, 0.02]);
        assert!((mean - 0.02).abs() < 1e-12);
        // A deviation of √(0.0002 / 3) in each of four runs.
        assert!((error.unwrap() - (0.0002_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(Estimate::of(&[0.05]).error, None);
    }
}

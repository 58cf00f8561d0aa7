//! Table, figures and picture.

use std::{fs, path::Path};

use eyre::{Result, WrapErr, eyre};
use plotters::prelude::*;

use crate::observer::Scores;

const SIZE: (u32, u32) = (720, 420);
/// The figures of the files are of this many subscribers: the goal begins there.
const GOAL_SUBSCRIBERS: usize = 1000;
const GOAL: f64 = 0.02;

/// One number of subscribers.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) subscribers: usize,
    pub(crate) units: Scores,
    pub(crate) ppm: Scores,
}

pub(crate) fn print(row: &Row, first: bool) {
    if first {
        println!("             |      right guesses of a partner, U = 100     |  what amounts add (to guessing it,");
        println!(" subscribers |  by chance   from works   with the amounts   |  or the submission): U = 100   ppm");
    }
    let percent = |part: f64| format!("{:.2} %", part * 100.0);
    println!(
        "{:>12} | {:>10} {:>12} {:>18}   | {:>27} {:>8}",
        row.subscribers,
        percent(row.units.blind()),
        percent(row.units.by_works()),
        percent(row.units.by_all()),
        percent(row.units.advantage()),
        percent(row.ppm.advantage()),
    );
}

pub(crate) fn write(folder: &Path, rows: &[Row]) -> Result<()> {
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let goal = rows
        .iter()
        .find(|row| row.subscribers == GOAL_SUBSCRIBERS)
        .or(rows.last());
    let goal = goal.ok_or_else(|| eyre!("name at least one number of subscribers"))?;
    let curve = rows.iter().map(|row| {
        serde_json::json!({
            "subscribers": row.subscribers,
            "linkage_advantage_u100": row.units.advantage(),
            "linkage_advantage_ppm": row.ppm.advantage(),
        })
    });
    let figures = serde_json::json!({
        "subscribers": goal.subscribers,
        "linkage_advantage_u100": goal.units.advantage(),
        "linkage_advantage_ppm": goal.ppm.advantage(),
        "submission_advantage_u100": goal.units.submission_advantage(),
        "partner_by_chance": goal.units.blind(),
        "partner_by_works": goal.units.by_works(),
        "partner_u100": goal.units.by_all(),
        "partner_ppm": goal.ppm.by_all(),
        "curve": curve.collect::<Vec<_>>(),
    });
    let path = folder.join("privacy.json");
    fs::write(&path, format!("{figures:#}\n")).wrap_err_with(|| format!("writing {}", path.display()))?;
    let picture = folder.join("privacy.svg");
    draw(&picture, rows).map_err(|error| eyre!("drawing {}: {error}", picture.display()))?;
    println!("-> {}, {}", path.display(), picture.display());
    Ok(())
}

fn draw(path: &Path, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(());
    };
    let top = rows.iter().map(|row| row.ppm.advantage()).fold(GOAL, f64::max) * 110.0;
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
    let points = |scores: &dyn Fn(&Row) -> f64| -> Vec<(f64, f64)> {
        let point = |row: &Row| (row.subscribers as f64, scores(row) * 100.0);
        rows.iter().map(point).collect()
    };
    let ppm = points(&|row| row.ppm.advantage());
    let units = points(&|row| row.units.advantage());
    let curves = [("a million units", RED, &ppm), ("100 units", BLUE, &units)];
    for (name, color, points) in curves {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}

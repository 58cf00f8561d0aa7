use std::{fs, path::Path, time::Duration};

use eyre::{Result, WrapErr, eyre};
use plotters::prelude::*;
use serde_json::{Map, Value, json};

use crate::measure::Point;

const SIZE: (u32, u32) = (800, 480);

/// The value below which `percent` of the sorted values lie.
fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let position = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(position).copied().unwrap_or_default().as_secs_f64() * 1_000.0
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    rounded(percentile_ms(sorted, percent))
}

/// A point in words.
pub(crate) fn line(point: &Point) -> String {
    let queries = point.queries();
    let private = |percent: usize| {
        let place = (point.private.len() * percent).div_ceil(100).saturating_sub(1);
        point.private.get(place).copied().unwrap_or_default()
    };
    format!(
        "{:>9} works: built in {:.1} s, {:.2} GB on disk, {:.0} MB of its own + {:.0} MB mapped\n\
         {:>9}  query p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms (known {:.2}/{:.2}, unknown {:.2}/{:.2} p50/p95; making probes {:.2} ms), {:.2} ms of processor on average\n\
         {:>9}  {} of {} known found, {} wrong of {}; a durable insert {:.1} ms\n\
         {:>9}  buckets: {} bits, {} works, {:.0} kB; private look-ups: {} of 100 found, after {} (p50), {} (p90) buckets",
        point.works,
        point.build.as_secs_f64(),
        point.disk_bytes as f64 / 1e9,
        point.anonymous_bytes as f64 / 1e6,
        point.mapped_bytes as f64 / 1e6,
        "",
        percentile_ms(&queries, 50),
        percentile_ms(&queries, 95),
        percentile_ms(&queries, 99),
        percentile_ms(&point.known, 50),
        percentile_ms(&point.known, 95),
        percentile_ms(&point.unknown, 50),
        percentile_ms(&point.unknown, 95),
        point.probes.as_secs_f64() * 1_000.0,
        point.cpu.as_secs_f64() * 1_000.0,
        "",
        point.found,
        point.known.len(),
        point.wrong,
        queries.len(),
        point.insert.as_secs_f64() * 1_000.0,
        "",
        point.bucket_bits,
        point.bucket_works,
        point.bucket_bytes as f64 / 1e3,
        point.private.len(),
        private(50),
        private(90),
    )
}

/// Draws the curve and merges the figures of the largest size, and the curve's, into `fingerprint.json`.
pub(crate) fn publish(out: &Path, points: &[Point]) -> Result<()> {
    draw(&out.join("fingerprint-index.svg"), points)?;
    let path = out.join("fingerprint.json");
    let mut figures: Map<String, Value> = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).wrap_err_with(|| format!("{} is no JSON object", path.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error).wrap_err_with(|| format!("reading {}", path.display())),
    };
    for point in points {
        let name = match point.works {
            10_000 => "index_10k",
            100_000 => "index_100k",
            1_000_000 => "index_1m",
            _ => continue,
        };
        let queries = point.queries();
        for (figure, value) in [
            ("query_p50_ms", json!(percentile(&queries, 50))),
            ("query_p95_ms", json!(percentile(&queries, 95))),
            ("query_p99_ms", json!(percentile(&queries, 99))),
            ("query_known_p95_ms", json!(percentile(&point.known, 95))),
            ("query_unknown_p95_ms", json!(percentile(&point.unknown, 95))),
            ("query_cpu_ms", json!(rounded(point.cpu.as_secs_f64() * 1_000.0))),
            ("probes_ms", json!(rounded(point.probes.as_secs_f64() * 1_000.0))),
            ("recall", json!(rounded(point.found as f64 / point.known.len() as f64))),
            ("wrong", json!(point.wrong)),
            ("build_s", json!(rounded(point.build.as_secs_f64()))),
            ("disk_bytes", json!(point.disk_bytes)),
            ("rss_bytes", json!(point.anonymous_bytes + point.mapped_bytes)),
            ("own_memory_bytes", json!(point.anonymous_bytes)),
            ("insert_ms", json!(rounded(point.insert.as_secs_f64() * 1_000.0))),
            ("bucket_bits", json!(point.bucket_bits)),
            ("bucket_works", json!(point.bucket_works)),
            ("bucket_bytes", json!(point.bucket_bytes)),
        ] {
            figures.insert(format!("{name}_{figure}"), value);
        }
    }
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")
        .wrap_err_with(|| format!("writing {}", path.display()))?;
    println!("-> {}", path.display());
    Ok(())
}

/// A curve's name, colour and value.
type Curve = (&'static str, RGBColor, usize);

fn draw(path: &Path, points: &[Point]) -> Result<()> {
    const CURVES: [Curve; 3] = [("p50", BLUE, 50), ("p95", RED, 95), ("p99", BLACK, 99)];
    let failed = |error: &dyn std::fmt::Display| eyre!("drawing {}: {error}", path.display());
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(());
    };
    let queries: Vec<_> = points
        .iter()
        .map(|point| (point.works as f64, point.queries()))
        .collect();
    let top = queries
        .iter()
        .map(|(_, queries)| percentile_ms(queries, 99))
        .fold(10.0, f64::max)
        * 1.2;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Finding an excerpt of 10 s", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d((first.works as f64..last.works as f64 * 1.01).log_scale(), 0.0..top)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("works")
        .y_desc("ms")
        .x_label_formatter(&|works| format!("{works:.0}"))
        .draw()
        .map_err(|error| failed(&error))?;
    for (name, colour, percent) in CURVES {
        let line = queries
            .iter()
            .map(|(works, queries)| (*works, percentile_ms(queries, percent)));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(4))
            .map_err(|error| failed(&error))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}

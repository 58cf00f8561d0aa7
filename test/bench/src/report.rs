//! Figures: to a file and to the screen.

use std::path::Path;

use comfy_table::{Table, presets};
use eyre::{Result, WrapErr};
use serde::Serialize;

/// Writes `<out>/<name>.json` and prints the same figures, one a line.
pub(crate) fn publish(out: &Path, name: &str, figures: &impl Serialize) -> Result<()> {
    let path = out.join(format!("{name}.json"));
    let value = serde_json::to_value(figures)?;
    std::fs::write(&path, serde_json::to_string_pretty(&value)? + "\n")
        .wrap_err_with(|| format!("writing {}", path.display()))?;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for (key, value) in value.as_object().into_iter().flatten() {
        if !value.is_array() {
            table.add_row([key.clone(), value.to_string()]);
        }
    }
    println!("\n{name}\n{table}\n-> {}", path.display());
    Ok(())
}

/// The value below which `share` (0 to 1) of the sorted values lie; 0 without values.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    let position = ((sorted.len() as f64) * share).ceil() as usize;
    sorted.get(position.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle one of some values; 0 without values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    percentile(&values, 0.5)
}

/// Rounded to three decimals, as a figure for a file.
pub(crate) fn figure(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.95), 95.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}

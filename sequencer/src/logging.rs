//! Logs, to standard error.

use eyre::{Context, Result, eyre};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSection};

/// Starts logging; once per process.
///
/// # Errors
/// The filter is malformed, or logging was started before.
pub fn init(config: &LogSection) -> Result<()> {
    let filter = EnvFilter::try_new(&config.filter).wrap_err_with(|| {
        format!(
            "log.filter `{}` is malformed; an example: info,cwe_bridge=debug",
            config.filter
        )
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| eyre!("logging can't be started: {error}"))
}

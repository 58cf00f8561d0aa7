//! Logs.

use eyre::{Context, Result, eyre};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{LogFormat, LogSection};

/// Starts logging to standard error; once per process.
///
/// # Errors
/// The filter is malformed, or logging was started before.
pub fn init(config: &LogSection) -> Result<()> {
    init_to(config, std::io::stderr)
}

/// Starts logging to a writer, such as one that knows of progress bars; once per process.
///
/// # Errors
/// The filter is malformed, or logging was started before.
pub fn init_to(config: &LogSection, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> Result<()> {
    let filter = EnvFilter::try_new(&config.filter).wrap_err_with(|| {
        format!(
            "log.filter `{}` is malformed; an example: info,cwe_bridge=debug",
            config.filter
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match config.format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| eyre!("logging can't be started: {error}"))
}

//! What a person sees while a command waits: a spinner on a terminal, plain lines elsewhere. To standard error, so that
//! standard output stays for results.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// One thing after another, each with how long it took.
pub(crate) struct Progress {
    bar: ProgressBar,
    step: Option<(String, Instant)>,
    plain: bool,
}

impl Progress {
    /// Starts with nothing to show.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        Self {
            bar,
            step: None,
            plain: !std::io::stderr().is_terminal(),
        }
    }

    /// Ends the step before and begins this one.
    pub(crate) fn step(&mut self, what: impl Into<String>) {
        self.end_step();
        let what = what.into();
        if self.plain {
            eprintln!("  … {what}");
        } else {
            self.bar.reset_elapsed();
            self.bar.set_message(what.clone());
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
        self.step = Some((what, Instant::now()));
    }

    /// Changes the text of the present step, on a terminal.
    pub(crate) fn detail(&self, detail: &str) {
        if let Some((what, _)) = &self.step {
            self.bar.set_message(format!("{what}: {detail}"));
        }
    }

    /// Ends the last step.
    pub(crate) fn finish(mut self) {
        self.end_step();
        self.bar.finish_and_clear();
    }

    fn end_step(&mut self) {
        let Some((what, started)) = self.step.take() else {
            return;
        };
        let line = format!("  ✓ {what} ({:.1} s)", started.elapsed().as_secs_f64());
        if self.plain {
            eprintln!("{line}")
        } else {
            self.bar.println(line)
        }
    }
}

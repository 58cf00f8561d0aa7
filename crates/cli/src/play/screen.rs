//! What a person sees while something plays: one line on a terminal, nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::memory::Place;

/// The line.
pub(super) struct Screen {
    bar: ProgressBar,
    name: String,
}

impl Screen {
    /// For a file with this name.
    pub(super) fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let screen = Self {
            bar,
            name: name.to_owned(),
        };
        screen.style("{msg}");
        screen.bar.set_message(format!("{name}: listening"));
        screen
    }

    /// Another work, or nothing that is known, begins.
    pub(super) fn begin(&self, place: Option<&Place>) {
        let Some(place) = place else {
            self.style("{msg}");
            return self.bar.set_message(format!("{}: unknown, not counted", self.name));
        };
        self.style("{prefix} {bar:24} {msg}");
        let known = &place.known;
        self.bar.set_length(known.length_ms.max(0).unsigned_abs());
        self.bar
            .set_prefix(known.title.clone().unwrap_or_else(|| self.name.clone()));
    }

    /// So far it is.
    pub(super) fn at(&self, place: Option<&Place>, played_ms: u64) {
        let Some(place) = place else { return };
        let at_ms = place.at_ms.saturating_add(place.in_work(played_ms)).max(0);
        self.bar.set_position(at_ms.unsigned_abs());
        let price = place.known.price.map(|price| format!(", {price}")).unwrap_or_default();
        let (now, all) = (time(at_ms), time(place.known.length_ms));
        self.bar.set_message(format!("{now} of {all}{price}"));
    }

    /// Nothing is shown any more.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

/// Minutes and seconds.
fn time(ms: i64) -> String {
    let secs = Duration::from_millis(ms.max(0).unsigned_abs()).as_secs();
    format!("{}:{:02}", secs / 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_minutes_and_seconds() {
        assert_eq!(
            ["0:00", "0:00", "1:05", "61:00"],
            [-5, 999, 65_400, 3_660_000].map(time)
        );
    }
}

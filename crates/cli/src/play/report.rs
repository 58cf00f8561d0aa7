//! What is said of a file when its playing is over.

use cwe_wallet::Recorded;
use eyre::Result;
use serde::Serialize;

use super::{
    listener::{End, Heard},
    memory::Known,
    price::Cap,
};

/// One file, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    file: String,
    /// Whether any work was recognised.
    found: bool,
    /// Whether it was not played, or not to its end, because of the cap.
    blocked: bool,
    /// Whether the listener ended it.
    stopped: bool,
    /// Micro-CLN a minute.
    cap: Option<u64>,
    /// Seconds that the wallet has now.
    seconds: u64,
    plays: u32,
    /// Seconds that were heard and count for nobody.
    uncounted_secs: u64,
    /// Buckets that hubs were asked for.
    asked: usize,
    /// In the order in which they came.
    works: Vec<WorkReport>,
    /// Why it was not played, or not to its end, or not counted.
    error: Option<String>,
}

/// One work of a file.
#[derive(Debug, Serialize)]
struct WorkReport {
    work_id: String,
    title: Option<String>,
    /// Micro-CLN, before the region's factor; none where the hub knows none.
    price_per_min: Option<u64>,
    region_rule: Option<String>,
    region_factor_ppm: Option<u32>,
    /// Whether it is above the cap.
    blocked: bool,
    seconds: u64,
    plays: u32,
    /// Epochs that they count in.
    epochs: Vec<u64>,
    /// Whether some of it is of an epoch whose statement is frozen.
    too_late: bool,
    #[serde(skip)]
    costs: Option<u64>,
}

impl WorkReport {
    fn new(known: &Known, heard: &Heard, cap: Cap) -> Self {
        let counted = heard.tally.works().iter().find(|counted| counted.work == known.work);
        let seconds = counted.map_or(0, |counted| counted.kept_secs());
        let own = heard.recorded.iter().filter(|(work, _)| *work == known.work);
        let recorded: Vec<Recorded> = own.map(|(_, recorded)| *recorded).collect();
        let mut epochs: Vec<_> = recorded.iter().map(|recorded| recorded.epoch).collect();
        epochs.dedup();
        Self {
            work_id: known.work.to_string(),
            title: known.title.clone(),
            price_per_min: known.price.map(|price| price.per_min),
            region_rule: known.region_rule.clone(),
            region_factor_ppm: known.price.and_then(|price| price.region_ppm),
            blocked: !cap.allows(known.price),
            seconds,
            plays: counted.filter(|_| seconds > 0).map_or(0, |counted| counted.plays),
            epochs,
            too_late: recorded.iter().any(|recorded| recorded.too_late),
            costs: known.price.map(super::price::Price::in_region),
        }
    }

    fn title(&self) -> &str {
        self.title.as_deref().unwrap_or("(without a title)")
    }

    fn show(&self, cap: Option<u64>) {
        let rule = self.region_rule.as_deref().unwrap_or("unknown");
        let price = match self.costs {
            Some(costs) => format!("{costs} micro-CLN a minute, region rule {rule}"),
            None => "its price is not known".into(),
        };
        match (self.blocked, self.costs, cap) {
            (true, Some(costs), Some(cap)) => println!(
                "  {}: blocked, {price}, above the cap of {cap}: --cap {costs} would play it",
                self.title()
            ),
            (true, ..) => println!("  {}: blocked, {price}: only without a cap it is played", self.title()),
            _ => println!("  {}: {} s counted ({price})", self.title(), self.seconds),
        }
    }
}

impl FileReport {
    /// Of a file whose playing ended so.
    pub(super) fn new(file: String, cap: Cap, heard: &Heard, end: &Result<End>, asked: usize) -> Self {
        let works: Vec<_> = heard
            .works
            .iter()
            .map(|known| WorkReport::new(known, heard, cap))
            .collect();
        Self {
            file,
            found: !works.is_empty(),
            blocked: matches!(end, Ok(End::Blocked)),
            stopped: matches!(end, Ok(End::Stopped)),
            cap: cap.0,
            seconds: works.iter().map(|work| work.seconds).sum(),
            plays: works.iter().map(|work| work.plays).sum(),
            uncounted_secs: heard.tally.uncounted_secs(),
            asked,
            works,
            error: end.as_ref().err().map(|error| format!("{error:#}")),
        }
    }

    /// Whether it was played as far as the listener wanted, and all of it was kept.
    pub(super) const fn is_good(&self) -> bool {
        !self.blocked && self.error.is_none()
    }

    /// Prints it.
    ///
    /// # Errors
    /// It is no JSON.
    pub(super) fn show(&self, json: bool) -> Result<()> {
        if let Some(error) = &self.error {
            eprintln!("{}: {error}", self.file);
        }
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        println!("{}", self.file);
        for work in &self.works {
            work.show(self.cap);
        }
        if self.uncounted_secs > 0 {
            println!("  unknown: {} s, counted for nobody", self.uncounted_secs);
        }
        Ok(())
    }
}

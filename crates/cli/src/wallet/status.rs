//! `cwe wallet status`: who the wallet is, what it recorded, and where each epoch stands.

use std::collections::BTreeMap;

use alloy::primitives::B256;
use cwe_wallet::{
    Contents,
    chain::{Chain, ChainClient},
    driver,
    epoch::Stage,
};
use eyre::Result;
use serde::Serialize;

use super::{
    chain,
    file::{OpenWallet, WalletFileArgs},
};
use crate::{
    economy::{EconomyArgs, ids},
    table,
};

/// Show identity, epochs and crowds
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Show only what is in the wallet, without the L2
    #[arg(long)]
    offline: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: WalletFileArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Status {
    identity_commitment: B256,
    device: String,
    /// The running epoch; none offline.
    epoch: Option<u64>,
    /// Submissions of a tier below which reveals wait for the window's last day.
    crowd_threshold: u64,
    epochs: Vec<EpochLine>,
}

/// One epoch, in `status` and as the result of the commands that move it on.
#[derive(Debug, Serialize)]
pub(super) struct EpochLine {
    epoch: u64,
    /// Sessions of all devices that were merged here.
    sessions: usize,
    /// `open` before the statement is frozen.
    stage: &'static str,
    /// Of the tier that is subscribed; none offline, and where nothing is subscribed.
    tier_subscribers: Option<u64>,
    tier: Option<String>,
    /// Position of the submission in the note tree.
    note_index: Option<u64>,
    /// Submissions of the same tier, among which a reveal disappears.
    crowd: Option<u64>,
    held_back: Option<bool>,
    revealed: Option<usize>,
    to_reveal: Option<usize>,
    /// Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_reveal_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// Why the epoch can't go on as it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl EpochLine {
    /// What the wallet knows of an epoch.
    pub(super) fn of(contents: &Contents, epoch: u64) -> Self {
        let record = contents.epoch(epoch);
        let reveals = record.and_then(|record| record.reveals().ok());
        Self {
            epoch,
            sessions: contents.ledger().sessions_in(epoch).len(),
            stage: record.map_or("open", |record| record.stage.name()),
            tier_subscribers: None,
            tier: record.map(|record| ids::name_of(record.plan.tier())),
            note_index: match record.map(|record| &record.stage) {
                Some(Stage::Confirmed { index }) => Some(*index),
                _ => None,
            },
            crowd: reveals.map(|plan| plan.crowd()),
            held_back: reveals.map(|plan| plan.is_held_back()),
            revealed: reveals.map(|plan| plan.acknowledged()),
            to_reveal: reveals.map(|plan| plan.reveals().len()),
            next_reveal_at: None,
            transaction: None,
            problem: None,
        }
    }

    async fn add_subscription(&mut self, contents: &Contents, chain: &ChainClient) -> Result<()> {
        let subscriptions = chain.subscriptions(self.epoch).await?;
        if let Some((_, tier)) = subscriptions.find(contents.identity_commitment()) {
            self.tier = Some(ids::name_of(tier));
            self.tier_subscribers = Some(subscriptions.of_tier(tier));
        }
        Ok(())
    }

    /// Prints one epoch.
    pub(super) fn show(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        println!("epoch {} is {}", self.epoch, self.stage);
        if let Some(transaction) = self.transaction {
            println!("  transaction  {transaction}");
        }
        if let (Some(revealed), Some(all), Some(crowd)) = (self.revealed, self.to_reveal, self.crowd) {
            println!("  revealed     {revealed} of {all}, among {crowd} submissions of the tier");
        }
        if self.held_back == Some(true) {
            println!("  held back    until the window's last day, because the crowd is small");
        }
        if let Some(time) = self.next_reveal_at {
            println!("  next reveal  at Unix time {time}");
        }
        Ok(())
    }
}

/// Runs `cwe wallet status`.
pub(super) async fn run(args: &StatusArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let (connected, running) = if args.offline {
        (None, None)
    } else {
        let economy = args.economy.connect(None).await?;
        let chain = chain::connect(&economy, &mut wallet).await?;
        (Some(chain), Some(economy.current_epoch().await?))
    };
    let problems = match &connected {
        Some(chain) => look_at_open_epochs(&mut wallet, chain).await,
        None => BTreeMap::new(),
    };
    let contents = wallet.contents();
    let mut epochs = contents.ledger().epochs();
    epochs.extend(contents.epochs().keys());
    epochs.extend(running);
    let mut lines = Vec::new();
    for epoch in epochs {
        let mut line = EpochLine::of(contents, epoch);
        // An epoch far ahead, from a clock that was wrong, has no subscriptions to read.
        if let (Some(chain), Some(running)) = (&connected, running)
            && epoch <= running
        {
            line.add_subscription(contents, chain).await?;
        }
        line.problem = problems.get(&epoch).cloned();
        lines.push(line);
    }
    let status = Status {
        identity_commitment: contents.identity_commitment(),
        device: contents.device().to_string(),
        epoch: running,
        crowd_threshold: contents.crowd_threshold(),
        epochs: lines,
    };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(())
}

/// Learns what became of epochs that are under way; returns what stands in the way of each.
async fn look_at_open_epochs(wallet: &mut OpenWallet, chain: &ChainClient) -> BTreeMap<u64, String> {
    let records = wallet.contents().epochs().iter();
    let open: Vec<u64> = records
        .filter(|(_, record)| {
            !matches!(
                record.stage,
                Stage::Revealing(_) | Stage::Superseded { .. } | Stage::Missed
            )
        })
        .map(|(epoch, _)| *epoch)
        .collect();
    let mut problems = BTreeMap::new();
    for epoch in open {
        if let Err(error) = driver::look(wallet, chain, epoch).await {
            problems.insert(epoch, error.to_string());
        }
    }
    problems
}

fn print(status: &Status) {
    println!("identity commitment  {}", status.identity_commitment);
    println!("device               {}", status.device);
    if let Some(epoch) = status.epoch {
        println!("running epoch        {epoch}");
    }
    println!(
        "reveals are held back below {} submissions of the tier",
        status.crowd_threshold
    );
    let mut rows = table::new(["epoch", "stage", "sessions", "tier", "subscribers", "revealed"]);
    for line in &status.epochs {
        rows.add_row([
            line.epoch.to_string(),
            line.stage.into(),
            line.sessions.to_string(),
            line.tier.clone().unwrap_or_default(),
            line.tier_subscribers.map(|count| count.to_string()).unwrap_or_default(),
            match (line.revealed, line.to_reveal) {
                (Some(revealed), Some(all)) => format!("{revealed} of {all}"),
                _ => String::new(),
            },
        ]);
    }
    println!("{rows}");
    for line in &status.epochs {
        if let Some(problem) = &line.problem {
            println!("epoch {}: {problem}", line.epoch);
        }
    }
    let running = status.epoch.unwrap_or(u64::MAX);
    if status.epochs.iter().any(|line| line.epoch > running) {
        println!("epochs that have not begun: recorded while this device's clock was ahead, or named by hand");
    }
}

//! `bench trie`: what a changed slot costs, root and commit, as the state grows.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    consensus::Header,
    primitives::{Address, B256, U256, keccak256},
};
use cwe_executor::StateBackend;
use cwe_primitives::{Account, AccountChange, Block, BlockBody, ChainSpec, QueueHash, SlotChange, StateChanges};
use cwe_storage::{BlockCommit, BulkAccount, BulkState, Database, Options, StorageError};
use eyre::{Result, WrapErr, eyre};
use plotters::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;

use crate::{
    report::{figure, publish},
    token::balance_slot,
    workload::address,
};

const CHAIN_ID: u64 = 7;
const TOKEN: Address = Address::repeat_byte(0x70);
const SEED: u64 = 0x7ee;
const SIZE: (u32, u32) = (800, 480);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Largest number of accounts; the others are powers of ten from 10 000 on
    #[arg(long, default_value_t = 10_000_000)]
    max_accounts: u64,
    /// Slots changed in a block
    #[arg(long, default_value_t = 1_000)]
    slots: usize,
    /// Blocks measured at each size, after as many to warm up
    #[arg(long, default_value_t = 20)]
    blocks: usize,
}

/// One point of the curve.
#[derive(Debug, Clone, Serialize)]
struct Point {
    accounts: u64,
    /// Of the median block.
    root_us_per_slot: f64,
    /// Until all blocks are on disk.
    commit_us_per_slot: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    slots_per_block: usize,
    /// Dearest over cheapest root update.
    root_spread: f64,
    points: Vec<Point>,
}

/// Runs the benchmark and draws the curve.
pub(crate) fn run(args: &Args, out: &Path) -> Result<()> {
    let sizes = (4..)
        .map(|power| 10u64.pow(power))
        .take_while(|size| *size <= args.max_accounts);
    let mut points = Vec::new();
    for accounts in sizes {
        let point = measure(args, accounts).wrap_err_with(|| format!("with {accounts} accounts"))?;
        println!(
            "{accounts:>10} accounts: {:.2} µs a slot for the root, {:.2} µs for the commit",
            point.root_us_per_slot, point.commit_us_per_slot
        );
        points.push(point);
    }
    let root = || points.iter().map(|point| point.root_us_per_slot);
    let spread = root().fold(0.0, f64::max) / root().fold(f64::INFINITY, f64::min);
    draw(&out.join("trie.svg"), &points)?;
    publish(
        out,
        "trie",
        &Figures {
            slots_per_block: args.slots,
            root_spread: figure(spread),
            points,
        },
    )
}

/// Builds a state in which as many accounts hold a token, then changes random balances of it, block after block.
fn measure(args: &Args, accounts: u64) -> Result<Point> {
    let folder = tempfile::tempdir()?;
    let db = Database::open(&folder.path().join("db"), Options::default())?;
    let spec = ChainSpec::new(CHAIN_ID);
    db.bulk_load(&spec, state(accounts), |root| block(0, B256::ZERO, root))?;
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut rooting, mut committing) = (Vec::new(), Duration::ZERO);
    for number in 1..=2 * args.blocks as u64 {
        let snapshot = db.latest()?;
        let changes = changes(&snapshot, accounts, args.slots, &mut random)?;
        let started = Instant::now();
        let trie = snapshot.update_root(&changes).map_err(|error| eyre!("{error}"))?;
        let rooted = started.elapsed();
        let parent = snapshot
            .block_hash(number - 1)?
            .ok_or_else(|| eyre!("block {} is missing", number - 1))?;
        drop(snapshot);
        let block = block(number, parent, trie.root);
        let commit = BlockCommit {
            block: &block,
            hash: block.header.hash_slow(),
            senders: &[],
            receipts: &[],
            changes: &changes,
            trie: &trie,
            queue: QueueHash::default(),
            withdrawals: &[],
        };
        let started = Instant::now();
        db.append_block(commit, || Ok::<_, StorageError>(()))?;
        if number > args.blocks as u64 {
            rooting.push(rooted);
            committing += started.elapsed();
        } else if number == args.blocks as u64 {
            // What is measured writes its own blocks, and no others.
            db.persist()?;
        }
    }
    let started = Instant::now();
    db.persist()?;
    committing += started.elapsed();
    rooting.sort_unstable();
    let median = rooting.get(rooting.len() / 2).copied().unwrap_or_default();
    let per_slot = |duration: Duration, slots: usize| figure(duration.as_secs_f64() * 1e6 / slots as f64);
    Ok(Point {
        accounts,
        root_us_per_slot: per_slot(median, args.slots),
        commit_us_per_slot: per_slot(committing, args.slots * args.blocks),
    })
}

fn state(accounts: u64) -> BulkState {
    let holder = |number| BulkAccount {
        address: address(number),
        account: Account {
            nonce: 1,
            balance: U256::from(number),
            ..Account::default()
        },
        storage: Vec::new(),
    };
    let code = vec![0xfe];
    let token = BulkAccount {
        address: TOKEN,
        account: Account {
            nonce: 1,
            balance: U256::ZERO,
            code_hash: keccak256(&code),
        },
        storage: (0..accounts)
            .map(|number| (balance_slot(address(number)), U256::from(number + 1)))
            .collect(),
    };
    let accounts = (0..accounts).map(holder).chain([token]).collect();
    BulkState {
        accounts,
        codes: [(keccak256(&code), code.into())].into(),
    }
}

/// New balances for random holders.
fn changes(snapshot: &cwe_storage::Snapshot, accounts: u64, slots: usize, random: &mut StdRng) -> Result<StateChanges> {
    let token = snapshot.account(TOKEN)?;
    let mut change = AccountChange {
        previous: token,
        current: token,
        ..AccountChange::default()
    };
    while change.storage.len() < slots.min(usize::try_from(accounts)? / 2) {
        let slot = balance_slot(address(random.random_range(0..accounts)));
        let previous = snapshot.slot(TOKEN, slot)?;
        change.storage.insert(
            slot,
            SlotChange {
                previous,
                current: previous + U256::from(random.random_range(1..1_000u64)),
            },
        );
    }
    Ok(StateChanges {
        accounts: [(TOKEN, change)].into(),
        ..StateChanges::default()
    })
}

fn block(number: u64, parent_hash: B256, state_root: B256) -> Block {
    let header = Header {
        number,
        parent_hash,
        state_root,
        timestamp: number,
        ..Header::default()
    };
    Block {
        header,
        body: BlockBody::default(),
    }
}

fn draw(path: &Path, points: &[Point]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| eyre!("drawing {}: {error}", path.display());
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(());
    };
    let top = points
        .iter()
        .map(|point| point.root_us_per_slot.max(point.commit_us_per_slot))
        .fold(0.0, f64::max)
        * 1.3;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Cost of a changed slot", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (first.accounts as f64..last.accounts as f64 * 1.01).log_scale(),
            0.0..top,
        )
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("accounts")
        .y_desc("µs")
        .x_label_formatter(&|accounts| format!("{accounts:.0}"))
        .draw()
        .map_err(|error| failed(&error))?;
    for (name, colour, value) in [
        (
            "state root",
            BLUE,
            (|point: &Point| point.root_us_per_slot) as fn(&Point) -> f64,
        ),
        ("commit", RED, |point: &Point| point.commit_us_per_slot),
    ] {
        let line = points.iter().map(|point| (point.accounts as f64, value(point)));
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

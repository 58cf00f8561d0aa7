//! `cwe play`: files of sound, recognised while they play, within a price cap, counted in the wallet.
//!
//! A file goes through four stages at once, with little waiting between them: it is decoded into [pieces] of ten
//! seconds; each piece is [recognised](recogniser), from [memory] or by a hub's bucket; the [listener] plays it on the
//! [speaker] and keeps the [tally]; the [keeper] writes that into the wallet.

mod keeper;
mod listener;
mod memory;
mod pieces;
mod price;
mod recogniser;
mod report;
mod screen;
mod speaker;
mod tally;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use cwe_wallet::WalletError;
use eyre::{Result, WrapErr, bail};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use self::{
    keeper::Keeper,
    listener::{End, Listener},
    pieces::Part,
    price::Cap,
    recogniser::Recogniser,
    report::FileReport,
};
use crate::{
    economy::now_secs,
    hub::{Hub, HubArgs},
    media,
    node::cancelled_by_signals,
    wallet::{WalletFileArgs, When, warn_about},
};

/// What `cwe play --help` ends with.
const MANUAL: &str = "\
What counts: seconds of works that were recognised and heard, for each work of a mix; a piece of ten seconds that
nobody knows plays and counts for nobody. Ctrl-C ends the playing; what was heard until then counts. The wallet is
written while a work plays, first after half a minute, so that a kill loses little: what was heard since, ten minutes
at most.

The cap: a work whose minute costs more, with its region's factor, is not played and not counted; nor is, with a cap,
one whose price the hub does not know. Without --cap everything is played, whatever it costs: what you pay is the
month's fee, and prices decide how it is divided.

Who learns what: a hub learns that one of the works of a bucket is playing, once a work; the pieces that follow are
compared with what the bucket has of it. Of a large catalogue that is little: the work is then taken to go on until
its end. A hub is asked again where something else is heard. The L2 is asked for the running epoch.

Exit status: 0 when all files were played, unknown ones too, or Ctrl-C ended it; 1 when the cap blocked one, when one
could not be read, played or recognised because no hub answers, or when what was heard could not be kept. One file's
failure does not keep the next from playing.";

/// Play files, recognise them, and count what was heard in the wallet
#[derive(Debug, clap::Args)]
#[command(after_long_help = MANUAL)]
pub(crate) struct PlayArgs {
    /// Files of sound, or of video with sound; one is played after the other
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The most that a minute may cost, micro-CLN; what costs more is not played
    #[arg(long, value_name = "MICRO-CLN", env = "CWE_CAP")]
    cap: Option<u64>,
    /// Play without sound, as fast as it is decoded: seconds of the file count
    #[arg(long)]
    silent: bool,
    /// Begin so many seconds into each file
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    from_secs: u32,
    /// Play so many seconds of each file
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    for_secs: Option<u32>,
    /// Play on, uncounted, where no hub answers
    #[arg(long)]
    uncounted: bool,
    /// Print one line of JSON for each file
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hubs: HubArgs,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Runs `cwe play`.
pub(crate) async fn run(args: &PlayArgs) -> Result<()> {
    if !args.silent {
        speaker::check().await?;
    }
    let keeper = args.keeper().await?;
    let player = Player {
        cap: Cap(args.cap),
        part: Part {
            from_secs: args.from_secs,
            for_secs: args.for_secs,
        },
        silent: args.silent,
        epoch: args.when.epoch,
        keeper,
        recogniser: Arc::new(Mutex::new(Recogniser::new(args.connect().await?, args.uncounted))),
        stop: cancelled_by_signals()?,
    };
    let mut failed = 0;
    for file in &args.files {
        if player.stop.is_cancelled() {
            break;
        }
        let report = player.play(file).await;
        report.show(args.json)?;
        failed += usize::from(!report.is_good());
    }
    if failed > 0 {
        bail!(
            "{failed} of {} files were not played to their end or not counted",
            args.files.len()
        );
    }
    Ok(())
}

impl PlayArgs {
    /// Makes sure, before anything sounds, that it can be counted.
    async fn keeper(&self) -> Result<Keeper> {
        let access = self.file.access()?;
        let mut wallet = access.open()?;
        self.when.learn(&mut wallet).await?;
        let contents = wallet.contents();
        let epoch = match self.when.epoch {
            Some(epoch) => epoch,
            None => contents.epoch_at(now_secs()?).ok_or(WalletError::NoSchedule)?,
        };
        if contents.epoch(epoch).is_some() {
            eprintln!("warning: the statement of epoch {epoch} is frozen: what is heard is kept, but not reported");
        }
        Ok(Keeper::new(access))
    }

    async fn connect(&self) -> Result<Vec<Hub>> {
        let chain_id = self.when.economy.network()?.l2_chain_id;
        match self.hubs.require(chain_id).await {
            Err(error) if self.uncounted => {
                recogniser::warn(&error);
                Ok(Vec::new())
            }
            connected => connected,
        }
    }
}

/// What all files have in common.
struct Player {
    cap: Cap,
    part: Part,
    silent: bool,
    epoch: Option<u64>,
    keeper: Keeper,
    recogniser: Arc<Mutex<Recogniser>>,
    stop: CancellationToken,
}

impl Player {
    async fn play(&self, file: &Path) -> FileReport {
        let name = file.display().to_string();
        let mut listener = Listener::new(self.cap, self.epoch, self.keeper.clone(), self.silent, &name);
        let ended = self.listen(file, &mut listener).await;
        let kept = listener.keep_rest().await;
        let recorded: Vec<_> = listener.heard.recorded.iter().map(|(_, recorded)| *recorded).collect();
        warn_about(&recorded);
        let asked = self.recogniser.lock().await.asked();
        FileReport::new(name, self.cap, &listener.heard, &kept.and(ended), asked)
    }

    async fn listen(&self, file: &Path, listener: &mut Listener) -> Result<End> {
        if media::is_picture(file)? {
            bail!("it is a picture: only sound is played");
        }
        let (decoded, pieces) = mpsc::channel(1);
        let (path, part, stop) = (file.to_owned(), self.part, self.stop.clone());
        let decoding = tokio::task::spawn_blocking(move || {
            pieces::decode(&path, part, &stop, |piece| match decoded.blocking_send(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        let (judged, recognised) = mpsc::channel(1);
        let recognising = tokio::spawn(recogniser::recognise(self.recogniser.clone(), pieces, judged));
        let ended = listener.listen(recognised, &self.stop).await;
        if !matches!(ended, Ok(End::Heard)) {
            recognising.abort();
        }
        let recognised = match recognising.await {
            Err(stopped) if stopped.is_cancelled() => Ok(()),
            recognised => recognised.wrap_err("recognising")?,
        };
        let decoded = decoding.await.wrap_err("decoding")?;
        let end = ended?;
        recognised?;
        decoded?;
        if listener.heard.pieces == 0 && matches!(end, End::Heard) {
            bail!("it ends before second {}", self.part.from_secs);
        }
        Ok(end)
    }
}

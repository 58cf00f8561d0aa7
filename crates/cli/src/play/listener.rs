//! Plays the pieces of one file and counts what was heard of them, second by second.

use std::sync::Arc;

use cwe_wallet::{Played, Recorded, ids::WorkId};
use eyre::{Result, WrapErr};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    keeper::Keeper,
    memory::{Known, Place},
    price::Cap,
    recogniser::Recognised,
    screen::Screen,
    speaker::Speaker,
    tally::Tally,
};

/// How finely it is counted.
const CHUNK_MS: u64 = 250;

/// How a file's playing ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// There was no more of it.
    Heard,
    /// The listener ended it.
    Stopped,
    /// What comes next is above the cap.
    Blocked,
}

/// One file's listener.
pub(super) struct Listener {
    pub cap: Cap,
    /// Epoch that it counts in, if it was named.
    pub epoch: Option<u64>,
    pub keeper: Keeper,
    pub speaker: Speaker,
    pub screen: Screen,
    pub heard: Heard,
    keeping: Option<Keeping>,
    /// Whether the wallet could not be written while it played: it is tried once more at the end.
    is_late: bool,
}

/// What was heard.
#[derive(Default)]
pub(super) struct Heard {
    pub tally: Tally,
    /// Works that were recognised, in the order in which they came.
    pub works: Vec<Arc<Known>>,
    /// What became of the sessions.
    pub recorded: Vec<(WorkId, Recorded)>,
    pub pieces: usize,
    last: Option<WorkId>,
}

/// Sessions on their way into the wallet.
struct Keeping {
    sessions: Vec<Played>,
    task: JoinHandle<Result<Vec<Recorded>>>,
}

impl Listener {
    pub(super) fn new(cap: Cap, epoch: Option<u64>, keeper: Keeper, silent: bool, name: &str) -> Self {
        Self {
            cap,
            epoch,
            keeper,
            speaker: Speaker::new(silent),
            screen: Screen::new(name),
            heard: Heard::default(),
            keeping: None,
            is_late: false,
        }
    }

    /// Plays what comes until it ends, is above the cap, or is stopped. What was heard counts in each case.
    ///
    /// # Errors
    /// It can't be played.
    pub(super) async fn listen(&mut self, pieces: mpsc::Receiver<Recognised>, stop: &CancellationToken) -> Result<End> {
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(End::Stopped),
            end = self.play_all(pieces) => end,
        };
        self.screen.end();
        self.heard.tally.take_back(self.heard.last, self.speaker.unheard_ms());
        end
    }

    async fn play_all(&mut self, mut pieces: mpsc::Receiver<Recognised>) -> Result<End> {
        while let Some(piece) = pieces.recv().await {
            self.heard.pieces += 1;
            let changes = self.heard.pieces == 1 || piece.work() != self.heard.last;
            if let Some(place) = &piece.place {
                self.heard.meet(&place.known);
                if !self.cap.allows(place.known.price) {
                    self.speaker.finish().await?;
                    return Ok(End::Blocked);
                }
            }
            if changes {
                self.screen.begin(piece.place.as_ref());
            }
            self.play(&piece).await?;
        }
        self.speaker.finish().await?;
        Ok(End::Heard)
    }

    async fn play(&mut self, piece: &Recognised) -> Result<()> {
        let inside = piece.place.as_ref().map(|place| place.inside(piece.sound.length_ms()));
        let mut at_ms = 0;
        for chunk in piece.sound.chunks(CHUNK_MS) {
            self.speaker.play(&piece.sound, chunk).await?;
            let next_ms = (at_ms + CHUNK_MS).min(piece.sound.length_ms());
            let own_ms = inside.as_ref().map_or(0, |inside| {
                next_ms.min(inside.end).saturating_sub(at_ms.max(inside.start))
            });
            self.heard.hear(piece.place.as_ref(), own_ms, next_ms - at_ms - own_ms);
            at_ms = next_ms;
            self.screen.at(piece.place.as_ref(), at_ms);
            self.write_down().await;
        }
        Ok(())
    }

    /// Has the wallet written now and then, while it plays on.
    async fn write_down(&mut self) {
        if let Some(keeping) = self.keeping.as_mut().filter(|keeping| keeping.task.is_finished()) {
            if let Err(error) = self.heard.keep(keeping).await {
                self.is_late = true;
                eprintln!("warning: {error:#}; it is tried again at the end");
            }
            self.keeping = None;
        }
        if self.keeping.is_none() && !self.is_late && self.heard.tally.is_due() {
            self.keeping = Some(self.begin_keeping(false));
        }
    }

    fn begin_keeping(&self, at_end: bool) -> Keeping {
        let sessions = self.heard.tally.unkept(at_end, self.epoch);
        let (keeper, copy) = (self.keeper.clone(), sessions.clone());
        Keeping {
            sessions,
            task: tokio::spawn(async move { keeper.keep(copy).await }),
        }
    }

    /// Has the wallet written with all that it has not yet.
    ///
    /// # Errors
    /// It can't be.
    pub(super) async fn keep_rest(&mut self) -> Result<()> {
        if let Some(mut keeping) = self.keeping.take() {
            // What fails now is in the rest.
            let _ = self.heard.keep(&mut keeping).await;
        }
        let mut rest = self.begin_keeping(true);
        let lost: u64 = rest.sessions.iter().map(|session| u64::from(session.seconds)).sum();
        let kept = self.heard.keep(&mut rest).await;
        kept.wrap_err_with(|| format!("{lost} s that were heard can't be kept"))
    }
}

impl Heard {
    fn meet(&mut self, known: &Arc<Known>) {
        if !self.works.iter().any(|other| other.work == known.work) {
            self.works.push(known.clone());
        }
    }

    fn hear(&mut self, place: Option<&Place>, own_ms: u64, other_ms: u64) {
        let work = place.map(|place| place.known.work);
        if own_ms > 0 {
            self.tally.hear(work, own_ms);
        }
        if other_ms > 0 {
            self.tally.hear(None, other_ms);
        }
        self.last = work;
    }

    /// Takes in what became of sessions. Who stops waiting for it can begin again.
    async fn keep(&mut self, keeping: &mut Keeping) -> Result<()> {
        let recorded = (&mut keeping.task).await.wrap_err("writing to the wallet")??;
        self.tally.keep(&keeping.sessions);
        let works = keeping.sessions.iter().map(|session| session.work);
        self.recorded.extend(works.zip(recorded));
        Ok(())
    }
}

impl Recognised {
    fn work(&self) -> Option<WorkId> {
        self.place.as_ref().map(|place| place.known.work)
    }
}

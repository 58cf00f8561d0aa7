//! Which work each piece is of: known from before, or asked for privately.

use std::sync::Arc;

use cwe_fingerprint::Query;
use eyre::{Report, Result, WrapErr};
use tokio::sync::{Mutex, mpsc};

use super::{
    memory::{Memory, Place},
    pieces::{Piece, Sound},
};
use crate::hub::Hub;

/// Pieces that are heard ahead at a file's beginning, before it sounds, until one is recognised; and pieces in a row
/// that a hub is asked about while none is.
const EAGER_PIECES: u32 = 3;
/// Afterwards one of so many: what is unknown for half a minute mostly stays so, and each question tells a little.
const PATIENT_PIECES: u32 = 3;
/// How far a work's beginning may be off for what comes before a recognised piece to be its beginning.
const BEGINNING_MS: i64 = 1_000;

/// A piece, and what it is.
pub(super) struct Recognised {
    pub sound: Sound,
    /// None where it is no work that anybody knows.
    pub place: Option<Place>,
}

/// What recognises. Remembers from file to file.
pub(super) struct Recogniser {
    hubs: Vec<Hub>,
    /// Whether to go on where no hub answers.
    uncounted: bool,
    memory: Memory,
    patience: Patience,
    buckets: usize,
}

impl Recogniser {
    pub(super) fn new(hubs: Vec<Hub>, uncounted: bool) -> Self {
        Self {
            hubs,
            uncounted,
            memory: Memory::default(),
            patience: Patience::default(),
            buckets: 0,
        }
    }

    /// Buckets that hubs were asked for since the file began.
    pub(super) const fn asked(&self) -> usize {
        self.buckets
    }

    fn begin(&mut self) {
        self.memory.begin();
        self.patience = Patience::default();
        self.buckets = 0;
    }

    async fn place(&mut self, piece: &Piece) -> Result<Option<Place>> {
        let length_ms = piece.sound.length_ms();
        let mut place = self.memory.place(piece.query.as_ref(), length_ms);
        if let (None, Some(query)) = (&place, &piece.query)
            && self.patience.may_ask()
        {
            place = self.ask(query).await?;
        }
        if piece.query.is_some() {
            self.patience.heard(place.is_some());
        }
        self.memory.follow(place.as_ref(), length_ms);
        Ok(place)
    }

    async fn ask(&mut self, query: &Query) -> Result<Option<Place>> {
        let mut failure = None;
        for hub in &self.hubs {
            match hub.identify(query).await {
                Ok(lookup) => {
                    self.buckets += lookup.buckets;
                    if let Some((found, entries)) = lookup.found {
                        let learned = self.memory.learn(found, entries);
                        return learned.map(Some).wrap_err_with(|| format!("hub {}", hub.url()));
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if self.uncounted => {
                warn(&error);
                Ok(None)
            }
            Some(error) => Err(error),
            None => Ok(None),
        }
    }
}

/// Says why something is played that may not be counted.
pub(super) fn warn(error: &Report) {
    eprintln!("warning: {error:#}; what is playing is not counted");
}

/// How often to ask about what nobody knows.
#[derive(Debug, Default)]
struct Patience {
    unknown_pieces: u32,
}

impl Patience {
    const fn may_ask(&self) -> bool {
        self.unknown_pieces < EAGER_PIECES || self.unknown_pieces.is_multiple_of(PATIENT_PIECES)
    }

    const fn heard(&mut self, known: bool) {
        self.unknown_pieces = if known {
            0
        } else {
            self.unknown_pieces.saturating_add(1)
        };
    }
}

/// Takes a file's pieces, and gives them with what they are. Of a file's beginning nothing is given before it is known,
/// so that no sound of a work is heard that is not to be played.
///
/// # Errors
/// No hub answers.
pub(super) async fn recognise(
    recogniser: Arc<Mutex<Recogniser>>,
    mut pieces: mpsc::Receiver<Piece>,
    recognised: mpsc::Sender<Recognised>,
) -> Result<()> {
    let mut recogniser = recogniser.lock().await;
    recogniser.begin();
    let mut beginning = Some(Vec::new());
    while let Some(piece) = pieces.recv().await {
        let place = recogniser.place(&piece).await?;
        let sound = piece.sound;
        let ready = match beginning.as_mut() {
            None => vec![Recognised { sound, place }],
            Some(held) => {
                let known = place.is_some();
                held.push(Recognised { sound, place });
                if !known && held.len() < EAGER_PIECES as usize {
                    continue;
                }
                opened(beginning.take().unwrap_or_default())
            }
        };
        for piece in ready {
            if recognised.send(piece).await.is_err() {
                return Ok(());
            }
        }
    }
    for piece in beginning.unwrap_or_default() {
        if recognised.send(piece).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// What nobody recognised before the first piece that somebody did is the work's beginning, if the work began there.
fn opened(mut pieces: Vec<Recognised>) -> Vec<Recognised> {
    let Some((last, before)) = pieces.split_last_mut() else {
        return pieces;
    };
    let Some(place) = &last.place else {
        return pieces;
    };
    let before_ms = before.iter().map(|piece| piece.sound.length_ms()).sum();
    let mut at_ms = place.at_ms.saturating_sub(place.in_work(before_ms));
    if at_ms >= -BEGINNING_MS {
        for piece in before {
            let own = place.at(at_ms);
            at_ms = at_ms.saturating_add(own.in_work(piece.sound.length_ms()));
            piece.place = Some(own);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{super::memory::tests::found, *};

    /// Where in the work pieces of ten seconds begin, of which only the last was recognised, there.
    fn beginning(count: usize, last_at_ms: Option<i64>) -> Vec<Option<i64>> {
        let piece = |place| Recognised {
            sound: Sound {
                rate_hz: 100,
                channels: 1,
                samples: vec![0.0; 1_000],
            },
            place,
        };
        let mut pieces: Vec<_> = (1..count).map(|_| piece(None)).collect();
        let place = last_at_ms.map(|at_ms| Memory::default().learn(found(1, at_ms), Vec::new()).unwrap());
        pieces.push(piece(place));
        let places = opened(pieces).into_iter().map(|piece| piece.place);
        places.map(|place| place.map(|place| place.at_ms)).collect()
    }

    #[test]
    fn a_quiet_beginning_is_the_work_s_if_it_is_as_long_in_the_work() {
        assert_eq!(beginning(3, Some(20_000)), [Some(0), Some(10_000), Some(20_000)]);
        assert_eq!(beginning(2, Some(9_500)), [Some(-500), Some(9_500)]);
        assert_eq!(beginning(2, Some(30_000)), [Some(20_000), Some(30_000)]);
        assert_eq!(beginning(2, Some(0)), [None, Some(0)]);
        assert_eq!(beginning(1, Some(7_000)), [Some(7_000)]);
        assert_eq!(beginning(3, None), [None, None, None]);
    }

    #[test]
    fn what_stays_unknown_is_asked_about_less_and_less() {
        let mut patience = Patience::default();
        let mut asked = Vec::new();
        for piece in 0..13 {
            if patience.may_ask() {
                asked.push(piece);
            }
            patience.heard(false);
        }
        assert_eq!(asked, [0, 1, 2, 3, 6, 9, 12]);
        patience.heard(true);
        assert!(patience.may_ask());
    }
}

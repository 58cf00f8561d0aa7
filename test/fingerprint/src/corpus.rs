//! Which works there are, which of them the index knows, and which excerpts are asked for. Everything follows from numbers,
//! so that a work can be made again at any time.

use eyre::Result;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    arrange::{Arrangement, Orchestra, Twist},
    cells::{CELLS, Cell, Change},
    clip::Clip,
    compose::Composition,
    effects, ffmpeg,
    speech::Text,
};

/// Of five works one is speech.
const SPEECH_EVERY: u32 = 5;
const NARROW_HZ: u32 = 8_000;

/// What a work is made of.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A score of its own.
    Music,
    /// The score of another work, played differently.
    Arranged {
        original: u32,
        twist: Twist,
    },
    Speech,
    /// The text of another work, read by another voice.
    Reread {
        original: u32,
    },
}

/// One work and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) number: u32,
    /// Whether the index knows it.
    pub(crate) indexed: bool,
    source: Source,
    /// Indices of [`CELLS`].
    pub(crate) cells: Vec<usize>,
}

/// `indexed` works (a multiple of ten) that the index knows and half as many that it doesn't; half of the queries are of these.
pub(crate) fn plans(indexed: u32, queries: u32) -> Vec<Plan> {
    let unknown = indexed.div_ceil(2);
    let plan = |number: u32| Plan {
        number,
        indexed: number < indexed,
        source: source(number, indexed),
        cells: Vec::new(),
    };
    let mut plans: Vec<Plan> = (0..indexed + unknown).map(plan).collect();
    let (known, strangers) = plans.split_at_mut(indexed as usize);
    for group in [known, strangers] {
        for (query, cell) in (0..queries as usize / 2).zip((0..CELLS.len()).cycle()) {
            let work = query % group.len();
            group[work].cells.push(cell);
        }
    }
    plans
}

/// Two of ten works of the index, and half of the unknown ones, are another work's score or text.
fn source(number: u32, indexed: u32) -> Source {
    let speech = |number: u32| number % SPEECH_EVERY == 4;
    let original = match number.checked_sub(indexed) {
        Some(stranger) => look_alike_of(stranger).map(|original| original % indexed),
        None => matches!(number % 10, 6 | 9).then(|| number - 5),
    };
    let twists = [Twist::Instruments, Twist::Everything, Twist::TempoAndVoices];
    match original {
        Some(original) if speech(original) => Source::Reread { original },
        Some(original) => Source::Arranged {
            original,
            twist: twists[number as usize / 5 % twists.len()],
        },
        None if speech(number) => Source::Speech,
        None => Source::Music,
    }
}

/// The known work that an unknown one takes its score or text from: one that has its own.
const fn look_alike_of(stranger: u32) -> Option<u32> {
    let ten = stranger / 5 * 10;
    match stranger % 10 {
        2 | 7 => Some(ten),
        3 | 8 => Some(ten + 1),
        9 => Some(ten + 4),
        _ => None,
    }
}

/// Independent draws for each purpose.
#[derive(Clone, Copy)]
enum Purpose {
    Length,
    Score,
    Arrangement,
    Performance,
    Query,
}

fn rng(number: u32, purpose: Purpose) -> StdRng {
    StdRng::seed_from_u64(u64::from(number) << 8 | purpose as u64)
}

/// An excerpt as it reaches the one who asks.
#[derive(Debug)]
pub(crate) struct Excerpt {
    pub(crate) cell: usize,
    pub(crate) start_s: f64,
    pub(crate) clip: Clip,
}

impl Plan {
    /// Whether another work has the same score or text.
    pub(crate) const fn is_look_alike(&self) -> bool {
        matches!(self.source, Source::Arranged { .. } | Source::Reread { .. })
    }

    pub(crate) fn render(&self, orchestra: &Orchestra) -> Result<Clip> {
        let seconds = seconds(self.number);
        let mut performance = rng(self.number, Purpose::Performance);
        match self.source {
            Source::Speech => text(self.number).speak(seconds, &mut performance),
            Source::Reread { original } => text(original).speak(seconds, &mut performance),
            Source::Music => {
                let arrangement = arrangement(self.number);
                let score = score(self.number);
                orchestra.perform(&score, &arrangement, seconds, &mut performance)
            }
            Source::Arranged { original, twist } => {
                let twisted = arrangement(original).twisted(twist, &mut rng(self.number, Purpose::Arrangement));
                orchestra.perform(&score(original), &twisted, seconds, &mut performance)
            }
        }
    }

    /// The excerpts of the rendered work.
    pub(crate) fn excerpts(&self, work: &Clip, babble: &Clip) -> Result<Vec<Excerpt>> {
        let mut rng = rng(self.number, Purpose::Query);
        let excerpt = |&cell: &usize| {
            let needed_s = CELLS[cell].source_seconds();
            let start_s = rng.random_range(0.0..work.seconds() - needed_s);
            let clip = change(&CELLS[cell], work.excerpt(start_s, needed_s), babble, &mut rng)?;
            Ok(Excerpt { cell, start_s, clip })
        };
        self.cells.iter().map(excerpt).collect()
    }
}

/// All works that share a score have enough of it.
const LONGEST_S: f64 = 60.0;
const FASTEST_BEATS_PER_S: f64 = 4.0;

fn seconds(number: u32) -> f64 {
    rng(number, Purpose::Length).random_range(30.0..LONGEST_S)
}

fn score(number: u32) -> Composition {
    Composition::draw(LONGEST_S * FASTEST_BEATS_PER_S, &mut rng(number, Purpose::Score))
}

fn arrangement(number: u32) -> Arrangement {
    Arrangement::draw(&mut rng(number, Purpose::Arrangement))
}

fn text(number: u32) -> Text {
    Text::draw(LONGEST_S, &mut rng(number, Purpose::Score))
}

fn change(cell: &Cell, clip: Clip, babble: &Clip, rng: &mut StdRng) -> Result<Clip> {
    Ok(match cell.change {
        Change::None => clip,
        Change::Codec(codec, kbit) => ffmpeg::transcode(&clip, codec, kbit)?,
        Change::Noise(noise, ratio_db) => effects::with_noise(clip, noise, ratio_db, babble, rng),
        Change::Equalizer(equalizer) => effects::equalized(clip, equalizer),
        Change::Speed(percent) => clip.faster(1.0 + percent / 100.0),
        Change::Pitch(percent) => ffmpeg::filter(&clip, &format!("rubberband=pitch={}", 1.0 + percent / 100.0))?,
        Change::Tempo(percent) => ffmpeg::filter(&clip, &format!("atempo={}", 1.0 + percent / 100.0))?,
        Change::Narrow => clip.mono().at_rate(NARROW_HZ),
        Change::Cut => {
            let at_s = rng.random_range(0.3..0.7) * f64::from(cell.seconds);
            clip.without(at_s, at_s + crate::cells::CUT_S)
        }
        Change::Volume(factor) => clip.scaled(factor),
        Change::Compressor => effects::compressed(clip),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_queries_are_of_works_that_the_index_lacks() {
        let plans = plans(1_000, 10_000);
        let queries = |indexed| {
            plans
                .iter()
                .filter(|plan| plan.indexed == indexed)
                .map(|plan| plan.cells.len())
                .sum()
        };
        assert_eq!(
            (1_000, 500),
            (plans.iter().filter(|plan| plan.indexed).count(), plans.len() - 1_000)
        );
        let (known, unknown): (usize, usize) = (queries(true), queries(false));
        assert_eq!((known, unknown), (5_000, 5_000));
    }

    #[test]
    fn look_alikes_are_of_works_that_the_index_knows() {
        let plans = plans(100, 1_000);
        for plan in &plans {
            let (Source::Arranged { original, .. } | Source::Reread { original }) = plan.source else {
                continue;
            };
            assert!(original < 100 && !plans[original as usize].is_look_alike(), "{plan:?}");
        }
        assert!(plans[100..].iter().filter(|plan| plan.is_look_alike()).count() >= 20);
    }
}

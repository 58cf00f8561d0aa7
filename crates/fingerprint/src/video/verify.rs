use crate::{
    Alignment, FrameHash, ImageDescriptor, Match, VideoDescriptor, VideoQuery, audio,
    video::{distance, mirrored},
};

/// A slice reaches this far to both sides.
const SLICE_MS: u32 = 5_000;
/// Frames of one picture differ in at most this many of 256 bits; unrelated ones in 128 ± 8.
const SAME_BITS: u32 = 72;
/// How far the index's alignment may be off.
const COARSE_MS: i64 = 900;
/// How far a frame may be from where speed and offset put it.
const FINE_MS: i64 = 300;
/// Speeds that are tried, in thousandths: from the nearest to the work's own outwards.
const SPEEDS: [i64; 21] = [
    1000, 995, 1005, 990, 1010, 985, 1015, 980, 1020, 975, 1025, 970, 1030, 965, 1035, 960, 1040, 955, 1045, 950, 1050,
];
/// Frames that must agree, their share of all that the excerpt covers, and the bits that they differ in on average.
const MIN_FRAMES: usize = 3;
const MIN_SHARE_PERCENT: usize = 40;
const MAX_MEAN_BITS: u32 = 60;
/// What is covered by fewer frames is accepted only when all of them are as good as the same.
const MAX_MEAN_BITS_OF_FEW: u32 = 28;
/// Pictures that differ in at most this many bits are one.
const MAX_IMAGE_BITS: u32 = 48;
const UNRELATED_BITS: u32 = 128;

pub(crate) fn slice(video: &VideoDescriptor, around_at: u32) -> VideoDescriptor {
    let range = around_at.saturating_sub(SLICE_MS)..=around_at.saturating_add(SLICE_MS);
    let frames = video.frames.iter().filter(|frame| range.contains(&frame.at_ms));
    VideoDescriptor {
        duration_ms: video.duration_ms,
        frames: frames.copied().collect(),
        audio: video.audio.as_ref().map(|audio| audio::slice(audio, around_at)),
    }
}

/// Pictures or sound suffice: other sound is put under pictures, and other pictures over sound.
pub(crate) fn verify(query: &VideoQuery, candidate: &VideoDescriptor, alignment: Alignment) -> Match {
    let heard = match (&query.audio, &candidate.audio) {
        (Some(query), Some(candidate)) => audio::verify(query, candidate, alignment),
        _ => Match::NONE,
    };
    let seen = frames(&query.frames, query.duration_ms, candidate, alignment.offset);
    better(seen, heard)
}

const fn better(a: Match, b: Match) -> Match {
    let (a_rank, b_rank) = ((a.accepted, a.score_ppm), (b.accepted, b.score_ppm));
    if b_rank.0 && !a_rank.0 || b_rank.0 == a_rank.0 && b_rank.1 > a_rank.1 {
        b
    } else {
        a
    }
}

pub(crate) fn verify_image(query: &ImageDescriptor, candidate: &ImageDescriptor) -> Match {
    let straight = distance(&query.hash, &candidate.hash);
    let bits = straight.min(distance(&mirrored(&query.hash), &candidate.hash));
    Match {
        score_ppm: likeness_ppm(bits),
        accepted: bits <= MAX_IMAGE_BITS,
        ..Match::NONE
    }
}

const fn likeness_ppm(bits: u32) -> u32 {
    (UNRELATED_BITS.saturating_sub(bits)) * (1_000_000 / UNRELATED_BITS)
}

/// A candidate's frame and the query's that is most like it.
#[derive(Clone, Copy)]
struct Pair {
    candidate_ms: i64,
    query_ms: i64,
    bits: u32,
}

/// Where the excerpt lies in the work, `work_ms = offset_ms + query_ms * speed / 1000`.
#[derive(Clone, Copy)]
struct Line {
    offset_ms: i64,
    speed: i64,
}

impl Line {
    const fn work_ms(self, query_ms: i64) -> i64 {
        self.offset_ms + query_ms * self.speed / 1_000
    }

    const fn away_ms(self, pair: &Pair) -> i64 {
        (self.work_ms(pair.query_ms) - pair.candidate_ms).abs()
    }

    const fn fits(self, pair: &Pair) -> bool {
        pair.bits <= SAME_BITS && self.away_ms(pair) <= FINE_MS
    }
}

fn frames(query: &[FrameHash], duration_ms: u32, candidate: &VideoDescriptor, offset_ms: i64) -> Match {
    let flipped: Vec<FrameHash> = query
        .iter()
        .map(|frame| FrameHash {
            at_ms: frame.at_ms,
            hash: mirrored(&frame.hash),
        })
        .collect();
    let straight = aligned(query, duration_ms, candidate, offset_ms);
    if straight.accepted {
        return straight;
    }
    better(straight, aligned(&flipped, duration_ms, candidate, offset_ms))
}

fn aligned(query: &[FrameHash], duration_ms: u32, candidate: &VideoDescriptor, offset_ms: i64) -> Match {
    let duration_ms = i64::from(duration_ms);
    let slack_ms = COARSE_MS + duration_ms / 20;
    let start = offset_ms - slack_ms;
    let near = |frame: &&FrameHash| (start..=offset_ms + duration_ms + slack_ms).contains(&i64::from(frame.at_ms));
    let pairs: Vec<Pair> = candidate
        .frames
        .iter()
        .filter(near)
        .filter_map(|frame| pair(query, frame, offset_ms, slack_ms))
        .collect();
    let Some(line) = fit(&pairs) else {
        return Match::NONE;
    };
    let covered = line.offset_ms..=line.work_ms(duration_ms);
    let (mut all, mut agreeing, mut bits) = (0, 0, 0);
    for pair in pairs
        .iter()
        .filter(|pair| covered.contains(&pair.candidate_ms) || line.fits(pair))
    {
        all += 1;
        if line.fits(pair) {
            agreeing += 1;
            bits += pair.bits;
        }
    }
    verdict(line, all, agreeing, bits)
}

fn verdict(line: Line, all: usize, agreeing: usize, bits: u32) -> Match {
    let (Some(share_ppm), Ok(frames)) = ((agreeing * 1_000_000).checked_div(all), u32::try_from(agreeing)) else {
        return Match::NONE;
    };
    let mean_bits = bits.checked_div(frames).unwrap_or(UNRELATED_BITS);
    let enough = agreeing >= MIN_FRAMES && agreeing * 100 >= all * MIN_SHARE_PERCENT && mean_bits <= MAX_MEAN_BITS;
    let few = agreeing == all && mean_bits <= MAX_MEAN_BITS_OF_FEW;
    let score = u64::from(likeness_ppm(mean_bits)) * share_ppm as u64 / 1_000_000;
    Match {
        score_ppm: u32::try_from(score).unwrap_or(0),
        offset_ms: line.offset_ms,
        speed_ppm: u32::try_from(line.speed * 1_000).unwrap_or(1_000_000),
        accepted: agreeing > 0 && (enough || few),
    }
}

/// The frame of the query that is most like the candidate's frame, near where it is expected; of equals the nearest.
fn pair(query: &[FrameHash], frame: &FrameHash, offset_ms: i64, slack_ms: i64) -> Option<Pair> {
    let candidate_ms = i64::from(frame.at_ms);
    let expected_ms = candidate_ms - offset_ms;
    let first = query.partition_point(|other| i64::from(other.at_ms) < expected_ms - slack_ms);
    let others = query[first..]
        .iter()
        .take_while(|other| i64::from(other.at_ms) <= expected_ms + slack_ms);
    let pairs = others.map(|other| Pair {
        candidate_ms,
        query_ms: i64::from(other.at_ms),
        bits: distance(&other.hash, &frame.hash),
    });
    pairs.min_by_key(|pair| (pair.bits, (pair.query_ms - expected_ms).abs()))
}

/// The line that most pairs lie on; of equals the one that they are nearest to, then the one with the nearest speed to
/// the work's own.
fn fit(pairs: &[Pair]) -> Option<Line> {
    let same: Vec<&Pair> = pairs.iter().filter(|pair| pair.bits <= SAME_BITS).collect();
    let mut best: Option<(usize, i64, Line)> = None;
    for speed in SPEEDS {
        let mut offsets: Vec<i64> = same
            .iter()
            .map(|pair| pair.candidate_ms - pair.query_ms * speed / 1_000)
            .collect();
        offsets.sort_unstable();
        let Some(&offset_ms) = offsets.get(offsets.len() / 2) else {
            continue;
        };
        let line = Line { offset_ms, speed };
        let fitting = || same.iter().filter(|pair| line.fits(pair));
        let (count, away_ms) = (fitting().count(), fitting().map(|pair| line.away_ms(pair)).sum());
        if best.is_none_or(|(most, least_ms, _)| count > most || count == most && away_ms < least_ms) {
            best = Some((count, away_ms, line));
        }
    }
    best.map(|(_, _, line)| line)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;
    use crate::video::Hash;

    /// A frame each 500 ms with bits of its own.
    fn work(seed: u32, seconds: u32) -> VideoDescriptor {
        let hash = |n: u32| {
            core::array::from_fn(|byte| {
                let mixed = (seed * 7_919 + n * 33 + byte as u32 + 1).wrapping_mul(2_654_435_761);
                (mixed ^ mixed >> 15).wrapping_mul(2_246_822_519).to_be_bytes()[0]
            })
        };
        let frame = |n: u32| FrameHash {
            at_ms: n * 500,
            hash: hash(n),
        };
        VideoDescriptor {
            duration_ms: seconds * 1_000,
            frames: (0..seconds * 2).map(frame).collect(),
            audio: None,
        }
    }

    /// What is seen from `from_ms` on when it plays at `speed` thousandths, each hash with `wrong` bits.
    fn seen(work: &VideoDescriptor, from_ms: u32, duration_ms: u32, speed: u32, wrong: usize) -> VideoQuery {
        let step = |n: u32| {
            let at_ms = n * 125;
            let shown = work
                .frames
                .iter()
                .rev()
                .find(|frame| frame.at_ms <= from_ms + at_ms * speed / 1_000)
                .unwrap();
            let mut hash = shown.hash;
            (0..wrong).for_each(|bit| hash[bit % 32] ^= 1 << ((bit / 32 + n as usize) % 8));
            FrameHash { at_ms, hash }
        };
        VideoQuery {
            duration_ms,
            frames: (0..duration_ms / 125).map(step).collect(),
            audio: None,
        }
    }

    fn at(offset: i64) -> Alignment {
        Alignment { offset, variant: 0 }
    }

    #[test]
    fn an_excerpt_with_wrong_bits_is_found_where_it_is() {
        let work = work(1, 60);
        let found = verify(&seen(&work, 20_000, 8_000, 1_000, 40), &work, at(20_400));
        assert!(found.accepted && found.score_ppm > 600_000, "{found:?}");
        assert!((found.offset_ms - 20_000).abs() <= 300, "{found:?}");
    }

    #[test]
    fn the_speed_is_told() {
        let work = work(2, 60);
        for speed in [960, 1_000, 1_040] {
            let found = verify(&seen(&work, 10_000, 20_000, speed, 20), &work, at(10_000));
            assert!(found.accepted, "{found:?}");
            assert!(found.speed_ppm.abs_diff(speed * 1_000) <= 15_000, "{speed}: {found:?}");
        }
    }

    #[test]
    fn a_slice_suffices() {
        let work = work(3, 60);
        let found = verify(
            &seen(&work, 20_000, 8_000, 1_000, 30),
            &slice(&work, 24_000),
            at(20_000),
        );
        assert!(found.accepted, "{found:?}");
    }

    #[test]
    fn mirrored_pictures_are_recognised() {
        let work = work(4, 60);
        let mut query = seen(&work, 20_000, 8_000, 1_000, 10);
        query
            .frames
            .iter_mut()
            .for_each(|frame| frame.hash = mirrored(&frame.hash));
        assert!(verify(&query, &work, at(20_000)).accepted);
    }

    #[test]
    fn another_work_another_place_and_another_order_are_refused() {
        let work_ = work(5, 60);
        let query = seen(&work_, 20_000, 8_000, 1_000, 0);
        assert!(!verify(&query, &work(6, 60), at(20_000)).accepted);
        assert!(!verify(&query, &work_, at(40_000)).accepted);
        let mut shuffled = query;
        let hashes: Vec<Hash> = shuffled.frames.iter().rev().map(|frame| frame.hash).collect();
        shuffled
            .frames
            .iter_mut()
            .zip(hashes)
            .for_each(|(frame, hash)| frame.hash = hash);
        assert!(!verify(&shuffled, &work_, at(20_000)).accepted);
    }

    #[test]
    fn one_like_frame_is_not_enough_and_the_same_still_is() {
        let still = VideoDescriptor {
            frames: work(7, 60).frames[..1].to_vec(),
            ..work(7, 2)
        };
        assert!(verify(&seen(&still, 0, 2_000, 1_000, 5), &still, at(0)).accepted);
        assert!(!verify(&seen(&still, 0, 2_000, 1_000, 50), &still, at(0)).accepted);
    }

    #[test]
    fn hostile_times_are_no_panic() {
        let work = work(8, 10);
        let query = seen(&work, 0, 2_000, 1_000, 0);
        for offset in [i64::from(u32::MAX), -i64::from(u32::MAX), 0] {
            let _ = verify(&query, &work, at(offset));
        }
        assert!(!verify(&VideoQuery::default(), &work, at(0)).accepted);
        assert!(!verify(&query, &VideoDescriptor::default(), at(0)).accepted);
    }
}

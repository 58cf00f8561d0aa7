use crate::{
    FingerprintError, FrameHash, MAX_DURATION_MS, MAX_EXCERPT_MS, VideoDescriptor, VideoQuery,
    video::{
        Hash, distance,
        picture::{Bars, Grid},
    },
};

/// Frames nearer to the one before are passed over.
pub const QUERY_STEP_MS: u32 = 100;
/// A work's frames are at least this far apart, so that the longest work has no more than its encoding allows.
const WORK_STEP_MS: u32 = 500;
/// A frame that differs in fewer bits from the last one kept is kept only when that is long ago.
const CHANGED_BITS: u32 = 20;
const STILL_STEP_MS: u32 = 2_000;
/// Frames that differ in more bits are of different scenes.
const CUT_BITS: u32 = 80;
const SHORTEST_MS: u32 = 1_000;

/// Takes the frames of a video, or of an excerpt of one, in any size and at any rate.
#[derive(Clone, Debug, Default)]
pub struct VideoStream {
    bars: Bars,
    frames: Vec<FrameHash>,
    /// Time of the first frame and of the last one.
    span_ms: Option<(u32, u32)>,
    sampled_ms: Option<u32>,
}

impl VideoStream {
    /// A stream without frames.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the frame that is shown from `at_ms` on: brightness, one byte a pixel, in rows from the top.
    ///
    /// # Errors
    /// The size does not fit the bytes; a time before the last frame's; a video of more than twelve hours.
    pub fn ingest(&mut self, at_ms: u32, width: u32, height: u32, luma: &[u8]) -> Result<(), FingerprintError> {
        let (start_ms, last_ms) = self.span_ms.unwrap_or((at_ms, at_ms));
        if at_ms < last_ms {
            return Err(FingerprintError::OutOfOrder {
                found_ms: at_ms,
                last_ms,
            });
        }
        if at_ms - start_ms > MAX_DURATION_MS {
            return Err(FingerprintError::TooLong {
                max_ms: MAX_DURATION_MS,
            });
        }
        let grid = Grid::reduce(width, height, luma)?;
        self.span_ms = Some((start_ms, at_ms));
        if self
            .sampled_ms
            .is_none_or(|sampled_ms| at_ms - sampled_ms >= QUERY_STEP_MS)
        {
            self.sampled_ms = Some(at_ms);
            if let Some(hash) = self.look(&grid) {
                self.frames.push(FrameHash {
                    at_ms: at_ms - start_ms,
                    hash,
                });
            }
        }
        Ok(())
    }

    /// Bars are looked for anew after a cut: scenes of one video may have different ones.
    fn look(&mut self, grid: &Grid) -> Option<Hash> {
        let mut bars = self.bars.clone();
        bars.see(grid);
        let continued = grid.hash(&bars);
        let same_scene = match (&continued, self.frames.last()) {
            (Some(hash), Some(last)) => distance(hash, &last.hash) <= CUT_BITS,
            _ => false,
        };
        if same_scene {
            self.bars = bars;
            return continued;
        }
        self.bars = Bars::default();
        self.bars.see(grid);
        grid.hash(&self.bars)
    }

    /// Whether there is enough for [`query`](Self::query) and [`finish`](Self::finish).
    #[must_use]
    pub fn ready(&self) -> bool {
        self.check().is_ok()
    }

    /// What the frames so far are looked up by.
    ///
    /// # Errors
    /// Fewer than one second, or more than a minute; nothing but flat and dark frames.
    pub fn query(&self) -> Result<VideoQuery, FingerprintError> {
        let duration_ms = self.check()?;
        if duration_ms > MAX_EXCERPT_MS {
            return Err(FingerprintError::TooLong { max_ms: MAX_EXCERPT_MS });
        }
        Ok(VideoQuery {
            duration_ms,
            frames: self.frames.clone(),
            audio: None,
        })
    }

    /// The descriptor of the whole video, without sound.
    ///
    /// # Errors
    /// Fewer than one second; nothing but flat and dark frames.
    pub fn finish(self) -> Result<VideoDescriptor, FingerprintError> {
        Ok(VideoDescriptor {
            duration_ms: self.check()?,
            frames: thinned(&self.frames),
            audio: None,
        })
    }

    fn check(&self) -> Result<u32, FingerprintError> {
        let duration_ms = self.span_ms.map_or(0, |(start_ms, last_ms)| last_ms - start_ms);
        if duration_ms < SHORTEST_MS {
            return Err(FingerprintError::TooShort {
                found_ms: duration_ms,
                needed_ms: SHORTEST_MS,
            });
        }
        if self.frames.is_empty() {
            return Err(FingerprintError::Silence);
        }
        Ok(duration_ms)
    }
}

/// Two frames a second where the picture changes, one in two seconds where it doesn't.
fn thinned(frames: &[FrameHash]) -> Vec<FrameHash> {
    let mut kept: Vec<FrameHash> = Vec::new();
    for frame in frames {
        let is_new = kept.last().is_none_or(|last| {
            let passed_ms = frame.at_ms - last.at_ms;
            passed_ms >= STILL_STEP_MS || passed_ms >= WORK_STEP_MS && distance(&frame.hash, &last.hash) >= CHANGED_BITS
        });
        if is_new {
            kept.push(*frame);
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;

    /// Stripes whose direction and width the scene gives.
    fn scene(number: u32) -> Vec<u8> {
        let level = |n: u32| {
            let (x, y) = (n % 64, n / 64);
            let wave = (x * (number * 7 % 13 + 1) + y * (number * 5 % 11 + 1)) / 3 + x * y * number / 40;
            (60 + wave % 160) as u8
        };
        (0..64 * 48).map(level).collect()
    }

    fn stream(scenes: &[u32], each_ms: u32, step_ms: u32) -> VideoStream {
        let mut stream = VideoStream::new();
        for at_ms in (0..scenes.len() as u32 * each_ms).step_by(step_ms as usize) {
            stream
                .ingest(at_ms, 64, 48, &scene(scenes[(at_ms / each_ms) as usize]))
                .unwrap();
        }
        stream
    }

    #[test]
    fn a_still_scene_leaves_few_frames_and_a_query_has_more() {
        let stream = stream(&[1, 2, 3], 4_000, 40);
        assert_eq!(stream.query().unwrap().frames.len(), 100);
        let work = stream.finish().unwrap();
        let times: Vec<u32> = work.frames.iter().map(|frame| frame.at_ms).collect();
        assert_eq!(times.len(), 6, "{times:?}");
        assert!(
            [4_000, 8_000]
                .iter()
                .all(|cut| times.iter().any(|at| at.abs_diff(*cut) < QUERY_STEP_MS + 40))
        );
    }

    #[test]
    fn the_frame_rate_changes_little() {
        let (smooth, rough) = (stream(&[1, 2, 3, 4], 3_000, 20), stream(&[1, 2, 3, 4], 3_000, 125));
        let (smooth, rough) = (smooth.finish().unwrap(), rough.finish().unwrap());
        assert_eq!(smooth.frames.len(), rough.frames.len());
        let pairs = smooth.frames.iter().zip(&rough.frames);
        assert!(
            pairs
                .into_iter()
                .all(|(a, b)| a.hash == b.hash && a.at_ms.abs_diff(b.at_ms) <= 125)
        );
    }

    #[test]
    fn dark_frames_and_too_little_give_a_named_error() {
        let mut stream = VideoStream::new();
        assert!(matches!(
            stream.query(),
            Err(FingerprintError::TooShort { found_ms: 0, .. })
        ));
        for at_ms in [0, 500, 999] {
            stream.ingest(at_ms, 8, 8, &[3; 64]).unwrap();
        }
        assert!(matches!(
            stream.query(),
            Err(FingerprintError::TooShort { found_ms: 999, .. })
        ));
        stream.ingest(2_000, 8, 8, &[3; 64]).unwrap();
        assert_eq!(stream.query(), Err(FingerprintError::Silence));
        assert!(!stream.ready());
        assert_eq!(stream.finish(), Err(FingerprintError::Silence));
    }

    #[test]
    fn time_runs_forward_and_not_for_ever() {
        let mut stream = VideoStream::new();
        stream.ingest(5_000, 64, 48, &scene(1)).unwrap();
        let back = stream.ingest(4_999, 64, 48, &scene(1));
        assert_eq!(
            back,
            Err(FingerprintError::OutOfOrder {
                found_ms: 4_999,
                last_ms: 5_000
            })
        );
        let late = stream.ingest(5_001 + MAX_DURATION_MS, 64, 48, &scene(1));
        assert!(matches!(late, Err(FingerprintError::TooLong { .. })));
        stream.ingest(5_000 + MAX_EXCERPT_MS + 1, 64, 48, &scene(1)).unwrap();
        assert!(matches!(stream.query(), Err(FingerprintError::TooLong { .. })));
        assert!(stream.finish().is_ok());
    }
}

//! Pieces of sound in memory, and the steps that need nothing but arithmetic.

use serde::{Deserialize, Serialize};

/// Interleaved samples, −1 to 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Stored", from = "Stored")]
pub(crate) struct Clip {
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
    pub(crate) samples: Vec<f32>,
}

/// As files keep it: 16 bits a sample.
#[derive(Serialize, Deserialize)]
struct Stored {
    rate_hz: u32,
    channels: u16,
    s16le: Vec<u8>,
}

impl From<Clip> for Stored {
    fn from(clip: Clip) -> Self {
        Self {
            rate_hz: clip.rate_hz,
            channels: clip.channels,
            s16le: clip.to_s16le(),
        }
    }
}

impl From<Stored> for Clip {
    fn from(stored: Stored) -> Self {
        Self::from_s16le(stored.rate_hz, stored.channels, &stored.s16le)
    }
}

const PHASES: usize = 512;
/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 16.0;
const PEAK: f32 = 0.89;

impl Clip {
    pub(crate) fn new(rate_hz: u32, channels: u16, samples: Vec<f32>) -> Self {
        Self {
            rate_hz,
            channels,
            samples,
        }
    }

    pub(crate) fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.rate_hz)
    }

    /// The part from `start_s`, as much of `seconds` as there is.
    pub(crate) fn excerpt(&self, start_s: f64, seconds: f64) -> Self {
        let frame = |at_s: f64| ((at_s * f64::from(self.rate_hz)) as usize).min(self.frames());
        let channels = usize::from(self.channels);
        let range = frame(start_s) * channels..frame(start_s + seconds) * channels;
        Self::new(self.rate_hz, self.channels, self.samples[range].to_vec())
    }

    /// Without the part from `start_s` to `end_s`.
    pub(crate) fn without(&self, start_s: f64, end_s: f64) -> Self {
        let mut head = self.excerpt(0.0, start_s);
        head.samples.extend(self.excerpt(end_s, self.seconds()).samples);
        head
    }

    pub(crate) fn mono(&self) -> Self {
        let channels = usize::from(self.channels);
        let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        Self::new(self.rate_hz, 1, self.samples.chunks_exact(channels).map(mix).collect())
    }

    pub(crate) fn rms(&self) -> f32 {
        let energy: f64 = self.samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (energy / self.samples.len().max(1) as f64).sqrt() as f32
    }

    pub(crate) fn scaled(mut self, factor: f32) -> Self {
        self.samples.iter_mut().for_each(|sample| *sample *= factor);
        self
    }

    /// With a common peak.
    pub(crate) fn normalized(self) -> Self {
        let peak = self
            .samples
            .iter()
            .fold(1e-6_f32, |peak, sample| peak.max(sample.abs()));
        self.scaled(PEAK / peak)
    }

    /// Turned down when it would overflow.
    pub(crate) fn limited(self) -> Self {
        let peak = self.samples.iter().fold(1.0_f32, |peak, sample| peak.max(sample.abs()));
        self.scaled(1.0 / peak)
    }

    /// Played faster by `factor`: pitch and tempo move together.
    pub(crate) fn faster(&self, factor: f64) -> Self {
        self.stepped(factor)
    }

    pub(crate) fn at_rate(&self, rate_hz: u32) -> Self {
        let mut clip = self.stepped(f64::from(self.rate_hz) / f64::from(rate_hz));
        clip.rate_hz = rate_hz;
        clip
    }

    /// Every `step`-th frame, between frames by a windowed sinc that lets nothing pass which the new frames can't hold.
    fn stepped(&self, step: f64) -> Self {
        let cutoff = (1.0 / step).min(1.0) * 0.97;
        let half = (CROSSINGS / cutoff).ceil() as usize;
        let kernel = kernel(cutoff, half);
        let channels = usize::from(self.channels);
        let mut samples = Vec::with_capacity((self.samples.len() as f64 / step) as usize + channels);
        let frames = (self.frames() as f64 / step) as usize;
        for frame in 0..frames {
            let at = frame as f64 * step;
            let phase = (at.fract() * PHASES as f64) as usize;
            let taps = &kernel[phase * 2 * half..(phase + 1) * 2 * half];
            let first = at as isize - half as isize + 1;
            for channel in 0..channels {
                let value: f32 = (first..)
                    .zip(taps)
                    .map(|(index, tap)| tap * self.sample(index, channel))
                    .sum();
                samples.push(value);
            }
        }
        Self::new(self.rate_hz, self.channels, samples)
    }

    fn sample(&self, frame: isize, channel: usize) -> f32 {
        let index = usize::try_from(frame)
            .ok()
            .map(|frame| frame * usize::from(self.channels) + channel);
        index.and_then(|index| self.samples.get(index)).copied().unwrap_or(0.0)
    }

    pub(crate) fn to_s16le(&self) -> Vec<u8> {
        let quantize = |sample: &f32| ((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes();
        self.samples.iter().flat_map(quantize).collect()
    }

    pub(crate) fn from_s16le(rate_hz: u32, channels: u16, bytes: &[u8]) -> Self {
        let sample = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
        let whole = bytes.len() - bytes.len() % (2 * usize::from(channels));
        Self::new(rate_hz, channels, bytes[..whole].chunks_exact(2).map(sample).collect())
    }
}

/// For every phase between two frames the weights of the `2 * half` frames around.
fn kernel(cutoff: f64, half: usize) -> Vec<f32> {
    let mut weights = Vec::with_capacity(PHASES * 2 * half);
    for phase in 0..PHASES {
        let offset = phase as f64 / PHASES as f64;
        for tap in 0..2 * half {
            let x = tap as f64 - (half as f64 - 1.0) - offset;
            let window = 0.5 + 0.5 * (std::f64::consts::PI * x / half as f64).cos();
            let angle = std::f64::consts::PI * x * cutoff;
            let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
            weights.push((cutoff * sinc * window) as f32);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32) -> Clip {
        let sample = |n: u32| (f64::from(n) * hz * std::f64::consts::TAU / f64::from(rate_hz)).sin() as f32;
        Clip::new(rate_hz, 1, (0..rate_hz).map(sample).collect())
    }

    fn crossings(clip: &Clip) -> usize {
        clip.samples
            .windows(2)
            .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
            .count()
    }

    #[test]
    fn faster_clips_are_shorter_and_higher() {
        let faster = tone(441.0, 44_100).faster(1.25);
        assert!((faster.seconds() - 0.8).abs() < 0.001);
        let per_second = crossings(&faster) as f64 / faster.seconds();
        assert!((per_second - 551.25).abs() < 3.0, "{per_second}");
    }

    #[test]
    fn a_lower_rate_keeps_what_it_can_hold_and_nothing_else() {
        let low = tone(1000.0, 44_100).at_rate(8_000);
        assert!((low.rms() - 0.707).abs() < 0.01, "{}", low.rms());
        assert!(tone(6000.0, 44_100).at_rate(8_000).rms() < 0.01);
    }
}

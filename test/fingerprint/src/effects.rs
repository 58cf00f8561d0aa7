//! Noise, filters and dynamics.

use rand::Rng;

use crate::{
    cells::{Equalizer, Noise},
    clip::Clip,
};

/// `clip` with noise of the power that the ratio in dB asks for.
pub(crate) fn with_noise(clip: Clip, noise: Noise, ratio_db: f32, babble: &Clip, rng: &mut impl Rng) -> Clip {
    let frames = clip.frames();
    let noise = match noise {
        Noise::White => white(frames, rng),
        Noise::Pink => pink(frames, rng),
        Noise::Babble => stretch_of(babble, clip.rate_hz, frames, rng),
    };
    let noise = Clip::new(clip.rate_hz, 1, noise);
    let gain = clip.rms() / noise.rms().max(1e-9) / 10_f32.powf(ratio_db / 20.0);
    let channels = usize::from(clip.channels);
    let mut noisy = clip;
    for (frame, noise) in noisy.samples.chunks_exact_mut(channels).zip(&noise.samples) {
        frame.iter_mut().for_each(|sample| *sample += gain * noise);
    }
    noisy.limited()
}

/// Sum of uniform draws: close enough to a Gaussian.
fn white(frames: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..frames)
        .map(|_| (0..4).map(|_| rng.random_range(-0.5..0.5_f32)).sum())
        .collect()
}

/// White noise through leaky integrators whose sum falls by 3 dB an octave.
fn pink(frames: usize, rng: &mut impl Rng) -> Vec<f32> {
    const POLES: [(f32, f32); 3] = [(0.997_65, 0.099_046), (0.963, 0.296_516_4), (0.57, 1.052_691_3)];
    let mut state = [0.0_f32; 3];
    let shape = |white: f32| {
        for (state, (pole, gain)) in state.iter_mut().zip(POLES) {
            *state = *state * pole + white * gain;
        }
        state.iter().sum::<f32>() + white * 0.184_8
    };
    white(frames, rng).into_iter().map(shape).collect()
}

fn stretch_of(babble: &Clip, rate_hz: u32, frames: usize, rng: &mut impl Rng) -> Vec<f32> {
    let seconds = frames as f64 / f64::from(rate_hz) + 0.1;
    let start_s = rng.random_range(0.0..(babble.seconds() - seconds).max(0.1));
    let mut samples = babble.excerpt(start_s, seconds).at_rate(rate_hz).samples;
    samples.resize(frames, 0.0);
    samples
}

/// Coefficients of a filter of second order, divided by a0.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    /// The filters of the Audio EQ Cookbook with a slope of 1 (shelves) or Butterworth's quality (passes).
    fn low_shelf(rate_hz: u32, hz: f64, gain_db: f64) -> Self {
        Self::shelf(rate_hz, hz, gain_db, 1.0)
    }

    fn high_shelf(rate_hz: u32, hz: f64, gain_db: f64) -> Self {
        Self::shelf(rate_hz, hz, gain_db, -1.0)
    }

    fn shelf(rate_hz: u32, hz: f64, gain_db: f64, side: f64) -> Self {
        let a = 10_f64.powf(gain_db / 40.0);
        let (sin, cos) = angle(rate_hz, hz).sin_cos();
        let cos = side * cos;
        let alpha = sin / 2.0 * 2_f64.sqrt();
        let root = 2.0 * a.sqrt() * alpha;
        let a0 = (a + 1.0) + (a - 1.0) * cos + root;
        Self {
            b: [
                a * ((a + 1.0) - (a - 1.0) * cos + root) / a0,
                side * 2.0 * a * ((a - 1.0) - (a + 1.0) * cos) / a0,
                a * ((a + 1.0) - (a - 1.0) * cos - root) / a0,
            ],
            a: [
                side * -2.0 * ((a - 1.0) + (a + 1.0) * cos) / a0,
                ((a + 1.0) + (a - 1.0) * cos - root) / a0,
            ],
        }
    }

    fn low_pass(rate_hz: u32, hz: f64) -> Self {
        Self::pass(rate_hz, hz, 1.0)
    }

    fn high_pass(rate_hz: u32, hz: f64) -> Self {
        Self::pass(rate_hz, hz, -1.0)
    }

    fn pass(rate_hz: u32, hz: f64, side: f64) -> Self {
        let (sin, cos) = angle(rate_hz, hz).sin_cos();
        let alpha = sin / 2_f64.sqrt();
        let a0 = 1.0 + alpha;
        let edge = (1.0 - side * cos) / 2.0 / a0;
        Self {
            b: [edge, side * 2.0 * edge, edge],
            a: [-2.0 * cos / a0, (1.0 - alpha) / a0],
        }
    }

    fn run(&self, clip: &mut Clip) {
        let channels = usize::from(clip.channels);
        for channel in 0..channels {
            let mut state = [0.0_f64; 2];
            for sample in clip.samples.iter_mut().skip(channel).step_by(channels) {
                let input = f64::from(*sample);
                let output = self.b[0] * input + state[0];
                state[0] = self.b[1] * input - self.a[0] * output + state[1];
                state[1] = self.b[2] * input - self.a[1] * output;
                *sample = output as f32;
            }
        }
    }
}

fn angle(rate_hz: u32, hz: f64) -> f64 {
    std::f64::consts::TAU * hz / f64::from(rate_hz)
}

pub(crate) fn equalized(mut clip: Clip, equalizer: Equalizer) -> Clip {
    let rate_hz = clip.rate_hz;
    let filters = match equalizer {
        Equalizer::Bass => vec![
            Biquad::low_shelf(rate_hz, 200.0, 9.0),
            Biquad::high_shelf(rate_hz, 3000.0, -6.0),
        ],
        Equalizer::Treble => vec![
            Biquad::low_shelf(rate_hz, 300.0, -9.0),
            Biquad::high_shelf(rate_hz, 3000.0, 6.0),
        ],
        Equalizer::Telephone => vec![Biquad::high_pass(rate_hz, 300.0), Biquad::low_pass(rate_hz, 3400.0)],
    };
    filters.iter().for_each(|filter| filter.run(&mut clip));
    clip.limited()
}

/// Loud parts are turned down 6:1 above −30 dB, with 5 ms of attack and 120 ms of release, and all made loud again.
pub(crate) fn compressed(mut clip: Clip) -> Clip {
    const THRESHOLD: f32 = 0.031_6;
    const RATIO: f32 = 6.0;
    let rate_hz = clip.rate_hz as f32;
    let (attack, release) = ((-1.0 / (0.005 * rate_hz)).exp(), (-1.0 / (0.120 * rate_hz)).exp());
    let mut level = 0.0_f32;
    let channels = usize::from(clip.channels);
    for frame in clip.samples.chunks_exact_mut(channels) {
        let peak = frame.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let pole = if peak > level { attack } else { release };
        level = pole * level + (1.0 - pole) * peak;
        let over = (level / THRESHOLD).max(1.0);
        let gain = over.powf(1.0 / RATIO - 1.0);
        frame.iter_mut().for_each(|sample| *sample *= gain);
    }
    clip.normalized()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn tone(hz: f64) -> Clip {
        let sample = |n: u32| (angle(44_100, hz) * f64::from(n)).sin() as f32 * 0.2;
        Clip::new(44_100, 1, (0..44_100).map(sample).collect())
    }

    #[test]
    fn noise_has_the_power_that_was_asked_for() {
        let mut rng = StdRng::seed_from_u64(1);
        for noise in [Noise::White, Noise::Pink] {
            let clean = tone(500.0);
            let noisy = with_noise(clean.clone(), noise, 10.0, &clean, &mut rng);
            let difference = noisy.samples.iter().zip(&clean.samples).map(|(a, b)| a - b);
            let ratio = clean.rms() / Clip::new(44_100, 1, difference.collect()).rms();
            assert!((20.0 * ratio.log10() - 10.0).abs() < 0.1, "{noise:?}: {ratio}");
        }
    }

    #[test]
    fn filters_pass_what_their_names_say() {
        let gain = |hz, equalizer| equalized(tone(hz), equalizer).rms() / tone(hz).rms();
        assert!(gain(60.0, Equalizer::Bass) > 2.0 && gain(9000.0, Equalizer::Bass) < 0.6);
        assert!(gain(60.0, Equalizer::Treble) < 0.5 && gain(9000.0, Equalizer::Treble) > 1.7);
        assert!(gain(60.0, Equalizer::Telephone) < 0.1 && gain(1000.0, Equalizer::Telephone) > 0.9);
    }

    #[test]
    fn a_compressor_brings_quiet_and_loud_together() {
        let mut clip = tone(500.0);
        clip.samples.iter_mut().skip(22_050).for_each(|sample| *sample *= 0.1);
        let squeezed = compressed(clip);
        let ratio = squeezed.excerpt(0.2, 0.2).rms() / squeezed.excerpt(0.8, 0.2).rms();
        assert!(ratio < 5.0, "{ratio}");
    }
}

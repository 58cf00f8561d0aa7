use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex64};

/// Samples of one frame.
pub(crate) const FRAME: usize = 2_048;
/// Samples from one frame to the next.
pub(crate) const HOP: usize = 256;
/// Quieter than this is silence, in decibels of a bin's power.
const FLOOR_DB: f64 = -100.0;

/// Levels of the frequencies of consecutive frames, in decibels of full scale.
pub(crate) struct Spectrogram {
    transform: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    pending: Vec<f64>,
    input: Vec<f64>,
    output: Vec<Complex64>,
    scratch: Vec<Complex64>,
}

impl Spectrogram {
    pub(crate) fn new() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(FRAME);
        let step = core::f64::consts::TAU / FRAME as f64;
        Self {
            window: (0..FRAME).map(|n| 0.5 - 0.5 * libm::cos(step * n as f64)).collect(),
            pending: Vec::with_capacity(2 * FRAME),
            input: transform.make_input_vec(),
            output: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            transform,
        }
    }

    /// Gives `sink` the levels of each frame that `samples` completes.
    pub(crate) fn push(&mut self, samples: &[f64], mut sink: impl FnMut(&mut dyn Iterator<Item = f64>)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (taken, left) = rest.split_at(rest.len().min(FRAME - self.pending.len()));
            self.pending.extend_from_slice(taken);
            rest = left;
            if self.pending.len() == FRAME {
                self.transform_frame();
                self.pending.drain(..HOP);
                let scale = 16.0 / (FRAME * FRAME) as f64;
                sink(&mut self.output.iter().map(|bin| decibels(bin.norm_sqr() * scale)));
            }
        }
    }

    fn transform_frame(&mut self) {
        let windowed = self
            .pending
            .iter()
            .zip(&self.window)
            .map(|(sample, weight)| sample * weight);
        self.input
            .iter_mut()
            .zip(windowed)
            .for_each(|(place, value)| *place = value);
        let result = self
            .transform
            .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
        debug_assert!(result.is_ok(), "the buffers are the transform's own");
    }
}

fn decibels(power: f64) -> f64 {
    (10.0 * libm::log10(power)).max(FLOOR_DB)
}

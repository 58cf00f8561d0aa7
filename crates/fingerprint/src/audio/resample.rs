use rubato::{FftFixedInOut, Resampler as _};

use super::SAMPLE_RATE;
use crate::FingerprintError;

/// Samples that are resampled at once, at least.
const CHUNK: usize = 4_096;

/// Brings one channel of any rate to [`SAMPLE_RATE`], in step with the input.
pub(crate) struct Resampler {
    /// None if the rate is right already.
    stage: Option<Stage>,
}

struct Stage {
    resampler: FftFixedInOut<f64>,
    input: Vec<f64>,
    output: Vec<f64>,
    chunk: usize,
    /// Output that is the filter's delay and not yet sound.
    skip: usize,
    taken: u64,
    given: u64,
    rate_hz: u32,
}

impl Resampler {
    pub(crate) fn new(rate_hz: u32) -> Result<Self, FingerprintError> {
        if rate_hz == SAMPLE_RATE {
            return Ok(Self { stage: None });
        }
        let refused = |_| FingerprintError::BadRate {
            found: rate_hz,
            min: super::MIN_RATE_HZ,
            max: super::MAX_RATE_HZ,
        };
        let resampler = FftFixedInOut::new(rate_hz as usize, SAMPLE_RATE as usize, CHUNK, 1).map_err(refused)?;
        Ok(Self {
            stage: Some(Stage {
                input: Vec::new(),
                output: vec![0.0; resampler.output_frames_max()],
                chunk: resampler.input_frames_next(),
                skip: resampler.output_delay(),
                taken: 0,
                given: 0,
                rate_hz,
                resampler,
            }),
        })
    }

    pub(crate) fn push(&mut self, samples: &[f64], mut sink: impl FnMut(&[f64])) {
        let Some(stage) = &mut self.stage else {
            return sink(samples);
        };
        stage.taken += samples.len() as u64;
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(stage.chunk - stage.input.len()));
            stage.input.extend_from_slice(now);
            rest = later;
            if stage.input.len() == stage.chunk {
                stage.run(&mut sink);
            }
        }
    }

    /// Gives what is still in the filter.
    pub(crate) fn finish(&mut self, mut sink: impl FnMut(&[f64])) {
        let Some(stage) = &mut self.stage else { return };
        let wanted = stage.taken * u64::from(SAMPLE_RATE) / u64::from(stage.rate_hz);
        while stage.given < wanted {
            stage.input.resize(stage.chunk, 0.0);
            let left = wanted - stage.given;
            stage.run(&mut |samples: &[f64]| {
                sink(&samples[..samples.len().min(usize::try_from(left).unwrap_or(usize::MAX))])
            });
        }
    }
}

impl Stage {
    fn run(&mut self, sink: &mut impl FnMut(&[f64])) {
        let buffers = (
            std::slice::from_ref(&self.input),
            std::slice::from_mut(&mut self.output),
        );
        // The buffers have the sizes that it asked for, the only thing it can refuse.
        if self.resampler.process_into_buffer(buffers.0, buffers.1, None).is_ok() {
            let skipped = self.skip.min(self.output.len());
            self.skip -= skipped;
            self.given += (self.output.len() - skipped) as u64;
            sink(&self.output[skipped..]);
        }
        self.input.clear();
    }
}

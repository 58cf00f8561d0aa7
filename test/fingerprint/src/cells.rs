//! What happens to a recording between its publication and the moment somebody asks what it is.

/// Codecs of ffmpeg.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    Mp3,
    Opus,
    Aac,
    Vorbis,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Noise {
    White,
    Pink,
    /// Several people talking at once.
    Babble,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Equalizer {
    Bass,
    Treble,
    Telephone,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    None,
    /// Bit rate in kbit/s of the whole stream.
    Codec(Codec, u32),
    /// Ratio of signal to noise in dB.
    Noise(Noise, f32),
    Equalizer(Equalizer),
    /// Pitch and tempo together, in percent.
    Speed(f64),
    /// Pitch alone, in percent.
    Pitch(f64),
    /// Tempo alone, in percent.
    Tempo(f64),
    /// One channel of 8 kHz.
    Narrow,
    /// Two seconds from the inside are missing.
    Cut,
    /// Factor of all samples.
    Volume(f32),
    Compressor,
}

/// One line of the table: a change and the length of the excerpt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) seconds: u32,
    pub(crate) change: Change,
}

const fn cell(name: &'static str, seconds: u32, change: Change) -> Cell {
    Cell { name, seconds, change }
}

/// Excerpts are of random places of the work.
pub(crate) const CELLS: &[Cell] = &[
    cell("original", 10, Change::None),
    cell("original", 5, Change::None),
    cell("original", 3, Change::None),
    cell("mp3 128k", 10, Change::Codec(Codec::Mp3, 128)),
    cell("mp3 64k", 10, Change::Codec(Codec::Mp3, 64)),
    cell("mp3 48k", 10, Change::Codec(Codec::Mp3, 48)),
    cell("mp3 32k", 10, Change::Codec(Codec::Mp3, 32)),
    cell("mp3 64k", 5, Change::Codec(Codec::Mp3, 64)),
    cell("mp3 64k", 3, Change::Codec(Codec::Mp3, 64)),
    cell("opus 48k", 10, Change::Codec(Codec::Opus, 48)),
    cell("opus 24k", 10, Change::Codec(Codec::Opus, 24)),
    cell("opus 48k", 5, Change::Codec(Codec::Opus, 48)),
    cell("aac 64k", 10, Change::Codec(Codec::Aac, 64)),
    cell("aac 48k", 10, Change::Codec(Codec::Aac, 48)),
    cell("vorbis 48k", 10, Change::Codec(Codec::Vorbis, 48)),
    cell("white noise 20 dB", 5, Change::Noise(Noise::White, 20.0)),
    cell("white noise 10 dB", 5, Change::Noise(Noise::White, 10.0)),
    cell("white noise 5 dB", 5, Change::Noise(Noise::White, 5.0)),
    cell("pink noise 20 dB", 5, Change::Noise(Noise::Pink, 20.0)),
    cell("pink noise 10 dB", 5, Change::Noise(Noise::Pink, 10.0)),
    cell("pink noise 5 dB", 5, Change::Noise(Noise::Pink, 5.0)),
    cell("babble 20 dB", 5, Change::Noise(Noise::Babble, 20.0)),
    cell("babble 10 dB", 5, Change::Noise(Noise::Babble, 10.0)),
    cell("babble 5 dB", 5, Change::Noise(Noise::Babble, 5.0)),
    cell("pink noise 10 dB", 10, Change::Noise(Noise::Pink, 10.0)),
    cell("more bass", 10, Change::Equalizer(Equalizer::Bass)),
    cell("more treble", 10, Change::Equalizer(Equalizer::Treble)),
    cell("telephone", 10, Change::Equalizer(Equalizer::Telephone)),
    cell("speed +1 %", 10, Change::Speed(1.0)),
    cell("speed -1 %", 10, Change::Speed(-1.0)),
    cell("speed +2 %", 10, Change::Speed(2.0)),
    cell("speed -2 %", 10, Change::Speed(-2.0)),
    cell("speed +4 %", 10, Change::Speed(4.0)),
    cell("speed -4 %", 10, Change::Speed(-4.0)),
    cell("pitch +3 %", 10, Change::Pitch(3.0)),
    cell("pitch -3 %", 10, Change::Pitch(-3.0)),
    cell("tempo +4 %", 10, Change::Tempo(4.0)),
    cell("tempo -4 %", 10, Change::Tempo(-4.0)),
    cell("mono 8 kHz", 10, Change::Narrow),
    cell("mono 8 kHz", 5, Change::Narrow),
    cell("cut inside", 10, Change::Cut),
    cell("volume -20 dB", 10, Change::Volume(0.1)),
    cell("compressor", 10, Change::Compressor),
];

impl Cell {
    /// Name and length, as tables show them.
    pub(crate) fn label(&self) -> String {
        format!("{}, {} s", self.name, self.seconds)
    }

    /// Seconds of the work that the change uses up.
    pub(crate) fn source_seconds(&self) -> f64 {
        let seconds = f64::from(self.seconds);
        match self.change {
            Change::Speed(percent) | Change::Tempo(percent) => seconds * (1.0 + percent / 100.0),
            Change::Cut => seconds + CUT_S,
            _ => seconds,
        }
    }

    pub(crate) fn is_transcode_10s(&self) -> bool {
        self.seconds == 10 && matches!(self.change, Change::Codec(_, kbit) if kbit >= 48)
    }

    pub(crate) fn is_noise_10db_5s(&self) -> bool {
        self.seconds == 5 && matches!(self.change, Change::Noise(_, db) if db == 10.0)
    }

    pub(crate) fn is_speed_2_percent(&self) -> bool {
        matches!(self.change, Change::Speed(percent) if percent.abs() == 2.0)
    }
}

pub(crate) const CUT_S: f64 = 2.0;

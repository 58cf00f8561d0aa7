//! Arrangements: instruments, tempo, key and swing for a composition, and its rendering by a SoundFont synthesizer.

use std::{path::Path, sync::Arc};

use eyre::{Result, WrapErr, eyre};
use rand::{Rng, seq::IndexedRandom};
use rustysynth::{SoundFont, Synthesizer, SynthesizerSettings};

use crate::{
    clip::Clip,
    compose::{Composition, Note, Role},
};

const RATE_HZ: u32 = 44_100;
/// General MIDI numbers percussion's channel so.
const DRUM_CHANNEL: i32 = 9;
const PROGRAM_CHANGE: i32 = 0xC0;
const CONTROL_CHANGE: i32 = 0xB0;
const PAN: i32 = 10;
const REVERB: i32 = 91;

/// Programs for melody, counter voice, chords and bass that go together.
const ENSEMBLES: [[&[u8]; 4]; 9] = [
    [&[0, 1, 2], &[0, 3], &[0, 4], &[32, 43]],
    [&[73, 68, 71], &[60, 70], &[48, 49, 46], &[43, 42]],
    [&[40, 41], &[41, 42], &[48, 44], &[42, 43]],
    [&[26, 27, 24], &[25, 11], &[24, 25], &[33, 34]],
    [&[29, 30, 80], &[29, 81], &[29, 30, 27], &[34, 33]],
    [&[80, 81, 87], &[82, 88], &[89, 90, 50], &[38, 39]],
    [&[56, 57, 65], &[66, 67], &[0, 16, 4], &[32, 35]],
    [&[22, 21, 110], &[40, 21], &[24, 15, 105], &[32, 43]],
    [&[19, 16, 52], &[53, 19], &[19, 52, 18], &[19, 58]],
];

/// How a composition is played.
#[derive(Clone, Debug)]
pub(crate) struct Arrangement {
    programs: [u8; 4],
    counter: bool,
    drums: bool,
    drum_kit: u8,
    bpm: f64,
    transpose: i32,
    swing: f64,
    /// Spread of onsets in seconds, as players have it.
    looseness_s: f64,
}

/// In what an arrangement of a known score differs from the first one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Twist {
    /// Other instruments, same tempo and key.
    Instruments,
    /// Other instruments, tempo and key.
    Everything,
    /// Same instruments, clearly other tempo, one voice more or less.
    TempoAndVoices,
}

impl Arrangement {
    pub(crate) fn draw(rng: &mut impl Rng) -> Self {
        let ensemble = &ENSEMBLES[rng.random_range(0..ENSEMBLES.len())];
        Self {
            programs: ensemble.map(|choice| *choice.choose(rng).unwrap_or(&0)),
            counter: rng.random_bool(0.6),
            drums: rng.random_bool(0.65),
            drum_kit: *[0, 8, 16, 24, 25, 32, 40].choose(rng).unwrap_or(&0),
            bpm: rng.random_range(62.0..176.0),
            transpose: rng.random_range(-3..=3),
            swing: if rng.random_bool(0.25) {
                rng.random_range(0.05..0.17)
            } else {
                0.0
            },
            looseness_s: rng.random_range(0.002..0.015),
        }
    }

    pub(crate) fn twisted(&self, twist: Twist, rng: &mut impl Rng) -> Self {
        let mut other = Self::draw(rng);
        while other.programs.iter().zip(&self.programs).any(|(a, b)| a == b) {
            other.programs = Self::draw(rng).programs;
        }
        match twist {
            Twist::Everything => other,
            Twist::Instruments => Self {
                bpm: self.bpm,
                transpose: self.transpose,
                swing: self.swing,
                ..other
            },
            Twist::TempoAndVoices => {
                let factor = rng.random_range(1.12..1.3);
                let slower = rng.random_bool(0.5);
                Self {
                    bpm: if slower { self.bpm / factor } else { self.bpm * factor },
                    counter: !self.counter,
                    looseness_s: other.looseness_s,
                    ..self.clone()
                }
            }
        }
    }

    pub(crate) fn beats_per_s(&self) -> f64 {
        self.bpm / 60.0
    }

    fn plays(&self, role: Role) -> bool {
        match role {
            Role::Counter => self.counter,
            Role::Drums => self.drums,
            Role::Melody | Role::Chords | Role::Bass => true,
        }
    }

    /// Seconds of a beat; swing delays the second half of each.
    fn seconds(&self, beat: f64) -> f64 {
        let late = if (beat.fract() - 0.5).abs() < 0.01 {
            self.swing
        } else {
            0.0
        };
        (beat + late) / self.beats_per_s()
    }
}

#[derive(Clone, Copy)]
struct Event {
    frame: usize,
    channel: i32,
    key: i32,
    /// 0 ends the note.
    velocity: i32,
}

/// A SoundFont, loaded once and shared by the threads.
#[derive(Clone)]
pub(crate) struct Orchestra(Arc<SoundFont>);

impl Orchestra {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = std::fs::File::open(path).wrap_err_with(|| {
            format!(
                "opening {}; install timgm6mb-soundfont or name a SoundFont",
                path.display()
            )
        })?;
        let font = SoundFont::new(&mut file).map_err(|error| eyre!("{} is no SoundFont: {error}", path.display()))?;
        Ok(Self(Arc::new(font)))
    }

    /// The first `seconds` of a performance, in stereo.
    pub(crate) fn perform(
        &self,
        composition: &Composition,
        arrangement: &Arrangement,
        seconds: f64,
        rng: &mut impl Rng,
    ) -> Result<Clip> {
        let mut settings = SynthesizerSettings::new(RATE_HZ as i32);
        settings.maximum_polyphony = 96;
        let mut synthesizer =
            Synthesizer::new(&self.0, &settings).map_err(|error| eyre!("starting the synthesizer: {error}"))?;
        seat(&mut synthesizer, arrangement, rng);
        let frames = (seconds * f64::from(RATE_HZ)) as usize;
        let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
        let mut at = 0;
        for event in events(composition, arrangement, rng)
            .into_iter()
            .filter(|event| event.frame < frames)
        {
            if event.frame > at {
                synthesizer.render(&mut left[at..event.frame], &mut right[at..event.frame]);
                at = event.frame;
            }
            if event.velocity == 0 {
                synthesizer.note_off(event.channel, event.key);
            } else {
                synthesizer.note_on(event.channel, event.key, event.velocity);
            }
        }
        synthesizer.render(&mut left[at..], &mut right[at..]);
        let samples = left
            .into_iter()
            .zip(right)
            .flat_map(|(left, right)| [left, right])
            .collect();
        Ok(Clip::new(RATE_HZ, 2, samples).normalized())
    }
}

fn channel(role: Role) -> i32 {
    match role {
        Role::Melody => 0,
        Role::Counter => 1,
        Role::Chords => 2,
        Role::Bass => 3,
        Role::Drums => DRUM_CHANNEL,
    }
}

fn seat(synthesizer: &mut Synthesizer, arrangement: &Arrangement, rng: &mut impl Rng) {
    for (channel, &program) in (0..).zip(&arrangement.programs) {
        synthesizer.process_midi_message(channel, PROGRAM_CHANGE, i32::from(program), 0);
        synthesizer.process_midi_message(channel, CONTROL_CHANGE, PAN, rng.random_range(30..98));
        synthesizer.process_midi_message(channel, CONTROL_CHANGE, REVERB, rng.random_range(10..90));
    }
    synthesizer.process_midi_message(DRUM_CHANNEL, PROGRAM_CHANGE, i32::from(arrangement.drum_kit), 0);
}

fn events(composition: &Composition, arrangement: &Arrangement, rng: &mut impl Rng) -> Vec<Event> {
    let mut events = Vec::new();
    for note in composition.notes.iter().filter(|note| arrangement.plays(note.role)) {
        let early_s = rng.random_range(-1.0..1.0) * arrangement.looseness_s;
        let start_s = (arrangement.seconds(note.beat) + early_s).max(0.0);
        let end_s = start_s + note.beats / arrangement.beats_per_s();
        let at = |seconds: f64| (seconds * f64::from(RATE_HZ)) as usize;
        let (channel, key) = (channel(note.role), sounding_key(note, arrangement));
        let velocity = (f64::from(note.strength) * 110.0 + rng.random_range(-9.0..9.0)).clamp(20.0, 127.0) as i32;
        events.push(Event {
            frame: at(start_s),
            channel,
            key,
            velocity,
        });
        events.push(Event {
            frame: at(end_s),
            channel,
            key,
            velocity: 0,
        });
    }
    // An end comes before a start at the same moment, so that repeated notes sound.
    events.sort_by_key(|event| (event.frame, event.velocity != 0, event.channel, event.key));
    events
}

fn sounding_key(note: &Note, arrangement: &Arrangement) -> i32 {
    let transpose = if note.role == Role::Drums {
        0
    } else {
        arrangement.transpose
    };
    (i32::from(note.key) + transpose).clamp(0, 127)
}

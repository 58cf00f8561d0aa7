//! Scores: a seeded composer of songs with sections that return, motifs that are varied, chord progressions, bass lines and
//! drum patterns in several styles.

use rand::{Rng, seq::IndexedRandom};

/// What a note does in the piece; the arrangement gives every role its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Melody,
    Counter,
    Chords,
    Bass,
    Drums,
}

/// One note; times in beats, `key` as MIDI counts (drums: General MIDI's percussion keys).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) role: Role,
    pub(crate) beat: f64,
    pub(crate) beats: f64,
    pub(crate) key: u8,
    /// 0 to 1.
    pub(crate) strength: f32,
}

/// A piece without instruments and tempo.
#[derive(Debug)]
pub(crate) struct Composition {
    pub(crate) notes: Vec<Note>,
}

const SCALES: [[i32; 7]; 6] = [
    [0, 2, 4, 5, 7, 9, 11],
    [0, 2, 3, 5, 7, 8, 10],
    [0, 2, 3, 5, 7, 9, 10],
    [0, 2, 4, 5, 7, 9, 10],
    [0, 2, 3, 5, 7, 8, 11],
    [0, 1, 3, 5, 7, 8, 10],
];
const FORMS: [&[usize]; 7] = [
    &[0, 0, 1, 0],
    &[0, 1, 0, 1],
    &[0, 1, 0, 2, 1],
    &[0, 0, 1, 1, 2],
    &[0, 1, 2, 0],
    &[0, 1, 1, 0, 2],
    &[0, 0, 0, 1],
];
/// Degrees that commonly follow each degree of the scale.
const SUCCESSORS: [&[i32]; 7] = [
    &[3, 4, 5, 1, 2],
    &[4, 6, 3],
    &[5, 3, 1],
    &[4, 0, 1, 5],
    &[0, 5, 3],
    &[3, 1, 4, 2],
    &[0, 2],
];
const RHYTHMS: [&[f64]; 10] = [
    &[1.0, 1.0],
    &[0.5, 0.5, 1.0],
    &[1.5, 0.5],
    &[0.75, 0.25, 1.0],
    &[2.0],
    &[0.5, 1.0, 0.5],
    &[0.25, 0.25, 0.5, 1.0],
    &[0.5, 0.5, 0.5, 0.5],
    &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 1.0],
    &[0.5, 0.25, 0.25, 0.75, 0.25],
];

/// What holds for a whole piece.
struct Style {
    beats_per_bar: usize,
    scale: [i32; 7],
    tonic: i32,
    chords: Accompaniment,
    bass: Line,
    drums: Vec<(u8, Vec<f64>)>,
}

#[derive(Clone, Copy)]
enum Accompaniment {
    Block,
    Pad,
    OffBeat,
    Rising,
    Broken,
    Strummed,
}

#[derive(Clone, Copy)]
enum Line {
    Root,
    RootFifth,
    Walking,
    Eighths,
}

/// One section of the form: chords of its bars, and its notes from beat 0.
struct Section {
    bars: usize,
    notes: Vec<Note>,
}

impl Composition {
    /// A piece of at least `beats` beats.
    pub(crate) fn draw(beats: f64, rng: &mut impl Rng) -> Self {
        let style = Style::draw(rng);
        let sections: Vec<Section> = (0..3).map(|_| Section::draw(&style, rng)).collect();
        let form = FORMS[rng.random_range(0..FORMS.len())];
        let mut notes = Vec::new();
        let mut at = 0.0;
        for section in form.iter().cycle().map(|&section| &sections[section]) {
            let again = section.notes.iter().map(|note| Note {
                beat: at + note.beat,
                ..vary(*note, &style, rng)
            });
            notes.extend(again);
            at += (section.bars * style.beats_per_bar) as f64;
            if at >= beats {
                break;
            }
        }
        Self { notes }
    }
}

/// Now and then a repeated melody takes another note of the scale.
fn vary(note: Note, style: &Style, rng: &mut impl Rng) -> Note {
    if note.role != Role::Melody || !rng.random_bool(0.08) {
        return note;
    }
    let step = style.scale[rng.random_range(1..3)];
    Note {
        key: (i32::from(note.key) + if rng.random_bool(0.5) { step } else { -step }).clamp(40, 100) as u8,
        ..note
    }
}

impl Style {
    fn draw(rng: &mut impl Rng) -> Self {
        let beats_per_bar = *[4, 4, 4, 3, 6, 5].choose(rng).unwrap_or(&4);
        let chords = [
            Accompaniment::Block,
            Accompaniment::Pad,
            Accompaniment::OffBeat,
            Accompaniment::Rising,
            Accompaniment::Broken,
            Accompaniment::Strummed,
        ];
        let lines = [Line::Root, Line::RootFifth, Line::Walking, Line::Eighths];
        Self {
            beats_per_bar,
            scale: SCALES[rng.random_range(0..SCALES.len())],
            tonic: rng.random_range(54..66),
            chords: chords[rng.random_range(0..chords.len())],
            bass: lines[rng.random_range(0..lines.len())],
            drums: drums(beats_per_bar, rng),
        }
    }

    /// MIDI key of a degree of the scale, counted from the tonic; degrees run over octaves.
    fn key(&self, degree: i32, octave: i32) -> u8 {
        let key = self.tonic + 12 * (octave + degree.div_euclid(7)) + self.scale[degree.rem_euclid(7) as usize];
        key.clamp(24, 108) as u8
    }
}

/// A bar of drums: kick, snare and a time keeper, each on a grid of half or quarter beats.
fn drums(beats: usize, rng: &mut impl Rng) -> Vec<(u8, Vec<f64>)> {
    let keeper = *[42, 51, 46, 70, 69, 54].choose(rng).unwrap_or(&42);
    let step = *[0.5, 1.0, 0.25, 2.0 / 3.0].choose(rng).unwrap_or(&0.5);
    let ticks = (beats as f64 / step) as usize;
    let hits = (0..ticks)
        .filter(|_| rng.random_bool(0.85))
        .map(|tick| tick as f64 * step);
    let keeper = (keeper, hits.collect());
    let mut kick = vec![0.0];
    let mut snare = Vec::new();
    for half in 1..beats * 2 {
        let at = half as f64 / 2.0;
        if half % 4 == 2 && rng.random_bool(0.85) {
            snare.push(at);
        } else if rng.random_bool(if half % 2 == 0 { 0.4 } else { 0.2 }) {
            kick.push(at);
        }
    }
    let snare_key = *[38, 40, 37, 39].choose(rng).unwrap_or(&38);
    let kick_key = *[36, 35, 41].choose(rng).unwrap_or(&36);
    vec![keeper, (kick_key, kick), (snare_key, snare)]
}

impl Section {
    fn draw(style: &Style, rng: &mut impl Rng) -> Self {
        let bars = *[4, 8, 8].choose(rng).unwrap_or(&8);
        let degrees = progression(bars, rng);
        let mut notes = melody(style, &degrees, rng);
        for (bar, &degree) in degrees.iter().enumerate() {
            let at = (bar * style.beats_per_bar) as f64;
            accompany(style, degree, at, &mut notes);
            bass(style, degree, at, rng, &mut notes);
            for (key, hits) in &style.drums {
                let fill = bar + 1 == bars && rng.random_bool(0.5);
                notes.extend(hits.iter().map(|hit| Note {
                    role: Role::Drums,
                    beat: at + hit,
                    beats: 0.2,
                    key: if fill && *hit >= 2.0 { 45 } else { *key },
                    strength: if *hit == 0.0 { 0.9 } else { 0.65 },
                }));
            }
        }
        Self { bars, notes }
    }
}

fn progression(bars: usize, rng: &mut impl Rng) -> Vec<i32> {
    let mut degree = *[0, 0, 0, 5, 3].choose(rng).unwrap_or(&0);
    let mut degrees = Vec::with_capacity(bars);
    for bar in 0..bars {
        degrees.push(degree);
        degree = *SUCCESSORS[degree as usize].choose(rng).unwrap_or(&0);
        if bar + 2 == bars {
            degree = if rng.random_bool(0.6) { 0 } else { 4 };
        }
    }
    degrees
}

/// Two motifs of a bar each, moved to the bar's chord, in the order a b a b' with changes at phrase ends; a counter voice
/// answers a third or sixth away in slower notes.
fn melody(style: &Style, degrees: &[i32], rng: &mut impl Rng) -> Vec<Note> {
    let motifs = [motif(style.beats_per_bar, rng), motif(style.beats_per_bar, rng)];
    let register = rng.random_range(0..2);
    let mut notes = Vec::new();
    for (bar, &degree) in degrees.iter().enumerate() {
        let at = (bar * style.beats_per_bar) as f64;
        let fresh = (bar % 4 == 3 && rng.random_bool(0.6)).then(|| motif(style.beats_per_bar, rng));
        for &(beat, beats, step) in fresh.as_ref().unwrap_or(&motifs[bar % 2]) {
            let Some(step) = step else { continue };
            notes.push(Note {
                role: Role::Melody,
                beat: at + beat,
                beats: beats * 0.92,
                key: style.key(degree + step, register),
                strength: if beat.fract() == 0.0 { 0.85 } else { 0.7 },
            });
        }
        notes.push(Note {
            role: Role::Counter,
            beat: at + 0.5,
            beats: style.beats_per_bar as f64 * 0.6,
            key: style.key(degree + *[2, 5, 4].choose(rng).unwrap_or(&2), 1 - register),
            strength: 0.6,
        });
    }
    notes
}

/// (beat, length, steps of the scale above the chord's root; none is a rest).
fn motif(beats_per_bar: usize, rng: &mut impl Rng) -> Vec<(f64, f64, Option<i32>)> {
    let mut step = *[0, 2, 4, 7].choose(rng).unwrap_or(&0);
    let mut notes = Vec::new();
    let mut at = 0.0;
    while at < beats_per_bar as f64 {
        for &length in RHYTHMS[rng.random_range(0..RHYTHMS.len())] {
            let left = beats_per_bar as f64 - at;
            if left < 0.2 {
                break;
            }
            let rest = rng.random_bool(0.1);
            notes.push((at, length.min(left), (!rest).then_some(step)));
            step = (step + rng.random_range(-2..=2)).clamp(-3, 9);
            at += length.min(left);
        }
        if beats_per_bar as f64 - at < 0.2 {
            break;
        }
    }
    notes
}

fn accompany(style: &Style, degree: i32, at: f64, notes: &mut Vec<Note>) {
    let triad = [degree, degree + 2, degree + 4];
    let mut play = |beat: f64, beats: f64, step: i32, strength: f32| {
        notes.push(Note {
            role: Role::Chords,
            beat: at + beat,
            beats,
            key: style.key(step, 0),
            strength,
        });
    };
    let beats = style.beats_per_bar;
    match style.chords {
        Accompaniment::Pad => triad.iter().for_each(|&step| play(0.0, beats as f64, step, 0.5)),
        Accompaniment::Block => {
            for beat in 0..beats {
                triad.iter().for_each(|&step| play(beat as f64, 0.85, step, 0.55));
            }
        }
        Accompaniment::OffBeat => {
            for beat in 0..beats {
                triad.iter().for_each(|&step| play(beat as f64 + 0.5, 0.4, step, 0.6));
            }
        }
        Accompaniment::Strummed => {
            for beat in (0..beats).step_by(2) {
                for (string, &step) in triad.iter().enumerate() {
                    play(beat as f64 + 0.03 * string as f64, 1.7, step, 0.6);
                }
            }
        }
        Accompaniment::Rising | Accompaniment::Broken => {
            let order: [usize; 4] = if matches!(style.chords, Accompaniment::Rising) {
                [0, 1, 2, 1]
            } else {
                [0, 2, 1, 2]
            };
            for half in 0..beats * 2 {
                play(half as f64 / 2.0, 0.5, triad[order[half % 4]], 0.55);
            }
        }
    }
}

fn bass(style: &Style, degree: i32, at: f64, rng: &mut impl Rng, notes: &mut Vec<Note>) {
    let mut play = |beat: f64, beats: f64, step: i32| {
        notes.push(Note {
            role: Role::Bass,
            beat: at + beat,
            beats,
            key: style.key(step, -2),
            strength: 0.75,
        });
    };
    let beats = style.beats_per_bar;
    match style.bass {
        Line::Root => play(0.0, beats as f64 * 0.9, degree),
        Line::RootFifth => {
            for beat in (0..beats).step_by(2) {
                play(beat as f64, 1.6, degree + if beat % 4 == 0 { 0 } else { 4 });
            }
        }
        Line::Walking => {
            for beat in 0..beats {
                let step = if beat == 0 { 0 } else { rng.random_range(0..7) };
                play(beat as f64, 0.9, degree + step);
            }
        }
        Line::Eighths => {
            for half in 0..beats * 2 {
                play(half as f64 / 2.0, 0.45, degree + if half % 8 == 7 { 2 } else { 0 });
            }
        }
    }
}

// Six pieces and one more whose composers have been dead for centuries, as scores, and how they are performed: written as a
// MIDI file and rendered by fluidsynth with a General MIDI soundfont.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';

import { run } from '../lib/devnet.mjs';

const SOUNDFONTS = ['/usr/share/sounds/sf2/TimGM6mb.sf2', '/usr/share/sounds/sf2/default-GM.sf2', '/usr/share/soundfonts/default.sf2'];
const TICKS_PER_BEAT = 480;
const PIANO = 0;
const HARPSICHORD = 6;
const MUSIC_BOX = 10;
const ORGAN = 19;
const GUITAR = 24;
const STRINGS = 48;
const FLUTE = 73;

/** Melodies: `pitch/beats`, `r` for a rest; a note without beats takes those of the note before. */
const SCORES = {
  'Ode to Joy': {
    by: 'Ludwig van Beethoven', bpm: 108, melody: FLUTE, chords: STRINGS,
    notes: `E5/1 E5 F5 G5 G5 F5 E5 D5 C5 C5 D5 E5 E5/1.5 D5/.5 D5/2 E5/1 E5 F5 G5 G5 F5 E5 D5 C5 C5 D5 E5 D5/1.5 C5/.5 C5/2
      D5/1 D5 E5 C5 D5 E5/.5 F5 E5/1 C5 D5 E5/.5 F5 E5/1 D5 C5 D5 G4/2 E5/1 E5 F5 G5 G5 F5 E5 D5 C5 C5 D5 E5 D5/1.5 C5/.5 C5/2`,
    harmony: 'C/4 G C G C G C G/2 C G/4 C G/4 G C G C G/2 C',
  },
  Greensleeves: {
    by: 'anonymous, 16th century', bpm: 132, melody: GUITAR, chords: GUITAR,
    notes: `A4/1 C5/2 D5/1 E5/1.5 F5/.5 E5/1 D5/2 B4/1 G4/1.5 A4/.5 B4/1 C5/2 A4/1 A4/1.5 G#4/.5 A4/1 B4/2 G#4/1 E4/2
      A4/1 C5/2 D5/1 E5/1.5 F5/.5 E5/1 D5/2 B4/1 G4/1.5 A4/.5 B4/1 C5/1.5 B4/.5 A4/1 G#4/1.5 F#4/.5 G#4/1 A4/3 A4/3
      G5/3 G5/1.5 F#5/.5 E5/1 D5/2 B4/1 G4/1.5 A4/.5 B4/1 C5/2 A4/1 A4/1.5 G#4/.5 A4/1 B4/2 G#4/1 E4/3
      G5/3 G5/1.5 F#5/.5 E5/1 D5/2 B4/1 G4/1.5 A4/.5 B4/1 C5/1.5 B4/.5 A4/1 G#4/1.5 F#4/.5 G#4/1 A4/3 A4/3`,
    harmony: 'Am/7 G/6 F/6 E Am/6 G Am/3 E Am/6 C/6 G Am E C G Am/3 E Am/6',
  },
  'Für Elise': {
    by: 'Ludwig van Beethoven', bpm: 72, melody: PIANO, chords: PIANO,
    notes: `E5/.25 D#5 E5 D#5 E5 B4 D5 C5 A4/.5 r/.25 C4 E4 A4 B4/.5 r/.25 E4 G#4 B4 C5/.5 r/.25 E4 E5 D#5 E5 D#5 E5 B4 D5 C5
      A4/.5 r/.25 C4 E4 A4 B4/.5 r/.25 E4 C5 B4 A4/.75 B4/.25 C5 D5 E5/.75 G4/.25 F5 E5 D5/.75 F4/.25 E5 D5 C5/.75 E4/.25 D5 C5
      B4/.5 r/.25 E4 E5 r E5 E6 r r D#5 E5 r r D#5 E5 D#5 E5 D#5 E5 B4 D5 C5 A4/.5 r/.25 C4 E4 A4 B4/.5 r/.25 E4 G#4 B4
      C5/.5 r/.25 E4 E5 D#5 E5 D#5 E5 B4 D5 C5 A4/.5 r/.25 C4 E4 A4 B4/.5 r/.25 E4 C5 B4 A4/1`,
    harmony: 'r/2 Am/1.5 E Am r/2 Am/1.5 E Am C/1.5 G Am E r/3 r/2 Am/1.5 E Am r/2 Am/1.5 E Am',
  },
  'Minuet in G': {
    by: 'Christian Petzold', bpm: 126, melody: HARPSICHORD, chords: HARPSICHORD,
    notes: `D5/1 G4/.5 A4 B4 C5 D5/1 G4 G4 E5/1 C5/.5 D5 E5 F#5 G5/1 G4 G4 C5/1 D5/.5 C5 B4 A4 B4/1 C5/.5 B4 A4 G4 F#4/1 G4/.5 A4 B4 G4 A4/3
      D5/1 G4/.5 A4 B4 C5 D5/1 G4 G4 E5/1 C5/.5 D5 E5 F#5 G5/1 G4 G4 C5/1 D5/.5 C5 B4 A4 B4/1 C5/.5 B4 A4 G4 A4/1 B4/.5 A4 G4 F#4 G4/3
      B5/1 G5/.5 A5 B5 G5 A5/1 D5/.5 E5 F#5 D5 G5/1 E5/.5 F#5 G5 D5 C#5/1 B4/.5 C#5 A4/1 A4/.5 B4 C#5 D5 E5 F#5 G5/1 F#5 E5 F#5 A4 C#5 D5/3`,
    harmony: 'G/3 G C G Am G D D G G C G Am G D G G D Em A A G D D',
  },
  'Prelude in C': { by: 'Johann Sebastian Bach', bpm: 66, melody: PIANO, chords: PIANO, ...arpeggios(`C4 E4 G4 C5 E5|C4 D4 A4 D5 F5|B3 D4 G4 D5 F5|C4 E4 G4 C5 E5|
    C4 E4 A4 E5 A5|C4 D4 F#4 A4 D5|B3 D4 G4 D5 G5|B3 C4 E4 G4 C5|A3 C4 E4 G4 C5|D3 A3 D4 F#4 C5|G3 B3 D4 G4 B4|G3 A#3 E4 G4 C#5|F3 A3 D4 A4 D5|
    F3 G#3 D4 F4 B4|E3 G3 C4 G4 C5|E3 F3 A3 C4 F4|D3 F3 A3 C4 F4|G2 D3 G3 B3 F4|C3 E3 G3 C4 E4`) },
  'Canon in D': {
    by: 'Johann Pachelbel', bpm: 100, melody: STRINGS, chords: ORGAN,
    notes: `F#5/2 E5 D5 C#5 B4 A4 B4 C#5 D5/2 C#5 B4 A4 G4 F#4 G4 E4 D4/1 F#4 A4 G4 F#4 D4 F#4 E4 D4 B3 D4 A4 G4 B4 A4 G4
      F#4 D4 E4 C#5 D5 F#5 A5 A4 B4 G4 A4 F#4 D4 D5 D5/1.5 C#5/.5 D5/.5 C#5 D5 D4 C#4 A4 E4 F#4 D4 D5 C#5 B4 C#5 F#5 A5 B5 G5 F#5 E5 G5 F#5 E5 D5 C#5 B4 A4 G4 F#4 E4 G4 F#4 E4`,
    harmony: 'D/2 A Bm F#m G D G A D A Bm F#m G D G A D A Bm F#m G D G A D A Bm F#m G D G A',
  },
  'Brother John': {
    by: 'traditional', bpm: 116, melody: MUSIC_BOX, chords: PIANO,
    notes: `F5/1 G5 A5 F5 F5 G5 A5 F5 A5 A#5 C6/2 A5/1 A#5 C6/2 C6/.5 D6 C6 A#5 A5/1 F5 C6/.5 D6 C6 A#5 A5/1 F5 F5 C5 F5/2 F5/1 C5 F5/2
      F5/1 G5 A5 F5 F5 G5 A5 F5 A5 A#5 C6/2 A5/1 A#5 C6/2 C6/.5 D6 C6 A#5 A5/1 F5 C6/.5 D6 C6 A#5 A5/1 F5 F5 C5 F5/2 F5/1 C5 F5/2`,
    harmony: 'F/4 F F F F F C/2 F C F F/4 F F F F F C/2 F C F',
  },
};

/** A prelude of broken chords of five notes, each twice. */
function arpeggios(text) {
  const chords = text.split('|').map((chord) => chord.trim().split(/\s+/));
  const half = ([a, b, c, d, e]) => `${a}/.25 ${b} ${c} ${d} ${e} ${c} ${d} ${e}`;
  return { notes: chords.map((chord) => `${half(chord)} ${half(chord)}`).join(' '), harmony: '' };
}

/** Titles of the pieces, and whose they are. */
export const PIECES = Object.fromEntries(Object.entries(SCORES).map(([title, { by }]) => [title, by]));

const PITCHES = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };

function pitchOf(name) {
  const [, letter, sharp, octave] = name.match(/^([A-G])(#?)(\d)$/);
  return 12 * (Number(octave) + 1) + PITCHES[letter] + (sharp ? 1 : 0);
}

/** `[name, start, beats]` of each token, times in beats. */
function timed(text) {
  let [at, beats] = [0, 1];
  return text.trim().split(/\s+/).filter(Boolean).map((token) => {
    const [name, given] = token.split('/');
    beats = given ? Number(given) : beats;
    const start = at;
    at += beats;
    return { name, start, beats, end: at };
  });
}

/** Keys of a chord such as `Am`, its root below middle C. */
function chordKeys(name) {
  const root = pitchOf(`${name.replace('m', '')}3`);
  return [root - 12, root, root + (name.endsWith('m') ? 3 : 4), root + 7];
}

function eventsOf({ notes, harmony, melody, chords }, repeats) {
  const events = [[0, [0xc0, melody]], [0, [0xc1, chords]]];
  const add = (channel, key, velocity, start, beats) => {
    const tick = (at) => Math.round(at * TICKS_PER_BEAT);
    events.push([tick(start), [0x90 | channel, key, velocity]], [tick(start + beats) - 10, [0x80 | channel, key, 0]]);
  };
  const tune = timed(notes);
  const length = tune.at(-1).end;
  for (let pass = 0; pass < repeats; pass++) {
    for (const { name, start, beats } of tune) if (name !== 'r') add(0, pitchOf(name), 96 - 8 * (pass % 2), pass * length + start, beats);
    for (const { name, start, beats } of timed(harmony)) {
      if (name === 'r' || start >= length) continue;
      const keys = chordKeys(name);
      // Struck together first, broken when it comes again.
      keys.forEach((key, index) => add(1, key, 64, pass * length + start + (pass % 2 ? (index * beats) / 8 : 0), beats - (pass % 2 ? (index * beats) / 8 : 0)));
    }
  }
  return { events: events.sort(([a], [b]) => a - b), beats: length * repeats };
}

/** A number as MIDI files write lengths: seven bits a byte. */
function variableLength(value) {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function midi(score, repeats) {
  const { events } = eventsOf(score, repeats);
  const microsPerBeat = Math.round(60_000_000 / score.bpm);
  const track = [0, 0xff, 0x51, 3, microsPerBeat >> 16, (microsPerBeat >> 8) & 0xff, microsPerBeat & 0xff];
  let last = 0;
  for (const [tick, bytes] of events) {
    track.push(...variableLength(tick - last), ...bytes);
    last = tick;
  }
  track.push(0, 0xff, 0x2f, 0);
  const header = Buffer.from([0x4d, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0, 0, 0, 1, TICKS_PER_BEAT >> 8, TICKS_PER_BEAT & 0xff]);
  const head = Buffer.from([0x4d, 0x54, 0x72, 0x6b, 0, 0, 0, 0]);
  head.writeUInt32BE(track.length, 4);
  return Buffer.concat([header, head, Buffer.from(track)]);
}

function soundfont() {
  const found = [process.env.SOUNDFONT, ...SOUNDFONTS].find((file) => file && existsSync(file));
  assert.ok(found, 'there is no soundfont: install timgm6mb-soundfont, or name one with SOUNDFONT=FILE.sf2');
  return found;
}

/** Performs a piece into a WAV file of at least so many seconds, by repeating it. */
export async function perform(title, file, atLeastSecs = 45) {
  const score = SCORES[title];
  const onceSecs = (timed(score.notes).at(-1).end * 60) / score.bpm;
  writeFileSync(`${file}.mid`, midi(score, Math.ceil(atLeastSecs / onceSecs)));
  const { code, stderr } = await run('fluidsynth', ['-ni', '-q', '-g', '0.6', '-r', '44100', '-F', file, soundfont(), `${file}.mid`]);
  assert.equal(code, 0, `fluidsynth: ${stderr}`);
}

// Music for tests, composed and rendered from a number: the same number gives the same piece.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { run } from './devnet.mjs';

const RATE_HZ = 22_050;
const SCALES = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9]];
const PARTIALS = [1, 0.5, 0.33, 0.2, 0.12];

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Notes of a melody over a bass: start and length in seconds, MIDI pitch, loudness. */
function compose(seed, seconds) {
  const random = randomFrom(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const scale = pick(SCALES);
  const root = 45 + Math.floor(random() * 12);
  const beatSecs = 0.18 + 0.2 * random();
  const notes = [];
  for (let start = 0; start < seconds; start += beatSecs * pick([1, 1, 2, 3])) {
    notes.push({ start, length: beatSecs * pick([1, 2, 4]), pitch: root + 12 * pick([1, 1, 2]) + pick(scale), loudness: 0.4 + 0.4 * random() });
  }
  for (let start = 0; start < seconds; start += 4 * beatSecs) {
    notes.push({ start, length: 4 * beatSecs, pitch: root + pick(scale) - 12 * pick([0, 1]), loudness: 0.7 });
  }
  return notes;
}

function render(notes, seconds) {
  const samples = new Float64Array(seconds * RATE_HZ);
  for (const { start, length, pitch, loudness } of notes) {
    const hz = 440 * 2 ** ((pitch - 69) / 12);
    const from = Math.round(start * RATE_HZ);
    const count = Math.min(Math.round(length * RATE_HZ), samples.length - from);
    for (let at = 0; at < count; at++) {
      const secs = at / RATE_HZ;
      const envelope = loudness * Math.min(1, secs / 0.01) * Math.exp(-3 * secs / length);
      for (const [index, share] of PARTIALS.entries()) {
        samples[from + at] += envelope * share * Math.sin(2 * Math.PI * hz * (index + 1) * secs);
      }
    }
  }
  return samples;
}

/** Writes mono samples, whatever their peak, as a WAV file of 16 bits. */
export function writeWav(file, samples) {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) || 1;
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * samples.length, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE_HZ, 24);
  bytes.writeUInt32LE(2 * RATE_HZ, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, at) => bytes.writeInt16LE(Math.round((sample / peak) * 30_000), 44 + 2 * at));
  writeFileSync(file, bytes);
}

/** A piece of music as a WAV file. */
export function writeMusic(file, seed, seconds = 30) {
  writeWav(file, render(compose(seed, seconds), seconds));
}

/** A tone, or silence, as a WAV file. */
export function writeTone(file, seconds, hz = 0) {
  writeWav(file, Float64Array.from({ length: seconds * RATE_HZ }, (_, at) => Math.sin((2 * Math.PI * hz * at) / RATE_HZ)));
}

/** Encodes a file as another, with ffmpeg's arguments in between. */
export async function transcode(from, to, ...args) {
  const { code, stderr } = await run('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', '-i', from, ...args, to]);
  assert.equal(code, 0, `ffmpeg: ${stderr}`);
}

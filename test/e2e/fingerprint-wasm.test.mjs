// Recognition as WebAssembly: the same bytes as natively (`test/vectors/fingerprint`), and how fast it is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.FINGERPRINT_WASM ?? path.resolve("target/wasm/fingerprint");
const wasm = await import(pathToFileURL(path.join(folder, "cwe_fingerprint.js")));
wasm.initSync({ module: readFileSync(path.join(folder, "cwe_fingerprint_bg.wasm")) });

const vectors = JSON.parse(readFileSync(path.resolve("test/vectors/fingerprint/audio.json")));
const hex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;

// The melody of docs/FINGERPRINTS.md.
function melody(rate, secs, seed) {
  return Float32Array.from({ length: Math.floor(secs * rate) }, (_, index) => {
    const t = index / rate;
    let sum = 0;
    [0.25, 0.4, 0.65].forEach((length, voice) => {
      const note = Math.floor(t / length);
      const since = t - note * length;
      const choice = (note * 7919 + voice * 104729 + Math.imul(seed, 1299709)) >>> 0;
      const semitones = ((Math.imul(choice, 2654435761) >>> 16) & 0x7fff) % 30;
      const phase = 2 * Math.PI * 220 * 2 ** (semitones / 12) * since;
      const tone = Math.sin(phase) + 0.5 * Math.sin(2 * phase) + 0.25 * Math.sin(3 * phase);
      sum += 0.18 * Math.min(since / 0.005, 1) * Math.exp(-5 * since) * tone;
    });
    return Math.round(sum * 32767) / 32768;
  });
}

function interleaved(vector) {
  const channels = vector.seeds.map((seed) => melody(vector.rate_hz, vector.secs, seed));
  return Float32Array.from({ length: channels[0].length * channels.length }, (_, place) => {
    return channels[place % channels.length][Math.floor(place / channels.length)];
  });
}

for (const vector of vectors.cases) {
  test(`the same descriptor, query and FP_ID as natively: ${vector.name}`, () => {
    const samples = interleaved(vector);
    const stream = new wasm.AudioFingerprint(vector.rate_hz, vector.seeds.length);
    for (let from = 0; from < samples.length; from += 8_192) stream.ingest(samples.subarray(from, from + 8_192));
    assert.equal(stream.ready(), vector.secs >= 5);
    assert.equal(hex(stream.query()), vector.query);
    assert.equal(hex(stream.descriptor()), vector.descriptor);
    const options = { kind: "audio", rate: vector.rate_hz, channels: vector.seeds.length };
    assert.equal(wasm.compute(samples, options), vector.fp_id);
    assert.equal(wasm.fpId(Buffer.from(vector.descriptor.slice(2), "hex")), vector.fp_id);
  });
}

test("a sketch is like itself and unlike others", () => {
  const [one, other] = vectors.cases;
  assert.equal(wasm.compare(one.fp_id, one.fp_id), 1);
  assert.ok(wasm.compare(one.fp_id, other.fp_id) < 0.5);
});

test("the buckets to ask for begin with the excerpt's own anchors", () => {
  const [vector] = vectors.cases;
  const query = Buffer.from(vector.query.slice(2), "hex");
  const prefixes = wasm.bucketPrefixes(query, { audio: 12, video: 0, image: 0 });
  assert.ok(prefixes.length > 1);
  const whole = wasm.bucketPrefixes(query, { audio: 0, video: 0, image: 0 });
  assert.equal(whole.length, 1);
});

test("what cannot be fingerprinted is refused with a reason", () => {
  const compute = (samples, options) => () => wasm.compute(samples, options);
  assert.throws(compute(new Float32Array(5_000), { rate: 11_025 }), /are needed: record longer/);
  assert.throws(compute(new Float32Array(90_000), { rate: 11_025 }), /silent/);
  assert.throws(compute(new Float32Array(90_000).fill(NaN), { rate: 11_025 }), /sample 0 is not a finite number/);
  assert.throws(compute(new Float32Array(90_000), { rate: 11 }), /no sample rate/);
  assert.throws(compute(new Float32Array(9), { kind: "video", rate: 11_025 }), /only "audio"/);
  assert.throws(() => wasm.compare("fp:0", "fp:1"), /64 lower-case hexadecimal digits/);
  assert.throws(() => wasm.fpId(new Uint8Array(3)), /this is no descriptor/);
});

test("how fast it is", (context) => {
  const samples = melody(44_100, 60, 1);
  const started = performance.now();
  wasm.compute(samples, { rate: 44_100 });
  const factor = 60_000 / (performance.now() - started);
  context.diagnostic(`${factor.toFixed(0)} times real time at 44.1 kHz`);
  assert.ok(factor > 0);
});

// From a creator's file to a listener who knows what is playing: works are published from audio, encrypted, on chain and at a
// hub; re-encoded pieces of them are recognised, privately; what is silent, broken, unknown or a copy is said to be so.
import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CWE, cwe, eventually, run } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';
import { transcode, writeMusic, writeTone } from '../lib/music.mjs';

const CREATOR = ['--dev-account', '1'];

describe('recognition', () => {
  let economy, hub, song;

  const at = (name) => economy.at(name);
  const hubs = () => ['--hub', hub.url, '--known-hubs', at('hubs.json')];
  const publish = (file, ...args) =>
    ['work', 'publish', at(file), '--out', at('published'), '--price', '1200', '--tier', 'audio', ...hubs(), ...CREATOR, ...args];
  const identify = (file, ...args) => ['identify', at(file), ...hubs(), ...args];

  before(async () => {
    economy = await Economy.start();
    await economy.deploy();
    for (const [name, seed] of [['song.wav', 1], ['dance.wav', 2], ['march.wav', 3], ['other.wav', 4]]) writeMusic(at(name), seed);
    await economy.ok(['creator', 'register', ...CREATOR]);
    await economy.credential(1);
    hub = await economy.startHub();
  });
  after(async () => {
    await hub?.program.stop('SIGKILL');
    await economy?.stop();
  });

  const fingerprint = async (...args) => {
    const { code, stdout, stderr } = await cwe(['fingerprint', ...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  test('a re-encoded copy has nearly the same FP_ID, another piece an unrelated one', async () => {
    await transcode(at('song.wav'), at('song.mp3'), '-b:a', '48k');
    const original = await fingerprint(at('song.wav'), '--out', at('song.descriptor'));
    assert.match(original.fp_id, /^fp:[0-9a-f]{64}$/);
    assert.equal(original.kind, 'audio');
    assert.ok(Math.abs(original.duration_ms - 30_000) < 200);
    assert.ok(statSync(at('song.descriptor')).size < 20_000);
    const compared = async (file) => (await fingerprint(at(file), '--compare', at('song.wav'))).similarity_ppm;
    assert.ok((await compared('song.mp3')) > 600_000);
    assert.ok((await compared('other.wav')) < 300_000);
  });

  test('works are published from files: encrypted, on chain, known to the hub', async () => {
    song = await economy.ok([...publish('song.wav'), '--title', 'A song', '--tag', 'test']);
    assert.equal(song.state, 'published');
    const on = await economy.ok(['creator', 'work', 'show', song.work_id]);
    assert.equal(on.next.manifest_id, song.manifest_id);
    for (const file of ['dance.wav', 'march.wav']) await economy.ok(publish(file));
    const manifest = await (await fetch(`${hub.url}/works/${song.work_id}/manifest`)).json();
    assert.equal(manifest.title, 'A song');
    assert.equal(manifest.manifest_id, song.manifest_id);
    const packaged = readFileSync(join(song.folder, 'content.car'));
    assert.ok(!packaged.includes(readFileSync(at('song.wav')).subarray(1000, 1064)), 'it is encrypted');
    assert.equal(statSync(song.key_file).mode & 0o777, 0o600);
  });

  test('publishing again changes nothing', async () => {
    const again = await economy.ok([...publish('song.wav'), '--title', 'A song', '--tag', 'test']);
    assert.equal(again.work_id, song.work_id);
    assert.equal(again.manifest_id, song.manifest_id);
  });

  test('a piece of ten seconds, in another format, is recognised, with its price', async () => {
    await transcode(at('song.wav'), at('piece.opus'), '-ss', '7.3', '-t', '10', '-b:a', '48k');
    const found = await economy.ok(identify('piece.opus'));
    assert.equal(found.work_id, song.work_id);
    assert.equal(found.price_per_min, 1200);
    assert.ok(Math.abs(found.offset_ms - 7300) < 500, `${found.offset_ms}`);
    assert.equal(found.asked, 'buckets');
    const plain = await economy.ok(identify('piece.opus', '--plain'));
    assert.equal(plain.work_id, song.work_id);
    assert.equal(plain.asked, 'query');
  });

  test('standard input is recognised too, and noise is no hindrance', async () => {
    await transcode(at('dance.wav'), at('noisy.flac'), '-ss', '4', '-t', '12', '-af', 'aeval=val(0)+0.02*(random(0)-0.5)');
    const { code, stdout, stderr } = await run(CWE, ['identify', '-', ...hubs(), '--json', '--network', at('network.json')], {
      input: readFileSync(at('noisy.flac')),
    });
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).found, true);
  });

  test('what nobody has published is found to be unknown', async () => {
    const { found, ...what } = await economy.ok(identify('other.wav'));
    assert.equal(found, false, JSON.stringify(what));
  });

  test('a copy of a work is not published as another, and it is said whose it is', async () => {
    await transcode(at('song.wav'), at('stolen.ogg'), '-c:a', 'libvorbis', '-q:a', '2');
    await economy.refused(new RegExp(song.work_id), publish('stolen.ogg'));
  });

  test('what is no music, broken or in disguise is refused with a reason', async () => {
    writeTone(at('silence.wav'), 20);
    writeTone(at('tone.wav'), 20, 440);
    await transcode(at('song.wav'), at('short.wav'), '-t', '0.5');
    await transcode(at('song.wav'), at('cut.mp3'), '-b:a', '64k');
    truncateSync(at('cut.mp3'), 700);
    writeFileSync(at('text.mp3'), 'This is no music.\n'.repeat(100));
    await transcode(at('song.wav'), at('disguised.flac'), '-f', 'mp3', '-b:a', '64k');
    for (const [file, reason] of [
      ['silence.wav', /silent/], ['tone.wav', /tone|distinct/], ['short.wav', /ms|longer|short/], ['cut.mp3', /decode|damaged|short|ms/],
      ['text.mp3', /format|decode|recogni/], ['none.wav', /No such file|not found|read/],
    ]) {
      await economy.refused(reason, publish(file));
    }
    assert.equal((await economy.ok(identify('disguised.flac'))).work_id, song.work_id);
    await economy.refused(/hub/, ['identify', at('song.wav'), '--hub', 'http://127.0.0.1:9', '--known-hubs', at('hubs.json')]);
  });

  test('a hub that is killed comes back with all it knew', async () => {
    await hub.program.stop('SIGKILL');
    hub = await economy.startHub();
    await eventually('the song', async () => (await economy.ok(identify('piece.opus'))).work_id === song.work_id, 20_000, 500);
    assert.ok(!hub.program.said(new RegExp(song.work_id)), 'nothing of a query is logged');
  });

  test('whoever has the key opens the package', async () => {
    const { code, stderr } = await cwe(['work', 'open', song.folder, '--key', song.key_file, '--out', at('opened.wav')]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readFileSync(at('opened.wav')), readFileSync(at('song.wav')));
    const wrong = await cwe(['work', 'open', song.folder, '--key', song.key_file.replace('song', 'dance'), '--out', at('none.wav')]);
    assert.notEqual(wrong.code, 0);
  });
});

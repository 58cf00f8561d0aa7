// `cwe play`: files are recognised while they play, within the listener's cap, and what was heard of them is in the wallet.
import assert from 'node:assert/strict';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { CWE, Program, cwe, eventually, run } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';
import { transcode, writeMusic, writeTone } from '../lib/music.mjs';

const CREATOR = ['--dev-account', '1'];
/** No epoch ends meanwhile. */
const SCHEDULE = { lengthSecs: 7200, submissionSecs: 120, revealSecs: 180, aggregationSecs: 60 };
const SUBSCRIBER = ['--dev-account', '3'];
/** Sound goes to a device that needs no loudspeaker, at the speed of one. */
const NO_LOUDSPEAKER = { env: { SDL_AUDIODRIVER: 'dummy' } };

describe('cwe play', () => {
  let economy, hub, song, dance, dear;

  const at = (name) => economy.at(name);
  const hubs = () => ['--hub', hub.url, '--known-hubs', at('hubs.json')];
  const own = (wallet) => ['--wallet', at(wallet), '--password-file', at('password')];
  const publish = (file, price, title) =>
    economy.ok(['work', 'publish', at(file), '--out', at('published'), '--price', price, '--tier', 'audio', '--title', title, ...hubs(), ...CREATOR]);
  const newWallet = async (name) => {
    const { code, stdout, stderr } = await cwe(['wallet', 'create', '--phrase-out', at(`${name}.phrase`), '--json', ...own(name)]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  /** Plays without a sound; gives the exit code, what was said, and a report for each file. */
  const play = async (files, { wallet = 'wallet', args = [], silent = true, asked = hubs() } = {}) => {
    const { code, stdout, stderr } = await cwe(
      ['play', ...files.map(at), ...(silent ? ['--silent'] : []), ...args, ...asked, ...own(wallet), '--json', '--network', at('network.json')],
    );
    assert.doesNotMatch(stderr, /panicked/);
    return { code, stderr, reports: stdout.trim().split('\n').filter(Boolean).map(JSON.parse) };
  };
  /** Seconds and plays of each work in a wallet, by work id. */
  const statement = async (wallet) => {
    const { rows, left_out: leftOut } = await economy.ok(['wallet', 'statement', ...own(wallet)]);
    return Object.fromEntries([...rows, ...leftOut].map((row) => [row.work, [row.recorded_secs, row.recorded_plays]]));
  };

  before(async () => {
    economy = await Economy.start();
    await economy.deploy({ schedule: SCHEDULE });
    writeFileSync(at('password'), 'correct horse\n');
    for (const [name, seed, seconds] of [['song.wav', 1, 60], ['dance.wav', 2, 40], ['dear.wav', 3, 30], ['other.wav', 4, 50]]) {
      writeMusic(at(name), seed, seconds);
    }
    await economy.ok(['creator', 'register', ...CREATOR]);
    await economy.credential(1);
    hub = await economy.startHub();
    song = (await publish('song.wav', '1200', 'A song')).work_id;
    dance = (await publish('dance.wav', '900', 'A dance')).work_id;
    dear = (await publish('dear.wav', '50000', 'A dear one')).work_id;
    for (const wallet of ['wallet', 'second', 'third']) {
      const { identity_commitment: commitment } = await newWallet(wallet);
      await economy.ok(['listener', 'subscribe', '--tier', 'light', '--commitment', commitment, ...SUBSCRIBER]);
    }
  });
  after(async () => {
    await hub?.program.stop('SIGKILL');
    await economy?.stop();
  });

  test('a re-encoded copy counts second for second, and is one play', async () => {
    await transcode(at('song.wav'), at('song.opus'), '-b:a', '48k');
    const { code, reports: [report] } = await play(['song.opus']);
    assert.equal(code, 0);
    assert.ok(Math.abs(report.seconds - 60) <= 1, JSON.stringify(report));
    assert.equal(report.asked, 1, 'the hub is asked once for a work');
    const [work] = report.works;
    assert.deepEqual([work.work_id, work.title, work.price_per_min, work.plays], [song, 'A song', 1200, 1]);
    assert.deepEqual(await statement('wallet'), { [song]: [report.seconds, 1] });
  });

  test('of two files each counts for its work, one plays uncounted, and one is blocked by the cap', async () => {
    await transcode(at('dance.wav'), at('dance.mp3'), '-b:a', '64k');
    await transcode(at('dear.wav'), at('dear.mp3'), '-b:a', '64k');
    const { code, stderr, reports } = await play(['dear.mp3', 'dance.mp3', 'other.wav'], { args: ['--cap', '1000'] });
    assert.equal(code, 1);
    assert.match(stderr, /1 of 3 files/);
    const [blocked, counted, unknown] = reports;
    assert.deepEqual([blocked.blocked, blocked.seconds, blocked.uncounted_secs, blocked.works[0].work_id], [true, 0, 0, dear]);
    assert.deepEqual([counted.blocked, counted.seconds, counted.works[0].work_id], [false, 40, dance]);
    assert.deepEqual([unknown.found, unknown.seconds, unknown.uncounted_secs], [false, 0, 50]);
    assert.deepEqual(await statement('wallet'), { [song]: [60, 1], [dance]: [40, 1] });
  });

  test('a person is told what is above the cap and which cap would do', async () => {
    const { code, stdout } = await cwe(
      ['play', at('dear.mp3'), '--silent', '--cap', '1000', ...hubs(), ...own('wallet'), '--network', at('network.json')],
    );
    assert.equal(code, 1);
    assert.match(stdout, /A dear one: blocked, 50000 micro-CLN a minute, region rule \w+, above the cap of 1000: --cap 50000/);
  });

  test('each work of a mix counts for itself, and what is unknown between them for nobody', async () => {
    const parts = '[0]atrim=0:40[a];[1]atrim=0:50[b];[2]atrim=0:40[c];[a][b][c]concat=n=3:v=0:a=1[out]';
    const inputs = ['-i', at('other.wav'), '-i', at('dance.wav'), '-filter_complex', parts, '-map', '[out]', '-b:a', '96k'];
    await transcode(at('song.wav'), at('mix.mp3'), ...inputs);
    const { code, reports: [report] } = await play(['mix.mp3'], { wallet: 'second' });
    assert.equal(code, 0);
    const recorded = await statement('second');
    assert.deepEqual(Object.keys(recorded).sort(), [song, dance].sort());
    for (const work of [song, dance]) {
      const [seconds, plays] = recorded[work];
      assert.ok(seconds >= 30 && seconds <= 42, JSON.stringify(recorded));
      assert.equal(plays, 1);
    }
    assert.ok(Math.abs(report.seconds + report.uncounted_secs - 130) <= 2 && report.uncounted_secs >= 45, JSON.stringify(report));
  });

  test('a part of a file can be played', async () => {
    const { reports: [report] } = await play(['song.opus'], { args: ['--from-secs', '17', '--for-secs', '12'] });
    assert.equal(report.seconds, 12);
    const { code, reports: [none] } = await play(['song.opus'], { args: ['--from-secs', '70'] });
    assert.equal(code, 1);
    assert.match(none.error, /ends before second 70/);
  });

  test('of a file that is stopped, or killed, what was heard counts', async () => {
    const start = () => new Program(CWE, ['play', at('song.opus'), '--json', ...hubs(), ...own('third'), '--network', at('network.json')], NO_LOUDSPEAKER);
    const started = Date.now();
    const first = start();
    await new Promise((done) => setTimeout(done, 14_000));
    const { code } = await first.stop('SIGINT');
    const [report] = first.lines.map(JSON.parse);
    const passed = (Date.now() - started) / 1000;
    assert.equal(code, 0, first.tail());
    assert.ok(report.stopped && report.seconds >= 4 && report.seconds <= passed, `${passed} ${JSON.stringify(report)}`);
    assert.deepEqual(await statement('third'), { [song]: [report.seconds, 1] });

    const second = start();
    const seconds = async () => (await statement('third'))[song][0];
    // While it plays, others may use the wallet.
    await eventually('the first half minute', async () => (await seconds()) > report.seconds, 120_000, 1000);
    await second.stop('SIGKILL');
    assert.ok((await seconds()) - report.seconds >= 30);
    assert.deepEqual(second.lines, []);
  });

  test('what can\'t be counted does not play', async () => {
    const before = await statement('wallet');
    writeFileSync(at('wrong'), 'battery staple\n');
    await economy.refused(/password/, ['play', at('song.opus'), '--silent', ...hubs(), '--wallet', at('wallet'), '--password-file', at('wrong')]);
    await economy.refused(/hub/, ['play', at('song.opus'), '--silent', ...own('wallet')]);
    const unreachable = ['--hub', 'http://127.0.0.1:9', '--known-hubs', at('hubs.json')];
    await economy.refused(/does not answer/, ['play', at('song.opus'), '--silent', ...unreachable, ...own('wallet')]);
    const { code, stderr, reports: [report] } = await play(['song.opus'], { asked: unreachable, args: ['--uncounted'] });
    assert.equal(code, 0);
    assert.match(stderr, /not counted/);
    assert.deepEqual([report.seconds, report.uncounted_secs], [0, 60]);
    assert.deepEqual(await statement('wallet'), before);
  });

  test('where nothing can be heard, nothing counts, and it is said what to do', async () => {
    const before = await statement('third');
    const heard = ['play', at('song.opus'), ...hubs(), ...own('third')];
    await economy.refused(/ffplay has ended.*--silent/, heard, { env: { SDL_AUDIODRIVER: 'none' } });
    await economy.refused(/install ffmpeg.*--silent/s, heard, { env: { PATH: '/nonexistent' } });
    assert.deepEqual(await statement('third'), before);
  });

  test('what is missing, broken, a picture or silent is named, and the next file plays', async () => {
    writeTone(at('silence.wav'), 12);
    writeFileSync(at('text.mp3'), 'This is no music.\n'.repeat(100));
    await transcode(at('dance.wav'), at('cut.mp3'), '-b:a', '64k');
    truncateSync(at('cut.mp3'), Math.floor(statSync(at('cut.mp3')).size / 2));
    const { code: drawn } = await run('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc=duration=1', '-frames:v', '1', at('picture.png')]);
    assert.equal(drawn, 0);
    const files = ['none.wav', 'text.mp3', 'picture.png', 'silence.wav', 'cut.mp3'];
    const { code, reports: [none, text, picture, silence, cut] } = await play(files);
    assert.equal(code, 1);
    assert.match(none.error, /none\.wav/);
    assert.match(text.error, /decode|format/);
    assert.match(picture.error, /picture/);
    assert.deepEqual([silence.error, silence.found, silence.uncounted_secs, silence.asked], [null, false, 12, 0]);
    assert.ok(cut.error === null && cut.seconds >= 18 && cut.seconds <= 20, JSON.stringify(cut));
  });

  test('nothing of it is in the hub\'s log', () => {
    assert.ok(!hub.program.said(new RegExp(`${song}|${dance}|song|dance`)));
  });
});

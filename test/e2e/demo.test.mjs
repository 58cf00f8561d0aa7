// The demo in its quick form, as `make demo` plays it: from scores to money on a real L2, checked by itself, interrupted and
// gone on with; what it says to machines, and what it does with a folder that holds something else.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { CWE, Program, cwe, eventually, isAlive, json, temporaryFolder } from '../lib/devnet.mjs';

const STAGES = ['network', 'publish', 'subscribe', 'listen', 'submit', 'reveal', 'settle', 'withdraw', 'finalize', 'audit'];

describe('cwe demo', () => {
  const folder = join(temporaryFolder(), 'demo');

  const events = () => readFileSync(join(folder, 'demo.log'), 'utf8').trim().split('\n').map(json);

  test('is interrupted and leaves nothing running', async () => {
    const demo = new Program(CWE, ['demo', '--quick', '--json', '--data', folder]);
    await eventually('listeners', () => events().some(({ event, stage }) => event === 'stage' && stage === 'subscribe'), 300_000, 200);
    const { code } = await demo.stop('SIGINT');
    assert.equal(code, 1);
    const { stages } = json(demo.lines.at(-1));
    assert.deepEqual(stages.map(({ result }) => result), ['ok', 'ok', 'failed']);
    const started = events().filter(({ event }) => event === 'started');
    assert.ok(started.length >= 7);
    assert.ok(started.every(({ pid }) => !isAlive(pid)));
  });

  test('goes on to the money, and nothing of it is lost', async () => {
    const { code, stdout, stderr } = await cwe(['demo', '--quick', '--json', '--data', folder]);
    assert.equal(code, 0, stderr);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 1, 'standard output is for the result alone');
    const report = JSON.parse(lines[0]);
    assert.deepEqual(report.stages.map(({ name }) => name), STAGES);
    for (const { name, seconds, result } of report.stages) {
      assert.equal(result, { finalize: 'left out', publish: 'done before' }[name] ?? 'ok');
      assert.equal(seconds > 0, result !== 'left out');
    }
    assert.equal(report.conserved, true);
    assert.equal(report.finalized_batches, 0, 'nothing is final without a proof');
    assert.ok(existsSync(report.report));
    assert.match(stderr, /Nothing is final/);
    assert.ok(events().every(Boolean), 'its log is for machines');
  });

  test('a folder of a demo with other proofs, and bad arguments, are refused', async () => {
    const other = await cwe(['demo', '--data', folder], { env: { STAGE_PROGRAM: '/bin/true' } });
    assert.notEqual(other.code, 0);
    assert.match(other.stderr, /holds a demo without proofs/);
    const nowhere = await cwe(['demo', '--quick', '--repository', '/']);
    assert.notEqual(nowhere.code, 0);
    assert.match(nowhere.stderr, /is no checkout/);
    const prover = await cwe(['demo', '--data', join(folder, 'none')], { env: { STAGE_PROGRAM: undefined } });
    assert.notEqual(prover.code, 0);
    assert.match(prover.stderr, /--quick/);
  });
});

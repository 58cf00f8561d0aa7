// The demo in its quick form, as `make demo` plays it: from scores to money on a real L2, checked by itself; what it says to
// machines, and what it does with a folder that holds something else.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { cwe, json, temporaryFolder } from '../lib/devnet.mjs';

const STAGES = ['network', 'publish', 'subscribe', 'listen', 'submit', 'reveal', 'settle', 'withdraw', 'finalize', 'audit'];

describe('cwe demo', () => {
  const folder = join(temporaryFolder(), 'demo');

  test('goes from creators’ scores to money, and nothing of it is lost', async () => {
    const { code, stdout, stderr } = await cwe(['demo', '--quick', '--json', '--data', folder]);
    assert.equal(code, 0, stderr);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 1, 'standard output is for the result alone');
    const report = JSON.parse(lines[0]);
    assert.deepEqual(report.stages.map(({ name }) => name), STAGES);
    for (const { name, seconds, result } of report.stages) {
      assert.equal(result, name === 'finalize' ? 'left out' : 'ok');
      assert.equal(seconds > 0, result === 'ok');
    }
    assert.equal(report.conserved, true);
    assert.equal(report.finalized_batches, 0, 'nothing is final without a proof');
    assert.ok(existsSync(report.report));
    assert.match(stderr, /Nothing is final/);
    assert.ok(readFileSync(report.log, 'utf8').trim().split('\n').every(json), 'its log is for machines');
  });

  test('a folder of a demo with other proofs, and bad arguments, are refused', async () => {
    const other = await cwe(['demo', '--data', folder], { env: { STAGE_PROGRAM: '/bin/true' } });
    assert.notEqual(other.code, 0);
    assert.match(other.stderr, /holds a demo without proofs/);
    const nowhere = await cwe(['demo', '--quick', '--repository', '/']);
    assert.notEqual(nowhere.code, 0);
    assert.match(nowhere.stderr, /is no checkout/);
    const prover = await cwe(['demo', '--data', join(folder, 'none')], { env: { STAGE_PROGRAM: '' } });
    assert.notEqual(prover.code, 0);
    assert.match(prover.stderr, /--quick/);
  });
});

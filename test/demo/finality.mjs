// The last chapter: the chain's batches are proven, L1 verifies, and what a creator withdrew is paid out there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { createPublicClient, erc20Abi, formatEther, http, parseEther } from 'viem';
import { anvil } from 'viem/chains';

import { cwe, keysFolder, run as execute } from '../lib/devnet.mjs';
import { duration } from './run.mjs';

/** Processor seconds of a million instructions (segments, aggregation) and of the stages after them: docs/PERFORMANCE.md. */
const CORE_SECS_PER_MILLION = 450;
const CORE_SECS_FINAL = 2000;

/** Makes the keys of the prover where they are not yet. */
export async function makeKeys(run, stageProgram) {
  run.doing('the proving keys are made, once for all chains, or read');
  const { code, stderr } = await execute(stageProgram, ['keys', '--keys', keysFolder()]);
  assert.equal(code, 0, stderr);
  run.tell('proving keys', keysFolder());
}

/** Proves all committed batches at once; then ada holds on L1 what she withdrew. */
export async function finalize(run, { economy, network }, stageProgram) {
  // Batches that came while this was interrupted would make it another proof.
  const last = await run.once('finalize:last', async () => (await economy.ok(['status'])).l1.last_committed_batch);
  const prove = async (...flags) => {
    const { code, stdout, stderr } = await cwe([
      'prove', '--batch', '1', '--to', String(last), '--dev-account', '0', '--low-memory', '--json', '--network', economy.at('network.json'),
      '--proving-keys', keysFolder(), '--stage-program', stageProgram, '--data', run.at('proofs'), ...flags,
    ]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const instructions = await run.once('finalize:execute', async () => {
    run.doing(`batches 1 to ${last} are executed`);
    return JSON.parse(readFileSync((await prove('--stop-after', 'execute')).output, 'utf8')).instructions;
  });
  const seconds = (CORE_SECS_FINAL + (instructions / 1e6) * CORE_SECS_PER_MILLION) / cpus().length;
  run.expect(seconds);
  run.tell('to prove', `${(instructions / 1e6).toFixed(1)} million instructions, about ${duration(seconds)}`);
  run.doing(`batches 1 to ${last} are proven: STARK, then halo2`);
  const { stages, finalized } = await prove('--post');
  for (const { stage, seconds, peak_memory_bytes: bytes } of stages) {
    if (seconds !== null) run.tell(stage, `${seconds.toFixed(0)} s, ${(bytes / 2 ** 30).toFixed(1)} GiB`);
  }
  assert.equal(finalized, true);
  const { l1 } = await economy.ok(['status']);
  assert.ok(l1.last_finalized_batch >= last);
  run.tell('final', `batches 1 to ${l1.last_finalized_batch}`);
  run.keep({ finalized: l1.last_finalized_batch });
  await payOut(run, economy, network);
}

async function payOut(run, economy, network) {
  const { index } = run.known('withdraw:l1');
  const { address } = run.known('publish:key:ada');
  const l1 = createPublicClient({ chain: anvil, transport: http(network.l1_rpc) });
  const balance = () => l1.readContract({ address: network.contracts.CLN, abi: erc20Abi, functionName: 'balanceOf', args: [address] });
  const { l1_transaction: transaction } = await run.once('finalize:claim', () => economy.ok(['claim', String(index), '--dev-account', '0', '--wait-secs', '120']));
  const holds = await balance();
  assert.equal(holds, parseEther('1'));
  run.tell('ada holds on L1', `${formatEther(holds)} CLN, transaction ${transaction}`);
}

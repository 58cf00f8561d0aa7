// `make demo` and `cwe demo`: from creators' scores to money, on a real L1 and L2 with all services, five listeners and real
// proofs of their usage. With `--quick` the proofs of programs, which take hours, are left out: behind the payouts then stand
// contracts of the tests that compare values, and no batch becomes final.
import { existsSync, rmSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { keysFolder, userData } from '../lib/devnet.mjs';
import { Story } from './chapters.mjs';
import { Daemons } from './daemons.mjs';
import { finalize, makeKeys } from './finality.mjs';
import { Run, duration } from './run.mjs';
import { World } from './world.mjs';

/** What `cwe demo` hands on; its `--help` says what they do. */
const OPTIONS = { quick: 'boolean', 'not-final': 'boolean', fresh: 'boolean', keep: 'boolean', json: 'boolean', 'kill-daemons': 'boolean', data: 'string' };
/** A chain of its own: files of addresses are named by it. */
const CHAIN_ID = 51_340;
/** Lengths of the windows, seconds. With proofs everything happens in the first epoch, so that no other is settled before it;
 * the window for aggregates is as long as this machine needs for a proof, with half as much again. */
const WINDOWS = { submissionSecs: 100, revealSecs: 60 };
const PROOF_SECS = Number(process.env.PROOF_SECS ?? Math.max(900, 5400 / cpus().length));
const SCHEDULES = {
  quick: { ...WINDOWS, lengthSecs: 150, aggregationSecs: 30 },
  proofs: { ...WINDOWS, lengthSecs: 300, aggregationSecs: Math.round(PROOF_SECS) },
};
const MIN_MEMORY_BYTES = 20 * 2 ** 30;
const KILL_EVERY_MS = [20_000, 60_000];

const { values: given } = parseArgs({ options: Object.fromEntries(Object.entries(OPTIONS).map(([name, type]) => [name, { type }])) });
const quick = given.quick === true;
const final = !quick && !given['not-final'];
const folder = resolve(given.data ?? join(userData(), quick ? 'demo-quick' : 'demo'));
const stage = quick ? undefined : process.env.STAGE_PROGRAM;

function open() {
  // A folder of something else is not thrown away by a slip.
  if (given.fresh && existsSync(join(folder, 'demo.json'))) rmSync(folder, { recursive: true });
  const settings = { data: folder, quick, json: given.json, count: quick ? 10 : 11 };
  const run = new Run(settings);
  if (!run.isDone('audit')) return run;
  if (final && !run.isDone('finalize')) {
    run.say(`The demo in ${folder} is finished but for the proofs of its batches: they are made now.`);
    run.forget('audit');
    return run;
  }
  run.say(`The demo in ${folder} is finished: a new one begins.`);
  rmSync(folder, { recursive: true });
  return new Run(settings);
}

/** Kills one daemon after the other, each once. */
function killThem(run, daemons) {
  const next = () => {
    const [least, most] = KILL_EVERY_MS;
    setTimeout(() => {
      const name = daemons.names.find((daemon) => !killed.includes(daemon));
      if (!name) return;
      killed.push(name);
      run.say(`   killed: ${name}`);
      daemons.kill(name);
      next();
    }, least + Math.random() * (most - least)).unref();
  };
  const killed = [];
  next();
  return killed;
}

async function tell(run, world, daemons) {
  const story = new Story(run, world);
  // Steps of a chapter are done once each, so one that a daemon died under can be begun again.
  const chapter = (work) => () => daemons.steadily(work);
  let killed;
  if (stage) await run.stage('keys', 'The proving keys, once for all chains', 1000, () => makeKeys(run, stage));
  await run.stage('network', 'L1, sequencer, full node, hub, relayer, coordinator, prover', 10, () => story.network(), { always: true });
  if (given['kill-daemons']) killed = killThem(run, daemons);
  await run.stage('publish', 'Two creators publish six works: performed, fingerprinted, encrypted, signed, registered', 60, chapter(() => story.publish()));
  await story.renewEpoch();
  await run.stage('subscribe', 'Five listeners bring CLN from L1 and subscribe', 80, chapter(() => story.subscribe()));
  await run.stage('listen', 'They listen: re-encoded files are recognised on the device, minutes stay there', 20, chapter(() => story.listen()));
  await run.stage('submit', 'The epoch ends: each proves a month in zero knowledge, the relayer submits', 150, chapter(() => story.submit()));
  await run.stage('reveal', 'Single notes are revealed to the coordinator', 85, chapter(() => story.reveal()));
  await run.stage('settle', 'Aggregation and settlement: the L2 takes the proven payout list', quick ? 90 : PROOF_SECS, chapter(() => story.settle()));
  await run.stage('withdraw', 'Creators and collaborators withdraw on the L2', 5, chapter(() => story.withdraw()));
  const finality = 'Batches are proven, L1 verifies, a creator holds CLN on L1';
  if (!final) run.left('finalize', finality, `${quick ? '--quick' : '--not-final'} makes no proofs of batches, so nothing is final on L1`);
  else {
    await run.stage('finalize', finality, 7 * 3600, chapter(async () => {
      await run.once('finalize:committed', () => story.committed().then(() => null));
      await finalize(run, world, stage);
    }));
  }
  await run.stage('audit', 'An auditor checks everything from L1 alone', 15, chapter(() => story.audit()));
  if (killed) run.tell('killed and recovered', killed.join(', '));
}

function summary(run, world, failure) {
  const { kept } = run;
  const report = {
    ok: !failure, quick, stages: run.stages, conserved: kept.conserved === true, finalized_batches: kept.finalized ?? 0, epoch: kept.epoch ?? null,
    notes: kept.notes ?? null, report: kept.report ?? null, data: folder, log: run.logFile, ...(failure && { error: failure.message }),
  };
  run.log('end', report);
  run.say('');
  for (const { name, seconds, result } of run.stages) {
    const mark = result === 'failed' ? run.paint('31', '✗') : result === 'left out' ? run.paint('33', '–') : run.paint('32', '✓');
    run.say(` ${mark} ${name.padEnd(10)} ${seconds.toFixed(1).padStart(8)} s  ${result}`);
  }
  if (failure) {
    run.say(`\n${run.paint('31', 'The demo stopped:')} ${failure.message}`);
    run.say(`The same command goes on from here. Logs: ${run.at('logs')}, ${run.logFile}`);
  } else {
    const sum = run.stages.reduce((total, { seconds }) => total + seconds, 0);
    run.say(`\nAll of it in ${duration(sum)} on ${cpus().length} cores. Conserved to the last unit: ${kept.conserved ? 'yes' : 'NO'}.`);
    const left = quick ? 'the proofs of aggregation, settlement and batches were left out. Usage proofs were real.' : 'the proofs of batches were left out. All others were real.';
    if (!final) run.say(run.paint('33', `Nothing is final: ${left}`));
    run.say(`Report of the epoch: ${kept.report}\nData, keys, logs:    ${folder}`);
    if (given.keep) run.say(`Running until Ctrl-C: ${JSON.stringify(world.endpoints, null, 2)}\nWallets: network with RPC ${world.endpoints.l2_rpc}, chain id ${CHAIN_ID}, currency CLN`);
    else run.say('To keep everything running at the end: --keep. A chain of your own: cwe devnet --node');
  }
  if (given.json) console.log(JSON.stringify(report));
}

function checkMachine() {
  if (quick) return;
  if (!stage) throw new Error('the proofs need the prover: run `make demo`, which builds it, or take --quick');
  if (totalmem() < MIN_MEMORY_BYTES) throw new Error(`proofs need ${MIN_MEMORY_BYTES / 2 ** 30} GiB of memory, this machine has ${(totalmem() / 2 ** 30).toFixed(1)}: take --quick`);
}

async function main() {
  checkMachine();
  const run = open();
  if (run.resumed) run.say(`Going on with the demo in ${folder}`);
  const daemons = new Daemons(folder, (event, facts) => run.log(event, facts));
  const schedule = quick ? SCHEDULES.quick : SCHEDULES.proofs;
  const world = new World(run, daemons, { stage, keys: keysFolder(), chainId: CHAIN_ID, schedule });
  let interrupt;
  const interrupted = new Promise((_, fail) => {
    interrupt = () => fail(new Error('interrupted'));
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt);
  });
  let failure;
  try {
    await Promise.race([tell(run, world, daemons), daemons.failed, interrupted]);
  } catch (error) {
    failure = error;
    run.end();
    run.log('failed', { error: error.stack });
  }
  if (!failure) summary(run, world);
  if (!failure && given.keep) await interrupted.catch(() => {});
  await daemons.stop();
  if (failure) summary(run, world, failure);
  // Commands of an interrupted chapter may still run; they end with this process.
  process.exit(failure ? 1 : 0);
}

try {
  await main();
} catch (error) {
  console.error(`cwe demo: ${error.message}`);
  process.exit(1);
}

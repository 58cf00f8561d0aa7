// The measuring part of scripts/bench-prove.sh: bench-prove.mjs PROGRAM KEYS_FOLDER WORK_FOLDER [STAGE_OPTION…].
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [program, keys, work, ...options] = process.argv.slice(2);
const GIB = 2 ** 30;
const POLL_MS = 100;

const figures = join(work, 'figures.json');
const measured = existsSync(figures) ? JSON.parse(readFileSync(figures, 'utf8')) : {};

/** Largest resident set of a process so far, in bytes. */
const peakBytes = (pid) => {
  try {
    const [, kib] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+) kB/);
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
};

/** Runs the program with arguments and keeps duration and memory under a name. */
const measure = async (name, args) => {
  const started = performance.now();
  const child = spawn(program, [...args, '--keys', keys, ...options], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const timer = setInterval(() => { peak = Math.max(peak, peakBytes(child.pid)); }, POLL_MS);
  const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}`);
  measured[name] = { seconds: (performance.now() - started) / 1000, peakGib: peak / GIB };
  writeFileSync(`${figures}.new`, JSON.stringify(measured));
  renameSync(`${figures}.new`, figures);
};

const results = [
  ['execute', 'input.bin', 'execution.json'],
  ['segments', 'input.bin', 'segments.bin'],
  ['aggregate', 'segments.bin', 'stark.bin'],
  ['root', 'stark.bin', 'root.bin'],
  ['halo2', 'root.bin', 'halo2.bin'],
  ['wrap', 'halo2.bin', 'proof.bin'],
];

/** The keys that a stage needs and none before it. */
const parts = { segments: ['app'], aggregate: ['aggregation'], root: ['root'], halo2: ['halo2'], wrap: ['wrapper'] };

for (const [stage, input, output] of results) {
  for (const part of parts[stage] ?? []) {
    if (!measured[`keys_${part}`]) await measure(`keys_${part}`, ['keys', '--part', part]);
  }
  if (existsSync(join(work, output)) && measured[stage]) continue;
  const describe = stage === 'wrap' ? ['--describe', join(work, 'proof.json')] : [];
  await measure(stage, [stage, '--input', join(work, input), '--output', join(work, output), ...describe]);
}

/** Compiles the generated contract with the settings of foundry.toml. */
const compile = () => {
  const folder = join(work, 'contract');
  const run = spawnSync(program, ['verifier', '--keys', keys, '--output', folder, ...options], { stdio: 'inherit' });
  if (run.status !== 0) throw new Error('the contract was not generated');
  const content = readFileSync(join(folder, 'Halo2Verifier.sol'), 'utf8').replace('pragma solidity 0.8.19;', 'pragma solidity ^0.8.19;');
  const input = {
    language: 'Solidity',
    sources: { 'Halo2Verifier.sol': { content } },
    settings: { optimizer: { enabled: false }, evmVersion: 'prague', metadata: { bytecodeHash: 'none', appendCBOR: false }, outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.deployedBytecode.object'] } } },
  };
  const solc = createRequire(import.meta.url)('solc');
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  return output.contracts['Halo2Verifier.sol'].Halo2Verifier.evm;
};

/** Gas of a transaction that calls the contract with the proof, on a local chain. */
const verifyGas = async (bytecode, calldata) => {
  const port = 20_000 + (process.pid % 20_000);
  const anvil = spawn('anvil', ['--port', String(port), '--silent'], { stdio: 'ignore' });
  try {
    let id = 0;
    const rpc = async (method, ...params) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params });
      const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { result, error } = await answer.json();
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    };
    const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));
    let accounts;
    for (let attempt = 0; !accounts; attempt++) {
      await pause();
      accounts = await rpc('eth_accounts').catch((error) => { if (attempt > 100) throw error; });
    }
    const send = async (transaction) => {
      const hash = await rpc('eth_sendTransaction', { from: accounts[0], gas: '0x989680', ...transaction });
      for (;;) {
        const receipt = await rpc('eth_getTransactionReceipt', hash);
        if (receipt) return receipt;
        await pause();
      }
    };
    const { contractAddress } = await send({ data: `0x${bytecode}` });
    const { status, gasUsed } = await send({ to: contractAddress, data: calldata });
    if (status !== '0x1') throw new Error('the contract refuses the proof');
    const wrong = calldata.slice(0, -1) + (calldata.endsWith('0') ? '1' : '0');
    if ((await send({ to: contractAddress, data: wrong })).status !== '0x0') throw new Error('the contract accepts a changed proof');
    return Number(gasUsed);
  } finally {
    anvil.kill();
  }
};

const ACCUMULATOR_DIGITS = 12 * 64;
const proof = JSON.parse(readFileSync(join(work, 'proof.json'), 'utf8'));
const digits = (text) => text.replace(/^0x/, '');
const bytes = digits(proof.publicValue).match(/../g).map((byte) => byte.padStart(64, '0')).join('');
const [accumulator, transcript] = [digits(proof.proof).slice(0, ACCUMULATOR_DIGITS), digits(proof.proof).slice(ACCUMULATOR_DIGITS)];
const calldata = `0x${accumulator}${digits(proof.exe)}${digits(proof.vm)}${bytes}${transcript}`;
const { bytecode, deployedBytecode } = compile();

const stages = results.map(([stage]) => stage);
const round = (value, digits) => Number(value.toFixed(digits));
const seconds = (...names) => round(names.reduce((sum, name) => sum + measured[name].seconds, 0), 1);
const report = {
  transactions: 10,
  cores: cpus().length,
  instructions: JSON.parse(readFileSync(join(work, 'execution.json'), 'utf8')).instructions,
  ...Object.fromEntries(Object.entries(measured).flatMap(([name, { seconds, peakGib }]) => [
    [`${name}_s`, round(seconds, 1)],
    [`${name}_peak_gib`, round(peakGib, 2)],
  ])),
  peak_memory_gib: round(Math.max(...Object.values(measured).map(({ peakGib }) => peakGib)), 2),
  stark_s: seconds('execute', 'segments', 'aggregate'),
  stark_to_proof_s: seconds('root', 'halo2', 'wrap'),
  proof_bytes: digits(proof.proof).length / 2,
  verifier_bytes: deployedBytecode.object.length / 2,
  verify_gas: await verifyGas(bytecode.object, calldata),
  srs: proof.srs,
};
mkdirSync('target/bench', { recursive: true });
writeFileSync('target/bench/prove.json', `${JSON.stringify(report, null, 2)}\n`);
console.table(Object.fromEntries([...stages, ...Object.keys(measured).filter((name) => name.startsWith('keys_'))].map((name) => [
  name,
  { seconds: report[`${name}_s`], 'peak GiB': report[`${name}_peak_gib`] },
])));
console.log(`STARK ${report.stark_s} s, from there to the proof ${report.stark_to_proof_s} s; verification ${report.verify_gas} gas, contract ${report.verifier_bytes} bytes`);

// What the rollup does, from a deposit to a withdrawal that L1 pays out because of a proof, stage by stage on a real devnet.
// Every step checks what it shows. `STAGE_PROGRAM` names the prover, `PROVING_KEYS` the folder of its keys, `FIGURES` a file
// for what was measured.
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { createPublicClient, formatEther, http, parseAbi, parseEther } from 'viem';
import { anvil } from 'viem/chains';

import { artifact, l2Public, l2Wallet } from '../test/lib/clients.mjs';
import { ROOT, cwe, eventually, foundry, keysFolder, rpc, run, startDevnet, startNode, temporaryFolder } from '../test/lib/devnet.mjs';

const colour = process.stdout.isTTY ? (code, text) => `\x1b[${code}m${text}\x1b[0m` : (_, text) => text;
const started = Date.now();
let number = 0;

/** Tells one step: its title, then what it found out. */
async function step(title, work) {
  const begun = Date.now();
  number += 1;
  console.log(`\n${colour('1', `${number}. ${title}`)}`);
  const tell = (name, value) => console.log(`   ${name.padEnd(22)} ${value}`);
  const result = await work(tell);
  console.log(`   ${colour('32', '✓')} ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  return result;
}

/** Runs a program that must succeed; returns its output. */
async function must(binary, args, env) {
  const { code, stdout, stderr } = await run(binary, args, { env });
  assert.equal(code, 0, `${binary.split('/').pop()} ${args[0]} failed:\n${stderr}${stdout}`);
  return stdout.trim();
}

const folder = temporaryFolder();
let devnet;
let node;

async function story() {
  devnet = await step('An L1 and the L2 beside it (cwe devnet)', async (tell) => {
    const running = await startDevnet(['--data', folder, '--batch-age-ms', '1500', '--verifier']);
    const { l1_rpc, l1_chain_id, l2_rpc, l2_chain_id, contracts } = running.network;
    tell('L1 (anvil)', `${l1_rpc}, chain id ${l1_chain_id}`);
    tell('L2', `${l2_rpc}, chain id ${l2_chain_id}, currency CLN`);
    tell('Rollup on L1', contracts.Rollup);
    return running;
  });
  const { network } = devnet;
  const file = join(folder, 'network.json');
  writeFileSync(file, JSON.stringify(network));
  const command = async (...args) => {
    const { code, stdout, stderr } = await cwe([...args, '--json', '--network', file]);
    assert.equal(code, 0, `cwe ${args[0]}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const key = network.accounts[0].private_key;
  const client = l2Public(network);
  const recipient = '0x000000000000000000000000000000000000c1e0';

  await step('A deposit: 25 CLN from L1 to L2 (cwe deposit)', async (tell) => {
    const deposit = await command('deposit', '25', '--to', recipient, '--dev-account', '0');
    tell('message', `${deposit.message_index} of the inbox, block ${deposit.l2_block} on L2`);
    const balance = await client.getBalance({ address: recipient });
    assert.equal(balance, parseEther('25'));
    tell('balance on L2', `${formatEther(balance)} CLN`);
  });

  const token = await step('An ERC-20 by forge script', async (tell) => {
    const args = ['script', 'deploy/examples/DeployDemoToken.s.sol', '--rpc-url', network.l2_rpc, '--private-key', key, '--broadcast'];
    const output = await must(foundry('forge'), args, { RECIPIENT: recipient, FOUNDRY_BROADCAST: join(folder, 'broadcast') });
    const address = output.match(/token (0x[0-9a-fA-F]{40})/)[1];
    tell('token', address);
    return address;
  });

  await step('Used by cast', async (tell) => {
    const rpcArgs = ['--rpc-url', network.l2_rpc];
    const send = ['send', token, 'transfer(address,uint256)', recipient, '41', '--private-key', key, '--json', ...rpcArgs];
    const receipt = JSON.parse(await must(foundry('cast'), send));
    assert.equal(receipt.status, '0x1');
    tell('transaction', `${receipt.transactionHash}, ${BigInt(receipt.gasUsed)} gas`);
    const balance = await must(foundry('cast'), ['call', token, 'balanceOf(address)(uint256)', recipient, ...rpcArgs]);
    tell('recipient has', balance);
    assert.equal(BigInt(balance.split(' ')[0]), parseEther('1') + 41n);
  });

  await step('Used by viem, confirmed in milliseconds', async (tell) => {
    const { abi } = artifact('DemoToken');
    const wallet = l2Wallet(network, 0);
    const times = [];
    for (let count = 0; count < 20; count++) {
      const begun = performance.now();
      const hash = await wallet.writeContract({
        address: token, abi, functionName: 'transfer', args: [recipient, 1n], gas: 100_000n,
      });
      const receipt = await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [hash]);
      assert.equal(receipt?.status, '0x1');
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    tell('20 transfers', `median ${times[10].toFixed(1)} ms from viem's first request to the receipt`);
    const balance = await client.readContract({ address: token, abi, functionName: 'balanceOf', args: [recipient], blockTag: 'pending' });
    assert.equal(balance, parseEther('1') + 61n);
  });

  const { index, last } = await step('A withdrawal is initiated (cwe withdraw)', async (tell) => {
    const withdrawal = await command('withdraw', '3', '--to', recipient, '--dev-account', '0');
    tell('withdrawal', `${withdrawal.index}, leaf ${withdrawal.leaf}`);
    tell('on L1', 'claimable once its batch is finalized');
    const { code } = await cwe(['claim', String(withdrawal.index), '--dev-account', '0', '--network', file]);
    assert.notEqual(code, 0);
    return { index: String(withdrawal.index), last: BigInt(withdrawal.l2_block) };
  });

  await step('Everything is committed to L1 in blobs', async (tell) => {
    await eventually('the commitment', async () => (await client.getBlock({ blockTag: 'safe' })).number >= last);
    const status = await command('status');
    tell('batches', `${status.l1.last_committed_batch} committed, ${status.l1.last_finalized_batch} finalized`);
    tell('L2 safe', `block ${status.l2.safe.number}`);
  });

  await step('A full node rebuilds the chain from L1 alone (cwe node)', async (tell) => {
    node = await startNode(folder);
    const hex = `0x${last.toString(16)}`;
    const rebuilt = await eventually('the rebuilt chain', () => rpc(node.url, 'eth_getBlockByNumber', [hex, false]));
    const original = await rpc(network.l2_rpc, 'eth_getBlockByNumber', [hex, false]);
    tell(`block ${last}`, 'state root');
    tell('  sequencer', original.stateRoot);
    tell('  rebuilt from L1', rebuilt.stateRoot);
    assert.equal(rebuilt.stateRoot, original.stateRoot);
    assert.equal(rebuilt.hash, original.hash);
  });

  await step('An auditor re-executes every batch (cwe audit)', async (tell) => {
    const report = await command('audit');
    assert.equal(report.ok, true);
    const sum = (field) => report.batches.reduce((total, batch) => total + batch[field], 0);
    tell('checked', `${report.batches.length} batches, ${sum('transactions')} transactions, ${sum('messages')} messages from L1`);
    tell('data', `${sum('data_bytes')} bytes on L1`);
  });

  await proven(network, file, command, { index, recipient });
}

/** From committed to final: proofs, and what follows from them. */
async function proven(network, file, command, { index, recipient }) {
  const l1 = createPublicClient({ chain: anvil, transport: http(network.l1_rpc) });
  const { l1: { last_committed_batch: last } } = await command('status');
  const options = ['--batch', '1', '--to', String(last), '--dev-account', '0', '--low-memory', '--json', '--network', file];
  const keys = keysFolder();
  const figures = {};

  /** Proves up to a stage; what it reports, its stages told. */
  const prove = async (tell, ...more) => {
    const args = ['prove', ...options, '--proving-keys', keys, '--stage-program', process.env.STAGE_PROGRAM, ...more];
    const { code, stdout } = await cwe(args, { echo: true });
    assert.equal(code, 0);
    const report = JSON.parse(stdout);
    for (const { stage, seconds, peak_memory_bytes: bytes } of report.stages) {
      if (seconds === null) continue;
      const peak = bytes / 2 ** 30;
      tell(stage, `${seconds.toFixed(0)} s, ${peak.toFixed(1)} GiB`);
      figures[`${stage}_s`] = rounded(seconds, 1);
      figures[`${stage}_peak_gib`] = rounded(peak, 2);
      figures.peak_memory_gib = Math.max(figures.peak_memory_gib ?? 0, rounded(peak, 2));
    }
    return report;
  };

  await step('The proving keys are made, once for all chains, or read (cwe-prover-stage keys)', async (tell) => {
    const { code } = await run(process.env.STAGE_PROGRAM, ['keys', '--keys', keys], { echo: true });
    assert.equal(code, 0);
    tell('folder', keys);
  });

  await step('A STARK shows that the batches are right (cwe prove --stop-after stark)', async (tell) => {
    const { output } = await prove(tell, '--stop-after', 'stark');
    tell('STARK', `${statSync(output).size} bytes: ${output}`);
  });

  await step('A halo2 proof of the STARK makes the batches final on L1 (cwe prove --post)', async (tell) => {
    const begun = Date.now();
    const report = await prove(tell, '--post');
    figures.finality_s = rounded((Date.now() - begun) / 1000, 1);
    assert.equal(report.finalized, true);
    const { l1: { last_finalized_batch: final } } = await command('status');
    assert.ok(final >= last);
    const [{ transactionHash: hash }] = await l1.getContractEvents({
      address: network.contracts.Rollup, abi: artifact('Rollup').abi, eventName: 'BatchesFinalized', fromBlock: 0n,
    });
    const { gasUsed } = await l1.getTransactionReceipt({ hash });
    figures.l1_prove_batches_gas = Number(gasUsed);
    figures.proof_bytes = statSync(report.output).size;
    tell('transaction', `${hash}, ${gasUsed} gas, a proof of ${figures.proof_bytes} bytes`);
    tell('final', `batches 1 to ${last}, ${figures.finality_s} s after the STARK`);
  });

  await step('The withdrawal is paid out on L1 because of the proof (cwe claim)', async (tell) => {
    const balanceOf = () =>
      l1.readContract({ address: network.contracts.CLN, abi: parseAbi(['function balanceOf(address) view returns (uint256)']), functionName: 'balanceOf', args: [recipient] });
    const before = await balanceOf();
    const claimed = await command('claim', index, '--dev-account', '0', '--wait-secs', '60');
    tell('transaction', claimed.l1_transaction);
    const paid = (await balanceOf()) - before;
    assert.equal(paid, parseEther('3'));
    tell('paid out', `${formatEther(paid)} CLN`);
  });

  await step('The auditor checks the proof with its own verifier (cwe audit)', async (tell) => {
    const report = await command('audit');
    assert.equal(report.ok, true);
    const sum = (field) => report.batches.reduce((total, batch) => total + batch[field], 0);
    figures.batches = report.batches.length;
    figures.transactions = sum('transactions');
    tell('proofs', JSON.stringify(report.proofs ?? report.verifier ?? {}));
  });
  figures.cores = cpus().length;
  if (process.env.FIGURES) writeFileSync(process.env.FIGURES, `${JSON.stringify(figures, null, 2)}\n`);
}

const rounded = (value, digits) => Number(value.toFixed(digits));

let failure;
try {
  await story();
} catch (error) {
  failure = error;
}
await node?.stop();
await devnet?.stop();
if (failure) {
  console.error(`\n${colour('31', 'it failed:')} ${failure.stack}`);
  process.exitCode = 1;
} else {
  const l1 = createPublicClient({ chain: anvil, transport: http(devnet.network.l1_rpc, { retryCount: 0 }) });
  await assert.rejects(l1.getBlockNumber(), undefined, 'something was left running');
  console.log(`\nAll of it in ${((Date.now() - started) / 1000).toFixed(0)} s, nothing left running. Your own: cwe devnet --node`);
}

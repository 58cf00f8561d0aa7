// forge and cast against the L2, as on any Ethereum chain.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { parseEther } from 'viem';

import { sealed } from '../lib/clients.mjs';
import { foundry, rpc, run, startDevnet, temporaryFolder } from '../lib/devnet.mjs';

const RECIPIENT = '0x00000000000000000000000000000000000000ee';

describe('foundry', () => {
  let devnet, network, key, token;

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    key = network.accounts[0].private_key;
  });
  after(() => devnet?.stop());

  const tool = async (name, args, env) => {
    const { code, stdout, stderr } = await run(foundry(name), args, { env });
    assert.equal(code, 0, `${name} ${args[0]}: ${stderr}${stdout}`);
    return stdout.trim();
  };
  const cast = (...args) => tool('cast', [...args, '--rpc-url', network.l2_rpc]);

  test('forge script deploys and uses a contract', async () => {
    const args = ['script', 'deploy/examples/DeployDemoToken.s.sol', '--rpc-url', network.l2_rpc, '--private-key', key, '--broadcast'];
    // A record of its own: another script may run at the same time.
    const output = await tool('forge', args, { RECIPIENT, FOUNDRY_BROADCAST: temporaryFolder() });
    token = output.match(/token (0x[0-9a-fA-F]{40})/)[1];
    assert.match(output, /ONCHAIN EXECUTION COMPLETE/);
  });

  test('cast reads what forge wrote', async () => {
    assert.equal((await cast('call', token, 'balanceOf(address)(uint256)', RECIPIENT)).split(' ')[0], String(parseEther('1')));
    assert.equal(await cast('chain-id'), String(network.l2_chain_id));
    assert.ok(BigInt(await cast('balance', network.accounts[1].address)) > 0n);
  });

  test('cast sends, estimates, traces and finds logs', async () => {
    const call = [token, 'transfer(address,uint256)', RECIPIENT, '5'];
    assert.ok(BigInt(await cast('estimate', ...call, '--from', network.accounts[0].address)) > 21_000n);
    const receipt = JSON.parse(await cast('send', ...call, '--private-key', key, '--json'));
    assert.equal(receipt.status, '0x1');
    assert.equal(receipt.logs.length, 1, JSON.stringify(receipt));
    await sealed(network, receipt.blockNumber);
    const logs = JSON.parse(await cast('logs', '--from-block', receipt.blockNumber, '--to-block', receipt.blockNumber, '--address', token, '--json'));
    const now = async () => JSON.stringify(await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [receipt.transactionHash]));
    assert.equal(logs.filter(({ transactionHash }) => transactionHash === receipt.transactionHash).length, 1, `first ${JSON.stringify(receipt)}\nnow ${await now()}`);
    const trace = JSON.parse(await cast('rpc', 'debug_traceTransaction', receipt.transactionHash, '{"tracer":"callTracer"}'));
    assert.equal(trace.to.toLowerCase(), token.toLowerCase());
    assert.match(await cast('tx', receipt.transactionHash), /transactionIndex/);
    assert.match(await cast('receipt', receipt.transactionHash), /status\s+1/);
  });

  test('cast shows a block that holds messages from L1', async () => {
    const block = JSON.parse(await cast('block', '1', '--full', '--json'));
    assert.ok(block.transactions.some(({ type }) => type === '0x7e'));
  });

  test('a prestate difference shows what a transaction changed', async () => {
    const receipt = JSON.parse(await cast('send', token, 'transfer(address,uint256)', RECIPIENT, '6', '--private-key', key, '--json'));
    const prestate = JSON.parse(await cast('rpc', 'debug_traceTransaction', receipt.transactionHash, '{"tracer":"prestateTracer","tracerConfig":{"diffMode":true}}'));
    assert.ok(prestate.post);
  });

  test('cast proves storage', async () => {
    const proof = JSON.parse(await cast('proof', token, '0x0'));
    assert.ok(proof.accountProof.length > 0);
  });
});

// Money over the bridge with the commands a person types, and what status and audit say of it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createPublicClient, createWalletClient, http, parseAbi, parseEther } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { anvil } from 'viem/chains';

import { l2Public, l2Wallet } from '../lib/clients.mjs';
import { cwe, eventually, rpc, startDevnet, temporaryFolder } from '../lib/devnet.mjs';

const erc20 = parseAbi(['function balanceOf(address) view returns (uint256)']);
const bridgeAbi = parseAbi(['function escrowed() view returns (uint256)']);
const inboxAbi = parseAbi([
  'function sendMessage(address to, uint128 value, uint64 gasLimit, bytes data) payable returns (uint64)',
]);

describe('bridge', () => {
  let devnet, network, file, l1, l2;
  const fresh = () => privateKeyToAccount(generatePrivateKey()).address;
  const command = (...args) => cwe([...args, '--network', file]);
  const ok = async (...args) => {
    const { code, stdout, stderr } = await command(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  before(async () => {
    devnet = await startDevnet(['--batch-age-ms', '2000']);
    network = devnet.network;
    file = join(temporaryFolder(), 'network.json');
    writeFileSync(file, JSON.stringify(network));
    l1 = createPublicClient({ chain: anvil, transport: http(network.l1_rpc), pollingInterval: 100 });
    l2 = l2Public(network);
  });
  after(() => devnet?.stop());

  const escrow = () => l1.readContract({ address: network.contracts.Bridge, abi: bridgeAbi, functionName: 'escrowed' });

  test('a deposit locks CLN on L1 and arrives on L2', async () => {
    const to = fresh();
    const before = await escrow();
    const deposit = await ok('deposit', '12.5', '--to', to, '--dev-account', '0');
    assert.equal(deposit.success, true);
    assert.equal(await l2.getBalance({ address: to }), parseEther('12.5'));
    assert.equal((await escrow()) - before, parseEther('12.5'));
    const transaction = await rpc(network.l2_rpc, 'eth_getTransactionByHash', [deposit.l2_transaction]);
    assert.equal(transaction.type, '0x7e');
    assert.equal(BigInt(transaction.value), parseEther('12.5'));
  });

  test('all CLN on L2 is in escrow on L1', async () => {
    const { transactionHash } = await l2.waitForTransactionReceipt({
      hash: await l2Wallet(network, 3).sendTransaction({ to: fresh(), value: parseEther('1') }),
    });
    assert.ok(transactionHash);
    const held = network.accounts.map(({ address }) => l2.getBalance({ address }));
    const sum = (await Promise.all(held)).reduce((total, balance) => total + balance, 0n);
    assert.ok(sum <= (await escrow()));
  });

  test('more than the balance is refused before anything is sent', async () => {
    const { code, stderr } = await command('deposit', '999999999999', '--dev-account', '0');
    assert.notEqual(code, 0);
    assert.match(stderr, /less than 999999999999 CLN/);
  });

  test('a transaction forced through L1 is executed on L2', async () => {
    const owner = privateKeyToAccount(network.accounts[4].private_key);
    const wallet = createWalletClient({ chain: anvil, transport: http(network.l1_rpc), account: owner });
    const to = fresh();
    await wallet.writeContract({
      address: network.contracts.Inbox, abi: inboxAbi, functionName: 'sendMessage',
      args: [to, parseEther('3'), 100_000n, '0x'],
    });
    await eventually('the forced transfer', async () => (await l2.getBalance({ address: to })) === parseEther('3'));
  });

  test('a withdrawal burns CLN on L2 and waits for finality', async () => {
    const sender = network.accounts[5].address;
    const before = await l2.getBalance({ address: sender });
    const recipient = fresh();
    const withdrawal = await ok('withdraw', '2', '--to', recipient, '--dev-account', '5');
    assert.equal(withdrawal.recipient.toLowerCase(), recipient.toLowerCase());
    assert.ok(before - (await l2.getBalance({ address: sender })) >= parseEther('2'));
    // No verifier, no finality, no payment: whoever asks is told so.
    const { code, stderr } = await command('claim', String(withdrawal.index), '--dev-account', '5');
    assert.notEqual(code, 0);
    assert.match(stderr, /not finalized/);
    const paid = await l1.readContract({
      address: network.contracts.CLN, abi: erc20, functionName: 'balanceOf', args: [recipient],
    });
    assert.equal(paid, 0n);
  });

  test('blocks become safe when their batch is committed, and nothing is finalized without proofs', async () => {
    const latest = await l2.getBlockNumber();
    await eventually('the commitment', async () => {
      const { number } = await l2.getBlock({ blockTag: 'safe' });
      return number >= latest;
    });
    assert.equal((await l2.getBlock({ blockTag: 'finalized' })).number, 0n);
    const status = await ok('status');
    assert.ok(status.l1.last_committed_batch >= 1);
    assert.equal(status.l1.last_finalized_batch, 0);
    assert.equal(status.l1.verifier, null);
    assert.ok(status.l2.safe.number >= Number(latest));
  });

  test('the audit re-executes every committed batch from L1 data alone and agrees', async () => {
    const report = await ok('audit');
    assert.ok(report.batches.length >= 1);
    for (const batch of report.batches) {
      assert.deepEqual([batch.data, batch.execution, batch.queue], ['ok', 'ok', 'ok'], JSON.stringify(batch));
    }
    assert.equal(report.ok, true);
  });

  test('a wrong chain behind a URL is noticed', async () => {
    const { code, stderr } = await command('status', '--l2-rpc', network.l1_rpc);
    assert.notEqual(code, 0);
    assert.match(stderr, /a side of the bridge|chain id/);
  });
});

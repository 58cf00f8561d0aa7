// Everything a dapp does with viem, against a real devnet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
  encodeFunctionData,
  fromRlp,
  getAddress,
  hexToBigInt,
  keccak256,
  padHex,
  parseEther,
  parseGwei,
  toHex,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

import { artifact, l2Public, l2Socket, l2Wallet, sealed } from '../lib/clients.mjs';
import { eventually, rpc, startDevnet } from '../lib/devnet.mjs';
import { provenValue } from '../lib/mpt.mjs';

describe('viem', () => {
  let devnet, network, client, wallet, token;
  const { abi, bytecode } = artifact('DemoToken');
  const fresh = () => privateKeyToAccount(generatePrivateKey()).address;

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    client = l2Public(network);
    wallet = l2Wallet(network, 0);
    const hash = await wallet.deployContract({ abi, bytecode, args: [wallet.account.address, parseEther('1000000')] });
    token = (await client.waitForTransactionReceipt({ hash })).contractAddress;
  });
  after(() => devnet?.stop());

  test('the chain id and the accounts are those of the ready line', async () => {
    assert.equal(await client.getChainId(), network.l2_chain_id);
    assert.equal(network.accounts.length, 10);
    for (const { address, private_key: key } of network.accounts) {
      assert.equal(privateKeyToAccount(key).address, getAddress(address));
      assert.ok((await client.getBalance({ address })) > 0n);
    }
  });

  test('a transfer moves exactly its value, and the sender pays exactly gas times price', async () => {
    const to = fresh();
    const sender = wallet.account.address;
    const before = await client.getBalance({ address: sender });
    const hash = await wallet.sendTransaction({ to, value: parseEther('1.5') });
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.gasUsed, 21_000n);
    assert.equal(await client.getBalance({ address: to }), parseEther('1.5'));
    const after = await client.getBalance({ address: sender });
    assert.equal(before - after, parseEther('1.5') + receipt.gasUsed * receipt.effectiveGasPrice);
  });

  test('legacy, access-list and dynamic-fee transactions are all accepted', async () => {
    const gasPrice = await client.getGasPrice();
    const variants = [
      { type: 'legacy', gasPrice },
      { type: 'eip2930', gasPrice, accessList: [{ address: token, storageKeys: [padHex('0x0')] }] },
      { type: 'eip1559', maxFeePerGas: gasPrice * 2n, maxPriorityFeePerGas: 1n },
    ];
    for (const variant of variants) {
      const hash = await wallet.sendTransaction({ ...variant, to: fresh(), value: 1n });
      const receipt = await client.waitForTransactionReceipt({ hash });
      assert.equal(receipt.status, 'success', variant.type);
      assert.equal(receipt.type, variant.type);
      assert.equal((await client.getTransaction({ hash })).type, variant.type);
    }
  });

  test('an account can delegate its code (EIP-7702)', async () => {
    const owner = l2Wallet(network, 5);
    const authorization = await owner.signAuthorization({ contractAddress: token, executor: 'self' });
    const hash = await owner.sendTransaction({ to: owner.account.address, authorizationList: [authorization], gas: 200_000n, data: encodeFunctionData({ abi, functionName: 'totalSupply' }) });
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'success');
    const code = await client.getCode({ address: owner.account.address });
    assert.equal(code.toLowerCase(), `0xef0100${token.slice(2).toLowerCase()}`);
  });

  test('the receipt is there at once, before the block is sealed', async () => {
    const request = await wallet.prepareTransactionRequest({ to: fresh(), value: 1n });
    const raw = await wallet.signTransaction(request);
    const receipt = await rpc(network.l2_rpc, 'eth_sendRawTransactionSync', [raw]);
    assert.equal(receipt.status, '0x1');
    assert.equal(receipt.transactionHash, keccak256(raw));
  });

  test('the pending tag shows an executed transaction', async () => {
    const to = fresh();
    await wallet.sendTransaction({ to, value: 7n });
    assert.equal(await client.getBalance({ address: to, blockTag: 'pending' }), 7n);
  });

  test('an ERC-20 is deployed, read, written, and its events are found', async () => {
    const to = fresh();
    const { request } = await client.simulateContract({
      account: wallet.account, address: token, abi, functionName: 'transfer', args: [to, 42n],
    });
    const hash = await wallet.writeContract(request);
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.logs.length, 1);
    await sealed(network, receipt.blockNumber);
    const balance = await client.readContract({ address: token, abi, functionName: 'balanceOf', args: [to] });
    assert.equal(balance, 42n);
    const events = await client.getContractEvents({
      address: token, abi, eventName: 'Transfer', args: { to }, fromBlock: 0n,
    });
    assert.equal(events.length, 1);
    assert.equal(events[0].args.value, 42n);
    assert.equal(events[0].transactionHash, hash);
    const block = await client.getBlock({ blockNumber: receipt.blockNumber });
    const byHash = await client.getLogs({ blockHash: block.hash, address: token });
    assert.ok(byHash.some((log) => log.transactionHash === hash));
  });

  test('a filter reports each event once', async () => {
    const to = fresh();
    const filter = await client.createContractEventFilter({ address: token, abi, eventName: 'Transfer', args: { to } });
    const hash = await wallet.writeContract({ address: token, abi, functionName: 'transfer', args: [to, 1n] });
    await client.waitForTransactionReceipt({ hash });
    const changes = await eventually('the event', async () => {
      const found = await client.getFilterChanges({ filter });
      return found.length > 0 && found;
    });
    assert.equal(changes.length, 1);
    assert.equal((await client.getFilterChanges({ filter })).length, 0);
    assert.equal((await client.getFilterLogs({ filter })).length, 1);
    assert.equal(await client.uninstallFilter({ filter }), true);
  });

  test('subscriptions deliver new blocks, logs and pending transactions', async () => {
    const socket = l2Socket(network);
    const seen = { blocks: [], logs: [], hashes: [] };
    const to = fresh();
    const stop = [
      socket.watchBlocks({ onBlock: (block) => seen.blocks.push(block) }),
      socket.watchContractEvent({ address: token, abi, eventName: 'Transfer', args: { to }, onLogs: (logs) => seen.logs.push(...logs) }),
      socket.watchPendingTransactions({ onTransactions: (hashes) => seen.hashes.push(...hashes) }),
    ];
    await new Promise((done) => setTimeout(done, 500));
    const hash = await wallet.writeContract({ address: token, abi, functionName: 'transfer', args: [to, 3n] });
    const { blockNumber } = await client.waitForTransactionReceipt({ hash });
    await eventually('the notifications', () =>
      seen.blocks.some((block) => block.number === blockNumber) && seen.logs.length > 0 && seen.hashes.includes(hash));
    assert.equal(seen.logs[0].args.value, 3n);
    stop.forEach((unwatch) => unwatch());
    await (await socket.transport.getRpcClient()).close();
  });

  test('the fee history is that of the blocks', async () => {
    const latest = await client.getBlockNumber();
    const blockCount = Number(latest < 4n ? latest : 4n);
    const history = await client.getFeeHistory({ blockCount, rewardPercentiles: [25, 75] });
    assert.equal(history.baseFeePerGas.length, blockCount + 1);
    assert.equal(history.gasUsedRatio.length, blockCount);
    assert.equal(history.reward.length, blockCount);
    const block = await client.getBlock({ blockNumber: history.oldestBlock });
    assert.equal(history.baseFeePerGas[0], block.baseFeePerGas);
    const fees = await client.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas >= block.baseFeePerGas);
  });

  test('proofs of accounts and slots verify against the header, present and absent', async () => {
    const { stateRoot, number } = await client.getBlock();
    const slot = padHex('0x2');
    const absentSlot = padHex('0xdead');
    const proof = await client.getProof({ address: token, storageKeys: [slot, absentSlot], blockNumber: number });
    const account = fromRlp(provenValue(stateRoot, token, proof.accountProof));
    assert.equal(account[2], proof.storageHash);
    assert.equal(account[3], proof.codeHash);
    const [present, absent] = proof.storageProof;
    const stored = await client.getStorageAt({ address: token, slot, blockNumber: number });
    const proven = provenValue(proof.storageHash, slot, present.proof);
    assert.equal(proven === null ? 0n : hexToBigInt(fromRlp(proven)), hexToBigInt(stored));
    assert.equal(present.value, hexToBigInt(stored));
    assert.equal(provenValue(proof.storageHash, absentSlot, absent.proof), null);
    const nobody = fresh();
    const exclusion = await client.getProof({ address: nobody, storageKeys: [], blockNumber: number });
    assert.equal(provenValue(stateRoot, nobody, exclusion.accountProof), null);
  });

  test('state at an old block stays readable', async () => {
    const address = fresh();
    const first = await client.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: address, value: 1n }) });
    const second = await client.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: address, value: 2n }) });
    await sealed(network, second.blockNumber);
    assert.equal(await client.getBalance({ address, blockNumber: first.blockNumber - 1n }), 0n);
    assert.equal(await client.getBalance({ address, blockNumber: second.blockNumber }), 3n);
  });

  test('a revert carries its data, in calls, estimates and sent transactions', async () => {
    const poor = l2Wallet(network, 6);
    const call = { account: poor.account, address: token, abi, functionName: 'transfer', args: [fresh(), 1n] };
    await assert.rejects(client.simulateContract(call), /ERC20InsufficientBalance/);
    await assert.rejects(client.estimateContractGas(call), /ERC20InsufficientBalance/);
    const hash = await poor.writeContract({ ...call, gas: 100_000n });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'reverted');
  });

  test('blocks with messages from L1 parse, with and without transactions', async () => {
    const latest = await client.getBlockNumber();
    let messages = 0;
    for (let number = 0n; number <= latest; number++) {
      const block = await client.getBlock({ blockNumber: number, includeTransactions: true });
      messages += block.transactions.filter(({ typeHex }) => typeHex === '0x7e').length;
    }
    // Every development account was funded by a deposit.
    assert.ok(messages >= 10, `${messages} messages`);
  });

  test('block receipts equal the single receipts', async () => {
    const hash = await wallet.sendTransaction({ to: fresh(), value: 1n });
    const { blockNumber } = await client.waitForTransactionReceipt({ hash });
    await sealed(network, blockNumber);
    const all = await rpc(network.l2_rpc, 'eth_getBlockReceipts', [toHex(blockNumber)]);
    for (const receipt of all) {
      assert.deepEqual(receipt, await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [receipt.transactionHash]));
    }
  });

  test('an access list of a call names the slots it touches', async () => {
    const { accessList } = await client.createAccessList({
      account: wallet.account, to: token, data: encodeFunctionData({ abi, functionName: 'transfer', args: [fresh(), 1n] }),
    });
    const entry = accessList.find(({ address }) => getAddress(address) === getAddress(token));
    assert.equal(entry.storageKeys.length, 2);
  });

  test('state overrides and simulated blocks work', async () => {
    const rich = fresh();
    const { results } = await client.simulateCalls({
      account: rich, calls: [{ to: fresh(), value: parseEther('5') }],
      stateOverrides: [{ address: rich, balance: parseEther('10') }],
    });
    assert.equal(results[0].status, 'success');
  });

  test('a trace shows the call and the state before it', async () => {
    const hash = await wallet.writeContract({ address: token, abi, functionName: 'transfer', args: [fresh(), 9n] });
    await client.waitForTransactionReceipt({ hash });
    const call = await rpc(network.l2_rpc, 'debug_traceTransaction', [hash, { tracer: 'callTracer' }]);
    assert.equal(getAddress(call.to), getAddress(token));
    assert.equal(call.type, 'CALL');
    const prestate = await rpc(network.l2_rpc, 'debug_traceTransaction', [hash, { tracer: 'prestateTracer' }]);
    assert.ok(Object.keys(prestate).some((address) => getAddress(address) === getAddress(token)));
    const selectors = await rpc(network.l2_rpc, 'debug_traceTransaction', [hash, { tracer: '4byteTracer' }]);
    assert.equal(selectors['0xa9059cbb-64'], 1);
  });

  test('many transactions of one sender sent at once all land, in nonce order', async () => {
    const sender = l2Wallet(network, 7);
    const first = await client.getTransactionCount({ address: sender.account.address });
    const fees = { maxFeePerGas: parseGwei('1'), maxPriorityFeePerGas: 1n, gas: 21_000n };
    const to = fresh();
    // Sent backwards: all but the last wait for the gap to close.
    const nonces = Array.from({ length: 20 }, (_, position) => first + 19 - position);
    const hashes = [];
    for (const nonce of nonces) hashes.push(await sender.sendTransaction({ to, value: 1n, nonce, ...fees }));
    for (const hash of hashes) await client.waitForTransactionReceipt({ hash });
    assert.equal(await client.getBalance({ address: to }), 20n);
  });

  test('a waiting transaction is replaced by one that pays ten percent more, and by no other', async () => {
    const sender = l2Wallet(network, 8);
    const nonce = (await client.getTransactionCount({ address: sender.account.address })) + 1;
    const base = { to: fresh(), nonce, gas: 21_000n, maxPriorityFeePerGas: 1_000n };
    await sender.sendTransaction({ ...base, value: 1n, maxFeePerGas: parseGwei('1') });
    await assert.rejects(
      sender.sendTransaction({ ...base, value: 2n, maxFeePerGas: parseGwei('1.05') }),
      /replacement transaction underpriced/,
    );
    const replacement = await sender.sendTransaction({
      ...base, value: 3n, maxFeePerGas: parseGwei('1.2'), maxPriorityFeePerGas: 1_200n,
    });
    await sender.sendTransaction({ to: fresh(), value: 0n, nonce: nonce - 1, gas: 21_000n, maxFeePerGas: parseGwei('1') });
    await client.waitForTransactionReceipt({ hash: replacement });
    assert.equal(await client.getBalance({ address: base.to }), 3n);
  });

  test('a batch of requests is answered in one response', async () => {
    const response = await fetch(network.l2_rpc, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(['eth_chainId', 'net_version', 'web3_clientVersion'].map((method, id) => ({ jsonrpc: '2.0', id, method, params: [] }))),
    });
    const answers = await response.json();
    assert.equal(answers.length, 3);
    assert.equal(answers.find(({ id }) => id === 0).result, toHex(network.l2_chain_id));
    assert.equal(answers.find(({ id }) => id === 1).result, String(network.l2_chain_id));
  });

  test('a web page of another origin may call', async () => {
    const response = await fetch(network.l2_rpc, {
      method: 'OPTIONS',
      headers: { origin: 'https://example.org', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    assert.ok(response.ok);
    assert.ok(['*', 'https://example.org'].includes(response.headers.get('access-control-allow-origin')));
  });
});

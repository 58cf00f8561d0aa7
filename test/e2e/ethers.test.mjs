// Everything a dapp does with ethers v6, against a real devnet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Contract, ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider, isCallException, parseEther } from 'ethers';

import { artifact, sealed } from '../lib/clients.mjs';
import { eventually, startDevnet } from '../lib/devnet.mjs';

const POLLING_MS = 50;

describe('ethers', () => {
  let devnet, network, provider, wallet, token;
  const { abi, bytecode } = artifact('DemoToken');

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    provider = new JsonRpcProvider(network.l2_rpc, undefined, { pollingInterval: POLLING_MS, cacheTimeout: -1 });
    wallet = new Wallet(network.accounts[1].private_key, provider);
    const factory = new ContractFactory(abi, bytecode, wallet);
    token = await (await factory.deploy(wallet.address, parseEther('1000'))).waitForDeployment();
  });
  after(async () => {
    provider?.destroy();
    await devnet?.stop();
  });

  test('the network is recognised', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(network.l2_chain_id));
  });

  test('a transfer is sent, mined and reflected in the balance', async () => {
    const to = Wallet.createRandom().address;
    const receipt = await (await wallet.sendTransaction({ to, value: parseEther('0.25') })).wait();
    assert.equal(receipt.status, 1);
    assert.equal(await provider.getBalance(to), parseEther('0.25'));
  });

  test('a contract is written and read, and its events decode', async () => {
    const to = Wallet.createRandom().address;
    const receipt = await (await token.transfer(to, 5n)).wait();
    assert.equal(receipt.logs[0].fragment.name, 'Transfer');
    assert.equal(await token.balanceOf(to), 5n);
    await sealed(network, receipt.blockNumber);
    const events = await token.queryFilter(token.filters.Transfer(null, to));
    assert.equal(events.length, 1);
    assert.equal(events[0].args[2], 5n);
  });

  test('a listener over HTTP hears an event', async () => {
    const to = Wallet.createRandom().address;
    const heard = [];
    await token.on(token.filters.Transfer(null, to), (event) => heard.push(event));
    await (await token.transfer(to, 6n)).wait();
    await eventually('the event', () => heard.length > 0);
    await token.removeAllListeners();
    assert.equal(heard.length, 1);
  });

  test('a listener over WebSocket hears blocks and events', async () => {
    const socket = new WebSocketProvider(network.l2_ws);
    const heard = { blocks: [], values: [] };
    await socket.on('block', (number) => heard.blocks.push(number));
    const listening = new Contract(await token.getAddress(), abi, socket);
    await listening.on('Transfer', (from, to, value) => heard.values.push(value));
    await new Promise((done) => setTimeout(done, 500));
    await (await token.transfer(wallet.address, 8n)).wait();
    await eventually('the notifications', () => heard.blocks.length > 0 && heard.values.includes(8n));
    await socket.destroy();
  });

  test('fees are suggested and estimated gas suffices', async () => {
    const fees = await provider.getFeeData();
    assert.ok(fees.maxFeePerGas > 0n);
    const gasLimit = await token.transfer.estimateGas(wallet.address, 1n);
    const receipt = await (await token.transfer(wallet.address, 1n, { gasLimit })).wait();
    assert.ok(receipt.gasUsed <= gasLimit);
  });

  test('a custom error is decoded from the revert data', async () => {
    const poor = token.connect(new Wallet(network.accounts[6].private_key, provider));
    await assert.rejects(poor.transfer.staticCall(wallet.address, 1n), (error) => {
      assert.ok(isCallException(error));
      assert.equal(error.revert.name, 'ERC20InsufficientBalance');
      return true;
    });
  });

  test('errors have the codes that ethers gives names to', async () => {
    const to = Wallet.createRandom().address;
    const value = (await provider.getBalance(wallet.address)) * 2n;
    await assert.rejects(wallet.sendTransaction({ to, value, gasLimit: 21_000 }), { code: 'INSUFFICIENT_FUNDS' });
    await assert.rejects(wallet.sendTransaction({ to, nonce: 0 }), { code: 'NONCE_EXPIRED' });
  });

  test('every block parses, those with messages from L1 too', async () => {
    const latest = await provider.getBlockNumber();
    let messages = 0;
    for (let number = 0; number <= latest; number++) {
      const block = await provider.getBlock(number, true);
      for (const transaction of block.prefetchedTransactions) {
        if (transaction.type !== 0x7e) continue;
        messages += 1;
        const receipt = await provider.getTransactionReceipt(transaction.hash);
        assert.equal(receipt.status, 1);
      }
    }
    assert.ok(messages >= 10, `${messages} messages`);
  });
});

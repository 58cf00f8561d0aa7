// What a hostile or mistaken client sends, and the error it gets. Afterwards the node still works.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { WebSocket } from 'ws';
import { keccak256, parseEther, parseGwei, parseSignature, toHex, toRlp } from 'viem';

import { l2Account, l2Public, l2Wallet } from '../lib/clients.mjs';
import { rpc, startDevnet } from '../lib/devnet.mjs';

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const SERVER_ERROR = -32000;

describe('bad input', () => {
  let devnet, network, client, account;
  const to = '0x00000000000000000000000000000000000000aa';

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    client = l2Public(network);
    account = l2Account(network, 2);
  });
  after(async () => {
    // Nothing above may have harmed the node.
    const hash = await l2Wallet(network, 2).sendTransaction({ to, value: 1n });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success');
    await devnet.stop();
  });

  const post = (body) =>
    fetch(network.l2_rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const send = (raw) => rpc(network.l2_rpc, 'eth_sendRawTransaction', [raw]);
  const sign = async (fields) =>
    account.signTransaction({
      chainId: network.l2_chain_id,
      type: 'eip1559',
      nonce: await client.getTransactionCount({ address: account.address }),
      gas: 21_000n,
      maxFeePerGas: parseGwei('1'),
      maxPriorityFeePerGas: 0n,
      to,
      value: 0n,
      ...fields,
    });

  for (const [name, body, code] of [
    ['text that is no JSON', '{"jsonrpc": "2.0", "method"', PARSE_ERROR],
    ['JSON that is no request', '{"jsonrpc": "2.0", "id": 1, "hello": "world"}', INVALID_REQUEST],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"eth_mine","params":[]}', METHOD_NOT_FOUND],
    ['too few parameters', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}', INVALID_PARAMS],
    ['a parameter of a wrong type', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[{"a":1},"latest"]}', INVALID_PARAMS],
    ['an address that is too short', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1234","latest"]}', INVALID_PARAMS],
    ['an unknown block tag', `{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x${'00'.repeat(20)}","newest"]}`, INVALID_PARAMS],
  ]) {
    test(`${name} gets error ${code}`, async () => {
      const { error } = await (await post(body)).json();
      assert.equal(error.code, code, JSON.stringify(error));
    });
  }

  test('a body that is too large is refused', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [`0x${'00'.repeat(20 << 20)}`] });
    const response = await post(body).catch(() => null);
    // The node may answer 413 or cut the connection while the body is still coming.
    if (response) assert.ok(response.status === 413 || (await response.json()).error, `status ${response.status}`);
  });

  test('a batch with too many requests is refused', async () => {
    const one = { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] };
    const response = await post(JSON.stringify(Array.from({ length: 20_000 }, () => one)));
    const answer = await response.json();
    assert.ok(!Array.isArray(answer) && answer.error, 'answered in full');
  });

  test('GET gets no answer that looks like a result', async () => {
    const response = await fetch(network.l2_rpc);
    assert.ok(response.status >= 400 || !(await response.text()).includes('"result"'));
  });

  for (const [name, fields, message] of [
    ['a transaction for another chain', { chainId: 1 }, /chain ?id/i],
    ['a nonce that was used', { nonce: 0, prepare: true }, /nonce too low/],
    ['less gas than a transfer needs', { gas: 20_999n }, /intrinsic gas too low/],
    ['more gas than a block has', { gas: 100_000_000n }, /gas limit/],
    ['more value than the sender has', { value: parseEther('1000000000') }, /insufficient funds/],
    ['a tip above the fee cap', { maxFeePerGas: 1_000_000n, maxPriorityFeePerGas: 2_000_000n }, /max priority fee per gas higher than max fee per gas/],
    ['init code that is too large', { to: null, data: `0x${'00'.repeat(49_153)}`, gas: 10_000_000n }, /max initcode size exceeded|initcode/i],
    ['a fee cap of zero', { maxFeePerGas: 0n }, /underpriced|max fee per gas less than block base fee/],
  ]) {
    test(`${name} is refused`, async () => {
      const { prepare, ...rest } = fields;
      if (prepare) {
        const hash = await l2Wallet(network, 2).sendTransaction({ to, value: 1n });
        await client.waitForTransactionReceipt({ hash });
      }
      // viem checks some of this itself; encode what it would not send.
      const raw = await sign(rest).catch(() => signUnchecked({ ...rest }));
      await assert.rejects(send(raw), (error) => {
        assert.match(error.message, message);
        assert.equal(error.code, SERVER_ERROR);
        return true;
      });
    });
  }

  const signature = async (unsigned) => parseSignature(await account.sign({ hash: keccak256(unsigned) }));

  // An EIP-1559 transaction without the client's own checks.
  async function signUnchecked(fields) {
    const nonce = await client.getTransactionCount({ address: account.address });
    const all = { gas: 21_000n, maxFeePerGas: parseGwei('1'), maxPriorityFeePerGas: 0n, to, value: 0n, data: '0x', ...fields };
    const number = (value) => (BigInt(value) === 0n ? '0x' : toHex(BigInt(value)));
    const unsigned = [
      number(network.l2_chain_id), number(nonce), number(all.maxPriorityFeePerGas), number(all.maxFeePerGas),
      number(all.gas), all.to ?? '0x', number(all.value), all.data, [],
    ];
    const { r, s, yParity } = await signature(`0x02${toRlp(unsigned).slice(2)}`);
    return `0x02${toRlp([...unsigned, number(yParity), number(BigInt(r)), number(BigInt(s))]).slice(2)}`;
  }

  test('a broken signature is refused', async () => {
    const raw = await sign({});
    const flipped = raw.slice(0, -64) + 'f'.repeat(64);
    await assert.rejects(send(flipped), /signature|sender|invalid/i);
  });

  test('bytes that are no transaction are refused', async () => {
    for (const raw of ['0x', '0x00', '0xdeadbeef', '0x02', `0x02${'f8'.repeat(64)}`, `0xf8${'ff'.repeat(32)}`, '0x7e00', '0x7ec0']) {
      await assert.rejects(send(raw), (error) => [SERVER_ERROR, INVALID_PARAMS].includes(error.code), raw);
    }
  });

  test('a message of the L1 queue can not be sent as a transaction', async () => {
    const message = `0x7e${toRlp(['0x', account.address, to, toHex(parseEther('1')), '0x', toHex(21_000), '0x']).slice(2)}`;
    await assert.rejects(send(message), /type|not supported|message/i);
  });

  test('blob transactions are refused', async () => {
    const unsigned = [
      toHex(network.l2_chain_id), '0x', '0x01', toHex(parseGwei('1')), toHex(21_000), to, '0x', '0x', [], '0x01',
      [`0x01${'00'.repeat(31)}`],
    ];
    const { r, s, yParity } = await signature(`0x03${toRlp(unsigned).slice(2)}`);
    const raw = `0x03${toRlp([...unsigned, yParity ? '0x01' : '0x', r, s]).slice(2)}`;
    await assert.rejects(send(raw), /blob|type not supported/i);
  });

  test('a nonce far ahead is refused or waits, and is never executed', async () => {
    const nonce = (await client.getTransactionCount({ address: account.address })) + 100_000;
    const raw = await sign({ nonce });
    await send(raw).catch((error) => assert.match(error.message, /nonce/));
    assert.equal(await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [keccak256(raw)]), null);
  });

  test('one sender can not fill the pool', async () => {
    const sender = l2Account(network, 9);
    const first = await client.getTransactionCount({ address: sender.address });
    const fields = { chainId: network.l2_chain_id, type: 'eip1559', gas: 21_000n, maxFeePerGas: parseGwei('1'), to };
    let refused;
    for (let gap = 1; gap <= 300 && !refused; gap++) {
      const raw = await sender.signTransaction({ ...fields, nonce: first + gap });
      refused = await send(raw).then(() => undefined, (error) => error);
    }
    assert.match(refused?.message ?? 'nothing was refused', /limit|full|too many/i);
  });

  test('a call that never ends runs out of gas', async () => {
    // JUMPDEST PUSH0 JUMP
    await assert.rejects(
      rpc(network.l2_rpc, 'eth_call', [{ to }, 'latest', { [to]: { code: '0x5b5f56' } }]),
      /out of gas|gas/,
    );
  });

  test('logs over too many blocks, or of a range that ends before it begins, are refused', async () => {
    await assert.rejects(rpc(network.l2_rpc, 'eth_getLogs', [{ fromBlock: '0x10', toBlock: '0x1' }]), { code: INVALID_PARAMS });
  });

  test('an unknown filter is refused', async () => {
    const unknown = `0x${'0'.repeat(31)}1`;
    await assert.rejects(rpc(network.l2_rpc, 'eth_getFilterChanges', [unknown]), /filter not found/);
    assert.equal(await rpc(network.l2_rpc, 'eth_uninstallFilter', [unknown]), false);
  });

  test('garbage over WebSocket gets an error, not silence', async () => {
    const socket = new WebSocket(network.l2_ws);
    await new Promise((done, fail) => {
      socket.onopen = done;
      socket.onerror = fail;
    });
    const answer = new Promise((done) => (socket.onmessage = ({ data }) => done(JSON.parse(data))));
    socket.send('{not json');
    assert.equal((await answer).error.code, PARSE_ERROR);
    socket.close();
  });
});

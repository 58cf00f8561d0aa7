// The economy on a real L2, deployed and operated with its forge scripts: proven transactions like any other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { keccak256, parseEther, toHex } from 'viem';

import { ROOT, foundry, rpc, run, startDevnet } from '../lib/devnet.mjs';

const LIGHT = `0x${Buffer.from('light').toString('hex').padStart(64, '0')}`;
const HEAVY = `0x${Buffer.from('heavy').toString('hex').padStart(64, '0')}`;
const POSEIDON = '0x0000000000000000000000000000000000c0e100';

const word = (value) => BigInt(value).toString(16).padStart(64, '0');

describe('economy', () => {
  let devnet, network, governor, creator, payee, listener, addresses;
  const work = `0x00${keccak256(toHex('work')).slice(4)}`;

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    [governor, creator, payee, listener] = network.accounts;
  });
  after(() => devnet?.stop());

  const tool = async (name, args, env) => {
    const { code, stdout, stderr } = await run(foundry(name), args, { env });
    assert.equal(code, 0, `${name} ${args[0]}: ${stderr}${stdout}`);
    return stdout.trim();
  };
  const cast = (...args) => tool('cast', [...args, '--rpc-url', network.l2_rpc]);
  const script = async (name, args, key) => {
    const env = { ...process.env, CREATOR_KEY: creator.private_key, ISSUER_KEY: governor.private_key };
    const keys = key ? ['--private-key', key] : [];
    const output = await tool('forge', ['script', `deploy/economy/${name}.s.sol`, '--rpc-url', network.l2_rpc, '--broadcast', ...keys, ...args], env);
    assert.match(output, /ONCHAIN EXECUTION COMPLETE/);
    return output;
  };
  const register = (signature, args, key) => script('RegisterWork', ['--sig', signature, ...args], key);
  const operate = (signature, args) => script('OperateEconomy', ['--sig', signature, ...args], governor.private_key);
  const call = (contract, ...args) => cast('call', addresses[contract], ...args);
  const send = async (contract, from, ...args) => {
    const receipt = JSON.parse(await cast('send', addresses[contract], ...args, '--private-key', from.private_key, '--json'));
    assert.equal(receipt.status, '0x1');
    return receipt;
  };
  const poseidon = (left, right) => rpc(network.l2_rpc, 'eth_call', [{ to: POSEIDON, data: `0x${word(left)}${word(right)}` }, 'latest']);

  /** Root of a tree of depth 20 with these leaves and nothing else, by the chain's own precompile. */
  const rootOf = async (leaves) => {
    let level = leaves;
    let empty = `0x${word(0)}`;
    for (let depth = 0; depth < 20; depth += 1) {
      const above = [];
      for (let i = 0; i < level.length; i += 2) above.push(await poseidon(level[i], level[i + 1] ?? empty));
      level = above;
      empty = await poseidon(empty, empty);
    }
    return level[0];
  };
  const leafOf = (tier, epoch, commitment) => poseidon(commitment, (BigInt(tier) << 64n) + epoch);

  test('one script deploys everything and writes one file of addresses', async () => {
    await script('DeployEconomy', [], governor.private_key);
    addresses = JSON.parse(readFileSync(join(ROOT, `deploy/out/economy-${network.l2_chain_id}.json`), 'utf8'));
    assert.equal(addresses.l2ChainId, network.l2_chain_id);
    const { l2ChainId, timelock, ...proxies } = addresses;
    assert.equal(Object.keys(proxies).length, 15);
    for (const [name, proxy] of Object.entries(proxies)) {
      assert.equal(await cast('call', proxy, 'owner()(address)'), timelock, name);
    }
  });

  test('Split proofs are verified on the L2, and changed ones are not', async () => {
    const kept = JSON.parse(readFileSync(join(ROOT, 'test/vectors/split-proof.json'), 'utf8'));
    const verify = (verifier, inputs, proof) => cast('call', verifier, 'verify(uint256[8],bytes)(bool)', `[${inputs}]`, proof);
    const holdsWhatItShould = async (verifier) => {
      assert.equal(await cast('call', verifier, 'srs()(string)'), `"${kept.srs}"`);
      assert.equal(await verify(verifier, kept.inputs, kept.proof), 'true');
      const last = kept.proof.slice(-1) === '0' ? '1' : '0';
      assert.equal(await verify(verifier, kept.inputs, kept.proof.slice(0, -1) + last), 'false');
      assert.equal(await verify(verifier, kept.inputs.with(7, kept.inputs[6]), kept.proof), 'false');
    };
    const verifier = await call('consumption', 'verifier()(address)');
    await holdsWhatItShould(verifier);

    const output = await script('DeploySplitVerifier', [], governor.private_key);
    const [, next] = output.match(/SplitVerifier (0x[0-9a-fA-F]{40})/);
    await operate('setSplitVerifier(bool,address)', ['true', next]);
    await operate('setSplitVerifier(bool,address)', ['false', next]);
    assert.notEqual(next, verifier);
    assert.equal(await call('consumption', 'verifier()(address)'), next);
    await holdsWhatItShould(next);
  });

  test('a creator registers a work with a collaborator who agreed', async () => {
    await register('creator(bytes32)', [keccak256(toHex('metadata'))]);
    await register('credential(address,bytes32)', [creator.address, keccak256(toHex('credential'))]);
    const creatorId = await call('creators', 'creatorOf(address)(bytes32)', creator.address);
    await register('consent(bytes32,bytes32,uint96)', [work, creatorId, '400000'], payee.private_key);
    const payees = `[${creator.address},${payee.address}]`;
    await register('work(bytes32,address[],uint96[],uint256,string)', [work, payees, '[600000,400000]', '1200', 'world']);
    assert.match(await call('registry', 'termsAt(bytes32,uint64)((uint64,bytes32))', work, '1'), /^\(1200, /);
  });

  test('listeners subscribe, renew and upgrade; the tree is that of their leaves', async () => {
    const fee = parseEther('5').toString();
    const { gasUsed } = await send('tiers', listener, 'subscribe(bytes32,uint256)', LIGHT, '41', '--value', fee);
    assert.ok(BigInt(gasUsed) <= 150_000n, `the epoch's first subscription took ${BigInt(gasUsed)} gas`);
    const second = await send('tiers', listener, 'subscribe(bytes32,uint256)', LIGHT, '42', '--value', fee);
    assert.ok(BigInt(second.gasUsed) <= 150_000n, `a subscription took ${BigInt(second.gasUsed)} gas`);
    await send('tiers', listener, 'renew(bytes32,uint256)', LIGHT, '41', '--value', fee);
    const epoch = BigInt(await call('clock', 'currentEpoch()(uint64)'));
    const leaves = [await leafOf(LIGHT, epoch, 41n), await leafOf(LIGHT, epoch, 42n)];
    const root = await call('tiers', 'subscriptionRoot(uint64)(uint256)', String(epoch));
    assert.equal(BigInt(root.split(' ')[0]), BigInt(await rootOf(leaves)));

    const siblings = [BigInt(leaves[0]), ...Array(19).fill(0n)];
    const upgrade = ['upgrade(bytes32,uint256,uint256[20])', HEAVY, '42', `[${siblings}]`];
    await send('tiers', listener, ...upgrade, '--value', parseEther('15').toString());
    leaves[1] = await leafOf(HEAVY, epoch, 42n);
    const upgraded = await call('tiers', 'subscriptionRoot(uint64)(uint256)', String(epoch));
    assert.equal(BigInt(upgraded.split(' ')[0]), BigInt(await rootOf(leaves)));
  });

  test('a payment to a work reaches both payees', async () => {
    await send('splitPay', listener, 'pay(bytes32)', work, '--value', '1001');
    assert.equal(await call('splitPay', 'owed(address)(uint256)', creator.address), '601');
    assert.equal(await call('splitPay', 'owed(address)(uint256)', payee.address), '400');
    await send('splitPay', listener, 'claim(address)', payee.address);
    assert.equal(await call('splitPay', 'totalOwed()(uint256)'), '601');
  });

  test('governance acts through the timelock', async () => {
    const terms = ['7000000000000000000', '3600', '3'];
    await operate('setTier(bool,string,uint112,uint48,uint48)', ['true', 'family', ...terms]);
    await operate('setTier(bool,string,uint112,uint48,uint48)', ['false', 'family', ...terms]);
    const family = `0x${Buffer.from('family').toString('hex').padStart(64, '0')}`;
    assert.equal((await call('tiers', 'feeOf(bytes32)(uint256)', family)).split(' ')[0], terms[0]);
  });
});

// The reader of the addresses, as compiled by tsc: what is not exactly a deployment of the asked chain is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const TSC = resolve(PROJECT, '../../node_modules/.bin/tsc');

describe('addresses of the economy', () => {
  let folder, sdk;
  const address = (number) => `0x${String(number).padStart(40, '0')}`;
  const valid = () => ({ l2ChainId: 51337, ...Object.fromEntries(sdk.ECONOMY_CONTRACTS.map((name, i) => [name, address(i + 1)])) });
  const parse = (file, chainId = 51337) => sdk.parseEconomy(JSON.stringify(file), chainId);
  const refused = (file, message, chainId) => assert.throws(() => parse(file, chainId), { name: 'EconomyFileError', message });

  before(async () => {
    // Beside node_modules, where the compiled files find viem.
    folder = mkdtempSync(join(PROJECT, '.compiled-'));
    execFileSync(TSC, ['-p', PROJECT, '--noEmit', 'false', '--outDir', folder]);
    sdk = await import(join(folder, 'src/index.js'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('a deployment is read as it is', () => {
    assert.equal(sdk.ECONOMY_CONTRACTS.length, 16);
    assert.deepEqual(parse(valid()), valid());
  });

  test('a missing, unknown or malformed contract is named', () => {
    const { tiers, ...without } = valid();
    refused(without, /no address of `tiers`/);
    refused({ ...valid(), bank: tiers }, /does not know: bank/);
    for (const bad of ['0x1', 7, null, address(0), `${tiers}00`]) refused({ ...valid(), tiers: bad }, /`tiers` .* is no address/);
  });

  test('another chain, and what is no file of addresses, is refused', () => {
    refused(valid(), /for chain id 51337, not 1$/, 1);
    refused({}, /for chain id undefined/);
    refused([], /not a JSON object/);
    refused(null, /not a JSON object/);
    assert.throws(() => sdk.parseEconomy('{', 51337), { name: 'EconomyFileError', message: /is not JSON/ });
  });

  test('ABIs are there for every contract of the file', () => {
    for (const name of ['cweTiers', 'workRegistry', 'splitPay', 'escrow', 'cwePayouts', 'l1BlockOracle', 'cln', 'bridge']) {
      assert.ok(Array.isArray(sdk[`${name}Abi`]), name);
    }
    const files = readdirSync(new URL('../src/abi', import.meta.url)).filter((file) => file !== 'index.ts');
    assert.equal(Object.keys(sdk).filter((name) => name.endsWith('Abi')).length, files.length);
  });
});

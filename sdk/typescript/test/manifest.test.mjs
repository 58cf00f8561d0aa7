// Manifests that the Rust crate made and refused (test/vectors/manifest): viem comes to the same ids and signers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const TSC = resolve(PROJECT, '../../node_modules/.bin/tsc');
const VECTORS = resolve(PROJECT, '../../test/vectors/manifest');
const CHECKED_HERE = [
  'float',
  'integer_out_of_range',
  'manifest_id_mismatch',
  'signature_high_s',
  'signature_malformed',
  'signature_unrecoverable',
  'wrong_creator',
];

const read = (path) => JSON.parse(readFileSync(join(VECTORS, path), 'utf8'));

describe('manifests', () => {
  let folder, sdk;

  before(async () => {
    // Beside node_modules, where the compiled files find viem.
    folder = mkdtempSync(join(PROJECT, '.compiled-'));
    execFileSync(TSC, ['-p', PROJECT, '--noEmit', 'false', '--outDir', folder]);
    sdk = await import(join(folder, 'src/index.js'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('every valid vector has the id and signer that Rust found', async () => {
    const files = readdirSync(join(VECTORS, 'valid'));
    assert.ok(files.length >= 4);
    for (const file of files) {
      const { json, valid, checks } = read(`valid/${file}`);
      const manifest = JSON.parse(json);
      assert.equal(sdk.manifestId(manifest), valid.manifest_id, file);
      assert.equal(sdk.manifestSigningHash(valid.manifest_id), valid.signing_hash, file);
      const delegates = (checks?.delegates ?? []).map((account) => account.toLowerCase());
      const author = await sdk.verifyManifest(manifest, (_, account) => delegates.includes(account.toLowerCase()));
      assert.equal(author.address.toLowerCase(), valid.signer.toLowerCase(), file);
      if (delegates.length === 0) assert.equal(author.creatorId, valid.creator_id, file);
    }
  });

  test('what breaks id or signature is refused by the same rule', async () => {
    for (const code of CHECKED_HERE) {
      const { json, error } = read(`invalid/${code}.json`);
      await assert.rejects(sdk.verifyManifest(JSON.parse(json)), { name: 'ManifestError', code, field: error.field });
    }
  });

  test('how the JSON is written does not matter', () => {
    const { json, valid } = read('valid/audio.json');
    const backwards = Object.fromEntries(Object.entries(JSON.parse(json)).reverse());
    assert.equal(sdk.manifestId(JSON.parse(JSON.stringify(backwards, null, 3))), valid.manifest_id);
  });
});

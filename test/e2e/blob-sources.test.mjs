// A full node's sources of blobs: what is right is taken, whoever serves it; what is wrong is refused and the next asked.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { l2Public, l2Wallet } from '../lib/clients.mjs';
import { BlobServer } from '../lib/blob-server.mjs';
import { eventually, funded, metric, rpc, startL1, startNode, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

const BATCHES = 2;
const MIB = 1 << 20;

describe('blobs', () => {
  let folder, l1, network, beacon, archive, all, safe, node;

  before(async () => {
    folder = temporaryFolder();
    l1 = await startL1(folder);
    network = l1.network;
    const client = l2Public(network);
    const sequencer = await startSequencer(folder, network);
    await funded(network);
    for (let batch = 0; batch < BATCHES; batch++) {
      const hash = await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
      const { blockNumber } = await client.waitForTransactionReceipt({ hash });
      await eventually('the batch', async () => (await client.getBlock({ blockTag: 'safe' })).number >= blockNumber);
    }
    safe = await client.getBlock({ blockTag: 'safe' });
    await sequencer.stop();
    beacon = await BlobServer.start(network.l1_rpc);
    archive = await BlobServer.start(network.l1_rpc);
    all = await beacon.allBlobs();
    assert.ok(all.length >= BATCHES);
  });
  after(async () => {
    await node?.stop();
    await l1?.stop();
    await beacon?.stop();
    await archive?.stop();
  });

  let nodes = 0;
  /** A node without data, with these sources. */
  const begin = async (sources, ...more) => {
    await node?.stop();
    beacon.asked = [];
    archive.asked = [];
    nodes += 1;
    const settings = Object.entries(sources).map(([key, urls]) => `blobs.${key}=${JSON.stringify(urls)}`);
    node = await startNode(folder, ['blobs.anvil=false', `data_dir=${join(folder, `node-${nodes}`)}`, ...settings, ...more]);
  };
  const rebuilt = async () => {
    const number = `0x${safe.number.toString(16)}`;
    const block = await eventually('the rebuilt chain', () => rpc(node.url, 'eth_getBlockByNumber', [number, false]));
    assert.equal(block.hash, safe.hash);
    assert.equal(block.stateRoot, safe.stateRoot);
  };
  const fetched = async (source, outcome) => {
    const samples = await metric(node.ops, 'cwe_blob_fetch_total');
    const sample = samples.find(({ labels }) => labels.includes(`source="${source}"`) && labels.includes(`outcome="${outcome}"`));
    return sample?.value ?? 0;
  };
  const both = () => ({ beacon_urls: [beacon.url], archive_urls: [archive.archiveUrl] });

  test('come from a beacon node', async () => {
    await begin(both());
    await rebuilt();
    assert.ok((await fetched('beacon', 'ok')) >= BATCHES);
    assert.equal(archive.asked.length, 0);
  });

  test('come from an older beacon node, which serves sidecars', async () => {
    beacon.answer = (path, honest) => (path.includes('/beacon/blobs/') ? { status: 404, body: '' } : honest());
    await begin(both());
    await rebuilt();
    assert.ok(beacon.asked.some((path) => path.includes('/blob_sidecars/')));
    assert.equal(archive.asked.length, 0);
  });

  const ofSlot = (answer) => (path, honest) => (/\/(blobs|blob_sidecars)\//.test(path) ? answer(path, honest) : honest());
  /** Every blob with a changed bit: still a blob, with another hash. */
  const changed = async (_, honest) => {
    const { status, body } = await honest();
    return { status, body: body.replace(/0x(..)(..)/g, (_, first, second) => `0x${first}${(parseInt(second, 16) ^ 1).toString(16).padStart(2, '0')}`) };
  };
  /** Every blob but those that were asked for. */
  const swapped = async (path) => {
    const own = await beacon.blobsOf(Number(path.split('/').pop()));
    return { status: 200, body: JSON.stringify({ data: all.filter((blob) => !own.includes(blob)) }) };
  };

  for (const [name, answer] of [
    ['are gone', () => ({ status: 404, body: '{"code":404,"message":"pruned"}' })],
    ['are changed', changed],
    ['belong to another block', swapped],
    ['are cut off', async (_, honest) => ({ status: 200, body: (await honest()).body.slice(0, -100) })],
    ['are none', () => ({ status: 200, body: '{"data":[]}' })],
    ['are garbage', () => ({ status: 200, body: '<html>502 Bad Gateway</html>' })],
    ['never end', () => ({ status: 200, body: `{"data":["0x${'00'.repeat(20 * MIB)}"]}` })],
    ['never come', () => new Promise(() => {})],
  ]) {
    test(`come from an archive when those of the beacon node ${name}`, async () => {
      beacon.answer = ofSlot(answer);
      await begin(both(), 'l1.request_timeout_ms=2000');
      await rebuilt();
      assert.ok((await fetched('beacon', 'failed')) >= BATCHES);
      assert.ok((await fetched('archive', 'ok')) >= BATCHES);
      assert.equal(await fetched('beacon', 'ok'), 0);
    });
  }

  test('that an archive serves as bytes are taken, and those of another hash are not', async () => {
    const wrong = await BlobServer.start(network.l1_rpc);
    wrong.answer = changed;
    archive.answer = async (_, honest) => {
      const { status, body } = await honest();
      return { status, body: Buffer.from(JSON.parse(body).data.slice(2), 'hex') };
    };
    await begin({ archive_urls: [wrong.archiveUrl, archive.archiveUrl] });
    await rebuilt();
    assert.ok(wrong.asked.length >= BATCHES);
    assert.ok((await fetched('archive', 'failed')) >= BATCHES);
    await wrong.stop();
    archive.answer = (_, honest) => honest();
  });

  test('that nobody has are named with what each source said, and the node goes on when one has them', async () => {
    const gone = () => ({ status: 404, body: '' });
    beacon.answer = ofSlot(gone);
    archive.answer = gone;
    await begin(both());
    await node.program.says(/blob 0x01\w{62} of L1 block \d+ can't be fetched \(beacon: .*404.*archive: HTTP status 404\); .*blobs\.archive_urls/);
    assert.equal(BigInt(await rpc(node.url, 'eth_blockNumber')), 0n);
    assert.equal((await fetch(`${node.ops}/ready`)).status, 503);
    archive.answer = (_, honest) => honest();
    await rebuilt();
  });

  test('can not be had without a source, and the node says what to configure', async () => {
    await begin({});
    assert.ok(node.program.said(/no source of blobs is configured/), node.program.tail());
    await node.program.says(/can't be fetched \(no source is configured\); .*blobs\.archive_urls/);
  });
});

// The API of a beacon node and a blob archive, with the real blobs of an anvil. It can be told to answer something else.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { rpc } from './devnet.mjs';

const NOT_FOUND = { status: 404, body: '{"code":404,"message":"not found"}' };
const json = (data) => ({ status: 200, body: JSON.stringify({ data }) });

export class BlobServer {
  /** Paths that were asked for. */
  asked = [];
  /** `(path, honest) => answer`: what to answer in the place of `await honest()`. */
  answer = (_, honest) => honest();

  /** A server of the blobs that the L1 at `l1` holds. */
  static async start(l1) {
    const server = new BlobServer();
    server.l1 = l1;
    server.genesisTime = Number((await rpc(l1, 'eth_getBlockByNumber', ['0x0', false])).timestamp);
    server.http = createServer((request, response) => server.#handle(request, response)).listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    server.url = `http://127.0.0.1:${server.http.address().port}`;
    server.archiveUrl = `${server.url}/archive/{hash}`;
    return server;
  }

  async stop() {
    this.http.close();
    this.http.closeAllConnections();
    await once(this.http, 'close');
  }

  async #handle(request, response) {
    this.asked.push(request.url);
    const { status, body } = await this.answer(request.url, () => this.#honest(request.url));
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }

  async #honest(path) {
    const [, kind, last] = path.match(/(genesis|spec|blobs|blob_sidecars|archive)(?:\/(\w+))?$/) ?? [];
    switch (kind) {
      case 'genesis':
        return json({ genesis_time: String(this.genesisTime) });
      case 'spec':
        return json({ SECONDS_PER_SLOT: '1' });
      case 'blobs':
        return json(await this.blobsOf(Number(last)));
      case 'blob_sidecars':
        return json((await this.blobsOf(Number(last))).map((blob, index) => ({ index: String(index), blob })));
      case 'archive':
        return this.#archived(last);
      default:
        return NOT_FOUND;
    }
  }

  async #archived(hash) {
    const blob = await rpc(this.l1, 'anvil_getBlobByHash', [hash]);
    return blob ? json(blob) : NOT_FOUND;
  }

  /** The blobs of a slot; a slot is a second. */
  async blobsOf(slot) {
    for (let number = await this.#latest(); number >= 0; number--) {
      const block = await this.#block(number);
      const blockSlot = Number(block.timestamp) - this.genesisTime;
      if (blockSlot === slot) return this.#blobsIn(block);
      if (blockSlot < slot) break;
    }
    return [];
  }

  /** The blobs of all blocks. */
  async allBlobs() {
    const blobs = [];
    for (let number = await this.#latest(); number >= 0; number--) blobs.push(...(await this.#blobsIn(await this.#block(number))));
    return blobs;
  }

  async #latest() {
    return Number(await rpc(this.l1, 'eth_blockNumber'));
  }

  #block(number) {
    return rpc(this.l1, 'eth_getBlockByNumber', [`0x${number.toString(16)}`, true]);
  }

  #blobsIn(block) {
    const hashes = block.transactions.flatMap(({ blobVersionedHashes = [] }) => blobVersionedHashes);
    return Promise.all(hashes.map((hash) => rpc(this.l1, 'anvil_getBlobByHash', [hash])));
  }
}

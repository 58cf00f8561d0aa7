// Writes unixfs.json beside this file: content ids by IPFS's own importer. In a folder of its own:
//   npm install ipfs-unixfs-importer@17.1.1 blockstore-core && cp …/unixfs.mjs . && node unixfs.mjs > unixfs.json
import { MemoryBlockstore } from 'blockstore-core';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';

const file = (bytes) => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 13 + (i >> 16)) & 0xff);
const sizes = [
  [0, 16],
  [1, 16],
  [15, 16],
  [16, 16],
  [17, 16],
  [32, 16],
  [100, 16],
  [174 * 16, 16],
  [174 * 16 + 1, 16],
  [175 * 16, 16],
  [348 * 16, 16],
  [349 * 16, 16],
  [174 * 174 * 4, 4],
  [174 * 174 * 4 + 1, 4],
  [174 * 174 * 4 * 2 + 9, 4],
  [262144, 65536],
  [1048576 * 3, 524288],
];
const files = [];
for (const [bytes, chunk] of sizes) {
  const { cid } = await importBytes(file(bytes), new MemoryBlockstore(), {
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: chunk }),
    layout: balanced({ maxChildrenPerNode: 174 }),
  });
  files.push({ bytes, chunk, cid: cid.toString() });
}
console.log(JSON.stringify({ about: 'byte i of a file is 7i + 13(i >> 8) + (i >> 16), mod 256; see unixfs.mjs', files }, null, 2));

// Writes sealed.json beside this file: content ids, and SHA-256 of archives, of files sealed by docs/MANIFEST.md with
// Node's own cryptography and IPFS's own importer and archiver. In a folder of its own:
//   npm install ipfs-unixfs-importer@17.1.1 blockstore-core @ipld/car@5.4.7 && cp …/sealed.mjs . && node sealed.mjs > sealed.json
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { CarWriter } from '@ipld/car';
import { MemoryBlockstore } from 'blockstore-core';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';

const hmac = (key, message) => createHmac('sha256', key).update(message).digest();

function padme(length) {
  const exponent = Math.floor(Math.log2(length));
  const unit = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return unit <= 1 ? length : Math.ceil(length / unit) * unit;
}

function seal(key, file, fragmentBytes) {
  const whole = file.length + 8;
  let room = fragmentBytes - 16;
  let parts = 1;
  if (whole <= room) room = Math.min(room, Math.max(4096, padme(whole)));
  else parts = padme(Math.ceil(whole / room));
  const plain = Buffer.alloc(parts * room);
  plain.writeBigUInt64BE(BigInt(file.length));
  file.copy(plain, 8);
  const index = (part) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(part);
    return bytes;
  };
  const sealed = Array.from({ length: parts }, (_, part) => {
    const nonce = Buffer.concat([Buffer.alloc(7), index(part), Buffer.of(part + 1 === parts ? 1 : 0)]);
    const cipher = createCipheriv('chacha20-poly1305', hmac(key, 'cwe-content-v1 fragments'), nonce, { authTagLength: 16 });
    cipher.setAAD(Buffer.from('cwe-content-v1'), { plaintextLength: room });
    const body = cipher.update(plain.subarray(part * room, (part + 1) * room));
    cipher.final();
    return { tag: hmac(hmac(key, 'cwe-content-v1 order'), index(part)), bytes: Buffer.concat([body, cipher.getAuthTag()]) };
  });
  sealed.sort((a, b) => Buffer.compare(a.tag, b.tag));
  return { fragments: parts, fragmentBytes: room + 16, file: Buffer.concat(sealed.map(({ bytes }) => bytes)) };
}

/** Of an archive with the fragments by place and then the root, which is all there is up to 174 fragments. */
async function archiveHash(root, sealed, fragments, fragmentBytes, store) {
  const { writer, out } = CarWriter.create([root]);
  const hash = createHash('sha256');
  const hashed = (async () => {
    for await (const bytes of out) hash.update(bytes);
  })();
  for (let place = 0; place < fragments; place++) {
    const bytes = sealed.subarray(place * fragmentBytes, (place + 1) * fragmentBytes);
    const { cid } = await importBytes(bytes, new MemoryBlockstore(), { ...options, chunker: fixedSize({ chunkSize: fragmentBytes }) });
    await writer.put({ cid, bytes });
  }
  if (fragments > 1) await writer.put({ cid: root, bytes: await contents(store.get(root)) });
  await writer.close();
  await hashed;
  return `0x${hash.digest('hex')}`;
}

async function contents(block) {
  const got = await block;
  if (got instanceof Uint8Array) return got;
  const pieces = [];
  for await (const piece of got) pieces.push(piece);
  return Buffer.concat(pieces);
}

const options = {
  cidVersion: 1,
  rawLeaves: true,
  reduceSingleLeafToSelf: true,
  layout: balanced({ maxChildrenPerNode: 174 }),
};
const files = [];
for (const [bytes, size] of [
  [0, 16384],
  [5, 524288],
  [16360, 16384],
  [16361, 16384],
  [100000, 16384],
  [3000000, 16384],
  [1500000, 524288],
]) {
  const key = Buffer.alloc(32, (bytes % 255) + 1);
  const file = Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i % 251));
  const { fragments, fragmentBytes, file: sealed } = seal(key, file, size);
  const store = new MemoryBlockstore();
  const { cid } = await importBytes(sealed, store, { ...options, chunker: fixedSize({ chunkSize: fragmentBytes }) });
  const archive = fragments <= 174 ? { car_sha256: await archiveHash(cid, sealed, fragments, fragmentBytes, store) } : {};
  files.push({ bytes, size, key: `0x${key.toString('hex')}`, fragments, fragment_bytes: fragmentBytes, content_id: cid.toString(), ...archive });
}
console.log(JSON.stringify({ about: 'byte i of a file is i mod 251; size is that of a full fragment; see sealed.mjs', files }, null, 2));

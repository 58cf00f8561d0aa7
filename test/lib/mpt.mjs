// Verifies Merkle-Patricia proofs (`eth_getProof`) independently of the node under test.
import { fromRlp, keccak256 } from 'viem';

/** The value that `proof` shows at `key` under `root`; null when it shows that there is none. Throws on a bad proof. */
export function provenValue(root, key, proof) {
  let path = [...keccak256(key).slice(2)].map((nibble) => parseInt(nibble, 16));
  let reference = root;
  let next = 0;
  for (;;) {
    const node = Array.isArray(reference) ? reference : fromRlp(take(proof[next++], reference));
    if (node.length === 17) {
      if (path.length === 0) return node[16] === '0x' ? null : node[16];
      reference = node[path[0]];
      path = path.slice(1);
      if (reference === '0x') return null;
    } else {
      const { nibbles, isLeaf } = decodePath(node[0]);
      const matches = nibbles.every((nibble, position) => path[position] === nibble);
      if (isLeaf) return matches && nibbles.length === path.length ? node[1] : null;
      if (!matches) return null;
      path = path.slice(nibbles.length);
      reference = node[1];
    }
  }
}

function take(encoded, hash) {
  if (encoded === undefined) throw new Error(`the proof lacks node ${hash}`);
  if (keccak256(encoded) !== hash) throw new Error(`a node does not hash to ${hash}`);
  return encoded;
}

function decodePath(encoded) {
  const nibbles = [...encoded.slice(2)].map((nibble) => parseInt(nibble, 16));
  const isLeaf = nibbles[0] >= 2;
  return { nibbles: nibbles.slice(nibbles[0] % 2 === 1 ? 1 : 2), isLeaf };
}

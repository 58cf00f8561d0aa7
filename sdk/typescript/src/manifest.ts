// A manifest's id and signature (docs/MANIFEST.md), as crates/manifest computes them.
import { hashTypedData, isHex, keccak256, recoverPublicKey, sha256, size, slice, toBytes, type Address, type Hex } from 'viem';
import { publicKeyToAddress } from 'viem/utils';

/** A parsed manifest. That its fields obey their rules, docs/schema/manifest.schema.json tells. */
export type Manifest = {
  readonly manifest_id: Hex;
  readonly creator_id: Hex;
  readonly signature: Hex;
  readonly [field: string]: unknown;
};

/** Whose key signed. */
export type Author = { readonly creatorId: Hex; readonly address: Address };

/** The manifest breaks the rule `code`, in `field`. Codes are those of docs/MANIFEST.md. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';

  constructor(
    readonly code: string,
    readonly field: string,
    found: string,
  ) {
    super(`manifest refused (${code}): \`${field}\` is ${found}`);
  }
}

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/**
 * SHA-256 of the canonical JSON (RFC 8785) of all fields but `manifest_id` and `signature`.
 *
 * @throws ManifestError `float` or `integer_out_of_range` for numbers that not every program reads alike.
 */
export function manifestId(manifest: Readonly<Record<string, unknown>>): Hex {
  const { manifest_id: _id, signature: _signature, ...body } = manifest;
  return sha256(toBytes(canonical(body, 'manifest')));
}

/** What the creator signs (EIP-712) for a manifest with this id. */
export function manifestSigningHash(manifestId: Hex): Hex {
  return hashTypedData({
    domain: { name: 'CWE Manifest', version: '1' },
    types: { Manifest: [{ name: 'manifestId', type: 'bytes32' }] },
    primaryType: 'Manifest',
    message: { manifestId },
  });
}

/**
 * Checks id and signature.
 *
 * @param mayPublish Asked when another key than the creator's signed: whether this account is a delegate that may publish
 * (`CreatorRegistry.mayAct`, role 1). Without it only the creator's key is accepted.
 * @throws ManifestError with `manifest_id_mismatch`, `signature_malformed`, `signature_high_s`,
 * `signature_unrecoverable` or `wrong_creator`.
 */
export async function verifyManifest(
  manifest: Manifest,
  mayPublish: (creatorId: Hex, account: Address) => boolean | Promise<boolean> = () => false,
): Promise<Author> {
  const computed = manifestId(manifest);
  if (computed !== manifest.manifest_id) {
    throw new ManifestError('manifest_id_mismatch', 'manifest_id', `${String(manifest.manifest_id)} and not ${computed}`);
  }
  const author = await authorOf(manifestSigningHash(computed), manifest.signature);
  if (author.creatorId === manifest.creator_id || (await mayPublish(manifest.creator_id, author.address))) return author;
  throw new ManifestError('wrong_creator', 'signature', `that of ${author.address}`);
}

async function authorOf(hash: Hex, signature: Hex): Promise<Author> {
  if (!isHex(signature) || size(signature) !== 65 || !['0x1b', '0x1c'].includes(slice(signature, 64))) {
    throw new ManifestError('signature_malformed', 'signature', 'not 65 bytes with v = 27 or 28');
  }
  if (BigInt(slice(signature, 32, 64)) > HALF_ORDER) throw new ManifestError('signature_high_s', 'signature', signature);
  let key: Hex;
  try {
    key = await recoverPublicKey({ hash, signature });
  } catch {
    throw new ManifestError('signature_unrecoverable', 'signature', signature);
  }
  return { creatorId: keccak256(slice(key, 1)), address: publicKeyToAddress(key) };
}

/** RFC 8785: its numbers and strings are those of `JSON.stringify`, its keys are sorted by UTF-16 code units. */
function canonical(value: unknown, field: string): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new ManifestError(Number.isInteger(value) ? 'integer_out_of_range' : 'float', field, String(value));
  }
  if (Array.isArray(value)) return `[${value.map((entry, index) => canonical(entry, `${field}[${index}]`)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry, key)}`).join(',')}}`;
}

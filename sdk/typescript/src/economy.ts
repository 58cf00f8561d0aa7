// The addresses of the economy's contracts: the file that `deploy/economy/DeployEconomy.s.sol` writes, read with care.
import { getAddress, type Address } from 'viem';

/** The contracts by the names that the file gives them. */
export const ECONOMY_CONTRACTS = [
  'timelock',
  'clock',
  'beacon',
  'parameters',
  'regions',
  'identity',
  'creators',
  'registry',
  'splitPay',
  'escrow',
  'directSale',
  'treasury',
  'tiers',
  'consumption',
  'payouts',
  'refunds',
] as const;

export type EconomyContract = (typeof ECONOMY_CONTRACTS)[number];

/** Where the economy is. */
export type EconomyAddresses = { readonly l2ChainId: number } & { readonly [name in EconomyContract]: Address };

/** The file is not the addresses of the chain that was asked for; the message says why. */
export class EconomyFileError extends Error {
  override readonly name = 'EconomyFileError';
}

/**
 * The addresses in the JSON text of `deploy/out/economy-<chain id>.json`.
 *
 * @throws EconomyFileError when it is not JSON, is for another chain, lacks a contract, or names one that is unknown.
 */
export function parseEconomy(text: string, l2ChainId: number): EconomyAddresses {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new EconomyFileError(`the economy file is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new EconomyFileError('the economy file is not a JSON object');
  }
  const { l2ChainId: found, ...contracts } = file as Record<string, unknown>;
  if (found !== l2ChainId) {
    throw new EconomyFileError(`the economy file is for chain id ${String(found)}, not ${l2ChainId}`);
  }
  const known: readonly string[] = ECONOMY_CONTRACTS;
  const unknown = Object.keys(contracts).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new EconomyFileError(`the economy file names contracts that this version does not know: ${unknown.join(', ')}`);
  }
  const addresses = ECONOMY_CONTRACTS.map((name) => [name, contractAddress(name, contracts[name])] as const);
  return { l2ChainId, ...(Object.fromEntries(addresses) as Record<EconomyContract, Address>) };
}

function contractAddress(name: EconomyContract, value: unknown): Address {
  if (value === undefined) throw new EconomyFileError(`the economy file has no address of \`${name}\``);
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(value) || /^0x0{40}$/.test(value)) {
    throw new EconomyFileError(`\`${name}\` in the economy file is no address: ${JSON.stringify(value)}`);
  }
  return getAddress(value.toLowerCase());
}

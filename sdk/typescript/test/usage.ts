// Compiled, never run: that viem infers arguments and results from the generated ABIs. Each `@ts-expect-error` is a
// mistake that must not compile.
import { createPublicClient, getContract, http, type Address, type Hex } from 'viem';

import { cweTiersAbi, parseEconomy, workRegistryAbi, type EconomyAddresses } from '../src/index.js';

const client = createPublicClient({ transport: http() });

export async function feeOf(economy: EconomyAddresses, tier: Hex): Promise<bigint> {
  const tiers = getContract({ address: economy.tiers, abi: cweTiersAbi, client });
  // @ts-expect-error: a tier id is 32 bytes in hex, not a number
  await tiers.read.feeOf([1n]);
  // @ts-expect-error: there is no such function
  await tiers.read.priceOf([tier]);
  return tiers.read.feeOf([tier]);
}

export async function payeesOf(text: string, workId: Hex, epoch: bigint): Promise<readonly Address[]> {
  const { registry } = parseEconomy(text, 51337);
  const payees = await client.readContract({
    address: registry,
    abi: workRegistryAbi,
    functionName: 'payeesAt',
    args: [workId, epoch],
  });
  return payees.map(({ account }) => account);
}

// @ts-expect-error: the economy has no such contract
export const wrong = (economy: EconomyAddresses): Address => economy.bank;

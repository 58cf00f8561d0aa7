// viem clients for the two chains of a devnet, and the token that the tests use.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createPublicClient, createWalletClient, defineChain, http, webSocket } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

import { ROOT, eventually, rpc } from './devnet.mjs';

const POLLING_MS = 50;

/** The L2 as viem describes chains. */
export function l2Chain(network) {
  return defineChain({
    id: network.l2_chain_id,
    name: 'CWE devnet',
    nativeCurrency: { name: 'CWE Credits', symbol: 'CLN', decimals: 18 },
    rpcUrls: { default: { http: [network.l2_rpc], webSocket: [network.l2_ws] } },
  });
}

export function l2Account(network, number) {
  return privateKeyToAccount(network.accounts[number].private_key);
}

export function l2Public(network) {
  return createPublicClient({ chain: l2Chain(network), transport: http(), pollingInterval: POLLING_MS });
}

export function l2Socket(network) {
  return createPublicClient({ chain: l2Chain(network), transport: webSocket(network.l2_ws) });
}

export function l2Wallet(network, number) {
  return createWalletClient({
    chain: l2Chain(network),
    transport: http(),
    account: l2Account(network, number),
    pollingInterval: POLLING_MS,
  });
}

/** A contract as forge compiled it: `{ abi, bytecode }`. */
export function artifact(name) {
  const { abi, bytecode } = JSON.parse(readFileSync(join(ROOT, 'out', `${name}.sol`, `${name}.json`), 'utf8'));
  return { abi, bytecode: bytecode.object };
}

/**
 * Waits until a block is sealed. A receipt is there at once, from the open block; logs and blocks follow when it is
 * sealed.
 */
export async function sealed(network, blockNumber) {
  await eventually(`block ${blockNumber}`, async () => BigInt(await rpc(network.l2_rpc, 'eth_blockNumber')) >= BigInt(blockNumber), 30_000, 20);
}

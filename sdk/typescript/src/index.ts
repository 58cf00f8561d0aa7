// What TypeScript programs need: the contracts for viem (ABIs, generated, and addresses), and manifests.
export * from './abi/index.js';
export * from './economy.js';
export * from './manifest.js';

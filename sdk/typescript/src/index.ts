// What TypeScript programs need to talk to the contracts with viem: ABIs, generated, and addresses.
export * from './abi/index.js';
export * from './economy.js';

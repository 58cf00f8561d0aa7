// An economy on a real L2: deployed by its script, driven by cast, waited for by its own clock.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { getAddress, keccak256, toHex } from 'viem';

import { HUB, Program, ROOT, cwe, eventually, foundry, json, rpc, run, set, startDevnet, temporaryFolder } from './devnet.mjs';

/** Development account that signs a hub's answers. */
const HUB_ACCOUNT = 8;
/** Longest wait for one of an epoch's times. */
const LONGEST_WAIT_MS = 250_000;

/** What a program of Foundry's that must succeed printed. */
export async function tool(name, args, env) {
  const { code, stdout, stderr } = await run(foundry(name), args, { env });
  assert.equal(code, 0, `${name} ${args[0]}: ${stderr}${stdout}`);
  return stdout.trim();
}

export class Economy {
  #folder;
  devnet;
  network;
  addresses;

  constructor(folder = temporaryFolder()) {
    this.#folder = folder;
  }

  /** The economy of a network that runs already; its files are in `folder`, which may hold them from before. */
  static attach(folder, network) {
    const economy = new Economy(folder);
    economy.network = network;
    writeFileSync(economy.at('network.json'), JSON.stringify(network));
    if (existsSync(economy.addressFile)) economy.addresses = JSON.parse(readFileSync(economy.addressFile, 'utf8'));
    return economy;
  }

  /**
   * A devnet, without contracts of ours on its L2 yet. Scripts name the file of addresses by the chain: suites that run
   * side by side give chains of their own.
   */
  static async start(chainId) {
    const economy = new Economy();
    economy.devnet = await startDevnet(chainId ? ['--l2-chain-id', String(chainId)] : []);
    economy.network = economy.devnet.network;
    writeFileSync(economy.at('network.json'), JSON.stringify(economy.network));
    return economy;
  }

  /** A file in the suite's own folder. */
  at = (name) => join(this.#folder, name);

  get addressFile() {
    return this.at(`economy-${this.network.l2_chain_id}.json`);
  }

  /** How a service finds this economy. */
  get l2Settings() {
    const { l2_rpc: url, l2_chain_id: id } = this.network;
    return { 'l2.rpc_url': url, 'l2.chain_id': id, 'l2.economy': this.addressFile };
  }

  /** Settings of a hub whose files are here, on free ports, with a key from a file. */
  hubSettings(keyFile) {
    return {
      ...this.l2Settings, 'l2.poll_interval_ms': 200, 'serve.listen': '127.0.0.1:0', 'ops.listen': '127.0.0.1:0',
      'serve.database': `sqlite:${this.at('hub.db')}`, 'serve.index': this.at('hub-index'), 'answers.private_key_file': keyFile,
    };
  }

  /** Starts such a hub for a suite; it may be started again. */
  async startHub() {
    writeFileSync(this.at('hub.key'), this.network.accounts[HUB_ACCOUNT].private_key, { mode: 0o600 });
    const program = new Program(HUB, ['--json', ...set(this.hubSettings(this.at('hub.key')))]);
    const { url } = await program.waitForLine(json);
    return { program, url };
  }

  /** Deploys the economy, with the devnet's configuration but for `settings`. */
  async deploy(settings = {}) {
    const usual = JSON.parse(readFileSync(join(ROOT, 'deploy/economy/config/devnet.json'), 'utf8'));
    const config = `deploy/out/test-${process.pid}.json`;
    mkdirSync(dirname(join(ROOT, config)), { recursive: true });
    writeFileSync(join(ROOT, config), JSON.stringify({ ...usual, ...settings }));
    try {
      const env = { ...process.env, ECONOMY_CONFIG: config };
      await tool('forge', ['script', 'deploy/economy/DeployEconomy.s.sol', '--broadcast', ...this.key(0)], env);
    } finally {
      rmSync(join(ROOT, config), { force: true });
    }
    copyFileSync(join(ROOT, `deploy/out/economy-${this.network.l2_chain_id}.json`), this.addressFile);
    this.addresses = JSON.parse(readFileSync(this.addressFile, 'utf8'));
  }

  stop() {
    return this.devnet.stop();
  }

  /** Flags with which an account sends to the L2. */
  key = (account) => ['--private-key', this.network.accounts[account].private_key, '--rpc-url', this.network.l2_rpc];

  /** Sends from an account, and waits for the sealed block: what is read of an epoch is read in sealed blocks. */
  async send(account, contract, ...args) {
    const receipt = JSON.parse(await tool('cast', ['send', contract, ...args, ...this.key(account), '--json']));
    assert.equal(receipt.status, '0x1');
    await eventually('the block', async () => BigInt(await rpc(this.network.l2_rpc, 'eth_blockNumber', [])) >= BigInt(receipt.blockNumber));
    return receipt;
  }

  /** What a view returns, without cast's notes beside large numbers. */
  async call(contract, ...args) {
    return (await tool('cast', ['call', contract, ...args, '--rpc-url', this.network.l2_rpc])).replace(/\s\[\d[^\]]*e\d+\]/g, '');
  }

  /** Address of a new contract with this creation code. */
  async create(code) {
    return getAddress(JSON.parse(await tool('cast', ['send', ...this.key(0), '--json', '--create', code])).contractAddress);
  }

  /** Unix time of the last sealed block. */
  async headSecs() {
    return Number((await rpc(this.network.l2_rpc, 'eth_getBlockByNumber', ['latest', false])).timestamp);
  }

  /** Waits for a time, and for a sealed block behind it: a quiet chain seals none. */
  reach(secs, timeoutMs = LONGEST_WAIT_MS) {
    return eventually(`time ${secs}`, async () => {
      if (Date.now() / 1000 < secs) return false;
      await this.tick();
      return (await this.headSecs()) >= secs;
    }, timeoutMs, 1000);
  }

  /** Has a block sealed. */
  tick() {
    return tool('cast', ['send', this.network.accounts[6].address, '--value', '1', ...this.key(5)]);
  }

  /** Gives an account, by its number or address, a creator's credential. */
  credential(account) {
    const issuer = this.network.accounts[0].address;
    const holder = typeof account === 'number' ? this.network.accounts[account].address : account;
    const now = Math.floor(Date.now() / 1000);
    const issuance = `(${issuer},${holder},0,${keccak256(holder)},${now + 10 ** 7},${now + 10 ** 6})`;
    return this.send(0, this.addresses.identity, 'issue((address,address,uint8,bytes32,uint64,uint64),bytes)', issuance, '0x');
  }

  /** Registers a work without content that pays the account only. */
  registerWork(work, account) {
    const args = [work, `[${this.network.accounts[account].address}]`, '[1000000]', '1200', toHex('world', { size: 32 })];
    return this.send(account, this.addresses.registry, 'registerWork(bytes32,address[],uint96[],uint256,bytes32)', ...args);
  }

  /** Times of an epoch. */
  async windows(epoch) {
    const text = await this.call(this.addresses.clock, 'windowsOf(uint64)((uint64,uint64,uint64,uint64,uint64))', String(epoch));
    const [startsAt, endsAt, submissionEndsAt, revealEndsAt, settleableAt] = text.replace(/[()]/g, '').split(',').map(Number);
    return { startsAt, endsAt, submissionEndsAt, revealEndsAt, settleableAt };
  }

  /** What a command of `cwe` that must succeed printed with `--json`. */
  async ok(args, options) {
    const { code, stdout, stderr } = await cwe([...args, '--json', '--network', this.at('network.json')], options);
    assert.equal(code, 0, `cwe ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A command of `cwe` that must fail, saying this. Gives what it printed before. */
  async refused(message, args, options) {
    const { code, stdout, stderr } = await cwe([...args, '--network', this.at('network.json')], options);
    assert.notEqual(code, 0, `cwe ${args.join(' ')} succeeded: ${stdout}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /panicked/);
    return stdout;
  }
}

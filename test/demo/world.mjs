// The parts of the demo's world: an L1, the chain, a full node, the economy's contracts, and the services around them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';

import { CWE, HUB, RELAYER, SEQUENCER, freePort, funded, json, rpc, set } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';
import { COMPARED_STAGE, comparingVerifiers, toldToCompare } from '../lib/payouts.mjs';

const COORDINATOR = join(dirname(CWE), 'cwe-aggregator');
const PROVER = join(dirname(CWE), 'cwe-prover');
const BATCH_AGE_MS = 1500;

/** Development accounts with a part in the story, by their numbers. */
export const ACCOUNTS = { governor: 0, relayer: 6, prover: 7, hub: 8, coordinator: 9 };

/** Ports that the documentation names, taken where they are free; later starts take the same ones if they can. */
const PORTS = {
  l1: 8545, l2: 9545, ops: 9600, node: 9546, relayer: 9603, relayerOps: 9604, coordinator: 9605, coordinatorOps: 9606, hub: 9607, hubOps: 9608, prover: 9609,
};

const local = (port) => `127.0.0.1:${port}`;
const url = (port) => `http://${local(port)}`;
const answers = (address) => async () => (await fetch(address)).ok;

async function portOrFree(port) {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return port;
  } catch {
    return freePort();
  }
}

export class World {
  #run;
  #daemons;
  economy;

  /** `stage`: program of the prover's stages, `keys`: folder of its keys; without them a stand-in compares values. */
  constructor(run, daemons, { stage, keys, chainId, schedule }) {
    this.#run = run;
    this.#daemons = daemons;
    Object.assign(this, { stage, keys, chainId, schedule });
  }

  get network() {
    return this.economy.network;
  }

  get endpoints() {
    const { ports } = this.#run.kept;
    return {
      l1_rpc: url(ports.l1), l2_rpc: url(ports.l2), node_rpc: url(ports.node), hub: url(ports.hub), relayer: url(ports.relayer),
      coordinator: url(ports.coordinator), sequencer_health: `${url(ports.ops)}/health`, prover_health: `${url(ports.prover)}/health`,
    };
  }

  /** Starts everything; the economy is deployed by the first start. */
  async start() {
    await this.#daemons.adopt();
    await this.#choosePorts();
    await this.#startChain();
    await this.#deploy();
    await this.#startServices();
  }

  async #choosePorts() {
    const ports = { ...PORTS, ...this.#run.kept.ports };
    for (const [name, port] of Object.entries(ports)) ports[name] = await portOrFree(port);
    this.#run.keep({ ports });
  }

  async #startChain() {
    const { ports } = this.#run.kept;
    const folder = this.#run.at('chain');
    this.#run.doing('starting the L1');
    const args = [
      'devnet', '--json', '--no-sequencer', '--data', folder, '--l2-chain-id', String(this.chainId), '--batch-age-ms', String(BATCH_AGE_MS),
      '--l1-port', String(ports.l1), '--l2-port', String(ports.l2), '--node-port', String(ports.node), '--ops-port', String(ports.ops),
      ...(this.#run.quick ? [] : ['--verifier']),
    ];
    await this.#daemons.start('l1', CWE, args, () => this.#networkLine() && rpc(url(ports.l1), 'eth_blockNumber'));
    this.economy = Economy.attach(this.#run.data, this.#networkLine());
    this.#run.doing('starting the sequencer');
    await this.#daemons.start('sequencer', SEQUENCER, ['--config', join(folder, 'sequencer.toml')], () => rpc(url(ports.l2), 'eth_blockNumber'));
    await funded(this.network);
    this.#run.doing('starting the full node');
    await this.#daemons.start('full-node', CWE, ['node', '--config', join(folder, 'node.toml')], () => rpc(url(ports.node), 'eth_blockNumber'));
  }

  /** What the L1's program printed when it was ready. */
  #networkLine() {
    const log = this.#daemons.logOf('l1');
    return existsSync(log) ? readFileSync(log, 'utf8').split('\n').map(json).findLast((line) => line?.contracts) : undefined;
  }

  async #deploy() {
    await this.#run.once('economy', async () => {
      this.#run.doing('deploying the contracts of the economy (forge script)');
      const verifiers = this.#run.quick ? await comparingVerifiers((code) => this.economy.create(code)) : {};
      await this.economy.deploy({ ...verifiers, schedule: this.schedule });
    });
  }

  #key(name) {
    const file = this.#run.at('keys', `${name}.key`);
    writeFileSync(file, this.network.accounts[ACCOUNTS[name]].private_key, { mode: 0o600 });
    return file;
  }

  async #startServices() {
    const { ports } = this.#run.kept;
    const l2 = this.economy.l2Settings;
    const at = this.#run.at;
    this.#run.doing('starting the hub, the relayer, the coordinator and the prover');
    await Promise.all([
      this.#daemons.start('hub', HUB, set({
        ...this.economy.hubSettings(this.#key('hub')), 'serve.listen': local(ports.hub), 'ops.listen': local(ports.hubOps),
      }), answers(`${url(ports.hubOps)}/health`)),
      this.#daemons.start('relayer', RELAYER, set({
        ...l2, listen: local(ports.relayer), 'ops.listen': local(ports.relayerOps), 'account.private_key_file': this.#key('relayer'),
      }), answers(`${url(ports.relayerOps)}/health`)),
      this.#daemons.start('coordinator', COORDINATOR, set({
        ...l2, 'l2.poll_interval_ms': 500, 'serve.listen': local(ports.coordinator), 'ops.listen': local(ports.coordinatorOps),
        'serve.database': `sqlite:${at('reveals.db')}`, 'account.private_key_file': this.#key('coordinator'), 'aggregates.queue': this.#queue,
        'aggregates.max_reveals': 16,
      }), answers(`${url(ports.coordinatorOps)}/health`)),
      this.#startProver(),
    ]);
  }

  get #queue() {
    return `sqlite:${this.#run.at('queue.db')}`;
  }

  /** The prover works for the coordinator; the chain's own batches are proven at the end, when they are all there. */
  #startProver() {
    const { ports } = this.#run.kept;
    const { network } = this;
    const stages = this.stage ? { 'stages.profile': 'low-memory', 'stages.keys': this.keys } : {};
    const env = this.stage ? {} : { STAGE_TEST: toldToCompare(this.#run.at('compared'), url(ports.prover)) };
    const args = ['--data-dir', this.#run.at('prover'), '--stage-program', this.stage ?? COMPARED_STAGE, ...set({
      'l1.rpc_url': network.l1_rpc, 'l1.chain_id': network.l1_chain_id, 'l1.rollup': network.contracts.Rollup, 'l1.inbox': network.contracts.Inbox,
      node_url: network.l2_rpc, 'queue.address': this.#queue, 'workers.name': 'demo', 'ops.listen': local(ports.prover), ...stages,
      'finalize_every.batches': 1024, 'finalize_every.secs': 1_000_000, 'post.enabled': false, 'post.prover': network.accounts[ACCOUNTS.prover].address,
    })];
    return this.#daemons.start('prover', PROVER, args, answers(`${url(ports.prover)}/health`), env);
  }
}

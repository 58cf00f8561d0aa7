// The verifier of proofs on L1, and an audit that believes neither it nor what it let through.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createPublicClient, createWalletClient, http } from 'viem';
import { anvil } from 'viem/chains';

import { l2Account, l2Wallet } from '../lib/clients.mjs';
import { ROOT, cwe, eventually, foundry, funded, rpc, run, startL1, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
const artifact = (name) => read(`crates/bindings/abi/${name}.json`);
const rollupAbi = artifact('Rollup').abi;
const verifierAbi = artifact('BatchVerifier').abi;

/** Returns 1 whatever it is asked. */
const ACCEPTS_EVERYTHING = '0x600160005260206000f3';
// Chain ids of their own: the scripts find a deployment by it.
const WITHOUT_VERIFIER = 31_443;
const GOVERNOR = 0;
const THIEF = 5;

/** A devnet whose batches are call data, so that a proof needs no openings of blobs. */
class Chain {
  static async start(flags) {
    const chain = new Chain();
    chain.folder = temporaryFolder();
    chain.l1 = await startL1(chain.folder, flags);
    chain.network = chain.l1.network;
    chain.file = join(chain.folder, 'network.json');
    writeFileSync(chain.file, JSON.stringify(chain.network));
    const transport = http(chain.network.l1_rpc);
    chain.public = createPublicClient({ chain: anvil, transport, pollingInterval: 50 });
    chain.rollup = chain.network.contracts.Rollup;
    chain.sequencer = await startSequencer(chain.folder, chain.network, ['--set', 'batches.data=calldata', '--set', 'engine.max_block_bytes=110000']);
    await funded(chain.network);
    return chain;
  }

  async stop() {
    await this.sequencer?.stop();
    await this.l1?.stop();
  }

  async audit(...flags) {
    const { code, stdout, stderr } = await cwe(['audit', '--json', '--network', this.file, ...flags]);
    assert.ok(stdout, stderr);
    return { code, ...JSON.parse(stdout) };
  }

  call(address, abi, functionName, args = []) {
    return this.public.readContract({ address, abi, functionName, args });
  }

  /** Sends a transaction on L1 as one of the accounts and waits for it. */
  async send(account, request) {
    const wallet = createWalletClient({
      chain: { ...anvil, id: this.network.l1_chain_id },
      transport: http(this.network.l1_rpc),
      account: l2Account(this.network, account),
    });
    const hash = request.bytecode ? await wallet.deployContract(request) : await wallet.writeContract(request);
    const receipt = await this.public.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'success');
    return receipt;
  }

  /** A batch that stands, from its event. */
  async batch(index) {
    await l2Wallet(this.network, 1).sendTransaction({ to: this.network.accounts[2].address, value: 1n });
    return eventually(`batch ${index}`, async () => {
      const args = { batchIndex: BigInt(index) };
      const found = await this.public.getContractEvents({
        address: this.rollup, abi: rollupAbi, eventName: 'BatchCommitted', args, fromBlock: 0n,
      });
      return found.at(-1)?.args.batch;
    });
  }

  /** Makes a batch final with any proof, while `code` stands where the verifier is. */
  async forge(batch, proof, code = ACCEPTS_EVERYTHING) {
    const verifier = await this.call(this.rollup, rollupAbi, 'verifier');
    const true_ = await rpc(this.network.l1_rpc, 'eth_getCode', [verifier, 'latest']);
    await rpc(this.network.l1_rpc, 'anvil_setCode', [verifier, code]);
    const input = { first: batch, last: batch, openings: [[]], proof };
    await this.send(THIEF, { address: this.rollup, abi: rollupAbi, functionName: 'proveBatches', args: [input] });
    await rpc(this.network.l1_rpc, 'anvil_setCode', [verifier, true_]);
  }
}

describe('a verifier from the start', () => {
  let chain, verifier;
  before(async () => {
    chain = await Chain.start(['--verifier']);
    verifier = await chain.call(chain.rollup, rollupAbi, 'verifier');
  });
  after(() => chain?.stop());

  const flip = (code, byte) => {
    const at = 2 + 2 * byte;
    const changed = (parseInt(code.slice(at, at + 2), 16) ^ 1).toString(16).padStart(2, '0');
    return code.slice(0, at) + changed + code.slice(at + 2);
  };
  /** The audit's report while an account has one byte of its code changed. */
  const auditWithChangedCode = async (address) => {
    const code = await rpc(chain.network.l1_rpc, 'eth_getCode', [address, 'latest']);
    await rpc(chain.network.l1_rpc, 'anvil_setCode', [address, flip(code, 1000)]);
    const report = await chain.audit();
    await rpc(chain.network.l1_rpc, 'anvil_setCode', [address, code]);
    return report;
  };

  test('pins what the repository keeps, and says that its setup is unsafe', async () => {
    const commitments = read('prover/elf/commitments.json');
    assert.equal(await chain.call(verifier, verifierAbi, 'exeCommitment'), `0x${commitments.guests['state-transition'].exe}`);
    assert.equal(await chain.call(verifier, verifierAbi, 'vmCommitment'), `0x${commitments.vm}`);
    assert.match(await chain.call(verifier, verifierAbi, 'name'), /^UNSAFE/);
    const expected = { address: verifier.toLowerCase(), srs: read('bridge/src/generated/halo2-verifier.json').srs, safe: false };
    const { stdout } = await cwe(['status', '--json', '--network', chain.file]);
    assert.deepEqual(JSON.parse(stdout).l1.verifier, expected);
    assert.deepEqual((await rpc(chain.network.l2_rpc, 'cwe_l1Contracts')).verifier, expected);
  });

  test('the audit finds the published verifier, and batches that wait for their proof', async () => {
    await chain.batch(1);
    const report = await eventually('an audited batch', async () => {
      const found = await chain.audit();
      return found.batches.length > 0 && found;
    });
    assert.equal(report.code, 0);
    assert.equal(report.ok, true);
    const { address, code, halo2_code, program, machine, setup, safe } = report.verifier;
    assert.equal(address, verifier.toLowerCase());
    assert.deepEqual([code, halo2_code, program, machine, setup], Array(5).fill('ok'));
    assert.equal(safe, false);
    for (const batch of report.batches) assert.equal(batch.proof, 'not proven');
    const { stdout } = await cwe(['audit', '--network', chain.file]);
    assert.match(stdout, /UNSAFE reference string/);
  });

  test('one changed byte of either contract is found', async () => {
    const changed = await auditWithChangedCode(verifier);
    assert.notEqual(changed.code, 0);
    assert.match(changed.verifier.code, /not this build's.* from byte 1000 on/);
    const halo2 = await chain.call(verifier, verifierAbi, 'halo2Verifier');
    const generated = await auditWithChangedCode(halo2);
    assert.notEqual(generated.code, 0);
    assert.equal(generated.verifier.code, 'ok');
    assert.match(generated.verifier.halo2_code, /not this build's/);
  });

  test('finality without a true proof is found, even when the verifier is the right one again', async () => {
    const kept = read('prover/proof/state-transition.proof.json').proof;
    await chain.forge(await chain.batch(1), '0x1234');
    await chain.forge(await chain.batch(2), kept);
    const report = await eventually('audited finality', async () => {
      const found = await chain.audit();
      return found.batches.slice(0, 2).every(({ proof }) => proof !== 'not proven') && found;
    });
    assert.notEqual(report.code, 0);
    assert.equal(report.ok, false);
    assert.equal(report.verifier.code, 'ok');
    const [first, second] = report.batches;
    assert.match(first.proof, /ProofLengthInvalid/);
    assert.match(second.proof, /does not show public value/);
    assert.deepEqual([second.data, second.queue, second.execution], ['ok', 'ok', 'ok']);
    const one = await chain.audit('--batch', '2');
    assert.notEqual(one.code, 0);
    assert.deepEqual(one.batches.map(({ batch }) => batch), [2]);
    assert.match(one.batches[0].proof, /does not show public value/);
  });
});

describe('a verifier later', () => {
  let chain;
  const file = join(ROOT, `deploy/out/${WITHOUT_VERIFIER}.json`);
  before(async () => {
    chain = await Chain.start(['--l1-chain-id', String(WITHOUT_VERIFIER)]);
    const { Rollup: rollup, Timelock: timelock } = chain.network.contracts;
    writeFileSync(file, JSON.stringify({ rollup, timelock }));
  });
  after(async () => {
    await chain?.stop();
    rmSync(file, { force: true });
  });

  const script = async (name, ...args) => {
    const { code, stdout, stderr } = await run(foundry('forge'), [
      'script', `deploy/${name}.s.sol`, ...args,
      '--rpc-url', chain.network.l1_rpc, '--private-key', chain.network.accounts[GOVERNOR].private_key, '--broadcast',
    ]);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const install = async (address) => {
    for (const schedule of ['true', 'false']) await script('Operate', '--sig', 'setVerifier(bool,address)', schedule, address);
  };

  test('an audit without one says that nothing can be final', async () => {
    const report = await chain.audit();
    assert.equal(report.code, 0);
    assert.equal(report.verifier.address, null);
    const { stdout } = await cwe(['audit', '--network', chain.file]);
    assert.match(stdout, /no verifier: nothing can be final/);
  });

  test('the deployed one takes effect through the timelock, and is the published one', async () => {
    const said = await script('DeployVerifier');
    const [, address] = said.match(/BatchVerifier (0x[0-9a-fA-F]{40})/);
    await install(address);
    const report = await chain.audit();
    assert.equal(report.code, 0, JSON.stringify(report.verifier));
    assert.equal(report.verifier.address, address.toLowerCase());
  });

  test('one for another program is found by its commitment and its code', async () => {
    const current = await chain.call(chain.rollup, rollupAbi, 'verifier');
    const claims = ['halo2Verifier', 'vmCommitment', 'commitments', 'evaluations', 'srs'];
    const [halo2, vm, ...layout] = await Promise.all(claims.map((claim) => chain.call(current, verifierAbi, claim)));
    const other = `0x${'11'.repeat(32)}`;
    const { bytecode } = artifact('BatchVerifier');
    const args = [halo2, other, vm, ...layout.map((value) => (typeof value === 'bigint' ? Number(value) : value))];
    const { contractAddress } = await chain.send(GOVERNOR, { abi: verifierAbi, bytecode, args });
    await install(contractAddress);
    const report = await chain.audit();
    assert.notEqual(report.code, 0);
    assert.match(report.verifier.program, /^0x1111.*published is 0x/);
    assert.match(report.verifier.code, /not this build's/);
    assert.deepEqual([report.verifier.halo2_code, report.verifier.machine, report.verifier.setup], ['ok', 'ok', 'ok']);
  });
});

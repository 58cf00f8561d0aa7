// Starts real programs for the tests and makes sure that none outlives them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The `cwe` under test: `$CWE`, or the debug build. */
export const CWE = resolve(process.env.CWE ?? join(ROOT, 'target/debug/cwe'));

/** The sequencer daemon beside it. */
export const SEQUENCER = join(dirname(CWE), 'cwe-sequencer');

/** The relayer daemon beside it. */
export const RELAYER = join(dirname(CWE), 'cwe-relayer');

/** The discovery hub beside it. */
export const HUB = join(dirname(CWE), 'cwe-hub');

/** A program of Foundry itself: the launcher that npm puts into `.bin` ends with 0 whatever the program ends with. */
export function foundry(name) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return join(ROOT, `node_modules/@foundry-rs/${name}-${process.platform}-${architecture}/bin/${name}`);
}

const READY_TIMEOUT_MS = 180_000;
/** Long enough for a slow machine that does other things too; a test that passes waits for none of it. */
const PATIENCE_MS = 180_000;
const STOP_TIMEOUT_MS = 60_000;
// Tests look for lines that were said long before.
const KEPT_LOG_LINES = 20_000;
const QUOTED_LOG_LINES = 60;
const LAST_WORDS_MS = 2000;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
// The test runner ends a file that takes too long by a signal, which alone would skip the line above. Who listens too ends
// by itself.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.listenerCount(signal) === 0 && process.exit(1));

/** Folder of what `cwe` keeps for this user. */
export function userData() {
  return join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), 'cwe');
}

/** Folder of the proving keys, as `cwe prove` takes it. */
export function keysFolder() {
  return process.env.PROVING_KEYS ?? join(userData(), 'prove/keys');
}

/** A folder that is removed when the process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'cwe-test-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The environment without variables that would change a daemon's configuration, and for logs without colours and stacks. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('CWE_'));
  return { ...Object.fromEntries(kept), NO_COLOR: '1', RUST_BACKTRACE: '0', ...extra };
}

/** Settings of a daemon as flags. */
export const set = (values) => Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

/** A program in the background; keeps its last log lines for error messages. */
export class Program {
  constructor(binary, args, options = {}) {
    this.name = [binary.split('/').pop(), args[0]].join(' ');
    this.log = [];
    this.child = spawn(binary, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment(options.env),
    });
    running.add(this.child);
    // Its last words may be read after its end, unless a child of its own holds the pipe open.
    const closed = once(this.child, 'close');
    this.exited = once(this.child, 'exit').then(async ([code, signal]) => {
      running.delete(this.child);
      await Promise.race([closed, new Promise((done) => setTimeout(done, LAST_WORDS_MS))]);
      return { code, signal };
    });
    this.output = createInterface({ input: this.child.stdout });
    this.lines = [];
    this.output.on('line', (line) => {
      if (this.lines.length < 1000) this.lines.push(line);
    });
    createInterface({ input: this.child.stderr }).on('line', (line) => {
      this.log.push(line);
      if (this.log.length > KEPT_LOG_LINES) this.log.shift();
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** Whether a line of its log matches. */
  said(pattern) {
    return this.log.some((line) => pattern.test(line));
  }

  /** Its last log lines, for error messages. */
  tail() {
    return this.log.slice(-QUOTED_LOG_LINES).join('\n');
  }

  /** Waits until a line of its log matches. */
  async says(pattern, timeoutMs) {
    await eventually(`${this.name} to say ${pattern}`, () => this.said(pattern), timeoutMs).catch((error) => {
      throw new Error(`${error.message}\n${this.tail()}`);
    });
  }

  /** Waits for the end of a program that must fail; returns what it said. */
  async fails(timeoutMs = READY_TIMEOUT_MS) {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    const { code, signal } = await this.exited;
    clearTimeout(timer);
    if (signal || code === 0) throw new Error(`${this.name} ended with ${signal ?? code}:\n${this.tail()}`);
    return this.log.join('\n');
  }

  /** The first line of output for which `accept` returns something, and what it returned. */
  async waitForLine(accept, timeoutMs = READY_TIMEOUT_MS) {
    let timer;
    const found = new Promise((done) => {
      const look = (line) => {
        const value = accept(line);
        if (value !== undefined) done(value);
      };
      this.lines.forEach(look);
      this.output.on('line', look);
    });
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`${this.name} ended (${signal ?? code}) before it was ready:\n${this.tail()}`);
    });
    const late = new Promise((_, fail) => {
      timer = setTimeout(() => fail(new Error(`${this.name} not ready in time:\n${this.tail()}`)), timeoutMs);
    });
    try {
      return await Promise.race([found, ended, late]);
    } finally {
      clearTimeout(timer);
      ended.catch(() => {});
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal = 'SIGINT') {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }
}

/** What a line of JSON says; undefined when it is none. */
export const json = (line) => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

/** A devnet on free ports: `network` is the ready line of `cwe devnet --json`. */
export async function startDevnet(extra = [], options = {}) {
  const ports = ['--l1-port', '--l2-port', '--node-port', '--ops-port'].filter((port) => !extra.includes(port));
  const args = ['devnet', '--json', ...ports.flatMap((port) => [port, '0']), ...extra];
  const program = new Program(CWE, args, options);
  const network = await program.waitForLine(json);
  return { program, network, stop: (signal) => program.stop(signal) };
}

/**
 * The L1 of a devnet without its sequencer, which the caller starts with `<folder>/sequencer.toml`. The L2 port is fixed
 * beforehand, so that the sequencer comes back where it was.
 */
export async function startL1(folder, extra = []) {
  const ports = ['--l2-port', String(await freePort()), '--ops-port', String(await freePort())];
  return startDevnet(['--no-sequencer', '--data', folder, '--batch-age-ms', '2000', ...ports, ...extra]);
}

/** Waits until the accounts of a devnet without sequencer have their CLN on L2. */
export async function funded(network) {
  const { address } = network.accounts.at(-1);
  await eventually('the funds', async () => BigInt(await rpc(network.l2_rpc, 'eth_getBalance', [address, 'latest'])) > 0n, READY_TIMEOUT_MS);
}

/** A sequencer with the configuration that the devnet left in `folder`, once it serves. `wrap`: a program to run it with. */
export async function startSequencer(folder, network, flags = [], wrap = []) {
  const [binary, ...args] = [...wrap, SEQUENCER, '--config', join(folder, 'sequencer.toml'), ...flags];
  const program = new Program(binary, args);
  const ops = `http://${readFileSync(join(folder, 'sequencer.toml'), 'utf8').match(/\[ops\]\s+listen = "([^"]+)"/)[1]}`;
  const ended = program.exited.then(({ code, signal }) => {
    throw new Error(`the sequencer ended (${signal ?? code}) before it served:\n${program.tail()}`);
  });
  ended.catch(() => {});
  await Promise.race([ended, eventually('the sequencer', () => rpc(network.l2_rpc, 'eth_blockNumber'), READY_TIMEOUT_MS, 20)]);
  return Object.assign(program, { ops });
}

/** A full node with the configuration that the devnet left in `folder`: `url` is its JSON-RPC, `ops` its health. */
export async function startNode(folder, assignments = []) {
  const flags = assignments.flatMap((assignment) => ['--set', assignment]);
  const program = new Program(CWE, ['node', '--json', '--config', join(folder, 'node.toml'), ...flags]);
  const { rpc: url, ops } = await program.waitForLine(json);
  return { program, url, ops, stop: (signal) => program.stop(signal) };
}

/** The samples of a metric: `[{ labels, value }]`. */
export async function metric(ops, name) {
  const text = await (await fetch(`${ops}/metrics`)).text();
  return text.split('\n').flatMap((line) => {
    const [, found, labels = '', value] = line.match(/^(\w+)(?:\{(.*)\})? (\S+)$/) ?? [];
    return found === name ? [{ labels, value: Number(value) }] : [];
  });
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs `cwe` to its end: `{ code, stdout, stderr }`. */
export async function cwe(args, options = {}) {
  return run(CWE, args, options);
}

/** Runs a program to its end: `{ code, stdout, stderr }`. With `echo` its standard error shows as it comes; it reads `input`. */
export async function run(binary, args, { echo = false, input, ...options } = {}) {
  const child = spawn(binary, args, { cwd: ROOT, ...options, env: cleanEnvironment(options.env) });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  if (echo) child.stderr.pipe(process.stderr);
  // Who ends without having read everything breaks the pipe.
  child.stdin?.on('error', () => {}).end(input);
  const [code] = await once(child, 'close');
  running.delete(child);
  return { code, stdout, stderr };
}

/** Calls one JSON-RPC method; throws an error with `code` and `data`. */
export async function rpc(url, method, params = []) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data });
  return result;
}

/** Repeats `look` until it returns something truthy. */
export async function eventually(what, look, timeoutMs = PATIENCE_MS, intervalMs = 100) {
  const end = Date.now() + timeoutMs;
  let last;
  while (Date.now() < end) {
    try {
      const value = await look();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, intervalMs));
  }
  throw new Error(`${what} did not happen within ${timeoutMs} ms${last ? `: ${last.message}` : ''}`);
}

/** Whether a process exists. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// The demo's daemons: each writes a log file of its own, and one that dies is started again, as a service manager does it.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { ROOT, cleanEnvironment, eventually, isAlive } from '../lib/devnet.mjs';

/** Before the first restart; twice as much before the next one. */
const RESTART_DELAY_MS = 500;
/** A daemon that dies so often within a minute will not recover. */
const MOST_RESTARTS = 5;
/** What fails so long after a daemon's death may fail because of it. */
const DISTURBANCE_MS = 10_000;
const RETRY_DELAY_MS = 3000;
const MOST_TRIES = 5;
const STOP_TIMEOUT_MS = 60_000;
const QUOTED_LOG_BYTES = 3000;
/** The L1 and the chain go last: the others may still write to them. */
const LAST_TO_STOP = ['l1', 'sequencer'];

export class Daemons {
  #folder;
  #tell;
  #all = new Map();
  #stopping = false;
  #lastDeath = 0;
  #fail;
  /** Rejects when a daemon can't be kept alive. */
  failed = new Promise((_, fail) => (this.#fail = fail));

  /** `tell(event, facts)` hears of every start and end. */
  constructor(folder, tell) {
    this.#folder = folder;
    this.#tell = tell;
    this.failed.catch(() => {});
    mkdirSync(join(folder, 'logs'), { recursive: true });
  }

  /** Ends what a demo that was killed left running in this folder. */
  async adopt() {
    for (const [name, { pid, program }] of Object.entries(this.#remembered())) {
      if (!isAlive(pid) || !commandOf(pid).includes(program)) continue;
      this.#tell('left running', { daemon: name, pid });
      process.kill(pid, 'SIGTERM');
      await eventually(`the end of ${name}`, () => !isAlive(pid), STOP_TIMEOUT_MS).catch(() => process.kill(pid, 'SIGKILL'));
    }
    rmSync(this.#pids, { force: true });
  }

  /** Starts a daemon and waits until it is ready. */
  async start(name, program, args, ready, env = {}) {
    const daemon = { name, program, args, env, deaths: [] };
    this.#all.set(name, daemon);
    rmSync(this.logOf(name), { force: true });
    this.#spawn(daemon);
    await Promise.race([eventually(`${name}, which logs to ${this.logOf(name)},`, ready), this.failed]);
  }

  get names() {
    return [...this.#all.keys()];
  }

  logOf(name) {
    return join(this.#folder, 'logs', `${name}.log`);
  }

  /** As if the machine's memory had run out. */
  kill(name) {
    this.#all.get(name)?.child?.kill('SIGKILL');
  }

  /** Does what may fail while a daemon is down, again when one was; for steps that can be repeated. */
  async steadily(work) {
    for (let attempt = 1; ; attempt++) {
      const begun = Date.now();
      try {
        return await work();
      } catch (error) {
        if (this.#stopping || attempt === MOST_TRIES || this.#lastDeath < begun - DISTURBANCE_MS) throw error;
        this.#tell('tried again', { error: error.message });
        await new Promise((done) => setTimeout(done, RETRY_DELAY_MS));
      }
    }
  }

  /** Stops all of them, the L1 last. */
  async stop() {
    this.#stopping = true;
    const last = LAST_TO_STOP.toReversed().filter((name) => this.#all.has(name));
    await Promise.all(this.names.filter((name) => !last.includes(name)).map((name) => this.#stopOne(name)));
    for (const name of last) await this.#stopOne(name);
    rmSync(this.#pids, { force: true });
  }

  #spawn(daemon) {
    const log = openSync(this.logOf(daemon.name), 'a');
    // A process group of its own: Ctrl-C reaches the demo only, which then stops things in order.
    daemon.child = spawn(daemon.program, daemon.args, {
      cwd: ROOT, stdio: ['ignore', log, log], detached: true, env: cleanEnvironment(daemon.env),
    });
    closeSync(log);
    this.#tell('started', { daemon: daemon.name, pid: daemon.child.pid });
    daemon.exited = new Promise((done) => {
      daemon.child.once('error', (error) => done(error.message));
      daemon.child.once('exit', (code, signal) => done(signal ?? `exit code ${code}`));
    });
    daemon.exited.then((how) => this.#ended(daemon, how));
    this.#remember();
  }

  #ended(daemon, how) {
    if (this.#stopping) return;
    const now = Date.now();
    this.#lastDeath = now;
    daemon.deaths = [...daemon.deaths.filter((at) => now - at < 60_000), now];
    this.#tell('died', { daemon: daemon.name, how });
    if (daemon.deaths.length > MOST_RESTARTS) {
      this.#fail(new Error(`${daemon.name} ends as soon as it is started (${how}); its log, ${this.logOf(daemon.name)}, ends with:\n${this.#lastWords(daemon.name)}`));
      return;
    }
    setTimeout(() => this.#stopping || this.#spawn(daemon), RESTART_DELAY_MS * 2 ** (daemon.deaths.length - 1));
  }

  async #stopOne(name) {
    const { child, exited } = this.#all.get(name);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  #lastWords(name) {
    return readFileSync(this.logOf(name), 'utf8').slice(-QUOTED_LOG_BYTES);
  }

  get #pids() {
    return join(this.#folder, 'daemons.json');
  }

  #remembered() {
    try {
      return existsSync(this.#pids) ? JSON.parse(readFileSync(this.#pids, 'utf8')) : {};
    } catch {
      return {};
    }
  }

  #remember() {
    const pids = [...this.#all.values()].map(({ name, program, child }) => [name, { pid: child.pid, program: basename(program) }]);
    writeFileSync(this.#pids, JSON.stringify(Object.fromEntries(pids)));
  }
}

/** The command line of a process, so that no stranger is stopped who got the number of a dead one. */
function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

// The pages of docs/users do what they say: every page in a copy of the tree, with a home and, where the system lets us, a
// network of its own, its blocks one after the other in one bash, as a reader would paste them. CONTRIBUTING.md has the
// convention.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { CWE, ROOT, cleanEnvironment, foundry, run, temporaryFolder } from '../lib/devnet.mjs';
import { transcode, writeMusic } from '../lib/music.mjs';

const PAGES = join(ROOT, 'docs/users');
const USERS = ['listener', 'auditor', 'creator', 'operator', 'developer'];
const BLOCK_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 30_000;
/** Pages that run at once: those of listener and auditor mostly wait for epochs. */
const AT_ONCE = 3;
/** What the pages' programs listen on. */
const PORTS = [8545, 9545, 9546, 9600, 9601, 9602, 9603, 9604, 9605, 9606, 9607, 9608];

/** Fenced blocks of a page: `{ info, line, text }`, `line` being that of the first line inside. */
function blocksOf(page) {
  const blocks = [];
  let open;
  for (const [index, line] of page.split('\n').entries()) {
    const fence = line.match(/^```(.*)$/);
    if (!fence) open?.lines.push(line);
    else if (open) {
      blocks.push({ info: open.info, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open = { info: fence[1].trim(), line: index + 2, lines: [] };
  }
  assert.equal(open, undefined, `the block from line ${open?.line} on has no end`);
  return blocks;
}

/** What is run of a page, each step with the lines that the page says it prints. */
function stepsOf(page) {
  const steps = [];
  let previous;
  for (const block of blocksOf(page)) {
    assert.ok(['sh', 'sh skip', 'text'].includes(block.info), `line ${block.line}: a block can't be \`${block.info}\``);
    if (block.info === 'sh') steps.push({ ...block, shows: [] });
    if (block.info === 'text') {
      assert.equal(previous, 'sh', `line ${block.line}: what does this output belong to?`);
      steps.at(-1).shows = block.text.split('\n').map((text, index) => ({ text, line: block.line + index })).filter(({ text }) => text.trim());
    }
    previous = block.info;
  }
  assert.notEqual(steps.length, 0, 'nothing to run');
  return steps;
}

/** A line of shown output as a pattern: `…` is anything, and how many spaces there are doesn't matter. */
function patternOf(text) {
  const parts = text.trim().split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(parts.join('.*'));
}

/** The first shown line that is not in the output, in this order; undefined if all are. */
function missing(shows, output) {
  const lines = output.split('\n');
  return shows.find(({ text }) => {
    const at = lines.findIndex((line) => patternOf(text).test(line));
    if (at >= 0) lines.splice(0, at + 1);
    return at < 0;
  });
}

/** What a program is started by to have a network of its own; undefined where that is not allowed. */
const isolation = [['unshare', '--net'], ['unshare', '--map-root-user', '--net']].find(
  ([program, ...flags]) => spawnSync(program, [...flags, 'ip', 'link', 'set', 'lo', 'up']).status === 0,
);

/** The tree as somebody has it who cloned, set up and built it. */
function cloneInto(folder) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of listed.split('\0')) {
    if (!file || file === 'node_modules' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(folder, file));
  }
  // What forge compiled before.
  for (const built of ['out', 'cache']) {
    if (existsSync(join(ROOT, built))) cpSync(join(ROOT, built), join(folder, built), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'target'));
  symlinkSync(dirname(CWE), join(folder, 'target/debug'));
}

/** A bash that runs a page's blocks and ends at the first command that fails. */
class Shell {
  output = '';
  #child;
  #over = false;
  #blocks = 0;

  constructor(folder, home) {
    const user = homedir();
    const { CARGO_HOME, RUSTUP_HOME, XDG_CACHE_HOME } = process.env;
    const env = cleanEnvironment({
      HOME: home,
      XDG_DATA_HOME: join(home, '.local/share'),
      CARGO_HOME: CARGO_HOME ?? join(user, '.cargo'),
      RUSTUP_HOME: RUSTUP_HOME ?? join(user, '.rustup'),
      // Proving keys, which take a minute and are the same for everybody.
      XDG_CACHE_HOME: XDG_CACHE_HOME ?? join(user, '.cache'),
    });
    const [program, ...args] = [...(isolation ?? []), 'bash', '--norc'];
    // A group of its own, so that its end is also that of what it started.
    this.#child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => (this.output += text));
    this.#child.stdin.on('error', () => {});
    this.#child.once('exit', () => (this.#over = true));
    process.on('exit', () => this.#signal('SIGKILL'));
    const loopback = isolation ? 'ip link set lo up' : ':';
    this.#child.stdin.write(`exec 2>&1; ${loopback}; set -Eeuo pipefail; trap 'code=$?; source=\${BASH_SOURCE[0]:-}; echo "\${source##*/}:$LINENO: $BASH_COMMAND: exit code $code"' ERR\n`);
  }

  /** Runs a file: `{ ok, output }`. */
  async run(file) {
    const mark = `--- block ${++this.#blocks} done`;
    const from = this.output.length;
    const end = Date.now() + BLOCK_TIMEOUT_MS;
    this.#child.stdin.write(`source '${file}' < /dev/null; echo '${mark}'\n`);
    const done = () => this.output.includes(mark, from);
    while (!done() && !this.#over && Date.now() < end) await pause(50);
    // The last words of a shell that ended.
    if (this.#over) await pause(200);
    const late = done() || this.#over ? '' : `\nnot done after ${BLOCK_TIMEOUT_MS / 1000} s`;
    return { ok: done(), output: this.output.slice(from).split(mark)[0] + late };
  }

  /** Ends it and everything it started. */
  async stop() {
    this.#child.stdin.end();
    this.#signal('SIGTERM');
    const alive = () => this.#signal(0);
    for (const end = Date.now() + STOP_TIMEOUT_MS; alive() && Date.now() < end;) await pause(100);
    this.#signal('SIGKILL');
  }

  #signal(signal) {
    try {
      return process.kill(-this.#child.pid, signal);
    } catch {
      return false;
    }
  }
}

/** Whether something listens there. */
async function isTaken(port) {
  const socket = connect(port, '127.0.0.1');
  const taken = await once(socket, 'connect').then(() => true, () => false);
  socket.destroy();
  return taken;
}

describe('pages for users', { concurrency: isolation ? AT_ONCE : 1 }, () => {
  const folder = temporaryFolder();

  before(async () => {
    assert.equal(basename(dirname(CWE)), 'debug', 'the pages build with cargo build');
    if (!isolation) {
      for (const port of PORTS) assert.ok(!(await isTaken(port)), `the pages need port ${port}, which another program (a devnet?) listens on`);
    }
    // Once, not by every page.
    const { code, stderr } = await run(foundry('forge'), ['build', '--quiet']);
    assert.equal(code, 0, stderr);
    writeMusic(join(folder, 'song.wav'), 21, 40);
    await transcode(join(folder, 'song.wav'), join(folder, 'song.flac'));
  });

  test('there is a page for each of the five users, and no other', () => {
    assert.deepEqual(readdirSync(PAGES).sort(), USERS.map((user) => `${user}.md`).sort());
  });

  for (const user of USERS) {
    test(`${user}: every step of the page works and shows what the page says`, async (t) => {
      const name = `docs/users/${user}.md`;
      const [tree, home] = ['tree', 'home'].map((part) => join(folder, user, part));
      mkdirSync(home, { recursive: true });
      copyFileSync(join(folder, 'song.flac'), join(home, 'song.flac'));
      cloneInto(tree);
      const shell = new Shell(tree, home);
      try {
        for (const { line, text, shows } of stepsOf(readFileSync(join(ROOT, name), 'utf8'))) {
          const started = Date.now();
          // As many lines before it as on the page, so that bash names the page's line.
          const file = join(folder, user, `${user}.md`);
          writeFileSync(file, '\n'.repeat(line - 1) + text);
          const { ok, output } = await shell.run(file);
          assert.ok(ok, `${name}, block from line ${line}:\n${text}\n--- failed:\n${output}`);
          const absent = missing(shows, output);
          assert.ok(!absent, `${name}:${absent?.line} shows \`${absent?.text}\`; the block from line ${line} printed:\n${output}`);
          t.diagnostic(`${name}:${line} ${((Date.now() - started) / 1000).toFixed(1)} s`);
        }
      } finally {
        await shell.stop();
      }
    });
  }
});

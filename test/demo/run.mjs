// How the demo is told: stages that are done once, a view for people, a log for machines, and what it takes to go on later.
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FORMAT = 1;
const REFRESH_MS = 500;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FILE = 'demo.json';

/** Lengths of time as people say them. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export class Run {
  #out;
  #state;
  #line = '';
  #number = 0;
  #timer;
  #close;
  #estimateSecs = 0;
  stages = [];

  /** `count`: stages that will come; `json`: standard output is for the last line alone. */
  constructor({ data, quick, json, count }) {
    Object.assign(this, { data, quick, count });
    this.#out = json ? process.stderr : process.stdout;
    mkdirSync(data, { recursive: true });
    this.#state = this.#read();
    if (this.#state.quick !== quick) {
      throw new Error(
        `${data} holds a demo ${this.#state.quick ? 'without' : 'with'} proofs: go on with it ${this.#state.quick ? 'with' : 'without'} --quick, or name another folder with --data`,
      );
    }
    this.resumed = Object.keys(this.#state.done).length > 0;
  }

  at = (...names) => join(this.data, ...names);

  get logFile() {
    return this.at('demo.log');
  }

  /** What is known from before. */
  get kept() {
    return this.#state.kept;
  }

  /** Remembers values, on disk before this returns. */
  keep(values) {
    Object.assign(this.#state.kept, values);
    this.#write();
  }

  isDone(stage) {
    return stage in this.#state.done;
  }

  /** What something that was done once gave. */
  known(name) {
    return this.#state.once[name];
  }

  /** Does something once: a second call, in this process or a later one, gives what the first one gave. */
  async once(name, work) {
    const { once } = this.#state;
    if (!(name in once)) {
      once[name] = (await work()) ?? null;
      this.#write();
    }
    return once[name];
  }

  /** Takes back what was done once and the stages, by the beginnings of their names. */
  forget(...names) {
    for (const part of [this.#state.once, this.#state.done]) {
      for (const name of Object.keys(part)) if (names.some((start) => name.startsWith(start))) delete part[name];
    }
    this.#write();
  }

  /** A stage that is done is not done again, but for one that is `always` done. */
  async stage(name, title, estimateSecs, work, { always = false } = {}) {
    this.#number += 1;
    const known = this.#state.done[name];
    this.say(`\n${this.paint('1', `${this.#number}/${this.count} ${title}`)}${known ? '' : this.paint('2', `  (about ${duration(estimateSecs)})`)}`);
    if (known && !always) {
      this.say(`   ${this.paint('32', '✓')} done before`);
      this.stages.push({ name, seconds: known.seconds, result: 'done before' });
      return;
    }
    const begun = Date.now();
    this.log('stage', { stage: name, estimate_s: estimateSecs });
    this.#watch(begun, estimateSecs);
    const entry = { name, seconds: 0, result: 'failed' };
    this.stages.push(entry);
    this.#close = () => {
      this.#unwatch();
      entry.seconds = Math.round((Date.now() - begun) / 100) / 10;
      this.log('stage ended', { stage: name, seconds: entry.seconds, result: entry.result });
    };
    await work();
    entry.result = 'ok';
    this.end();
    this.#state.done[name] = { seconds: entry.seconds };
    this.#write();
    this.say(`   ${this.paint('32', '✓')} ${entry.seconds.toFixed(1)} s`);
  }

  /** Ends the stage that is under way, if one is. */
  end() {
    this.#close?.();
    this.#close = undefined;
  }

  /** A stage that this form of the demo leaves out. */
  left(name, title, why) {
    this.#number += 1;
    this.say(`\n${this.paint('1', `${this.#number}/${this.count} ${title}`)}\n   ${this.paint('33', '–')} left out: ${why}`);
    this.stages.push({ name, seconds: 0, result: 'left out' });
  }

  /** A fact that a stage has found out. */
  tell(name, value) {
    this.say(`   ${name.padEnd(24)} ${value}`);
    this.log('fact', { name, value: String(value) });
  }

  /** What the stage will take after all, from its beginning. */
  expect(seconds) {
    this.#estimateSecs = seconds;
    this.log('estimate', { estimate_s: Math.round(seconds) });
  }

  /** What is being done, for the line that moves; lines in a log otherwise. */
  doing(what) {
    if (what === this.#line) return;
    this.#line = what;
    this.log('doing', { what });
  }

  /** A line of the machine-readable log. */
  log(event, facts = {}) {
    appendFileSync(this.logFile, `${JSON.stringify({ at: new Date().toISOString(), event, ...facts })}\n`);
  }

  /** Text in a colour, where the output has colours. */
  paint(code, text) {
    return this.#out.isTTY && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  /** A line for people. */
  say(text) {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  #clear() {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }

  #watch(begun, estimateSecs) {
    this.#line = '';
    this.#estimateSecs = estimateSecs;
    if (!this.#out.isTTY) return;
    let turn = 0;
    this.#timer = setInterval(() => {
      const elapsed = (Date.now() - begun) / 1000;
      const left = this.#estimateSecs > elapsed ? `, about ${duration(this.#estimateSecs - elapsed)} left` : '';
      const text = `   ${FRAMES[turn++ % FRAMES.length]} ${Math.floor(elapsed)} s${left}  ${this.#line}`;
      this.#out.write(`\r\x1b[K${text.slice(0, (this.#out.columns ?? 100) - 1)}`);
    }, REFRESH_MS);
  }

  #unwatch() {
    clearInterval(this.#timer);
    this.#clear();
  }

  #read() {
    let text;
    try {
      text = readFileSync(this.at(FILE), 'utf8');
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      return { format: FORMAT, quick: this.quick, done: {}, once: {}, kept: {} };
    }
    const state = JSON.parse(text);
    if (state.format !== FORMAT) throw new Error(`${this.at(FILE)} is of another version: name another folder with --data, or --fresh`);
    return state;
  }

  #write() {
    const file = this.at(FILE);
    writeFileSync(`${file}.new`, JSON.stringify(this.#state, null, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

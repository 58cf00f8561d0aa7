#!/usr/bin/env node
// A stage program for tests of the prover daemon: speaks its protocol, proves nothing. It does what the files in
// $STAGE_TEST say: `<stage>` holds `exit CODE`, `hang`, `value` (its result is the public value) or nothing; `ops` the URL of
// a daemon that knows the public values, `value` one. Every start is a line of `log`.
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const STAGES = ['execute', 'segments', 'aggregate', 'root', 'halo2', 'wrap'];
const control = process.env.STAGE_TEST;
const [stage, ...args] = process.argv.slice(2);

if (stage === 'needs') {
  const memoryBytes = Number(process.env.STAGE_TEST_MEMORY ?? 1);
  console.log(JSON.stringify(STAGES.map((name) => ({ stage: name, memoryBytes, seconds: 1 }))));
  process.exit(0);
}

if (stage === 'keys') process.exit(0);

const option = (name) => args[args.indexOf(name) + 1];
const [input, output] = [option('--input'), option('--output')];
const job = Number(basename(dirname(input)));
appendFileSync(join(control, 'log'), `${JSON.stringify({ stage, job, pid: process.pid })}\n`);
const progress = (done, total) => console.log(JSON.stringify({ stage, done, total }));

/** From the file `value`, or from the daemon. */
async function publicValueOf(id) {
  const file = join(control, 'value');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const jobs = await (await fetch(`${readFileSync(join(control, 'ops'), 'utf8')}/jobs`)).json();
  return jobs.find((job) => job.id === id).public_value;
}

progress(0, 2);
const file = join(control, stage);
const order = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
if (order.startsWith('exit ')) {
  console.error(`told to fail in ${stage}`);
  process.exit(Number(order.slice(5)));
}
if (order === 'hang') await new Promise(() => setInterval(() => {}, 1000));

const read = readFileSync(input);
let result = Buffer.from(`${stage} of job ${job} after ${read.length} bytes`);
if (stage === 'execute') {
  result = JSON.stringify({ publicValue: await publicValueOf(job), instructions: 7 });
}
if (order === 'value') result = Buffer.from((await publicValueOf(job)).slice(2), 'hex');
progress(1, 2);
writeFileSync(`${output}.new`, result);
renameSync(`${output}.new`, output);
progress(2, 2);

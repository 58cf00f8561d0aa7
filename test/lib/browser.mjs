// Real browsers with a page that has the wallet's wasm package, under the content security policy of extension pages. Page
// and test speak over HTTP, so a browser need do no more than open an address.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { chromium } from 'playwright-core';

import { ROOT } from './devnet.mjs';
import { pack, unpack } from './plain.mjs';

/** Folder of the package that `scripts/wasm.sh` builds. */
export const WASM = process.env.WASM ?? join(ROOT, 'target/wasm/wallet');

const installed = (...paths) => paths.find((path) => existsSync(path));
const CHROMIUM = installed('/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome');
/** `scripts/setup.sh` installs it where the distribution has it. */
export const FIREFOX = installed('/usr/bin/firefox-esr', '/usr/lib/firefox/firefox');

// A test's browser must not look for updates or report home.
const CHROMIUM_FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-first-run',
];
const FIREFOX_PREFERENCES = {
  'app.normandy.enabled': false, 'app.update.enabled': false, 'browser.aboutwelcome.enabled': false, 'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false, 'extensions.update.enabled': false, 'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false, 'services.settings.server': 'data:,', 'toolkit.telemetry.enabled': false,
};

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/lib/wallet-page.mjs"></script>';
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const POLICY = { 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'" };
/** What gives a page `SharedArrayBuffer`. */
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const PATIENCE_MS = 300_000;

/** Each opens an address and gives what closes the browser again. */
const OPEN = {
  async chromium(address) {
    if (!CHROMIUM) throw new Error('there is no Chromium: run scripts/setup.sh, or install the package chromium');
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    const page = await browser.newPage();
    page.on('console', (line) => console.log(`chromium: ${line.text()}`));
    await page.goto(address);
    return () => browser.close();
  },
  // Mozilla's own build, which Playwright can't steer: 1.65 asks it for commands of WebDriver BiDi that 153 lacks.
  async firefox(address) {
    if (!FIREFOX) throw new Error('there is no Firefox: run scripts/setup.sh, or install the package firefox-esr');
    const profile = mkdtempSync(join(tmpdir(), 'cwe-firefox-'));
    const lines = Object.entries(FIREFOX_PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    const browser = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', profile, address], { stdio: 'ignore' });
    const ended = once(browser, 'exit');
    return async () => {
      browser.kill();
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    };
  },
};

/** Serves page, package and `test/lib`, nothing else; `special[path]` answers instead where it is there. `posted[path]` takes
 *  what the page sends and answers. */
function serve({ headers, special, task, posted }) {
  return createServer(async (request, response) => {
    const { url, method } = request;
    const [, folder, name] = url.match(/^\/(wasm|lib)\/((?:[\w-]+\/)*[\w-]+\.\w+)$/) ?? [];
    const path = folder && join(folder === 'wasm' ? WASM : join(ROOT, 'test/lib'), name);
    const answer = (type, body) => response.writeHead(200, { ...headers, 'content-type': type }).end(body);
    if (method === 'POST') answer('application/json', (await posted[url](await text(request))) ?? '');
    else if (special[url]) special[url](response);
    else if (url === '/') answer('text/html', PAGE);
    else if (url === '/task') answer('application/json', task);
    else if (path && existsSync(path)) answer(TYPES[extname(path)], readFileSync(path));
    else response.writeHead(404).end();
  });
}

/** Has a page do `task` with the wallet (`wallet-task.mjs`) and gives what it came to. The page calls the methods of `world`.
 *  `isolated`: it may have threads. `ownThread`: without a worker. */
export async function inBrowser(world, task, options = {}, { name = 'chromium', isolated = false, ownThread = false, special = {} } = {}) {
  const told = new EventEmitter();
  const server = serve({
    headers: { ...POLICY, ...(isolated ? ISOLATION : {}) },
    special,
    task: pack({ task, options, ownThread }),
    posted: {
      '/world': async (body) => {
        const [method, args] = unpack(body);
        try {
          return pack((await world[method](...args)) ?? null);
        } catch (error) {
          told.emit('error', error);
          return 'null';
        }
      },
      '/done': (body) => void told.emit('done', unpack(body)),
      '/failed': (body) => void told.emit('error', new Error(`${name}: ${body}`)),
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const done = once(told, 'done', { signal: AbortSignal.timeout(PATIENCE_MS) });
  // It may fail before the browser has told that the page is open.
  done.catch(() => {});
  try {
    const close = await OPEN[name](`http://127.0.0.1:${server.address().port}/`);
    const [seen] = await done.finally(close);
    return seen;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

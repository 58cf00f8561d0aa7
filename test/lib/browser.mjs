// A real Chromium with a page that has the wallet's wasm package loaded.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { ROOT } from './devnet.mjs';

/** Folder of the package that `scripts/wasm.sh` builds. */
export const WASM = process.env.WASM ?? join(ROOT, 'target/wasm/wallet');

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
// A test's browser must not look for updates or report home.
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-first-run',
];
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import init, * as api from '/wasm/cwe_wallet.js';
  await init({ module_or_path: '/wasm/cwe_wallet_bg.wasm' });
  window.api = api;
</script>`;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

/** The page, the package and `test/lib`, nothing else. */
function serve(request, response) {
  const [, folder, name] = request.url.match(/^\/(wasm|lib)\/([\w-]+\.\w+)$/) ?? [];
  const path = folder && join(folder === 'wasm' ? WASM : join(ROOT, 'test/lib'), name);
  if (request.url === '/') response.writeHead(200, { 'content-type': TYPES['.html'] }).end(PAGE);
  else if (path && existsSync(path)) response.writeHead(200, { 'content-type': TYPES[path.match(/\.\w+$/)[0]] }).end(readFileSync(path));
  else response.writeHead(404).end();
}

/** Calls `use(page)`; in the page are `api`, the wasm package, and `world(method, …)`, which calls `world`'s methods here. */
export async function withPage(world, use) {
  if (!CHROMIUM) throw new Error('there is no Chromium: run scripts/setup.sh, or install the package chromium');
  const server = createServer(serve);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage();
    page.on('console', (line) => console.log(`browser: ${line.text()}`));
    await page.exposeFunction('world', (method, ...args) => world[method](...args));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => 'api' in window);
    return await use(page);
  } finally {
    await browser.close();
    server.close();
  }
}

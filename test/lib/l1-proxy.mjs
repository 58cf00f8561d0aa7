// A proxy before a real L1 that can be down, slow, or answer something else.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { rpc } from './devnet.mjs';

/** A JSON-RPC error to throw from a changed answer. */
export function refusal(code, message) {
  return Object.assign(new Error(message), { code });
}

export class L1Proxy {
  /** Milliseconds that every answer takes longer. */
  delayMs = 0;
  #answers = new Map();
  #port = 0;

  /** A proxy before the L1 at `target`. */
  static async start(target) {
    const proxy = new L1Proxy();
    proxy.target = target;
    await proxy.up();
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** From now on `method` is answered with what `answer(params, forward)` returns or throws. */
  answer(method, answer) {
    this.#answers.set(method, answer);
  }

  /** Goes back to what the L1 says, in time. */
  honest() {
    this.#answers.clear();
    this.delayMs = 0;
  }

  /** Refuses connections, as an L1 that is down. */
  async down() {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  /** Listens where it did before. */
  async up() {
    this.server = createServer((request, response) => this.#handle(request, response)).listen(this.#port, '127.0.0.1');
    await once(this.server, 'listening');
    this.#port = this.server.address().port;
  }

  async #handle(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const asked = JSON.parse(body);
    const answers = await Promise.all([asked].flat().map((one) => this.#answer(one)));
    if (this.delayMs > 0) await new Promise((done) => setTimeout(done, this.delayMs).unref());
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Array.isArray(asked) ? answers : answers[0]));
  }

  async #answer({ id, method, params }) {
    const forward = () => rpc(this.target, method, params);
    const answer = this.#answers.get(method) ?? ((_, honestly) => honestly());
    try {
      return { jsonrpc: '2.0', id, result: await answer(params, forward) };
    } catch (error) {
      // The L1 behind is away: no answer at all would keep the connection for ever.
      const { code = -32603, message, data } = error;
      return { jsonrpc: '2.0', id, error: { code, message, data } };
    }
  }
}

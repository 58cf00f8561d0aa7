// The page's script: the task is done in a worker, as an extension would have the wallet, or in the page's own thread.
import { unpack } from './plain.mjs';

const { ownThread } = unpack(await (await fetch('/task')).text());
if (ownThread) await import('./wallet-task.mjs');
else {
  const worker = new Worker(new URL('./wallet-task.mjs', import.meta.url), { type: 'module' });
  worker.onerror = ({ message }) => fetch('/failed', { method: 'POST', body: message ?? 'the worker was refused' });
}

// One of the wallet's threads: shares the memory of the worker that started it, and its work. `load.js` starts it.
import { initSync, runThread } from './cwe_wallet.js';

self.onmessage = ({ data }) => {
  initSync(data);
  self.postMessage('started');
  runThread();
};

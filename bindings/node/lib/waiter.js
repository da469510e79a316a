// The thread that waits for the events of a set, and passes them on, until the set is woken
// at the end of the process.

'use strict';

const { parentPort, workerData } = require('node:worker_threads');
const K = require('./constants');
const { c, koffi } = require('./native');

const TIMED_OUT = -require('node:os').constants.errno.ETIMEDOUT;

// Without pidfds exits are known by SIGCHLD, and libuv's handler for that may lie on top of
// the library's, and not call it.
const pause = c.engine() === K.ENGINE_PIDFD ? -1 : 50;

const { set, hasEnded } = workerData;
const raw = Buffer.alloc(koffi.sizeof('chld_event'));

for (;;) {
  const result = c.set_wait(set, pause, raw);
  if (result === TIMED_OUT) {
    c.reap();
    continue;
  }
  const { kind, last, id, status, capture, pipeline } = koffi.decode(raw, 'chld_event');
  if (result < 0 || kind === K.EVENT_WOKEN) break;
  parentPort.postMessage({ kind, last, id: BigInt(id), status, capture, pipeline });
}

Atomics.store(hasEnded, 0, 1);
Atomics.notify(hasEnded, 0);

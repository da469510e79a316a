// One set for all children, and one thread that waits for its events.

'use strict';

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const K = require('./constants');
const { c } = require('./native');
const { check } = require('./errors');

const CHANGES = {
  [K.EVENT_STOPPED]: 'stopped', [K.EVENT_CONTINUED]: 'continued',
  [K.EVENT_SURVIVED]: 'survived',
};

/** Milliseconds: a thread that has not begun must begin to end. */
const MOST_TO_END = 5000;

let set;
let worker;
/** id -> { last(event), change(kind, event) } */
const waiting = new Map();
let needed = 0;

function open() {
  const opened = [0];
  check(c.set_open(0, opened), 'chld_set_open');
  [set] = opened;
  // The thread must not be stopped by Node while it is in C.
  const hasEnded = new Int32Array(new SharedArrayBuffer(4));
  worker = new Worker(path.join(__dirname, 'waiter.js'), { workerData: { set, hasEnded } });
  worker.unref();
  worker.on('message', receive);
  worker.on('error', (error) => { throw error; });
  process.on('exit', () => {
    for (const id of waiting.keys()) c.close(id); // this kills those with killOnClose
    c.set_wake(set);
    Atomics.wait(hasEnded, 0, 0, MOST_TO_END);
  });
}

/** The set, and with it the thread. */
function theSet() {
  if (set === undefined) open();
  return set;
}

function receive(event) {
  const one = waiting.get(event.id);
  if (one === undefined) return; // it was closed meanwhile
  if (!event.last) {
    one.change(CHANGES[event.kind], event);
    return;
  }
  waiting.delete(event.id);
  unref(one);
  one.last(event);
  c.close(event.id);
}

/** Waits for a child: `last` is called with its last event, before its handle is closed. */
function wait(id, last, change = () => {}) {
  const one = { last, change, isNeeded: false };
  waiting.set(BigInt(id), one);
  ref(one);
  return one;
}

/** The process goes on as long as it waits for this child. */
function ref(one) {
  if (one.isNeeded) return;
  one.isNeeded = true;
  needed += 1;
  worker.ref();
}

function unref(one) {
  if (!one.isNeeded) return;
  one.isNeeded = false;
  needed -= 1;
  if (needed === 0) worker.unref();
}

module.exports = { ref, theSet, unref, wait };

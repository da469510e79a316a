'use strict';

const net = require('node:net');
const os = require('node:os');
const tty = require('node:tty');
const { EventEmitter } = require('node:events');
const K = require('./constants');
const { c } = require('./native');
const { argv, milliseconds, spawnOptions, stopPlan } = require('./options');
const { ChldError, StartError, check } = require('./errors');
const { Status, signalNumber } = require('./status');
const loop = require('./loop');
const { usageOf } = require('./run');

const { errno } = os.constants;

/** This process's end of a stream, as a stream of Node; null if there is none. */
function take(id, which, how) {
  const fd = c.take_fd(id, which);
  if (fd < 0) return null;
  if (how !== 'pty') return new net.Socket({ fd, readable: which > 0, writable: which === 0 });
  if (which === 0) return new tty.WriteStream(fd);
  const terminal = new tty.ReadStream(fd, { writable: true });
  const { destroy } = terminal;
  // What a terminal returns at its end is EIO, or nothing.
  terminal.destroy = function end(error, ...rest) {
    if (error?.code !== 'EIO') return destroy.call(this, error, ...rest);
    this.push(null);
    return this;
  };
  return terminal;
}

/**
 * A child. Events: 'exit' with its Status; with `watch` also 'stopped' and 'continued'. Its
 * handle is closed at its exit.
 */
class Child extends EventEmitter {
  #id;
  #one;
  #stopping = [];
  #isWatched;

  constructor(id, how) {
    super();
    this.#id = id;
    this.#isWatched = Boolean(how.watch);
    this.pid = c.pid(id);
    /** A promise of its Status. */
    this.exited = new Promise((resolve) => {
      this.#one = loop.wait(id, (event) => {
        const used = {};
        this.usage = c.usage(id, used) === 0 ? usageOf(used) : null;
        this.status = new Status(event.status);
        resolve(this.status);
        this.emit('exit', this.status);
      }, (kind, event) => this.#changed(kind, event));
    });
    /** How it exited; null before. */
    this.status = null;
    /** What it has used up, after its exit. */
    this.usage = null;
    this.stdout = take(id, 1, how.stdout);
    // One stream is enough for a terminal. The library keeps an end: to change its size.
    const isOne = how.stdout === 'pty';
    this.stdin = isOne && how.stdin === 'pty' ? this.stdout : take(id, 0, how.stdin);
    this.stderr = isOne && how.stderr === 'pty' ? null : take(id, 2, how.stderr);
  }

  #changed(kind, event) {
    if (kind === 'survived') {
      const error = new ChldError(-errno.ETIMEDOUT, 'it has survived its stop sequence');
      for (const reject of this.#stopping.splice(0)) reject(error);
    } else {
      this.emit(kind, new Status(event.status));
    }
  }

  /** Sends a signal; false if it has exited. Never hits another process. */
  kill(signal = 'SIGTERM') {
    return sent(c.kill(this.#id, signalNumber(signal)), 'chld_kill');
  }

  /** Sends a signal to the process group that it leads. */
  killGroup(signal = 'SIGTERM') {
    return sent(c.kill_group(this.#id, signalNumber(signal)), 'chld_kill_group');
  }

  /** Sends a signal to it and all its descendants. A promise of how many are left. */
  killTree(signal = 'SIGKILL') {
    const left = [0];
    return new Promise((resolve, reject) => {
      c.kill_tree.async(this.#id, signalNumber(signal), left, (error, result) => {
        if (error) reject(error);
        else if (result < 0) reject(new ChldError(result));
        else resolve(left[0]);
      });
    });
  }

  /** Stops it by a sequence of signals. A promise of its Status. */
  stop(plan) {
    if (this.status) return this.exited;
    check(c.set_stop(loop.theSet(), this.#id, 0, stopPlan(plan)), 'chld_set_stop');
    return new Promise((resolve, reject) => {
      this.#stopping.push(reject);
      this.exited.then(resolve);
    });
  }

  /** A promise of its next stop, continuation, or exit. Needs the option `watch`. */
  change() {
    if (this.status) return this.exited;
    if (!this.#isWatched) throw new TypeError('change() needs the option watch');
    return new Promise((resolve) => {
      for (const kind of ['stopped', 'continued', 'exit']) this.once(kind, resolve);
    });
  }

  /** Changes the size of its pseudo-terminal, which must be its stdin and its stdout. */
  resize(rows, columns) {
    check(c.pty_resize(this.#id, rows, columns), 'chld_pty_resize');
  }

  /** The process does not go on for this child. */
  unref() {
    loop.unref(this.#one);
    return this;
  }

  ref() {
    if (!this.status) loop.ref(this.#one);
    return this;
  }
}

function sent(result, what) {
  if (result === -errno.ESRCH || result === -errno.EBADF) return false;
  check(result, what);
  return true;
}

const INHERIT = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' };

/** Starts a child. Throws a StartError if that is impossible. */
function spawn(args, how = {}) {
  const { signal } = how;
  signal?.throwIfAborted();
  const [words, plan, timeout] = [argv(args), stopPlan(how.stop), milliseconds(how.timeout)];
  const set = loop.theSet();
  const [id, error] = [[0], {}];
  if (c.spawn(id, words, spawnOptions({ ...INHERIT, ...how }), error) < 0) throw new StartError(error);
  const [handle] = id;
  let added = c.set_add(set, handle, how.watch ? K.WATCH_STOPPED | K.WATCH_CONTINUED : 0);
  if (added === 0 && timeout >= 0) added = c.set_stop(set, handle, timeout, plan);
  if (added < 0) {
    c.kill(handle, os.constants.signals.SIGKILL);
    c.close(handle);
    throw new ChldError(added);
  }
  const child = new Child(handle, how);
  if (signal) {
    const abort = () => c.set_stop(set, handle, 0, plan);
    signal.addEventListener('abort', abort, { once: true });
    child.once('exit', () => signal.removeEventListener('abort', abort));
  }
  return child;
}

/** Starts a program that is nobody's child. */
function spawnDetached(args, how = {}) {
  const error = {};
  const options = spawnOptions({ ...INHERIT, ...how, detached: true });
  if (c.spawn([0], argv(args), options, error) < 0) throw new StartError(error);
}

module.exports = { Child, spawn, spawnDetached };

'use strict';

const os = require('node:os');
const K = require('./constants');
const { c, text } = require('./native');

const STATES = Object.fromEntries(
  ['running', 'exited', 'killed', 'dumped', 'stopped', 'continued', 'lost']
    .map((name) => [K[`STATE_${name.toUpperCase()}`], name]));
const { signals } = os.constants;

/** How a child is, or how it exited; as a string, in words. */
class Status {
  #raw;

  constructor(raw) {
    this.#raw = { ...raw };
    /** 'exited', 'killed', 'dumped', 'stopped', 'continued', 'running' or 'lost'. */
    this.state = STATES[raw.state];
    /** The exit code of a child that exited by itself, else null. */
    this.code = this.state === 'exited' ? raw.code : null;
    /** The name of the signal that killed, stopped or continued it, else null. */
    this.signal = ['killed', 'dumped', 'stopped', 'continued'].includes(this.state)
      ? signalName(raw.code) : null;
  }

  /** Whether it exited with code 0. */
  get success() {
    return this.code === 0;
  }

  /** What $? would be in a shell; null if there is no such number. */
  get shellCode() {
    const code = c.status_shell_code(this.#raw);
    return code < 0 ? null : code;
  }

  /** What waitpid() would have stored, or -1. */
  get waitWord() {
    return this.#raw.wait_word;
  }

  toString() {
    return text(c.status_text, this.#raw);
  }
}

const signalName = (number) => c.signal_name(number) ?? `SIG${number}`;

/** The number of a signal, given by name or number. */
function signalNumber(signal) {
  const number = signals[signal] ?? signal;
  if (!Number.isInteger(number)) throw new TypeError(`unknown signal: ${signal}`);
  return number;
}

module.exports = { Status, signalName, signalNumber };

'use strict';

const util = require('node:util');
const { c, text } = require('./native');

/** What a function of the library returned: `code` is 'ENOENT', `errno` -2, as in Node. */
class ChldError extends Error {
  constructor(result, message) {
    const code = util.getSystemErrorName(result);
    super(message ?? code);
    this.name = this.constructor.name;
    this.errno = result;
    this.code = code;
  }
}

/** A child could not be started or captured. */
class StartError extends ChldError {
  constructor(raw) {
    super(-raw.code, text(c.error_text, raw));
    /** What failed: 'exec', 'chdir', …; 'capture' if the child was started. */
    this.step = c.step_name(raw.step);
    const item = Buffer.from(raw.item);
    /** The path, program or entry at which it failed. */
    this.item = item.toString('utf8', 0, item.indexOf(0));
    this.index = raw.index;
    /** The stage of a pipeline, counted from 0, or null. */
    this.stage = raw.stage > 0 ? raw.stage - 1 : null;
  }
}

/** With `check`: the child did not exit with code 0, or was stopped at the timeout. */
class ExitError extends Error {
  constructor(result) {
    super(result.timedOut ? `timeout: ${result.status}` : `${result.status}`);
    this.name = 'ExitError';
    this.result = result;
  }
}

function check(result, what) {
  if (result < 0) throw new ChldError(result, what && `${what}: ${util.getSystemErrorName(result)}`);
  return result;
}

/** As Node's own functions refuse an argument. */
function refuse(code, message) {
  return Object.assign(new TypeError(message), { code });
}

module.exports = { ChldError, ExitError, StartError, check, refuse };

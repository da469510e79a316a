// Child processes by libchld: see README.md, and index.d.ts for all options.

'use strict';

const K = require('./lib/constants');
const { ChldError, ExitError, StartError } = require('./lib/errors');
const { Status } = require('./lib/status');
const { Child, spawn, spawnDetached } = require('./lib/child');
const { pipeline, run } = require('./lib/run');
const { c } = require('./lib/native');

/** What reports exits on this system: 'pidfd' or 'sigchld'. */
const engine = () => (c.engine() === K.ENGINE_PIDFD ? 'pidfd' : 'sigchld');

/** The version of the library. */
const version = () => c.version();

module.exports = {
  Child, ChldError, ExitError, StartError, Status,
  engine, pipeline, run, spawn, spawnDetached, version,
};

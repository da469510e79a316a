// Options for C. What C points to is in buffers of the objects that these functions return:
// keep those as long as C uses them.

'use strict';

const { fileURLToPath } = require('node:url');
const K = require('./constants');
const { blank, koffi } = require('./native');
const { refuse } = require('./errors');
const { signalNumber } = require('./status');

/** A string for C: its bytes, and a NUL. */
function bytes(value, name) {
  const isText = typeof value === 'string';
  if (!isText && !(value instanceof Uint8Array)) {
    throw refuse('ERR_INVALID_ARG_TYPE', `${name} must be a string or a Buffer`);
  }
  const content = Buffer.from(value);
  if (content.includes(0)) {
    throw refuse('ERR_INVALID_ARG_VALUE', `${name} must have no null bytes: ${JSON.stringify(
      isText ? value : content.toString('latin1'))}`);
  }
  return Buffer.concat([content, Buffer.alloc(1)]);
}

const strings = (list, name) => [...list.map((value) => bytes(value, name)), null];

function argv(list) {
  if (!Array.isArray(list)) {
    throw refuse('ERR_INVALID_ARG_TYPE', 'the arguments must be an array, the program first');
  }
  return strings(list, 'an argument');
}

/** "NAME=value" of each variable; the value may be a Buffer. */
function variables(object) {
  return Object.entries(object).map(([name, value]) => {
    if (name === '' || name.includes('=')) {
      throw refuse('ERR_INVALID_ARG_VALUE', `not a name of a variable: ${JSON.stringify(name)}`);
    }
    const text = value instanceof Uint8Array ? value : `${value}`;
    return Buffer.concat([Buffer.from(`${name}=`), Buffer.from(text)]);
  });
}

const NAMES = ['stdin', 'stdout', 'stderr'];
const STREAMS = {
  ignore: K.STDIO_NULL, pipe: K.STDIO_PIPE, stdout: K.STDIO_STDOUT, closed: K.STDIO_CLOSED,
  pty: K.STDIO_PTY, stderr: K.STDIO_STDERR,
};

/**
 * 'inherit', 'ignore', …, a descriptor, what has one, or { path, flags, mode }. Undefined is
 * what a capture makes a pipe of.
 */
function stream(how, number) {
  const raw = { mode: K.STDIO_INHERIT, fd: 0, path: null, open_flags: 0, open_mode: 0 };
  if (how === undefined || how === null) return raw;
  // Node's own streams are close-on-exec: they must be given by number.
  if (how === 'inherit') return { ...raw, mode: K.STDIO_FD, fd: number };
  if (Object.hasOwn(STREAMS, how)) return { ...raw, mode: STREAMS[how] };
  const fd = typeof how === 'number' ? how : how.fd;
  if (typeof fd === 'number') return { ...raw, mode: K.STDIO_FD, fd };
  if (how.path !== undefined) {
    const path = bytes(how.path, `the path of ${NAMES[number]}`);
    const { flags = 0, mode = 0 } = how;
    return { ...raw, mode: K.STDIO_PATH, path, open_flags: flags, open_mode: mode };
  }
  throw refuse('ERR_INVALID_ARG_VALUE', `${NAMES[number]} cannot be ${JSON.stringify(how)}`);
}

/** Options that are a flag each. */
const FLAGS = {
  session: K.SPAWN_SESSION, controllingTerminal: K.SPAWN_TERMINAL,
  foreground: K.SPAWN_FOREGROUND, inheritFds: K.SPAWN_INHERIT_FDS,
  shellFallback: K.SPAWN_SHELL, noNewPrivs: K.SPAWN_NO_NEW_PRIVS, detached: K.SPAWN_DETACHED,
  subreaper: K.SPAWN_SUBREAPER, killOnClose: K.SPAWN_KILL_ON_CLOSE, private: K.SPAWN_PRIVATE,
  killOnDeath: K.SPAWN_KILL_ON_DEATH, ownCgroup: K.SPAWN_CGROUP_OWN,
};

const mask = (list = []) => list.reduce(
  (all, signal) => all | (1n << BigInt(signalNumber(signal) - 1)), 0n);

/** As sched_setaffinity() has it. */
function cpuSet(cpus) {
  const set = new BigUint64Array((Math.max(...cpus) >> 6) + 1);
  for (const cpu of cpus) set[cpu >> 6] |= 1n << BigInt(cpu & 63);
  return Buffer.from(set.buffer);
}

/** chld_spawn_options. */
function spawnOptions(how = {}) {
  const raw = blank('chld_spawn_options');
  raw.flags = Object.keys(FLAGS).reduce((all, name) => (how[name] ? all | FLAGS[name] : all), 0);
  if (how.program !== undefined) raw.program = bytes(how.program, 'the program');
  if (how.searchChildPath) raw.search = K.SEARCH_CHILD;
  setPlace(raw, how);
  setStreams(raw, how);
  setLimits(raw, how);
  setIds(raw, how);
  setSignals(raw, how);
  return raw;
}

function setPlace(raw, { cwd, env, setEnv = {}, cgroup }) {
  if (cwd !== undefined) raw.cwd = bytes(cwd instanceof URL ? fileURLToPath(cwd) : cwd, 'cwd');
  if (env) raw.env = strings(variables(env), 'a variable');
  const isSet = ([, value]) => value !== null && value !== undefined;
  const changes = Object.entries(setEnv);
  const set = Object.fromEntries(changes.filter(isSet));
  raw.env_set = strings(variables(set), 'a variable');
  const unset = changes.filter((change) => !isSet(change)).map(([name]) => name);
  raw.env_unset = strings(unset, 'the name of a variable');
  if (cgroup !== undefined) {
    raw.flags |= K.SPAWN_CGROUP;
    raw.cgroup_fd = cgroup;
  }
}

function setStreams(raw, { stdin, stdout, stderr, fds = {}, pty }) {
  raw.in = stream(stdin, 0);
  raw.out = stream(stdout, 1);
  raw.err = stream(stderr, 2);
  raw.fds = Object.entries(fds).map(([target, source]) => ({ source, target: +target }));
  raw.fds_count = raw.fds.length;
  if (pty) {
    [raw.rows, raw.columns] = [pty.rows ?? 0, pty.columns ?? 0];
    if (pty.echo === false) raw.flags |= K.SPAWN_PTY_NO_ECHO;
  }
}

const NO_LIMIT = 0xffffffffffffffffn;

function setLimits(raw, { limits = [], cpus = [], nice = 0, umask }) {
  raw.limits = limits.map(({ resource, soft = NO_LIMIT, hard = NO_LIMIT }) => (
    { resource, reserved: 0, soft, hard }));
  raw.limits_count = limits.length;
  if (cpus.length) {
    raw.cpus = cpuSet(cpus);
    raw.cpus_size = raw.cpus.length;
  }
  raw.nice = nice;
  if (umask !== undefined) [raw.umask, raw.flags] = [umask, raw.flags | K.SPAWN_UMASK];
}

function setIds(raw, { group, uid, gid, groups }) {
  if (group === true) raw.group_mode = K.GROUP_NEW;
  else if (group) [raw.group_mode, raw.group] = [K.GROUP_JOIN, group];
  if (groups) {
    [raw.groups, raw.groups_count] = [groups, groups.length];
    raw.flags |= K.SPAWN_GROUPS;
  }
  if (gid !== undefined) [raw.gid, raw.flags] = [gid, raw.flags | K.SPAWN_GID];
  if (uid !== undefined) [raw.uid, raw.flags] = [uid, raw.flags | K.SPAWN_UID];
}

function setSignals(raw, { deathSignal, ignoredSignals, blockedSignals, resetSignals }) {
  if (deathSignal) raw.death_signal = signalNumber(deathSignal);
  if (ignoredSignals) {
    [raw.signals_mode, raw.ignored] = [K.SIGNALS_IGNORING, mask(ignoredSignals)];
  }
  if (blockedSignals) [raw.mask_mode, raw.blocked] = [K.MASK_BLOCKED, mask(blockedSignals)];
  raw.reset = mask(resetSignals);
}

const TARGETS = { child: K.TARGET_CHILD, group: K.TARGET_GROUP, tree: K.TARGET_TREE };
const MOST = 0x7fffffff;

/** Milliseconds, rounded up; -1 for none. */
function milliseconds(time) {
  if (time === undefined || time === null || time === Infinity) return -1;
  if (!(time >= 0)) throw new RangeError(`not a time: ${time}`);
  return Math.min(Math.ceil(time), MOST);
}

/** chld_stop_plan. */
function stopPlan({ steps = [], target = 'child', sweep = false } = {}) {
  if (!Object.hasOwn(TARGETS, target)) throw new TypeError(`unknown target: ${target}`);
  const list = steps.map(([signal, wait]) => (
    { signal: signalNumber(signal), wait_ms: milliseconds(wait) }));
  return {
    ...blank('chld_stop_plan'), target: TARGETS[target], flags: sweep ? K.STOP_SWEEP : 0, steps: list,
    steps_count: list.length,
  };
}

/** Whether a capture reads or feeds this stream. */
const isCaptured = (how) => [undefined, null, 'pipe', 'pty'].includes(how);

function sink(raw, kept, how, keep = 'all') {
  if (!isCaptured(how)) return;
  if (keep === 'all') {
    raw.mode = K.SINK_GROW;
    return;
  }
  const [[kind, size]] = keep === 'nothing' ? [['tail', 0]] : Object.entries(keep);
  raw.mode = { head: K.SINK_HEAD, tail: K.SINK_TAIL, headTail: K.SINK_HEAD_TAIL }[kind];
  if (raw.mode === undefined) throw new TypeError(`cannot keep ${JSON.stringify(keep)}`);
  kept.push(Buffer.alloc(size + 1));
  [raw.buffer, raw.size] = [koffi.address(kept.at(-1)), size];
}

/**
 * chld_capture_options, and into `kept` the buffers that C reads and fills until the last
 * event: keep them so long.
 */
function captureOptions(how, kept) {
  const raw = blank('chld_capture_options');
  // To the library 0 is no timeout.
  raw.timeout_ms = how.timeout === undefined ? -1 : milliseconds(how.timeout) || 1;
  raw.stop = stopPlan(how.stop);
  if (how.input !== undefined) {
    // A copy: the caller may change its own.
    kept.push(Buffer.concat([Buffer.from(how.input), Buffer.alloc(1)]));
    const [data] = kept;
    Object.assign(raw.in, { mode: K.FEED_BUFFER, data: koffi.address(data), size: data.length - 1 });
  }
  sink(raw.out, kept, how.stdout, how.keepStdout);
  sink(raw.err, kept, how.stderr, how.keepStderr);
  if (how.toTheEnd) raw.flags = K.CAPTURE_EOF;
  return raw;
}

/** Of run(): without an input, stdin is empty, and not this process's. */
const withStdin = (how) => (
  how.stdin === undefined && how.input === undefined ? { ...how, stdin: 'ignore' } : how);

module.exports = { argv, captureOptions, milliseconds, spawnOptions, stopPlan, withStdin };

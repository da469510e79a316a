// Options for C. What C points to is in buffers of the objects that these functions return:
// keep those as long as C uses them.

'use strict';

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
const STREAMS = { ignore: 1, pipe: 2, stdout: 5, closed: 6, pty: 7, stderr: 8 };

/**
 * 'inherit', 'ignore', …, a descriptor, what has one, or { path, flags, mode }. Undefined is
 * what a capture makes a pipe of.
 */
function stream(how, number) {
  const raw = { mode: 0, fd: 0, path: null, open_flags: 0, open_mode: 0 };
  if (how === undefined || how === null) return raw;
  // Node's own streams are close-on-exec: they must be given by number.
  if (how === 'inherit') return { ...raw, mode: 3, fd: number };
  if (Object.hasOwn(STREAMS, how)) return { ...raw, mode: STREAMS[how] };
  const fd = typeof how === 'number' ? how : how.fd;
  if (typeof fd === 'number') return { ...raw, mode: 3, fd };
  if (how.path !== undefined) {
    const path = bytes(how.path, `the path of ${NAMES[number]}`);
    return { ...raw, mode: 4, path, open_flags: how.flags ?? 0, open_mode: how.mode ?? 0 };
  }
  throw refuse('ERR_INVALID_ARG_VALUE', `${NAMES[number]} cannot be ${JSON.stringify(how)}`);
}

const FLAGS = {
  session: 1, controllingTerminal: 2, foreground: 4, inheritFds: 8, shellFallback: 32,
  noNewPrivs: 4096, detached: 8192, subreaper: 16384, killOnClose: 65536, private: 262144,
  killOnDeath: 524288,
};

const mask = (list = []) => list.reduce(
  (all, signal) => all | (1n << BigInt(signalNumber(signal) - 1)), 0n);

/** As sched_setaffinity() has it: bits of bytes, on a little-endian machine. */
function cpuSet(cpus) {
  const set = Buffer.alloc(Math.ceil((Math.max(...cpus) + 1) / 64) * 8);
  for (const cpu of cpus) set[cpu >> 3] |= 1 << (cpu & 7);
  return set;
}

/** chld_spawn_options. */
function spawnOptions(how = {}) {
  const raw = blank('chld_spawn_options');
  let flags = 0;
  for (const [name, flag] of Object.entries(FLAGS)) if (how[name]) flags |= flag;
  if (how.cwd !== undefined) {
    const cwd = how.cwd instanceof URL ? require('node:url').fileURLToPath(how.cwd) : how.cwd;
    raw.cwd = bytes(cwd, 'cwd');
  }
  if (how.program !== undefined) raw.program = bytes(how.program, 'the program');
  if (how.searchChildPath) raw.search = 1;
  if (how.env) raw.env = strings(variables(how.env), 'a variable');
  const changes = Object.entries(how.setEnv ?? {});
  const set = changes.filter(([, value]) => value !== null && value !== undefined);
  raw.env_set = strings(variables(Object.fromEntries(set)), 'a variable');
  const unset = changes.filter((change) => !set.includes(change));
  raw.env_unset = strings(unset.map(([name]) => name), 'the name of a variable');
  raw.in = stream(how.stdin, 0);
  raw.out = stream(how.stdout, 1);
  raw.err = stream(how.stderr, 2);
  raw.fds = Object.entries(how.fds ?? {}).map(([target, source]) => ({ source, target: +target }));
  raw.fds_count = raw.fds.length;
  if (how.pty) {
    [raw.rows, raw.columns] = [how.pty.rows ?? 0, how.pty.columns ?? 0];
    if (how.pty.echo === false) flags |= 131072;
  }
  if (how.group === true) raw.group_mode = 1;
  else if (how.group) [raw.group_mode, raw.group] = [2, how.group];
  if (how.cgroup !== undefined) {
    flags |= 128 | (how.ownCgroup ? 32768 : 0);
    raw.cgroup_fd = how.cgroup;
  }
  const none = 0xffffffffffffffffn;
  raw.limits = (how.limits ?? []).map(({ resource, soft = none, hard = none }) => (
    { resource, reserved: 0, soft, hard }));
  raw.limits_count = raw.limits.length;
  if (how.cpus?.length) {
    raw.cpus = cpuSet(how.cpus);
    raw.cpus_size = raw.cpus.length;
  }
  if (how.groups) {
    [raw.groups, raw.groups_count] = [how.groups, how.groups.length];
    flags |= 256;
  }
  if (how.gid !== undefined) [raw.gid, flags] = [how.gid, flags | 512];
  if (how.uid !== undefined) [raw.uid, flags] = [how.uid, flags | 1024];
  if (how.umask !== undefined) [raw.umask, flags] = [how.umask, flags | 2048];
  raw.nice = how.nice ?? 0;
  if (how.deathSignal) raw.death_signal = signalNumber(how.deathSignal);
  if (how.ignoredSignals) [raw.signals_mode, raw.ignored] = [2, mask(how.ignoredSignals)];
  if (how.blockedSignals) [raw.mask_mode, raw.blocked] = [2, mask(how.blockedSignals)];
  raw.reset = mask(how.resetSignals);
  raw.flags = flags;
  return raw;
}

const TARGETS = { child: 0, group: 1, tree: 2 };
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
    ...blank('chld_stop_plan'), target: TARGETS[target], flags: sweep ? 1 : 0, steps: list,
    steps_count: list.length,
  };
}

/** Whether a capture reads or feeds this stream. */
const isCaptured = (how) => [undefined, null, 'pipe', 'pty'].includes(how);

function sink(raw, kept, how, keep = 'all') {
  if (!isCaptured(how)) return;
  if (keep === 'all') {
    raw.mode = 4;
    return;
  }
  const [[kind, size]] = keep === 'nothing' ? [['tail', 0]] : Object.entries(keep);
  raw.mode = { head: 1, tail: 2, headTail: 3 }[kind];
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
    Object.assign(raw.in, { mode: 1, data: koffi.address(data), size: data.length - 1 });
  }
  sink(raw.out, kept, how.stdout, how.keepStdout);
  sink(raw.err, kept, how.stderr, how.keepStderr);
  if (how.toTheEnd) raw.flags = 1;
  return raw;
}

/** Of run(): without an input, stdin is empty, and not this process's. */
const withStdin = (how) => (
  how.stdin === undefined && how.input === undefined ? { ...how, stdin: 'ignore' } : how);

module.exports = { argv, captureOptions, milliseconds, spawnOptions, stopPlan, withStdin };

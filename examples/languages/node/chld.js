// Child processes by libchld, with koffi.
//
//     const ls = chld.spawn(['ls', '-l']);
//     console.log(`ls ${await ls.ended}`);
//
//     const { stdout } = await chld.run(['sort'], { input: 'pear\nfig\n', timeout: 5000 });
//
// Nothing here holds up the event loop, and children need no closing: the handle
// of one is closed when its end was told. All of them together are waited for by
// one thread of the pool, which sleeps in poll() on a set's descriptor; run() has
// one for itself, of the four that there are (UV_THREADPOOL_SIZE).
//
// The library is what CHLD_LIBRARY names, else libchld.so.0.

'use strict';

const koffi = require('koffi');
const os = require('node:os');
const util = require('node:util');

const STEP_CAPTURE = 29; // of chld_run(): it was not the start that failed

koffi.struct('chld_status', { state: 'int32', code: 'int32', core: 'int32', wait_word: 'int32' });
koffi.struct('chld_error', {
  code: 'int32', step: 'int32', index: 'int32', item: koffi.array('uint8', 112),
  reason: 'int32', stage: 'int32',
});
koffi.struct('chld_stdio', {
  mode: 'uint32', fd: 'int32', path: 'const char *', open_flags: 'int32', open_mode: 'uint32',
});
koffi.struct('chld_spawn_options', {
  size: 'size_t', flags: 'uint64', program: 'const char *', program_fd: 'int32',
  search: 'uint32', env: 'const char **', env_set: 'const char **', env_unset: 'const char **',
  cwd: 'const char *', cwd_fd: 'int32', umask: 'uint32', in: 'chld_stdio', out: 'chld_stdio',
  err: 'chld_stdio', fds: 'void *', fds_count: 'size_t', rows: 'uint16', columns: 'uint16',
  group_mode: 'uint32', group: 'int32', cgroup_fd: 'int32', limits: 'void *',
  limits_count: 'size_t', cpus: 'void *', cpus_size: 'size_t', groups: 'void *',
  groups_count: 'size_t', gid: 'uint32', uid: 'uint32', nice: 'int32', death_signal: 'int32',
  signals_mode: 'uint32', mask_mode: 'uint32', ignored: 'uint64', blocked: 'uint64',
  reset: 'uint64',
  user: 'void *',
});
koffi.struct('chld_feed', {
  mode: 'uint32', flags: 'uint32', data: 'const uint8 *', size: 'size_t', callback: 'void *',
  argument: 'void *', reserved: koffi.array('uint32', 4),
});
koffi.struct('chld_sink', {
  mode: 'uint32', flags: 'uint32', buffer: 'void *', size: 'size_t', callback: 'void *',
  argument: 'void *', fd: 'int32', reserved: koffi.array('uint32', 5),
});
koffi.struct('chld_stop_step', { signal: 'int32', wait_ms: 'int32' });
koffi.struct('chld_stop_plan', {
  size: 'size_t', target: 'uint32', flags: 'uint32', steps: 'const chld_stop_step *',
  steps_count: 'size_t',
});
koffi.struct('chld_capture_options', {
  size: 'size_t', flags: 'uint32', timeout_ms: 'int32', in: 'chld_feed', out: 'chld_sink',
  err: 'chld_sink', stop: 'const chld_stop_plan *', cancel_fd: 'int32', reserved: 'uint32',
});
koffi.struct('chld_stream_result', {
  total: 'uint64', kept: 'uint64', from_head: 'uint64', passed: 'uint64', data: 'void *',
  truncated: 'int32', held: 'int32', error: 'int32', stopped: 'int32', pass_error: 'int32',
  reserved: koffi.array('uint32', 5),
});
koffi.struct('chld_capture_result', {
  status: 'chld_status', out: 'chld_stream_result', err: 'chld_stream_result', fed: 'uint64',
  feed_error: 'int32', timed_out: 'int32', cancelled: 'int32', step: 'int32', signal: 'int32',
  pid: 'int32', elapsed_ns: 'uint64', usage: koffi.array('uint64', 9),
  reserved: koffi.array('uint64', 4),
});
koffi.struct('chld_event', {
  kind: 'uint32', last: 'int32', id: 'uint64', user: 'void *', index: 'size_t', status: 'chld_status',
  capture: 'void *', pipeline: 'void *', reserved: koffi.array('uint64', 4),
});
koffi.struct('pollfd', { fd: 'int', events: 'short', revents: 'short' });

const lib = koffi.load(process.env.CHLD_LIBRARY ?? 'libchld.so.0');
const c = Object.fromEntries([
  'int chld_spawn(_Out_ uint64 *ret, const char **argv, const chld_spawn_options *options, ' +
    '_Out_ chld_error *reterr)',
  'int chld_run(const char **argv, const chld_spawn_options *spawn_options, ' +
    'const chld_capture_options *options, _Out_ chld_capture_result *ret, ' +
    '_Inout_ chld_error *reterr)',
  'int chld_wait_change(uint64 id, uint32 changes, int timeout_ms, _Out_ chld_status *ret)',
  'int chld_kill(uint64 id, int signal)',
  'int chld_pid(uint64 id)',
  'int chld_close(uint64 id)',
  'int chld_set_open(uint32 flags, _Out_ uint64 *ret)',
  'int chld_set_add(uint64 set, uint64 id, uint32 watch)',
  'int chld_set_fd(uint64 set)',
  'int chld_set_next(uint64 set, _Out_ chld_event *ret)',
  'int chld_status_text(const chld_status *status, _Out_ uint8 *buffer, size_t size)',
  'int chld_status_shell_code(const chld_status *status)',
  'int chld_error_text(const chld_error *error, _Out_ uint8 *buffer, size_t size)',
  'const char *chld_step_name(int step)',
  'int chld_buffer_free(void *data)',
  'int chld_reap()',
  'int chld_engine()',
].map((prototype) => [/chld_(\w+)\(/.exec(prototype)[1], lib.func(prototype)]));

// These block a thread of the pool, not the event loop.
const libc = koffi.load(null);
const poll = util.promisify(libc.func('int poll(_Inout_ pollfd *fds, ulong n, int ms)').async);
const run_async = util.promisify(c.run.async);
const wait_change_async = util.promisify(c.wait_change.async);

/** What a function of the library says went wrong: `code` is 'ENOENT', `errno` 2. */
class ChldError extends Error {
  constructor(result, message) {
    super(message ?? util.getSystemErrorName(result));
    this.errno = -result;
    this.code = util.getSystemErrorName(result);
  }
}

/** A child that could not be started; `step` is 'exec', 'chdir', … */
class SpawnError extends ChldError {
  constructor(error) {
    super(-error.code, text(c.error_text, error));
    this.step = c.step_name(error.step);
    this.index = error.index;
  }
}

function check(result) {
  if (result < 0) throw new ChldError(result);
  return result;
}

function text(say, thing) {
  const buffer = Buffer.alloc(512);
  return buffer.toString('utf8', 0, Math.min(check(say(thing, buffer, buffer.length)), 511));
}

/** How a child is, or how it ended; as a string it says so in words. */
class Status {
  constructor(raw) {
    Object.assign(this, raw);
  }

  get shellCode() {
    return check(c.status_shell_code(this));
  }

  toString() {
    return text(c.status_text, this);
  }
}

const { errno, signals } = os.constants;
const signalNumber = (signal) => signals[signal] ?? signal;

const STREAMS = { inherit: 0, null: 1, merge: 5 };

function stream(how = 'inherit') {
  return typeof how === 'number' ? { mode: 3, fd: how } : { mode: STREAMS[how] };
}

/** chld_spawn_options: `cwd`, `env` (what to set, an object), `stdin`, `stdout`, `stderr`
 *  ('inherit', 'null', 'merge' or a descriptor), and any other member by its name. */
function options({ cwd, env, stdin, stdout, stderr, ...members } = {}) {
  const set = env && Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    ...blank('chld_spawn_options'), cwd, env_set: set && [...set, null],
    in: stream(stdin), out: stream(stdout), err: stream(stderr), ...members,
  };
}

/** A struct of zeros, but for its size. */
function blank(name) {
  const type = koffi.type(name);
  return { ...koffi.decode(Buffer.alloc(type.size), type), size: type.size };
}

const TIME = c.engine() === 1 ? -1 : 50;

/** Tells of the ends of all children: see the top of this file. */
const watcher = {
  waiting: new Map(),

  add(id) {
    if (this.set === undefined) {
      const set = [0];
      check(c.set_open(0, set));
      this.set = set[0];
    }
    const added = c.set_add(this.set, id, 0);
    if (added < 0) c.close(id);
    check(added);
    const idle = this.waiting.size === 0;
    const ended = new Promise((resolve) => this.waiting.set(id, resolve));
    if (idle) this.watch();
    return ended;
  },

  async watch() {
    while (this.waiting.size > 0) {
      // Without pidfds it is SIGCHLD that makes the descriptor readable, and libuv's
      // handler for that may lie on top of the library's, and not call it.
      await poll([{ fd: c.set_fd(this.set), events: 1, revents: 0 }], 1, TIME);
      if (TIME >= 0) c.reap();
      for (let event = {}; c.set_next(this.set, event) === 0; event = {}) {
        const tell = this.waiting.get(event.id);
        this.waiting.delete(event.id);
        c.close(event.id);
        tell(new Status(event.status));
      }
    }
  },
};

class Child {
  constructor(argv, how) {
    const id = [0];
    const error = {};
    if (c.spawn(id, [...argv, null], options(how), error) < 0) throw new SpawnError(error);
    this.id = id[0];
    this.pid = c.pid(this.id);
    /** A promise of its Status. */
    this.ended = watcher.add(this.id);
  }

  /** Sends a signal; false if it has ended. Never hits another process. */
  kill(signal = 'SIGTERM') {
    const result = c.kill(this.id, signalNumber(signal));
    return result !== -errno.ESRCH && result !== -errno.EBADF && check(result) === 0;
  }

  /** A promise of its next stop, continuation, or end. */
  async change() {
    const status = {};
    const result = await wait_change_async(this.id, 0, -1, status);
    if (result === -errno.EBADF) return this.ended;
    check(result);
    return new Status(status);
  }
}

const spawn = (argv, how) => new Child(argv, how);

function taken(captured) {
  const size = Number(captured.kept);
  const bytes = Buffer.from(size ? new Uint8Array(koffi.view(captured.data, size)) : []);
  c.buffer_free(captured.data);
  return bytes;
}

/** The inputs that threads are reading from: they must not be collected meanwhile. */
const fed = new Set();

/** Runs a child, a promise of { status, stdout, stderr, timedOut }. After `timeout`
 *  milliseconds it is ended by `stop`, a list of [signal, milliseconds to wait after it];
 *  by default SIGTERM and, two seconds later, SIGKILL. What it had written is there. */
async function run(argv, { input = '', timeout = -1, stop = [], ...how } = {}) {
  const bytes = Buffer.from(input);
  fed.add(bytes);
  const steps = stop.map(([signal, wait_ms]) => ({ signal: signalNumber(signal), wait_ms }));
  const capture = {
    ...blank('chld_capture_options'), timeout_ms: timeout < 0 ? -1 : Math.max(1, Math.ceil(timeout)),
    stop: { ...blank('chld_stop_plan'), steps, steps_count: steps.length },
  };
  Object.assign(capture.in, { mode: 1, data: bytes, size: bytes.length });
  capture.out.mode = capture.err.mode = 4;
  const result = blank('chld_capture_result');
  const error = blank('chld_error');
  const failed = await run_async([...argv, null], options(how), capture, result, error);
  fed.delete(bytes);
  if (failed < 0 && error.step !== STEP_CAPTURE) throw new SpawnError(error);
  const [stdout, stderr] = [taken(result.out), taken(result.err)];
  check(failed);
  return { status: new Status(result.status), stdout, stderr, timedOut: result.timed_out === 1 };
}

const engine = () => ({ 1: 'pidfd', 2: 'sigchld' })[c.engine()];

module.exports = { spawn, run, engine, Status, ChldError, SpawnError };

// chld.h for koffi: the structs and the functions that this package uses. Each thread that
// loads this has types and functions of its own. test/layout.test.js compares the structs
// with the header.
//
// Pointers to strings are `void *` here: they lead to buffers that end with a NUL, so that
// every byte passes as it is. See memory.js.
//
// The library is what CHLD_LIBRARY names, else libchld.so.0.

'use strict';

const koffi = require('koffi');

const uint32s = (count) => koffi.array('uint32', count);
const uint64s = (count) => koffi.array('uint64', count);

/** The members of each struct, in order. */
const STRUCTS = {
  chld_status: { state: 'int32', code: 'int32', core: 'int32', wait_word: 'int32' },
  chld_stdio: {
    mode: 'uint32', fd: 'int32', path: 'const void *', open_flags: 'int32', open_mode: 'uint32',
  },
  chld_fd_map: { source: 'int32', target: 'int32' },
  chld_limit: { resource: 'int32', reserved: 'uint32', soft: 'uint64', hard: 'uint64' },
  chld_spawn_options: {
    size: 'size_t', flags: 'uint64', program: 'const void *', program_fd: 'int32',
    search: 'uint32', env: 'const void **', env_set: 'const void **', env_unset: 'const void **',
    cwd: 'const void *', cwd_fd: 'int32', umask: 'uint32', in: 'chld_stdio', out: 'chld_stdio',
    err: 'chld_stdio', fds: 'const chld_fd_map *', fds_count: 'size_t', rows: 'uint16',
    columns: 'uint16', group_mode: 'uint32', group: 'int32', cgroup_fd: 'int32',
    limits: 'const chld_limit *', limits_count: 'size_t', cpus: 'const void *',
    cpus_size: 'size_t', groups: 'const uint32 *', groups_count: 'size_t', gid: 'uint32',
    uid: 'uint32', nice: 'int32', death_signal: 'int32', signals_mode: 'uint32',
    mask_mode: 'uint32', ignored: 'uint64', blocked: 'uint64', reset: 'uint64', user: 'void *',
  },
  chld_error: {
    code: 'int32', step: 'int32', index: 'int32', item: koffi.array('uint8', 112, 'Typed'),
    reason: 'int32', stage: 'int32',
  },
  chld_resources: {
    user_us: 'uint64', system_us: 'uint64', max_resident_kib: 'uint64', minor_faults: 'uint64',
    major_faults: 'uint64', blocks_in: 'uint64', blocks_out: 'uint64',
    voluntary_switches: 'uint64', involuntary_switches: 'uint64',
  },
  chld_stop_step: { signal: 'int32', wait_ms: 'int32' },
  chld_stop_plan: {
    size: 'size_t', target: 'uint32', flags: 'uint32', steps: 'const chld_stop_step *',
    steps_count: 'size_t',
  },
  chld_feed: {
    mode: 'uint32', flags: 'uint32', data: 'const void *', size: 'size_t', callback: 'void *',
    argument: 'void *', reserved: uint32s(4),
  },
  chld_sink: {
    mode: 'uint32', flags: 'uint32', buffer: 'void *', size: 'size_t', callback: 'void *',
    argument: 'void *', fd: 'int32', reserved: uint32s(5),
  },
  chld_capture_options: {
    size: 'size_t', flags: 'uint32', timeout_ms: 'int32', in: 'chld_feed', out: 'chld_sink',
    err: 'chld_sink', stop: 'const chld_stop_plan *', cancel_fd: 'int32', reserved: 'uint32',
  },
  chld_stream_result: {
    total: 'uint64', kept: 'uint64', from_head: 'uint64', passed: 'uint64', data: 'void *',
    truncated: 'int32', held: 'int32', error: 'int32', stopped: 'int32', pass_error: 'int32',
    reserved: uint32s(5),
  },
  chld_capture_result: {
    status: 'chld_status', out: 'chld_stream_result', err: 'chld_stream_result', fed: 'uint64',
    feed_error: 'int32', timed_out: 'int32', cancelled: 'int32', step: 'int32', signal: 'int32',
    pid: 'int32', elapsed_ns: 'uint64', usage: 'chld_resources', reserved: uint64s(4),
  },
  chld_event: {
    kind: 'uint32', last: 'int32', id: 'uint64', user: 'void *', index: 'size_t',
    status: 'chld_status', capture: 'void *', pipeline: 'void *', reserved: uint64s(4),
  },
  chld_stage: {
    argv: 'const void **', options: 'const chld_spawn_options *', flags: 'uint32', pid: 'int32',
    id: 'uint64', status: 'chld_status', usage: 'chld_resources', reserved: uint64s(4),
  },
  chld_pipeline_result: {
    capture: 'chld_capture_result', pipefail: 'chld_status', stages: 'void *', count: 'size_t',
    failed: 'int32', reserved: uint32s(5),
  },
};

/** What is read of a chld_stage in a result, where its pointers mean nothing any more. */
const STAGE_RESULT = { ...STRUCTS.chld_stage, argv: 'void *', options: 'void *' };

for (const [name, members] of Object.entries(STRUCTS)) koffi.struct(name, members);
koffi.struct('chld_stage_result', STAGE_RESULT);

const lib = koffi.load(process.env.CHLD_LIBRARY ?? 'libchld.so.0');

/** The functions, without "chld_". */
const c = Object.fromEntries([
  'int chld_spawn(_Out_ uint64 *ret, const void **argv, const chld_spawn_options *options, ' +
    '_Out_ chld_error *reterr)',
  'int chld_kill(uint64 id, int signal)',
  'int chld_kill_group(uint64 id, int signal)',
  'int chld_kill_tree(uint64 id, int signal, _Out_ uint32 *survivors)',
  'int chld_pid(uint64 id)',
  'int chld_take_fd(uint64 id, int which)',
  'int chld_pty_resize(uint64 id, uint16 rows, uint16 columns)',
  'int chld_usage(uint64 id, _Out_ chld_resources *ret)',
  'int chld_close(uint64 id)',
  'int chld_set_open(uint32 flags, _Out_ uint64 *ret)',
  'int chld_set_add(uint64 set, uint64 id, uint32 watch)',
  'int chld_set_stop(uint64 set, uint64 id, int after_ms, const chld_stop_plan *plan)',
  'int chld_set_run(uint64 set, const void **argv, const chld_spawn_options *options, ' +
    'const chld_capture_options *capture, _Out_ uint64 *ret, _Out_ chld_error *reterr)',
  'int chld_set_run_pipeline(uint64 set, const chld_stage *stages, size_t count, ' +
    'const chld_capture_options *capture, _Out_ uint64 *ret, _Out_ chld_error *reterr)',
  'int chld_set_wait(uint64 set, int timeout_ms, void *ret)',
  'int chld_set_wake(uint64 set)',
  'int chld_status_text(const chld_status *status, _Out_ uint8 *buffer, size_t size)',
  'int chld_status_shell_code(const chld_status *status)',
  'int chld_error_text(const chld_error *error, _Out_ uint8 *buffer, size_t size)',
  'const char *chld_step_name(int step)',
  'const char *chld_signal_name(int signal)',
  'const char *chld_version()',
  'int chld_reap()',
  'int chld_engine()',
].map((prototype) => [/chld_(\w+)\(/.exec(prototype)[1], lib.func(prototype)]));

/** A struct of zeros, except for its size. */
function blank(name) {
  const type = koffi.type(name);
  return { ...koffi.decode(Buffer.alloc(type.size), type), size: type.size };
}

/** What a function writes that works as snprintf() does. */
function text(write, thing) {
  const buffer = Buffer.alloc(512);
  const length = write(thing, buffer, buffer.length);
  return length < 0 ? '' : buffer.toString('utf8', 0, Math.min(length, buffer.length - 1));
}

module.exports = { STRUCTS, blank, c, koffi, text };

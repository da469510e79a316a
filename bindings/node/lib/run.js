'use strict';

const { blank, c, koffi } = require('./native');
const { argv, captureOptions, spawnOptions, stopPlan, withStdin } = require('./options');
const { ExitError, StartError } = require('./errors');
const { Status, signalName } = require('./status');
const { theSet, wait } = require('./loop');

/** A copy of the bytes of a stream, which the handle of the child owns. */
function copied(raw, encoding) {
  const size = Number(raw.kept);
  const bytes = Buffer.from(size ? new Uint8Array(koffi.view(raw.data, size)) : []);
  return encoding && encoding !== 'buffer' ? bytes.toString(encoding) : bytes;
}

const streamInfo = (raw) => ({
  total: Number(raw.total), fromHead: Number(raw.from_head), truncated: raw.truncated === 1,
  held: raw.held === 1, errno: raw.error || raw.pass_error,
});

function usageOf(raw) {
  const number = (name) => Number(raw[name]);
  return {
    userMicroseconds: number('user_us'), systemMicroseconds: number('system_us'),
    maxResidentKib: number('max_resident_kib'), minorFaults: number('minor_faults'),
    majorFaults: number('major_faults'), blocksIn: number('blocks_in'),
    blocksOut: number('blocks_out'), voluntarySwitches: number('voluntary_switches'),
    involuntarySwitches: number('involuntary_switches'),
  };
}

function resultOf(raw, encoding) {
  return {
    status: new Status(raw.status),
    stdout: copied(raw.out, encoding),
    stderr: copied(raw.err, encoding),
    stdoutInfo: streamInfo(raw.out),
    stderrInfo: streamInfo(raw.err),
    timedOut: raw.timed_out === 1,
    aborted: false,
    stoppedBy: raw.signal ? signalName(raw.signal) : null,
    fed: Number(raw.fed),
    pid: raw.pid,
    elapsed: Number(raw.elapsed_ns) / 1e6,
    usage: usageOf(raw.usage),
  };
}

/**
 * Has the set do a capture: `begin(set, capture, id, error)` starts it, `read(event)` makes
 * its result. A promise of that.
 */
function capture(how, begin, read) {
  const { signal } = how;
  signal?.throwIfAborted();
  const kept = [];
  const options = captureOptions(how, kept);
  const [id, error] = [[0], {}];
  const set = theSet();
  if (begin(set, options, id, error) < 0) throw new StartError(error);
  return new Promise((resolve, reject) => {
    const abort = () => c.set_stop(set, id[0], 0, stopPlan(how.stop));
    wait(id[0], (event) => {
      signal?.removeEventListener('abort', abort);
      const result = read(event);
      kept.length = 0; // C has done with them
      if (signal?.aborted) {
        Object.assign(result, { aborted: true, timedOut: false });
        reject(aborted(signal, result));
      } else if (how.check && (result.timedOut || !(result.pipefail ?? result.status).success)) {
        reject(new ExitError(result));
      } else {
        resolve(result);
      }
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** The reason of an AbortSignal as Node rejects with it, and what had come until then. */
function aborted(signal, result) {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR', result });
}

/** Runs a child: feeds it, keeps what it writes, and waits for its exit. */
async function run(args, how = {}) {
  const words = argv(args);
  const spawn = spawnOptions(withStdin(how));
  return capture(how,
    (set, options, id, error) => c.set_run(set, words, spawn, options, id, error),
    (event) => resultOf(koffi.decode(event.capture, 'chld_capture_result'), how.encoding));
}

/** Runs a pipeline: each stage is a list of arguments, or one and its options. */
async function pipeline(stages, how = {}) {
  const list = stages.map((stage) => (Array.isArray(stage[0]) ? stage : [stage, {}]));
  const raw = list.map(([args, options = {}], number) => {
    const isFirst = number === 0 && how.input === undefined;
    return {
      ...blank('chld_stage'), argv: argv(args),
      options: spawnOptions(isFirst ? withStdin(options) : options),
    };
  });
  for (const stage of raw) delete stage.size;
  const { stdout, stderr } = list.at(-1)?.[1] ?? {};
  return capture({ ...how, stdout, stderr },
    (set, options, id, error) => (
      c.set_run_pipeline(set, raw, raw.length, options, id, error)),
    (event) => {
      const all = koffi.decode(event.pipeline, 'chld_pipeline_result');
      const results = koffi.decode(all.stages, 'chld_stage_result', Number(all.count));
      return {
        ...resultOf(all.capture, how.encoding),
        pipefail: new Status(all.pipefail),
        failed: all.failed > 0 ? all.failed - 1 : null,
        stages: results.map(({ pid, status, usage }) => (
          { pid, status: new Status(status), usage: usageOf(usage) })),
      };
    });
}

module.exports = { pipeline, run, usageOf };

#!/usr/bin/env node
// The conformance list of the bindings (bindings/conformance.txt): one line per item.
//
// `conformance.js ctrl-c` is the process of its own of the item of that name.

'use strict';

const assert = require('node:assert/strict');
const childProcess = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const chld = require('.');

const sh = (script) => ['sh', '-c', script];
const BOTH = sh('echo a; echo b >&2');
const text = { encoding: 'utf8' };

const exits = (script, code) => async () => {
  const status = await chld.spawn(sh(script)).exited;
  assert.deepEqual([status.state, status.code, status.signal], ['exited', code, null]);
};

const isKilled = (script, signal) => async () => {
  const status = await chld.spawn(sh(`ulimit -c 0; ${script}`)).exited;
  assert.deepEqual([status.state, status.code, status.signal], ['killed', null, signal]);
};

const stops = (script, signal, code) => async () => {
  const child = chld.spawn(sh(script), { watch: true });
  const stop = await child.change();
  assert.deepEqual([stop.state, stop.signal], ['stopped', 'SIGSTOP']);
  assert.ok(child.kill('SIGTERM') && child.kill('SIGCONT'));
  const status = await child.exited;
  assert.deepEqual([status.signal, status.code], [signal, code]);
};

async function outputs(args, options, stdout, stderr) {
  const result = await chld.run(args, { ...text, ...options });
  assert.deepEqual([result.stdout, result.stderr], [stdout, stderr]);
}

async function redirected() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chld-node-'));
  const [one, two] = ['one', 'two'].map((name) => path.join(folder, name));
  try {
    fs.writeFileSync(one, 'text\n');
    await outputs(['cat'], { stdin: { path: one }, stdout: { path: two } }, '', '');
    assert.equal(fs.readFileSync(two, 'utf8'), 'text\n');
    fs.rmSync(two);
    const [from, to] = [fs.openSync(one), fs.openSync(two, 'w')];
    await outputs(['cat'], { stdin: from, stdout: to }, '', '');
    assert.equal(fs.readFileSync(two, 'utf8'), 'text\n');
    for (const fd of [from, to]) {
      assert.equal(fs.fstatSync(fd).size, 5);
      fs.closeSync(fd);
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function large() {
  const input = Buffer.alloc(1e7, '0123456789');
  const { stdout, stderr } = await chld.run(sh('head -c 10000000 /dev/zero >&2; cat'), { input });
  assert.ok(stdout.equals(input));
  assert.equal(stderr.length, 1e7);
}

async function bytes() {
  const odd = Buffer.from([0xff, 0xfe, 0x80]);
  const args = [...sh('printf \'%s|%s\' "$1" "$BYTES"'), 'sh', odd];
  const { stdout } = await chld.run(args, { setEnv: { BYTES: odd } });
  assert.deepEqual(stdout, Buffer.concat([odd, Buffer.from('|'), odd]));
  await outputs(['printf', '\\377'], {}, '\ufffd', '');
}

const refused = (args, options = {}, code = 'ERR_INVALID_ARG_VALUE') => (
  assert.rejects(chld.run(args, options), { name: 'TypeError', code }));

async function timeoutPartial() {
  const begun = Date.now();
  const options = { timeout: 300, ...text };
  const result = await chld.run(sh('echo begun; exec sleep 60'), options);
  assert.deepEqual([result.timedOut, result.stdout], [true, 'begun\n']);
  assert.ok(Date.now() - begun < 5000);
}

async function cancel() {
  const controller = new AbortController();
  const running = chld.run(sh('echo begun; exec sleep 60'), { signal: controller.signal, ...text });
  await sleep(300);
  controller.abort();
  const at = Date.now();
  const error = await running.catch((reason) => reason);
  assert.ok(Date.now() - at < 2000);
  assert.deepEqual([error.name, error.code], ['AbortError', 'ABORT_ERR']);
  const { aborted, stdout, status } = error.result;
  assert.deepEqual([aborted, stdout, status.signal], [true, 'begun\n', 'SIGTERM']);
}

/** What a program does that leaves no children behind at Control-C. */
async function interruptible() {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  const { signal } = controller;
  await chld.run(sh('echo $$ >&2; exec sleep 60'), { signal, stderr: 'inherit' })
    .catch((error) => process.exit(error.code === 'ABORT_ERR' ? 9 : 1));
}

async function ctrlC() {
  const child = chld.spawn([process.execPath, __filename, 'ctrl-c'], { stderr: 'pipe' });
  let pid = '';
  const end = new Promise((resolve) => {
    child.stderr.on('data', (data) => { pid += data; }).on('end', resolve);
  });
  await sleep(500);
  while (pid === '') await sleep(50); // Node may take longer to begin
  child.kill('SIGINT');
  const at = Date.now();
  assert.equal((await child.exited).code, 9);
  assert.ok(Date.now() - at < 2000);
  await end; // nobody has the pipe open
  assert.ok(!fs.existsSync(`/proc/${pid.trim()}`));
}

async function beside() {
  const script = (code) => `sleep 0.1; exit ${code}`;
  const own = (code) => new Promise((resolve) => {
    childProcess.spawn('sh', ['-c', script(code)]).on('exit', resolve);
  });
  const all = [];
  for (let number = 0; number < 200; number += 1) {
    all.push(chld.spawn(sh(script(number % 256))).exited
      .then(({ code }) => assert.equal(code, number % 256)));
    if (number < 40) all.push(own(number).then((code) => assert.equal(code, number)));
  }
  await Promise.all(all);
}

const ITEMS = {
  success: exits('exit 0', 0),
  failure: exits('exit 1', 1),
  pretender: exits('exit 143', 143),
  segfault: isKilled('kill -SEGV $$', 'SIGSEGV'),
  abort: isKilled('kill -ABRT $$', 'SIGABRT'),
  missing: () => assert.rejects(async () => chld.spawn(['/no/such/program']), {
    name: 'StartError', code: 'ENOENT', step: 'exec', item: '/no/such/program',
  }),
  captured: async () => {
    const script = 'echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3';
    const result = await chld.run(sh(script), {
      cwd: '/', setEnv: { CHILD: 'captured' }, input: 'captured', ...text,
    });
    assert.deepEqual([result.status.code, result.stdout, result.stderr.length],
      [3, '/ captured CAPTURED\n', 100000]);
  },
  slow: async () => {
    const options = { timeout: 200, stop: { steps: [['SIGKILL', Infinity]] } };
    const { status, timedOut } = await chld.run(sh('exec sleep 60'), options);
    assert.deepEqual([status.signal, timedOut], ['SIGKILL', true]);
  },
  stopped: stops('kill -STOP $$; exit 7', 'SIGTERM', null),
  caught: stops("trap 'exit 123' TERM; kill -STOP $$; exit 7", null, 123),
  'merged-stderr': () => outputs(BOTH, { stderr: 'stdout' }, 'a\nb\n', ''),
  discarded: async () => {
    await outputs(BOTH, { stderr: 'ignore' }, 'a\n', '');
    await outputs(BOTH, { stdout: 'ignore' }, '', 'b\n');
  },
  redirected,
  'large-output': large,
  bytes,
  'nul-argument': () => refused(['echo', 'shown\0cut']),
  'nul-environment': async () => {
    await refused(['true'], { setEnv: { 'A\0B': 'value' } });
    await refused(['true'], { setEnv: { A: 'val\0ue' } });
    await refused(['true'], { env: { A: 'val\0ue' } });
    await refused(['true'], { setEnv: { 'A\0B': null } });
  },
  'nul-path': async () => {
    await refused(['true'], { cwd: '/\0tmp' });
    await refused(['true'], { stdin: { path: '/dev/null\0' } });
  },
  'string-for-list': () => refused('true', {}, 'ERR_INVALID_ARG_TYPE'),
  'timeout-partial': timeoutPartial,
  cancel,
  'ctrl-c': ctrlC,
  beside,
  'error-step': () => assert.rejects(chld.run(['true'], { cwd: '/no/such/directory' }), {
    code: 'ENOENT', step: 'chdir', item: '/no/such/directory',
  }),
};

async function main() {
  for (const [name, item] of Object.entries(ITEMS)) {
    try {
      await item();
      console.log(`ok ${name}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`not ok ${name}: ${error.message.replaceAll('\n', ' ')}`);
    }
  }
}

if (process.argv[2] === 'ctrl-c') interruptible();
else main();

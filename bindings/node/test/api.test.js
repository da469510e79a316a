// What the conformance list does not have: streams, plans, pipelines, terminals, the loop.

'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const test = require('node:test');
const util = require('node:util');
const chld = require('..');

const sh = (script) => ['sh', '-c', script];
const node = (script) => util.promisify(execFile)(process.execPath, ['-e', script], {
  cwd: path.join(__dirname, '..'), timeout: 20000,
});

test('check rejects with the result', async () => {
  const error = await chld.run(sh('echo out; exit 3'), { check: true, encoding: 'utf8' })
    .catch((reason) => reason);
  assert.ok(error instanceof chld.ExitError);
  assert.deepEqual([error.message, error.result.stdout], ['exited with code 3', 'out\n']);
});

test('a child has streams', async () => {
  const child = chld.spawn(['tr', 'a-z', 'A-Z'], { stdin: 'pipe', stdout: 'pipe' });
  assert.equal(child.stderr, null);
  child.stdin.end('one\ntwo\n');
  const lines = [];
  for await (const line of readline.createInterface({ input: child.stdout })) lines.push(line);
  assert.deepEqual(lines, ['ONE', 'TWO']);
  const status = await child.exited;
  assert.deepEqual([status.success, `${status}`], [true, 'exited with code 0']);
  assert.equal(child.status, status);
  assert.ok(child.usage.maxResidentKib > 0);
  assert.equal(child.kill(), false);
});

test('a stop plan goes on to its next step', async () => {
  const child = chld.spawn(sh("trap '' INT; echo ready; while :; do sleep 0.05; done"), {
    stdout: 'pipe',
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const status = await child.stop({ steps: [['SIGINT', 50], ['SIGKILL', Infinity]] });
  assert.equal(status.signal, 'SIGKILL');
  assert.equal(await child.stop(), status);
});

test('stop rejects for a child that survives', async () => {
  const child = chld.spawn(sh("trap '' INT; echo ready; while :; do sleep 0.05; done"), {
    stdout: 'pipe',
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await assert.rejects(child.stop({ steps: [['SIGINT', 20]] }), { code: 'ETIMEDOUT' });
  assert.equal(await child.killTree(), 0);
  assert.equal((await child.exited).signal, 'SIGKILL');
});

test('spawn has a timeout and an AbortSignal', async () => {
  const one = chld.spawn(['sleep', '60'], { timeout: 50 });
  assert.equal((await one.exited).signal, 'SIGTERM');
  const controller = new AbortController();
  const two = chld.spawn(['sleep', '60'], { signal: controller.signal });
  controller.abort();
  assert.equal((await two.exited).signal, 'SIGTERM');
  assert.throws(() => chld.spawn(['true'], { signal: controller.signal }), { name: 'AbortError' });
  await assert.rejects(chld.run(['true'], { signal: controller.signal }), { name: 'AbortError' });
});

test('a pipeline has every status', async () => {
  const result = await chld.pipeline([sh('cat; exit 3'), ['sort']], {
    input: 'b\na\n', encoding: 'utf8',
  });
  assert.equal(result.stdout, 'a\nb\n');
  assert.deepEqual([result.status.code, result.pipefail.code, result.failed], [0, 3, 0]);
  assert.deepEqual(result.stages.map((stage) => stage.status.code), [3, 0]);
  await assert.rejects(chld.pipeline([['true'], ['/no/such/program']]), { step: 'exec', stage: 1 });
  const merged = await chld.pipeline([['true'], [sh('echo a; echo b >&2'), { stderr: 'stdout' }]], {
    encoding: 'utf8',
  });
  assert.equal(merged.stdout, 'a\nb\n');
});

test('as much is kept as was asked for', async () => {
  for (const [keepStdout, kept] of [
    [{ head: 4 }, '0123'], [{ tail: 4 }, '6789'], [{ headTail: 4 }, '0189'], ['nothing', ''],
    ['all', '0123456789'],
  ]) {
    const { stdout, stdoutInfo } = await chld.run(sh('printf 0123456789'), {
      keepStdout, encoding: 'utf8',
    });
    assert.deepEqual([stdout, stdoutInfo.total], [kept, 10]);
    assert.equal(stdoutInfo.truncated, kept.length < 10);
  }
});

test('settings arrive', async () => {
  const { stdout } = await chld.run(sh('umask; ulimit -n; echo "$0 ${HOME-none} $A $B"; pwd'), {
    umask: 0o27, limits: [{ resource: 7, soft: 100, hard: 100 }], cwd: '/', group: true,
    env: { PATH: process.env.PATH, B: 'gone' }, setEnv: { A: 'b', B: null }, encoding: 'utf8',
    cpus: [0],
  });
  assert.equal(stdout, '0027\n100\nsh none b \n/\n');
});

test('a terminal is a terminal', async () => {
  const child = chld.spawn(sh('stty size; read line; echo "got $line"; stty size'), {
    stdin: 'pty', stdout: 'pty', pty: { rows: 30, columns: 90, echo: false },
  });
  let text = '';
  child.stdout.on('data', (data) => {
    if (text === '') {
      child.resize(40, 100);
      child.stdin.write('there\n');
    }
    text += data;
  });
  await new Promise((resolve) => child.stdout.once('end', resolve));
  assert.equal(text, '30 90\r\ngot there\r\n40 100\r\n');
  assert.ok((await child.exited).success);
});

test('wrong options are refused before anything is started', async () => {
  for (const options of [{ stdout: 'nowhere' }, { stop: { steps: [['SIGNONE', 1]] } },
    { timeout: -1 }, { keepStdout: { middle: 1 } }, { env: { 'A=B': 'c' } }]) {
    await assert.rejects(chld.run(['true'], options), (error) => (
      error instanceof TypeError || error instanceof RangeError));
  }
});

test('a process ends when nothing is waited for, or when it says so', async () => {
  const { stdout } = await node(`require('.').run(['echo', 'there'], { encoding: 'utf8' })
    .then(({ stdout }) => process.stdout.write(stdout))`);
  assert.equal(stdout, 'there\n');
  const begun = Date.now();
  await node(`require('.').spawn(['sleep', '60'], { killOnClose: true }); process.exit(0)`);
  await node(`require('.').spawn(['sleep', '60'], { killOnClose: true }).unref()`);
  await assert.rejects(node(`require('.').spawn(['sleep', '60'], { killOnClose: true }); throw 1`));
  assert.ok(Date.now() - begun < 15000);
});

test('an import has the names', async () => {
  const { run } = await import('../index.js');
  assert.equal(run, chld.run);
  assert.match(chld.version(), /^\d+\.\d+\.\d+$/);
});

test('streams are inherited, though those of Node are close-on-exec', async () => {
  for (const call of ['spawn(args)', "run(args, { stdout: 'inherit', stderr: 'inherit' })"]) {
    const { stdout, stderr } = await node(`const args = ['sh', '-c', 'echo out; echo err >&2'];
      require('.').${call}`);
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
  }
});

test('many at the same time leave no descriptor behind', async () => {
  const all = () => Promise.all(Array.from({ length: 100 }, async (_, number) => {
    const { stdout } = await chld.run(['cat'], { input: `${number}`, encoding: 'utf8' });
    assert.equal(stdout, `${number}`);
    const child = chld.spawn(['cat'], { stdin: 'pipe', stdout: 'pipe' });
    child.stdin.end();
    child.stdout.resume();
    await Promise.all([child.exited, new Promise((resolve) => child.stdout.once('close', resolve))]);
  }));
  await all();
  const open = () => fs.readdirSync('/proc/self/fd').length;
  const before = open();
  await all();
  assert.ok(open() <= before, `${open()} are open, and ${before} were`);
});

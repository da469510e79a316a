// The ten children of children.txt, in Node, and child_process's beside chld's.
//
//     npm install && node children.js ../children.txt

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const chld = require('./chld.js');

const BESIDE = 40;

const hex = (word) => word.toString(16).padStart(4, '0');

const describe = (status) =>
  ` ${status} (state ${status.state}, code ${status.code}, word 0x${hex(status.wait_word)}, ` +
  `$? ${status.shellCode})`;

const ways = {
  async wait(argv) {
    return describe(await chld.spawn(argv).ended);
  },

  exec(argv) {
    return this.wait(argv);
  },

  async run(argv, name) {
    const done = await chld.run(argv, { input: name, cwd: '/', env: { CHILD: name } });
    const [line] = done.stdout.toString().split('\n');
    return `${describe(done.status)} out: ${line} err: ${done.stderr.length} bytes`;
  },

  async limit(argv) {
    const done = await chld.run(argv, { timeout: 200, stop: [['SIGKILL', -1]] });
    return describe(done.status) + (done.timedOut ? ' at the limit' : ' by itself');
  },

  async stop(argv) {
    const child = chld.spawn(argv);
    const stopped = await child.change();
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    return describe(stopped) + describe(await child.ended);
  },
};

async function ten(path) {
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, name, way, what] = /^(\w+)\s+(\w+)\s+(.+)$/.exec(line) ?? [];
    if (!name) continue;
    const argv = way === 'exec' ? [what] : ['sh', '-c', what];
    const said = await ways[way](argv, name).catch((error) => {
      if (!(error instanceof chld.SpawnError)) throw error;
      return ` ${error.message} (step ${error.step}, index ${error.index}, errno ${error.errno})`;
    });
    console.log(`${name}:${said}`);
  }
}

async function own(code) {
  const [exit] = await once(spawn('sh', ['-c', `sleep 0.1; exit ${code}`]), 'exit');
  return exit === code;
}

async function ours(code) {
  const status = await chld.spawn(['sh', '-c', `sleep 0.1; exit ${code}`]).ended;
  return status.code === code;
}

async function beside() {
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const all = [];
  for (let n = 0; n < BESIDE; n++) all.push(own(n), ours(100 + n));
  const right = await Promise.all(all);
  clearInterval(ticking);
  if (ticks === 0) throw new Error('the event loop stood still');
  const count = (which) => right.filter((good, n) => good && n % 2 === which).length;
  console.log(`beside: ${count(0)} of ${BESIDE} of its own, ${count(1)} of ${BESIDE} of chld`);
}

ten(process.argv[2]).then(beside).then(() => console.log(`engine: ${chld.engine()}`));

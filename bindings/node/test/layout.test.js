// The structs of lib/native.js are those of chld.h: a C program prints the same.

'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const K = require('../lib/constants');
const { STRUCTS, koffi } = require('../lib/native');

/** -I of the header: of CHLD_INCLUDE_DIR, of the source tree, or where the compiler looks. */
function include() {
  const tree = path.join(__dirname, '../../../include');
  const folder = process.env.CHLD_INCLUDE_DIR ?? (fs.existsSync(`${tree}/chld.h`) ? tree : null);
  return folder ? [`-I${folder}`] : [];
}

test('structs and constants are those of the header', () => {
  const lines = [];
  const prints = [];
  const add = (name, value, expression) => {
    lines.push(`${name} ${value}`);
    prints.push(`printf("${name} %lld\\n", (long long)(${expression}));`);
  };
  for (const [name, members] of Object.entries(STRUCTS)) {
    add(name, koffi.sizeof(name), `sizeof(${name})`);
    for (const member of Object.keys(members)) {
      add(`${name}.${member}`, koffi.offsetof(name, member), `offsetof(${name}, ${member})`);
    }
  }
  for (const [name, value] of Object.entries(K)) add(`CHLD_${name}`, value, `CHLD_${name}`);
  assert.ok(lines.length > 200);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chld-node-'));
  try {
    const program = path.join(folder, 'layout');
    fs.writeFileSync(`${program}.c`, `#include <chld.h>\n#include <stdio.h>\nint main(void) {\n${
      prints.join('\n')}\nreturn 0; }\n`);
    execFileSync(process.env.CC ?? 'cc', [...include(), '-o', program, `${program}.c`]);
    const printed = execFileSync(program, { encoding: 'utf8' });
    assert.deepEqual(lines, printed.trim().split('\n'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

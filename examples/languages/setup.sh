#!/bin/sh
# Gets what the example in Node needs from npm, in the version that its package.json
# names, into build/languages/node; no script of a package is run. The other
# languages have all they need from the system: see README.md.
set -eu
cd "$(dirname "$0")"
there=../../build/languages/node
mkdir -p "$there"
cp node/package.json "$there/"
npm install --prefix "$there" --ignore-scripts --no-package-lock --no-audit --no-fund

#!/bin/sh
# Gets koffi from npm, in the version that package.json names, into build/bindings/node, for
# the checks, which download nothing. No script of a package is run.
set -eu
cd "$(dirname "$0")"
there=../../build/bindings/node
mkdir -p "$there"
cp package.json "$there/"
npm install --prefix "$there" --omit=dev --ignore-scripts --no-package-lock --no-audit --no-fund

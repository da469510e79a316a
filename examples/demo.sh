#!/bin/sh
# Runs the examples that are named, in this order, each under the sentence that
# its source begins with. `make demo` builds them and calls this.
set -u
cd "$(dirname "$0")/.." || exit 1
# Where scripts may be run: /tmp may be mounted noexec.
TMPDIR=$PWD/build/examples
export TMPDIR

mark='== ' plain=
[ -t 1 ] && mark=$(printf '\033[1m') plain=$(printf '\033[0m')
passed=0 failed=0
for name; do
    printf '\n%s%s%s\n' "$mark" "$(sed -n '2s/^ \* //p' "examples/$name.c")" "$plain"
    "build/examples/$name" </dev/null
    code=$?
    if [ $code = 0 ]; then
        passed=$((passed + 1))
    else
        echo "$name: exit code $code"
        failed=$((failed + 1))
    fi
done
printf '\n%s passed, %s failed, 0 skipped\n' $passed $failed
[ $failed = 0 ]

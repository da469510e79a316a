#!/bin/sh
# Runs the examples that are named, in this order, each under the sentence that
# its source begins with. `make demo` builds them and calls this.
set -u
cd "$(dirname "$0")/.." || exit 1
# Where scripts may be run: /tmp may be mounted noexec.
TMPDIR=$PWD/build/examples
export TMPDIR

# What the example's init is given to do: a subshell ends and leaves an orphan;
# when that was reaped (a zombie could still be signalled), init is sent TERM.
orphanage='orphan=$( (exec >/dev/null; sleep 0.1; exit 3) & echo $!)
    tries=0
    while kill -0 "$orphan" 2>/dev/null && [ $((tries += 1)) -lt 300 ]; do sleep 0.02; done
    echo "command: orphan $orphan is gone; TERM to init, which is pid $PPID"
    kill -TERM $PPID
    exec sleep 10'

# In a pid namespace, if this user may make one, init is pid 1.
show_init() {
    said=build/examples/init.said
    if [ "$(id -u)" = 0 ] && unshare -pf true 2>/dev/null; then
        unshare -pf build/examples/init --verbose sh -c "$orphanage" 2>$said
    else
        build/examples/init --subreaper --verbose sh -c "$orphanage" 2>$said
    fi
    code=$?
    cat $said
    echo "init: exit code $code"
    grep -q '^init: orphan [0-9]* exited with code 3$' $said && [ $code = 143 ]
}

show() {
    case $1 in
    init) show_init ;;
    *) "build/examples/$1" ;;
    esac
}

mark='== ' plain=
[ -t 1 ] && mark=$(printf '\033[1m') plain=$(printf '\033[0m')
passed=0 failed=0
for name; do
    printf '\n%s%s%s\n' "$mark" "$(sed -n '2s/^ \* //p' "examples/$name.c")" "$plain"
    show "$name" </dev/null
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

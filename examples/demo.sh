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

# What is run, and its exit code, which must be the first argument.
exits_with() {
    want=$1
    shift
    "$@"
    code=$?
    printf '%-62s -> %s\n' "${*#build/examples/}" $code
    [ $code = "$want" ]
}

show_timeout() {
    t=build/examples/timeout
    exits_with 3 $t 10 sh -c 'exit 3' &&
        exits_with 124 $t -v 0.2 sleep 60 &&
        exits_with 137 $t -s KILL .2s sleep 60 &&
        exits_with 137 $t -k 0.2 0.2 sh -c "trap '' TERM; sleep 60; sleep 60" &&
        exits_with 143 $t --preserve-status 0.2 sleep 60 &&
        exits_with 125 $t ten true &&
        exits_with 126 $t 1m /etc/passwd &&
        exits_with 127 $t 1m /no/such/command
}

show_parallel() {
    p=build/examples/parallel
    printf '%s\n' pear fig plum | $p -kvj 3 --tag sh -c 'sleep 0.1; echo "${#0} letters"' || return
    printf '%s\n' 0.1 60 | exits_with 1 $p -t 0.5 sh -c 'echo start; sleep $0; echo end'
}

# One program stays, one is not started again, and one ends supervise when it is
# started for the third time.
show_supervise() {
    s=build/examples/supervise list=build/examples/supervise.list
    cat >$list.sh <<'END'
echo started >>$1
[ $(wc -l <$1) -lt 3 ] && exit 1
kill -TERM $PPID
exec sleep 60
END
    cat >$list <<END
stays: sleep 60
once restart=never: sh -c 'exit 3'
returns delay=0.1: sh $list.sh $list.starts
END
    rm -f $list.starts
    exits_with 0 $s $list
}

# Every loop has the same children to tell of.
show_loop() {
    said=$("build/examples/$1") || return
    printf '%s\n' "$said"
    for words in "sleep 0.1' exited with code 0" "exit 3' exited with code 3" \
        'killed by SIGKILL' 'in time, and wrote: fig pear plum' 'at its limit, and wrote: begun'; do
        printf '%s\n' "$said" | grep -qF "$words" || return
    done
}

show() {
    case $1 in
    init) show_init ;;
    timeout) show_timeout ;;
    parallel) show_parallel ;;
    loops/epoll) build/examples/loops/epoll ;;
    loops/*) show_loop "$1" ;;
    supervise) show_supervise ;;
    *) "build/examples/$1" ;;
    esac
}

mark='== ' plain=
[ -t 1 ] && mark=$(printf '\033[1m') plain=$(printf '\033[0m')
passed=0 failed=0 skipped=0
for name; do
    if [ ! -x "build/examples/$name" ]; then # what it is about is not installed
        printf '\nskipped: %s: %s is not installed\n' "$name" "${name##*/}"
        skipped=$((skipped + 1))
        continue
    fi
    source=examples/$name.c
    [ -f "$source" ] || source=examples/$name/main.c
    printf '\n%s%s%s\n' "$mark" "$(sed -n '2s/^ \* //p' "$source")" "$plain"
    show "$name" </dev/null
    code=$?
    if [ $code = 0 ]; then
        passed=$((passed + 1))
    else
        echo "$name: exit code $code"
        failed=$((failed + 1))
    fi
done
printf '\n%s passed, %s failed, %s skipped\n' $passed $failed $skipped
[ $failed = 0 ]

#!/bin/sh
# Runs the examples that are named, in this order, each under the sentence that
# its source begins with. `make demo` builds them and calls this.
set -u
cd "$(dirname "$0")/.." || exit 1
# Where scripts may be run: /tmp may be mounted noexec.
TMPDIR=$PWD/build/examples
export TMPDIR

# What is run, and its exit code, which must be the first argument.
exits_with() {
    want=$1
    shift
    "$@"
    code=$?
    printf '%-62s -> %s\n' "${*#build/examples/}" $code
    [ $code = "$want" ]
}

show_parallel() {
    p=build/examples/parallel
    printf '%s\n' pear fig plum | $p -l -j 3 sh -c 'sleep 0.1; echo "${#0} letters"' || return
    printf '%s\n' 0.1 60 | exits_with 1 $p -t 2 sh -c 'echo start; sleep $0; echo end'
}

# One program stays, one is not started again, and one stops supervise when it is
# started for the third time.
show_supervise() {
    s=build/examples/supervise list=build/examples/supervise.list
    rm -f $list.starts
    cat >$list.sh <<'END'
echo started >>$1
[ $(wc -l <$1) -lt 3 ] && exit 1
kill -TERM $PPID
exec sleep 60
END
    cat >$list <<END
stays: sleep 60
once restart=never: exit 3
returns: exec sh $list.sh $list.starts
END
    exits_with 0 $s -d 0.1 $list
}

show_runtests() {
    folder=build/examples/tests
    mkdir -p $folder
    for script in 'pass exit 0' 'fail echo 1 is not 2; exit 1' 'crash kill -SEGV $$'; do
        printf '#!/bin/sh\nulimit -c 0\n%s\n' "${script#* }" >"$folder/${script%% *}"
        chmod +x "$folder/${script%% *}"
    done
    exits_with 3 build/examples/runtests $folder/pass $folder/fail $folder/crash $folder/missing
}

# Without a terminal, which c-tests/check/examples.py has, there are no keys.
show_shell() {
    printf '%s\n' 'echo one two | tr a-z A-Z' 'no-such-command | cat' 'echo $?' 'sleep 0.1 &' \
        'sleep 0.3' 'yes | head -n 1' false | exits_with 1 build/examples/shell
}

show_expect() {
    script='printf "Name: "; read name; printf "Color: "; read color; echo "$name likes $color"'
    exits_with 0 build/examples/expect Name: Ada Color: blue -- sh -c "$script"
}

show_pager() {
    exits_with 0 build/examples/pager examples/first.c
}

# Every loop has the same children to report.
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
    parallel | supervise | runtests | shell | expect | pager) "show_$1" ;;
    loops/epoll) build/examples/loops/epoll ;;
    loops/*) show_loop "$1" ;;
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
printf '\n%s passed, %s failed, %s skipped\n' $passed $failed $skipped
[ $failed = 0 ]

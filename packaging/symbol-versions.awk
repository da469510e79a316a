# A linker version script: symbol-versions.awk EXPORTS HEADER. Each function of
# EXPORTS is put under the version that its comment in HEADER ends with: "Since
# 0.1." makes it chld_f@CHLD_0.1. A version builds on the one before.

FILENAME == ARGV[1] { exported[$1]; next }

/^\/\*\*/ { since = "" }

match($0, /Since [0-9]+\.[0-9]+/) { since = substr($0, RSTART + 6, RLENGTH - 6) }

match($0, /^[a-z].*[ *]chld_[a-z_0-9]*\(/) {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (since != "" && name in exported) {
        members[since] = members[since] "        " name ";\n"
        delete exported[name]
    }
    since = ""
}

function major(version) { return substr(version, 1, index(version, ".") - 1) + 0 }
function minor(version) { return substr(version, index(version, ".") + 1) + 0 }
function earlier(a, b)
{
    return major(a) < major(b) || (major(a) == major(b) && minor(a) < minor(b))
}

END {
    for (name in exported) {
        print "symbol-versions.awk: no \"Since\" in the header for " name > "/dev/stderr"
        failed = 1
    }
    if (failed)
        exit 1
    for (version in members)
        left++
    for (before = ""; left > 0; left--) {
        first = ""
        for (version in members)
            if (first == "" || earlier(version, first))
                first = version
        printf "CHLD_%s {\n    global:\n%s%s}%s;\n", first, members[first], \
            before == "" ? "    local:\n        *;\n" : "", before
        before = " CHLD_" first
        delete members[first]
    }
}

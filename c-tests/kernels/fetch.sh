#!/bin/sh
# fetch.sh NAME DIRECTORY: puts a kernel of the file "versions" into DIRECTORY:
# vmlinuz, and the modules without which it has no disk, in the order in which they
# are loaded. Nothing is installed. Exits with 77, and prints why, if the kernel
# cannot be had.
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/mirror.sh"
name=$1
mkdir -p "$2"
to=$(cd "$2" && pwd)

line=$(grep "^$name " "$here/versions") || skip "c-tests/kernels/versions has no kernel $name"
set -- $line
suite=$2 version=$3
shift 3
mirror=$(mirror)

# apt with directories of its own, for a suite that may not be this machine's.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
: >"$work/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=amd64 signed-by=$keys] $mirror $suite main" >"$work/sources.list"
apt() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
        -o APT::Sandbox::User=root "$@"
}
apt apt-get -qq update >&2 || skip "the lists of packages of Debian $suite cannot be fetched"
cd "$work"
for package; do
    apt apt-get -qq download "$package=$version" >&2 ||
        skip "the mirror has no $package $version: c-tests/kernels/versions"
    dpkg -x "${package}_"*.deb unpacked
done

cp "$(find unpacked -name 'vmlinuz*' -type f | head -n 1)" "$to/vmlinuz"
modules=$(find unpacked -path '*/lib/modules/*' -prune -type d | head -n 1)
[ -f "$modules/modules.dep" ] || depmod -b "${modules%/lib/modules/*}" "${modules##*/}"
mkdir -p "$to/modules"
for driver in virtio_pci virtio_blk virtio_console; do
    # A line of modules.dep: a module, then what it needs, the first to load last.
    grep -E "^[^:]*/$driver\.ko[^:]*:" "$modules/modules.dep" | tr -d ':' | tr ' ' '\n' | grep . | tac
done | awk '!seen[$0]++' | while read -r file; do
    plain=$(basename "$file" | sed 's/\.ko.*/.ko/')
    case $file in
        *.xz) xz -dc "$modules/$file" ;;
        *.zst) zstd -qdc "$modules/$file" ;;
        *) cat "$modules/$file" ;;
    esac >"$to/modules/$plain"
    echo "$plain"
done >"$work/order"
mv "$work/order" "$to/modules/order" # last: what has it is complete

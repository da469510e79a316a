#!/bin/sh
# rootfs.sh FILE: makes the disk that the virtual machines boot from: a small Debian
# of this machine's suite, whose libc and libraries the tests are linked to. Needs
# root. Exits with 77, and prints why, if it cannot be made.
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/mirror.sh"
to=$1
packages=python3-minimal,python3,procps,util-linux,libuv1,libglib2.0-0,libevent-core-2.1-7,libev4
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ "$suite" ] || skip 'this machine is no Debian'
[ "$(id -u)" = 0 ] || skip 'debootstrap needs root'
mirror=$(mirror)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" "$mirror" >"$work/log" 2>&1 || {
    tail -n 5 "$work/log" >&2
    skip "debootstrap cannot make a Debian $suite"
}
rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/var/lib/apt/lists/*
truncate -s 1G "$work/disk"
mkfs.ext4 -q -O ^has_journal -d "$work/root" "$work/disk"
cp --sparse=always "$work/disk" "$to.new"
mv "$to.new" "$to"

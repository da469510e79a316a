#!/bin/sh
# chroot.sh DIRECTORY COMMAND [ARGUMENT]...: runs a command where there is neither
# /proc nor /dev: in a chroot with /usr, /etc, DIRECTORY and $TMPDIR only. It is gone
# with the command: its mounts are in a namespace of their own.
set -eu
unshare=
[ "$(id -u)" = 0 ] || unshare='--user --map-root-user'
mkdir -p "$TMPDIR/root"
exec unshare $unshare --mount sh -euc '
root=$TMPDIR/root
mount -t tmpfs none "$root"
for part in /usr /etc "$1" "$TMPDIR"; do
    mkdir -p "$root$part"
    mount --bind "$part" "$root$part"
done
for part in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$part" ]; then
        cp -P "$part" "$root$part"
    elif [ -d "$part" ]; then
        mkdir "$root$part"
        mount --bind "$part" "$root$part"
    fi
done
chmod 1777 "$root/tmp"
shift
exec chroot "$root" "$@"
' sh "$@"

#!/bin/sh
# vm.sh KERNEL DISK COMMAND [ARGUMENT]...: runs a command under another kernel, as
# root. KERNEL is a directory that fetch.sh filled, DISK a file that rootfs.sh made.
# The machine has no network. It has a copy of the paths in $TREE, under the name of
# the current directory, and what is written there is lost with the machine. The exit
# status is the command's, or 125 if the machine stopped first.
#
# Variables: TREE (.), CPUS (1), MEMORY (2G), LIMIT (1800, seconds), LOG (a file for the
# kernel's messages), APPEND (to its command line), QEMU (qemu-system-x86_64).
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
kernel=$(realpath "$1")
disk=$(realpath "$2")
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT

# An initramfs: busybox, init, and the modules for the disks.
mkdir -p "$work/initramfs/bin" "$work/initramfs/proc" "$work/initramfs/dev" "$work/initramfs/new"
cp /bin/busybox "$work/initramfs/bin/busybox"
ln -s busybox "$work/initramfs/bin/sh"
cp "$here/init" "$work/initramfs/init"
chmod 755 "$work/initramfs/init"
cp -r "$kernel/modules" "$work/initramfs/modules"
(cd "$work/initramfs" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

# A disk with the tree, and the command.
mkdir "$work/tree"
cp -a --parents ${TREE:-.} "$work/tree/"
for word; do printf '%s\0' "$word"; done >"$work/tree/.vm-command"
pwd >"$work/tree/.vm-directory"
truncate -s "$(($(du -sm "$work/tree" | cut -f 1) * 3 / 2 + 200))M" "$work/tree.img"
mkfs.ext4 -q -O ^has_journal -d "$work/tree" "$work/tree.img"
rm -rf "$work/tree"

mkfifo "$work/out"
cat "$work/out" &
: >"$work/status"
log=${LOG:-$work/log}
# Translated: virtual machines with hardware support do not start stock kernels
# where such a machine is one itself.
timeout --foreground --kill-after=5 "${LIMIT:-1800}" "${QEMU:-qemu-system-x86_64}" -accel "${ACCEL:-tcg}" -cpu max \
    -smp "${CPUS:-1}" -m "${MEMORY:-2G}" \
    -kernel "$kernel/vmlinuz" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1 ${APPEND:-}" \
    -no-reboot -display none -monitor none -nic none -nodefaults -serial "file:$log" \
    -device virtio-serial-pci -chardev "file,id=out,path=$work/out" \
    -device virtserialport,chardev=out,name=out,nr=1 \
    -chardev "file,id=status,path=$work/status" \
    -device virtserialport,chardev=status,name=status,nr=2 \
    -drive "file=$disk,format=raw,if=none,id=root,snapshot=on" -device virtio-blk-pci,drive=root \
    -drive "file=$work/tree.img,format=raw,if=none,id=tree,snapshot=on" -device virtio-blk-pci,drive=tree \
    -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng </dev/null || true
[ -s "$work/status" ] || : 1<>"$work/out" # in case nobody has opened it
wait
status=$(cat "$work/status")
[ "$status" ] || {
    echo "vm.sh: the machine stopped before the command did" >&2
    tail -n 30 "$log" >&2
    status=125
}
exit "$status"

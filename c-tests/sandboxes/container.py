#!/usr/bin/env python3
"""Runs the static lane in a container, by runc: a root of its own that is only
root there (a user namespace), with the capabilities and the seccomp profile that
podman and docker give by default, on a file system that cannot be written.

Ends with "N passed, N failed, N skipped".
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROFILE = Path("/usr/share/containers/seccomp.json")
# The shell, as process 1, reaps orphans.
COMMAND = ["/bin/sh", "-c",
           "/usr/bin/python3 c-tests/run.py --lane static --percent 20; exit $?"]

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
                "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
                "CAP_SYS_CHROOT"]
# Ids of the container's root and of everybody else in it, on this machine.
IDS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
ARCHITECTURE = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"),
                "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}


def skip(why):
    print(f"skipped: {why}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def seccomp():
    """The profile, without the conditions that only podman and docker know."""
    ours, arch = ARCHITECTURE[platform.machine()]

    def holds(rule):
        of, unless = rule.get("includes") or {}, rule.get("excludes") or {}
        return (ours in of.get("arches", [ours]) and ours not in unless.get("arches", [])
                and set(of.get("caps", [])) <= set(CAPABILITIES)
                and not set(unless.get("caps", [])) & set(CAPABILITIES))

    profile = json.loads(PROFILE.read_text())
    wanted = ("names", "action", "args", "errnoRet")
    return {"defaultAction": profile["defaultAction"],
            "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": [arch],
            "syscalls": [{key: rule[key] for key in wanted if rule.get(key) is not None}
                         for rule in profile["syscalls"] if holds(rule)]}


def bind(path):
    return {"destination": str(path), "source": str(path), "type": "bind",
            "options": ["rbind", "ro", "nosuid", "nodev"]}


def special(path, kind, *options):
    return {"destination": path, "source": kind, "type": kind, "options": list(options)}


def config(folder):
    linked = [path for path in map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"))
              if path.exists()]
    for path in linked:
        if path.is_symlink():
            (folder / "rootfs" / path.name).symlink_to(os.readlink(path))
    return {
        "ociVersion": "1.0.2",
        "process": {
            "args": COMMAND, "cwd": str(ROOT), "user": {"uid": 0, "gid": 0},
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "TERM=dumb"],
            "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "container",
        "mounts": [
            special("/proc", "proc"),
            special("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            special("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
                    "mode=0620"),
            special("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777"),
            special("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777"),
            bind("/usr"), bind("/etc"), *map(bind, (p for p in linked if not p.is_symlink())),
            bind(ROOT),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in
                           ("pid", "network", "ipc", "uts", "mount", "user")],
            "uidMappings": IDS, "gidMappings": IDS, "seccomp": seccomp(),
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                              "/proc/sysrq-trigger"],
        },
    }


def main():
    if not shutil.which("runc"):
        skip("runc is not installed")
    if not PROFILE.exists() or platform.machine() not in ARCHITECTURE:
        skip(f"there is no {PROFILE} (package golang-github-containers-common), or not for this "
             "architecture")
    if os.geteuid() != 0:
        skip("only root can map the users of a container")
    with tempfile.TemporaryDirectory(prefix="chld-container-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "rootfs").mkdir()
        os.chown(folder / "rootfs", IDS[0]["hostID"], IDS[0]["hostID"])
        (folder / "config.json").write_text(json.dumps(config(folder)))
        done = subprocess.run(["runc", "--root", folder / "state", "run", "--bundle", folder,
                               f"chld-{os.getpid()}"], stdin=subprocess.DEVNULL)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

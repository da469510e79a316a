"""Builds the wheel: the package, the shared library and the declarations of chld.h.

    python3 backend.py DIRECTORY            what `make wheel` does, after `make`
    pip wheel --no-deps bindings/python     the same, by pip

It needs Python 3.11 and nothing else. The wheel works with Python 3.9 and later.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from header import Header  # noqa: E402

MACHINES = {3: "i686", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64",
            183: "aarch64", 243: "riscv64"}
# The versions of glibc for which there is a platform tag, as auditwheel has them.
POLICIES = [5, 12, 17, 24, 26, 27, 28, 31, *range(34, 60)]
OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


def platform(library: bytes) -> str:
    """The platform tag: the oldest glibc whose symbols are enough for the library."""
    order = "little" if library[5] == 1 else "big"
    machine = MACHINES[int.from_bytes(library[18:20], order)]
    if b"\0libc.so.6\0" not in library:
        return f"linux_{machine}"
    needed = max(int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", library))
    policy = next(policy for policy in POLICIES if policy >= needed)
    tag = f"manylinux_2_{policy}_{machine}"
    return f"{tag}.{OLD_NAMES[policy]}_{machine}" if policy in OLD_NAMES else tag


def stripped(path: Path) -> bytes:
    strip = os.environ.get("STRIP", "strip")
    if not shutil.which(strip):
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        subprocess.run([strip, "--strip-unneeded", "-o", copy, path], check=True)
        return copy.read_bytes()


def version(header: Header) -> str:
    return ".".join(str(header.constants[f"VERSION_{part}"])
                    for part in ("MAJOR", "MINOR", "PATCH"))


def metadata(number: str) -> str:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {number}",
             f"Summary: {project['description']}", f"License: {project['license']}",
             f"Requires-Python: {project['requires-python']}",
             *(f"Classifier: {one}" for one in project["classifiers"]),
             "Description-Content-Type: text/markdown"]
    return "\n".join(lines) + "\n\n" + (HERE / project["readme"]).read_text()


def contents() -> tuple[str, str, dict[str, bytes]]:
    """(version, platform tag, path in the wheel -> bytes)"""
    text = (ROOT / "include/chld.h").read_text()
    number = version(Header(text))
    built = Path(os.environ.get("CHLD_LIBRARY", ROOT / f"build/libchld.so.{number}"))
    if not built.exists():
        raise SystemExit(f"{built} is not there: run make first")
    library = stripped(built)
    files = {f"chld/{path.name}": path.read_bytes()
             for path in sorted((HERE / "src/chld").iterdir())
             if path.suffix in (".py", ".typed")}
    files["chld/_abi.py"] = Header(text).module().encode()
    files["chld/libchld.so.0"] = library
    tag = platform(library)
    info = f"chld-{number}.dist-info"
    tags = "".join(f"Tag: py3-none-{one}\n" for one in tag.split("."))
    files[f"{info}/METADATA"] = metadata(number).encode()
    files[f"{info}/WHEEL"] = ("Wheel-Version: 1.0\nGenerator: chld\n"
                              f"Root-Is-Purelib: false\n{tags}").encode()
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        files[f"{info}/{name}"] = (ROOT / name).read_bytes()
    return number, tag, files


def record(files: dict[str, bytes], path: str) -> bytes:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{path},,\n"]).encode()


def build_wheel(wheel_directory: str, config_settings: object = None,
                metadata_directory: str | None = None) -> str:
    """The hook of PEP 517. The same input makes the same bytes."""
    number, tag, files = contents()
    path = f"chld-{number}.dist-info/RECORD"
    files[path] = record(files, path)
    moment = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800))[:6]
    name = f"chld-{number}-py3-none-{tag}.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for inside, data in files.items():
            member = zipfile.ZipInfo(inside, moment)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (0o100755 if ".so" in inside else 0o100644) << 16
            wheel.writestr(member, data)
    return name


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("chld-*.whl"):
        old.unlink()
    print(folder / build_wheel(str(folder)))

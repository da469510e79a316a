"""Other people's tests, with the library in the place of what they were written for."""

import re

from .bindings_python import OFFLINE, python
from .tools import ROOT, Skipped, check, require, run, scratch

SUITE = ROOT / "c-tests/peers/cpython_subprocess.py"


@check("peer: CPython's test_subprocess passes with the Python package as its process layer")
def cpython():
    program = python()
    if run(program, "-c", "import test.test_subprocess", succeed=False).returncode:
        raise Skipped("the tests of CPython are not installed: Debian has them in libpython3.11-testsuite")

    def suite(*names):
        return run(program, SUITE, *names, cwd=scratch(), env=OFFLINE, succeed=False, timeout=600)

    done = suite()
    count = re.search(r"^(\d+) tests, (\d+) skipped; .*'fork_exec': (\d+)", done.stdout, re.M)
    require(count, f"it has ended early:\n{done.stderr[-2000:]}")
    tests, skipped, started = map(int, count.groups())
    require(started > 200, f"the package has started {started} children only")
    failed = re.findall(r"^failed: (\S+)", done.stdout, re.M)
    # A test that fails without the package, too, is not the package's fault.
    ours = [name for name in failed if suite("--plain", name).returncode == 0]
    require(not ours, f"with the package only: {', '.join(ours)}\n{done.stderr[-2000:]}")
    remark = f"{tests} tests, of which CPython skips {skipped}; {started} children of the package"
    return remark + "".join(f"\nfails without the package, too: {name}" for name in failed)

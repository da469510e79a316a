"""The module in bindings/go: its tests, and a program of a newcomer that has it."""

from .newcomer import BINDINGS, blocks, conformance, environment, folder, printed
from .tools import check, need, require, run, scratch

MODULE = BINDINGS / "go"


def settings():
    """Nothing is downloaded, and nothing is written outside of scratch."""
    need("pkg-config")
    need("go")
    return {
        **environment(),
        "CGO_ENABLED": "1",
        "GOCACHE": str(scratch() / "go-cache"),
        "GOPATH": str(scratch() / "go"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GODEBUG": "cgocheck=2",
    }


@check("the module in bindings/go passes its tests")
def module():
    has = settings()
    run("go", "test", "-timeout", "100s", "./...", cwd=MODULE, env=has)
    run("go", "vet", "./...", cwd=MODULE, env=has)
    if run("gofmt", "-h", succeed=False).returncode in (0, 2):
        require(not run("gofmt", "-l", ".", cwd=MODULE).stdout, "gofmt would change it")


@check("a newcomer's program in Go, as in the README, and the conformance list")
def newcomer():
    has = settings()
    begin, finish = blocks("go", "sh")
    first, examples = blocks("go", "go")
    run("sh", "-ec", begin, cwd=folder("go"), env=has)
    project = folder("go") / "sorted"
    (project / "main.go").write_text(first)
    printed("go", run("sh", "-ec", finish, cwd=project, env=has).stdout)
    # What the README shows compiles.
    (project / "examples.go").write_text(examples)
    run("go", "build", ".", cwd=project, env=has)
    program = scratch() / "conformance-go"
    run("go", "build", "-o", program, "example.org/chld/conformance", cwd=project, env=has)
    return conformance(program, env=has)

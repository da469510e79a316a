"""The npm package in bindings/node: its tests, and a program of a newcomer that has it."""

import functools
import json
import shutil

from .newcomer import BINDINGS, blocks, conformance, environment, folder, prefix, printed
from .tools import BUILD, HEADER, Skipped, check, need, require, run, scratch

PACKAGE = BINDINGS / "node"
# Where .ci/run has npm put koffi: the checks download nothing.
FETCHED = BUILD / "bindings/node"


@functools.cache
def settings():
    """Nothing is downloaded, and nothing is written outside of scratch."""
    need("node")
    need("npm")
    if not (FETCHED / "node_modules/koffi").exists():
        raise Skipped("koffi is not there: bindings/node/fetch.sh gets it")
    return {
        **environment(),
        "CHLD_INCLUDE_DIR": str(HEADER.parent),
        "CHLD_LIBRARY": str(prefix() / "lib/libchld.so.0"),
        "npm_config_cache": str(scratch() / "npm"),
        "npm_config_offline": "true",
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
    }


@check("the package in bindings/node passes its tests, and has the structs of the header")
def package():
    has = settings()
    copy = scratch() / "node-package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("node_modules", "*.tgz"))
    (copy / "node_modules").symlink_to(FETCHED / "node_modules")
    tests = sorted((copy / "test").glob("*.test.js"))
    done = run("node", "--test", *tests, cwd=copy, env=has)
    require("\n# fail 0" in done.stdout, done.stdout[-2000:])


def local(project):
    """Has npm find koffi without the registry, which is what a newcomer's npm asks."""
    manifest = project / "package.json"
    text = json.loads(manifest.read_text())
    modules = FETCHED / "node_modules"
    native = [path for path in (modules / "@koromix").glob("koffi-*")]
    text["overrides"] = {"koffi": f"file:{modules / 'koffi'}",
                         **{f"@koromix/{path.name}": f"file:{path}" for path in native}}
    manifest.write_text(json.dumps(text))


@check("a newcomer's program in Node, as in the README, and the conformance list")
def newcomer():
    has = settings()
    begin, finish = blocks("node", "sh")
    first, examples = blocks("node", "js")
    words = begin.splitlines()
    require(words[-1].startswith("npm install"), "the README installs the package last")
    run("sh", "-ec", "\n".join(words[:-1]), cwd=folder("node"), env=has)
    project = folder("node") / "sorted"
    local(project)
    run("sh", "-ec", words[-1], cwd=project, env=has)
    (project / "index.js").write_text(first)
    printed("node", run("sh", "-ec", finish, cwd=project, env=has).stdout)
    (project / "examples.js").write_text(examples)
    done = run("node", "examples.js", cwd=project, env=has)
    require("cat exited with code 0" in done.stdout and not done.stderr, done.stdout + done.stderr)
    program = project / "node_modules/chld/conformance.js"
    return conformance("node", program, cwd=project, env=has)

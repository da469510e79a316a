"""The bindings that are one file each, for Ruby, LuaJIT and Perl: a newcomer's program as in
the README, and the conformance list, each with the package that is installed in scratch."""

from .conformance import compare
from .newcomer import BINDINGS, blocks, environment, folder, prefix, printed
from .tools import Skipped, check, need, run, scratch


def newcomer(binding, language, program, command, has):
    """Types what the README has, then runs what it shows, and the conformance list."""
    place = folder(binding)
    begin, finish = blocks(binding, "sh")
    first, examples = blocks(binding, language)
    run("sh", "-ec", begin, cwd=place, env=has)
    (place / program).write_text(first)
    printed(binding, run("sh", "-ec", finish, cwd=place, env=has).stdout)
    (place / "examples").write_text(examples)
    run(*command, "examples", cwd=place, env=has)
    conformance = next((BINDINGS / binding).glob("conformance.*"))
    return compare(run(*command, conformance, cwd=place, env=has, succeed=False).stdout)


@check("a newcomer's program in Ruby, as in the README, and the conformance list")
def ruby():
    if run(need("ruby"), "-e", "require 'ffi'", succeed=False).returncode:
        raise Skipped("ruby has no ffi")
    has = {**environment(), "GEM_HOME": str(scratch() / "gems"), "RUBYOPT": "-w"}
    return newcomer("ruby", "ruby", "sorted.rb", ["ruby"], has)


@check("a newcomer's program in LuaJIT, as in the README, and the conformance list")
def lua():
    need("luajit")
    has = {**environment(), "CHLD_HEADER": str(prefix() / "include/chld.h"),
           "LUA_PATH": "./?.lua;;"}
    return newcomer("lua", "lua", "sorted.lua", ["luajit"], has)

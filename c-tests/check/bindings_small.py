"""The bindings that are one file each, for Ruby, LuaJIT and Perl: a newcomer's program as in
the README, and the conformance list, each with the package that is installed in scratch."""

from .newcomer import BINDINGS, blocks, conformance, environment, folder, prefix, printed
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
    items = next((BINDINGS / binding).glob("conformance.*"))
    return conformance(*command, items, cwd=place, env=has)


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


@check("a newcomer's program in Perl, as in the README, and the conformance list")
def perl():
    if run(need("perl"), "-MFFI::Platypus", "-e", "1", succeed=False).returncode:
        raise Skipped("perl has no FFI::Platypus")
    place = scratch() / "perl"
    has = {**environment(), "PERL_MM_OPT": f"INSTALL_BASE={place}",
           "PERL5LIB": str(place / "lib/perl5")}
    return newcomer("perl", "perl", "sorted.pl", ["perl", "-w"], has)

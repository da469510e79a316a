"""The bindings that are one file each, for Ruby, LuaJIT and Perl: a newcomer's program as in
the README, and the conformance list, each with the package that is installed in scratch."""

from .newcomer import BINDINGS, blocks, conformance, environment, folder, prefix, printed
from .tools import BUILD, CC, HEADER, Skipped, check, need, require, run, scratch


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


# Prints "struct member offset" for each member, and "struct size" for each struct.
RUBY_LAYOUT = """
require "chld"
Chld::Lib.constants.map { |name| Chld::Lib.const_get(name) }.each do |struct|
  next unless struct.is_a?(Class) && struct < FFI::Struct
  name = "chld_" + struct.name.split("::").last.gsub(/(?<=.)[A-Z]/) { |letter| "_" + letter }.downcase
  puts "#{name} #{struct.size}"
  struct.members.each { |member| puts "#{name} #{member} #{struct.offset_of(member)}" }
end
"""


def in_c(lines):
    """The same lines, by the header."""
    source, program = scratch() / "layout.c", scratch() / "layout"
    prints = []
    for struct, *member, _ in map(str.split, lines):
        value = f"offsetof({struct}, {member[0]})" if member else f"sizeof({struct})"
        prints.append(f'printf("{" ".join([struct, *member])} %zu\\n", {value});')
    source.write_text("#include <chld.h>\n#include <stdio.h>\nint main(void) {\n"
                      + "\n".join(prints) + "\nreturn 0; }\n")
    run(*CC, "-I", HEADER.parent, "-o", program, source)
    return run(program).stdout.splitlines()


@check("the structs of bindings/ruby are those of the header")
def ruby_structs():
    if run(need("ruby"), "-e", "require 'ffi'", succeed=False).returncode:
        raise Skipped("ruby has no ffi")
    has = {"CHLD_LIBRARY": str(BUILD / "libchld.so.0")}
    lines = run("ruby", "-I", BINDINGS / "ruby/lib", "-e", RUBY_LAYOUT, env=has).stdout.splitlines()
    require(len(lines) > 100, f"only {len(lines)} lines")
    wrong = [f"{one}, and in C {other}" for one, other in zip(lines, in_c(lines)) if one != other]
    require(not wrong, "\n".join(wrong))
    return f"{len(lines)} lines"


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

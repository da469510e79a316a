"""An object file as a graph: its sections, and what refers to what.

Every function and every constant of the library has a section of its own, so
following relocations from a function's section finds all that it can reach:
what it calls, whose address it takes, and the tables it looks into.
"""

import re
import struct
from collections import defaultdict

SHT_SYMTAB, SHT_RELA, SHT_REL = 2, 4, 9
STT_FUNC, SHN_UNDEF = 2, 0


class Object:
    def __init__(self, path):
        self.data = path.read_bytes()
        if self.data[:4] != b"\x7fELF":
            raise ValueError(f"{path} is no ELF object")
        self.wide = self.data[4] == 2
        self.order = "<" if self.data[5] == 1 else ">"
        self._read_sections()
        self._read_symbols()
        self._read_references()

    def _unpack(self, layout, offset):
        return struct.unpack_from(self.order + layout, self.data, offset)

    def _string(self, table, offset):
        start = self.headers[table][4] + offset
        return self.data[start:self.data.index(b"\0", start)].decode()

    def _read_sections(self):
        """Headers as (name, type, flags, address, offset, size, link, info, …)."""
        table, = self._unpack("Q", 40) if self.wide else self._unpack("I", 32)
        size, count, names = self._unpack("HHH", 58 if self.wide else 46)
        layout = "IIQQQQIIQQ" if self.wide else "IIIIIIIIII"
        self.headers = [self._unpack(layout, table + size * i) for i in range(count)]
        self.sections = [self._string(names, header[0]) for header in self.headers]

    def _read_symbols(self):
        """(name, type, section) of each, and the sections of each name."""
        self.symbols = []
        self.defined = defaultdict(set)
        table = next(h for h in self.headers if h[1] == SHT_SYMTAB)
        for offset in range(table[4], table[4] + table[5], table[9]):
            if self.wide:
                name, info, _, section, _, _ = self._unpack("IBBHQQ", offset)
            else:
                name, _, _, info, _, section = self._unpack("IIIBBH", offset)
            name = self._string(table[6], name)
            self.symbols.append((name, info & 15, section))
            if section != SHN_UNDEF and info & 15 == STT_FUNC:
                self.defined[name].add(section)

    def _read_references(self):
        self.references = defaultdict(set)
        for header in self.headers:
            if header[1] not in (SHT_RELA, SHT_REL):
                continue
            for offset in range(header[4], header[4] + header[5], header[9]):
                info = self._unpack("QQ", offset)[1] if self.wide else self._unpack("II", offset)[1]
                self.references[header[7]].add(info >> 32 if self.wide else info >> 8)

    def functions(self, path):
        """The functions with this Rust path, mangled either way, or C name."""
        parts = "".join(f"{len(part)}{part}" for part in path.split("::"))
        return [name for name in self.defined if name == path or parts in name]

    def reach(self, names):
        """All that these functions can reach: (sections, imported names)."""
        sections, imports = set(), set()
        todo = [section for name in names for section in self.defined[name]]
        while todo:
            section = todo.pop()
            if section in sections:
                continue
            sections.add(section)
            for index in self.references[section]:
                name, _, target = self.symbols[index]
                if target != SHN_UNDEF:
                    todo.append(target)
                elif name:
                    imports.add(name)
        return sections, imports


BY_POINTER = re.compile(r"\t(?:call|jmp)[a-z]*\s+\*(?!.*\(%rip\))|\t(?:blr|br|jalr|jr|blx)\s+[a-z]")


def by_pointer(disassembly, names):
    """Where the sections with these names call or jump through a register or
    memory, as "function: instruction"; `disassembly` is objdump's."""
    found, section, function = [], "", ""
    for line in disassembly.splitlines():
        if line.startswith("Disassembly of section "):
            section = line[len("Disassembly of section "):-1]
        elif line.endswith(">:"):
            function = line.split("<", 1)[1][:-2]
        elif section in names and BY_POINTER.search(line):
            found.append(f"{function}: {line.split(None, 1)[1].strip()}")
    return found

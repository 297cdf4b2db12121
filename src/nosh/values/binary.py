"""What a program or library in ELF format says of itself."""

from dataclasses import dataclass
from typing import cast

# e_machine, word size and byte order -> OCI's architecture (gABI, e_machine; OCI takes Go's names).
_ARCHITECTURES = {
    (62, 64, True): "amd64",
    (3, 32, True): "386",
    (183, 64, True): "arm64",
    (40, 32, True): "arm",
    (21, 64, True): "ppc64le",
    (22, 64, False): "s390x",
    (243, 64, True): "riscv64",
}


@dataclass(frozen=True, slots=True)
class Binary:
    """An ELF file's needs and offers.

    Attributes:
        bits: 32 or 64.
        little: whether the lowest byte stands first.
        machine: e_machine, as the ELF specification numbers processors.
        type: e_type: 1 object file, 2 program at a fixed place, 3 library or program at any place, 4 core.
        flags: e_flags, whose meaning is the processor's.
        dynamic: whether it has a dynamic section, so that the loader has work with it.
        interpreter: the loader it names (PT_INTERP), or nothing.
        soname: what those linked with it need (DT_SONAME), or nothing.
        needed: libraries it is linked with (DT_NEEDED), in order.
        rpath: folders to search, in order (DT_RPATH); `runpath` likewise (DT_RUNPATH).
        verneed: library and the versions of its symbols that are asked for, in order.
        verdef: versions of symbols that it offers, without the one named after the file itself.
        isa: needed x86 level bits (GNU_PROPERTY_X86_ISA_1_NEEDED), 0 if it says none.
    """

    bits: int
    little: bool
    machine: int
    type: int
    flags: int = 0
    dynamic: bool = False
    interpreter: str = ""
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    verneed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    verdef: tuple[str, ...] = ()
    isa: int = 0

    @property
    def architecture(self) -> str:
        """OCI's name of the machine, or its number."""
        key = (self.machine, self.bits, self.little)
        return _ARCHITECTURES.get(key, f"machine {self.machine}")


def pack(binary: Binary) -> list[object]:
    """Return a binary as JSON values."""
    return [
        binary.bits, binary.little, binary.machine, binary.type, binary.flags, binary.dynamic,
        binary.interpreter, binary.soname, binary.needed, binary.rpath, binary.runpath, binary.verneed,
        binary.verdef, binary.isa,
    ]  # fmt: skip


_Row = tuple[
    int, bool, int, int, int, bool, str, str, list[str], list[str], list[str], list[tuple[str, list[str]]],
    list[str], int,
]  # fmt: skip


def unpack(row: object) -> Binary:
    """Return a binary from what `pack` returned; anything else is a TypeError or ValueError."""
    (
        bits, little, machine, kind, flags, dynamic, interpreter, soname,
        needed, rpath, runpath, verneed, verdef, isa,
    ) = cast("_Row", row)  # fmt: skip
    return Binary(
        bits, little, machine, kind, flags, dynamic, interpreter, soname,
        tuple(needed), tuple(rpath), tuple(runpath),
        tuple((library, tuple(versions)) for library, versions in verneed),
        tuple(verdef), isa,
    )  # fmt: skip

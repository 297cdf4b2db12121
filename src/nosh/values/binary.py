"""What a program or library in ELF format says of itself."""

from dataclasses import dataclass
from typing import cast

# e_machine and word size -> OCI architecture (ELF gABI, supplement tables).
MACHINES = {
    (62, 64): "amd64",
    (3, 32): "386",
    (183, 64): "arm64",
    (40, 32): "arm",
    (21, 64): "ppc64le",
    (22, 64): "s390x",
    (243, 64): "riscv64",
}


@dataclass(frozen=True, slots=True)
class Binary:
    """An ELF file's needs and offers.

    Attributes:
        bits: 32 or 64.
        interpreter: the loader it names (PT_INTERP), or nothing.
        needed: libraries it is linked with (DT_NEEDED), in order.
        verneed: library -> versions of its symbols that are asked for.
        verdef: versions of symbols that it offers.
        abi: operating system and lowest kernel version of its ABI note, or nothing.
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
    abi: tuple[int, ...] = ()
    isa: int = 0

    @property
    def architecture(self) -> str:
        """OCI's name of the machine, or its number."""
        return MACHINES.get((self.machine, self.bits), f"machine {self.machine}")


def pack(binary: Binary) -> list[object]:
    """Return a binary as JSON values."""
    return [
        binary.bits, binary.little, binary.machine, binary.type, binary.flags, binary.dynamic,
        binary.interpreter, binary.soname, binary.needed, binary.rpath, binary.runpath, binary.verneed,
        binary.verdef, binary.abi, binary.isa,
    ]  # fmt: skip


_Row = tuple[
    int, bool, int, int, int, bool, str, str, list[str], list[str], list[str], list[tuple[str, list[str]]],
    list[str], list[int], int,
]  # fmt: skip


def unpack(row: object) -> Binary:
    """Return a binary from what `pack` returned; anything else is a TypeError or ValueError."""
    (
        bits, little, machine, kind, flags, dynamic, interpreter, soname,
        needed, rpath, runpath, verneed, verdef, abi, isa,
    ) = cast("_Row", row)  # fmt: skip
    return Binary(
        bits, little, machine, kind, flags, dynamic, interpreter, soname,
        tuple(needed), tuple(rpath), tuple(runpath),
        tuple((library, tuple(versions)) for library, versions in verneed),
        tuple(verdef), tuple(abi), isa,
    )  # fmt: skip

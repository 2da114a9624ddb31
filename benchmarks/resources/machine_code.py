"""The resources and the instructions of a kernel, read from its machine code."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import triton
from triton.compiler import CompiledKernel

from benchmarks.resources.multiprocessor import LIMITS, resident_programs

CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
INSTRUCTION = re.compile(r"/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+ )?\s*([A-Z][\w.]*) ?([^;]*);")
# Of four warps together on sm_90, from tensor memory on sm_100, and of one warp elsewhere and for small tiles.
MATRIX_UNITS = {"HGMMA": "wgmma", "UTCHMMA": "tcgen05", "HMMA": "mma"}


@dataclass(frozen=True)
class Row:
    """One compiled kernel.

    Attributes:
        kernel: its name.
        model: the model whose shapes it is compiled for.
        configuration: its compile-time constants, warps and pipeline stages.
        arch: compute capability, times ten.
        registers: registers of a thread.
        spills: bytes of registers of a thread that are spilled to memory.
        shared_bytes: shared memory of a program.
        resident: programs that a multiprocessor holds at once.
        occupancy: share of the warps of a multiprocessor that can be resident.
    """

    kernel: str
    model: str
    configuration: str
    arch: int
    registers: int
    spills: int
    shared_bytes: int
    resident: int
    occupancy: float


@dataclass(frozen=True)
class Instructions:
    """Instructions of one compiled kernel. To read them takes longer than to compile it.

    Attributes:
        wide_loads: instructions in loops that load 16 bytes of a thread from global memory. Of a kernel without a loop,
            all are counted, like those in `narrow_loads`.
        narrow_loads: instructions in loops that load fewer bytes.
        matrix_unit: the instruction that multiplies tiles: `"wgmma"`, `"tcgen05"`, `"mma"` or `""`.
    """

    wide_loads: int
    narrow_loads: int
    matrix_unit: str


def resources(compiled: CompiledKernel, kernel: str, model: str, configuration: str, arch: int) -> Row:
    """The row of a kernel that is compiled for `arch`."""
    limits, shared, warps = LIMITS[arch], compiled.metadata.shared, compiled.metadata.num_warps
    registers, spills = read_resources(dump(compiled.asm["cubin"], "--dump-resource-usage"))
    resident = resident_programs(limits, warps, registers, shared)
    return Row(
        kernel=kernel,
        model=model,
        configuration=configuration,
        arch=arch,
        registers=registers,
        spills=spills,
        shared_bytes=shared,
        resident=resident,
        occupancy=round(resident * warps / limits.warps, 3),
    )


def instructions_of(compiled: CompiledKernel) -> Instructions:
    """The instructions of a kernel."""
    instructions = read_instructions(dump(compiled.asm["cubin"], "--dump-sass"))
    names = {name.split(".")[0] for _, name, _ in instructions}
    unit = next((unit for name, unit in MATRIX_UNITS.items() if name in names), "")
    return Instructions(*global_loads(instructions), unit)


@cache
def dump(machine_code: bytes, what: str) -> str:
    """What `cuobjdump` says of machine code. It is kept: layers and models have much of it in common."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(machine_code)
        file.flush()
        return subprocess.run([CUOBJDUMP, what, file.name], check=True, capture_output=True, text=True).stdout


def read_resources(text: str) -> tuple[int, int]:
    """Registers of a thread, and bytes of its stack and local memory, which hold spilled registers."""
    used = {name: int(value) for name, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", text)}
    return used["REG"], used["STACK"] + used["LOCAL"]


def read_instructions(sass: str) -> list[tuple[int, str, str]]:
    """Address, name and operands of every instruction."""
    return [(int(address, 16), name, operands) for address, name, operands in INSTRUCTION.findall(sass)]


def global_loads(instructions: list[tuple[int, str, str]]) -> tuple[int, int]:
    """The number of loads from global memory of 16 bytes and of fewer, in loops. Without a loop, all are counted.

    A loop is what a branch jumps back over. The last instruction, which jumps to itself, is none.
    """
    loops = []
    for address, name, operands in instructions:
        target = re.search(r"0x([0-9a-f]+)", operands)
        if name.split(".")[0] == "BRA" and target and int(target[1], 16) < address:
            loops.append((int(target[1], 16), address))
    loads = [
        name
        for address, name, _ in instructions
        if name.split(".")[0] in ("LDG", "LDGSTS")
        and (not loops or any(first <= address <= last for first, last in loops))
    ]
    wide = sum("128" in name.split(".") for name in loads)
    return wide, len(loads) - wide

"""The limits of a multiprocessor, and how much of it the programs of a kernel fill."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Multiprocessor:
    """The limits of one multiprocessor (CUDA C++ Programming Guide, "Technical Specifications per Compute
    Capability").
    """

    warps: int
    programs: int
    shared_bytes: int
    registers: int = 65536


# By compute capability, times ten.
LIMITS = {
    80: Multiprocessor(warps=64, programs=32, shared_bytes=164 * 1024),
    89: Multiprocessor(warps=48, programs=24, shared_bytes=100 * 1024),
    90: Multiprocessor(warps=64, programs=32, shared_bytes=228 * 1024),
    100: Multiprocessor(warps=64, programs=32, shared_bytes=228 * 1024),
    120: Multiprocessor(warps=48, programs=24, shared_bytes=100 * 1024),
}


def resident_programs(limits: Multiprocessor, warps: int, registers: int, shared_bytes: int) -> int:
    """The number of programs of this size that a multiprocessor holds at once.

    Registers are allocated to a warp in steps of 256, from one of four equal parts of the register file. The system
    takes 1 KiB of shared memory for each program.
    """
    registers_of_warp = -(-registers * 32 // 256) * 256
    return min(
        limits.programs,
        limits.warps // warps,
        4 * (limits.registers // 4 // registers_of_warp) // warps,
        limits.shared_bytes // (shared_bytes + 1024),
    )

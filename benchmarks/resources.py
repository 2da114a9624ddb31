"""Registers, spills, shared memory and occupancy of every kernel, compiled for GPUs that this machine may not have.

`python -m benchmarks.resources --arch 80 89 90 100 --json`
"""

import argparse
import contextlib
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction, KernelInterface

from benchmarks.shapes import LAYERS, TEXT_TOKENS, Layer, draw, draw_projections

MODELS = {"2b": LAYERS["2b-49x480x720"], "5b": LAYERS["5b-49x480x720"]}
CONCEPTS = 8
MODULES = (
    "imap_kernels.qk_match.triton",
    "imap_kernels.frame_separation.triton",
    "imap_kernels.gram_column.triton",
    "imap_kernels.gram_column.key_moments",
    "imap_kernels.concept_attention.triton",
    "imap_kernels.head_similarity.triton",
    "imap_kernels.qk_norm_rope.triton",
    "imap_kernels.key_softmax",
)


@dataclass(frozen=True)
class Architecture:
    """The limits of one multiprocessor (CUDA C++ Programming Guide, "Technical Specifications per Compute
    Capability").
    """

    warps: int
    programs: int
    shared_bytes: int
    registers: int = 65536


ARCHITECTURES = {
    80: Architecture(warps=64, programs=32, shared_bytes=164 * 1024),
    89: Architecture(warps=48, programs=24, shared_bytes=100 * 1024),
    90: Architecture(warps=64, programs=32, shared_bytes=228 * 1024),
    100: Architecture(warps=64, programs=32, shared_bytes=228 * 1024),
}


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
        occupancy: share of the warps of a multiprocessor that can be resident.
    """

    kernel: str
    model: str
    configuration: str
    arch: int
    registers: int
    spills: int
    shared_bytes: int
    occupancy: float


@dataclass(frozen=True)
class Launch:
    """A kernel with the arguments of a launch."""

    kernel: JITFunction
    arguments: dict[str, Any]
    options: dict[str, int]

    @property
    def configuration(self) -> str:
        """Compile-time constants and options, as text."""
        constants = {p.name: self.arguments[p.name] for p in self.kernel.params if p.is_constexpr}
        return " ".join(f"{name}={value}" for name, value in (constants | self.options).items())


@contextlib.contextmanager
def recorded_launches() -> Iterator[list[Launch]]:
    """Record the launches of every kernel in each of its configurations, without running them."""
    launches: list[Launch] = []

    def recorder(kernel: KernelInterface):
        configs = getattr(kernel, "configs", [triton.Config({})])
        function = getattr(kernel, "fn", None) if hasattr(kernel, "configs") else kernel

        def run(*args, grid, warmup, **kwargs) -> None:
            for config in configs:
                named = dict(zip(function.arg_names, args, strict=False)) | kwargs | config.kwargs
                options = {
                    "num_warps": named.pop("num_warps", config.num_warps),
                    "num_stages": named.pop("num_stages", config.num_stages),
                }
                launches.append(Launch(function, named, options))

        return run

    with contextlib.ExitStack() as stack:
        for module in map(importlib.import_module, MODULES):
            for kernel in vars(module).values():
                if isinstance(kernel, KernelInterface):
                    stack.enter_context(mock.patch.object(kernel, "run", recorder(kernel)))
        yield launches


def launches_of(layer: Layer) -> list[Launch]:
    """The launches of one layer: with eight concepts and with a prompt, with and without softmax and RoPE."""
    from imap_kernels.concept_attention.triton import concept_attention
    from imap_kernels.frame_separation.triton import frame_separation
    from imap_kernels.gram_column.triton import gram_column
    from imap_kernels.head_similarity.triton import head_similarity
    from imap_kernels.qk_match.triton import qk_match
    from imap_kernels.qk_norm_rope.triton import qk_norm_rope

    with recorded_launches() as launches:
        for keys in (CONCEPTS + 1, TEXT_TOKENS):
            t = draw(layer, keys, device="meta", dtype=torch.bfloat16)
            index = qk_match(t.query, t.text, layer.frames)
            maps = torch.empty(2, keys, layer.tokens, device="meta")
            for normalize in ("none", "softmax"):
                gram_column(t.output, index, t.multiplicity, t.head_weights, maps, normalize)
                head_similarity(t.text, t.output, t.multiplicity, maps[0], 1.0, normalize)
            if keys == CONCEPTS + 1:
                concept_attention(t.text, t.text, t.text, t.key, t.value, t.multiplicity)
        for score in ("chi", "dbi"):
            frame_separation(t.output, layer.frames, score)
        arguments = draw_projections(layer, device="meta", dtype=torch.bfloat16)
        for rotary in (None, arguments["rotary"]):
            qk_norm_rope(**arguments | {"rotary": rotary})
    return launches


def source(launch: Launch) -> ASTSource:
    """The kernel, specialized to its arguments like a launch: to ones, and to multiples of 16."""
    signature, constants, attributes = {}, {}, {}
    for position, parameter in enumerate(launch.kernel.params):
        value = launch.arguments[parameter.name]
        divisible = False
        if parameter.is_constexpr or value is None or (isinstance(value, int) and value == 1):
            signature[parameter.name] = "constexpr"
            constants[(position,)] = value
        elif isinstance(value, torch.Tensor):
            names = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32", torch.int64: "i64"}
            signature[parameter.name] = f"*{names[value.dtype]}"
            divisible = value.storage_offset() * value.element_size() % 16 == 0
        elif isinstance(value, int):
            signature[parameter.name] = "i32"
            divisible = value % 16 == 0
        else:
            signature[parameter.name] = "fp32"
        if divisible:
            attributes[(position,)] = [["tt.divisibility", 16]]
    return ASTSource(launch.kernel, signature, constants, attributes)


def measure(launch: Launch, model: str, arch: int) -> Row:
    """Compile one launch for `arch` and read its resources from the machine code."""
    compiled = triton.compile(source(launch), target=GPUTarget("cuda", arch, 32), options=launch.options)
    registers, spills = read_resources(compiled.asm["cubin"])
    shared = compiled.metadata.shared
    warps = compiled.metadata.num_warps
    return Row(
        kernel=launch.kernel.__name__.lstrip("_"),
        model=model,
        configuration=launch.configuration,
        arch=arch,
        registers=registers,
        spills=spills,
        shared_bytes=shared,
        occupancy=round(occupancy(ARCHITECTURES[arch], warps, registers, shared), 3),
    )


def read_resources(cubin: bytes) -> tuple[int, int]:
    """Registers of a thread, and bytes of its stack and local memory, which hold spilled registers."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run(
            [tool, "--dump-resource-usage", file.name], check=True, capture_output=True, text=True
        ).stdout
    used = {name: int(value) for name, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", text)}
    return used["REG"], used["STACK"] + used["LOCAL"]


def occupancy(arch: Architecture, warps: int, registers: int, shared_bytes: int) -> float:
    """The share of the warps of a multiprocessor that programs of this size fill.

    Registers are allocated to a warp in steps of 256. The system takes 1 KiB of shared memory for each program.
    """
    registers_of_warp = -(-registers * 32 // 256) * 256
    programs = min(
        arch.programs,
        arch.warps // warps,
        arch.registers // registers_of_warp // warps,
        arch.shared_bytes // (shared_bytes + 1024),
    )
    return programs * warps / arch.warps


def measure_all(architectures: list[int], models: list[str]) -> list[Row]:
    """A row for each distinct kernel of each model and architecture."""
    rows = []
    for model in models:
        launches = launches_of(MODELS[model])
        distinct = {source(launch).hash() + launch.configuration: launch for launch in launches}
        rows += [measure(launch, model, arch) for arch in architectures for launch in distinct.values()]
    return rows


def main() -> None:
    """Print the rows. The exit code is 1 if a kernel spills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", type=int, nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    arguments = parser.parse_args()
    if os.environ.get("TRITON_INTERPRET") == "1":
        parser.error("TRITON_INTERPRET=1 leaves nothing to compile; unset it")
    rows = measure_all(arguments.arch, arguments.models)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        for row in rows:
            print(
                f"{row.kernel:20} {row.model} sm_{row.arch:<3} {row.registers:3} registers {row.spills:4} B spilled "
                f"{row.shared_bytes:6} B shared {row.occupancy:5.0%} occupancy  {row.configuration}"
            )
    sys.exit(any(row.spills for row in rows))


if __name__ == "__main__":
    main()

"""Compilation of a recorded launch, for a GPU that this machine may not have."""

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, CompiledKernel

from benchmarks.resources.recording import Launch

POINTERS = {
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.float32: "*fp32",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.bool: "*i1",
}


def compile_launch(launch: Launch, arch: int) -> CompiledKernel:
    """The kernel in all stages of the compiler, for compute capability `arch` / 10."""
    return triton.compile(source(launch), target=GPUTarget("cuda", arch, 32), options=launch.options)


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
            signature[parameter.name] = POINTERS[value.dtype]
            divisible = value.storage_offset() * value.element_size() % 16 == 0
        elif isinstance(value, int):
            signature[parameter.name] = "i32"
            divisible = value % 16 == 0
        else:
            signature[parameter.name] = "fp32"
        if divisible and not parameter.do_not_specialize_on_alignment:
            attributes[(position,)] = [["tt.divisibility", 16]]
    return ASTSource(launch.kernel, signature, constants, attributes)

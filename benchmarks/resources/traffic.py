"""The bytes that a launch must move: every tensor that it reads once, and every tensor that it writes once."""

import re

import torch

from benchmarks.resources.recording import Launch

ARGUMENT = re.compile(r"%([\w$.-]+): !tt\.ptr")
RESULT = re.compile(r"\s*(%[\w$.-]+)(?::\d+)? = (.*)")
OPERAND = re.compile(r"%[\w$.-]+(?:#\d+)?")
CARRIED = re.compile(r"(%[\w$.-]+) = (%[\w$.-]+(?:#\d+)?)")
LOADS = {"tt.load", "tt.descriptor_load", "tt.atomic_rmw", "tt.atomic_cas"}
STORES = {"tt.store", "tt.descriptor_store", "tt.atomic_rmw", "tt.atomic_cas"}


def bytes_moved(launch: Launch, ttir: str) -> int:
    """The bytes of the tensors that the kernel loads, and of those that it stores. `+=` is both.

    An ideal cache would leave them. Rows that a kernel skips because of what the tensors hold are counted.
    """
    tensors = {name: value for name, value in launch.arguments.items() if isinstance(value, torch.Tensor)}
    return sum(tensors[name].nbytes for names in accesses(ttir) for name in names)


def accesses(ttir: str) -> tuple[set[str], set[str]]:
    """The names of the pointers that a kernel loads from and stores to, by Triton's first intermediate language.

    Every value is followed back to the arguments that it is computed from. What is loaded is no pointer any more.
    """
    origins: dict[str, set[str]] = {}
    loaded: set[str] = set()
    stored: set[str] = set()
    for line in ttir.splitlines():
        if line.strip().startswith("tt.func"):
            origins |= {f"%{name}": {name} for name in ARGUMENT.findall(line)}
            continue
        found = RESULT.match(line)
        result, operation = found.groups() if found else ("", line)
        operands = [origins.get(operand, set()) for operand in OPERAND.findall(operation)]
        name = operation.split(maxsplit=1)[0] if operation.strip() else ""
        if name in LOADS:
            loaded |= operands[0]
        elif result:
            origins[result] = set().union(*operands)
        if name in STORES:
            stored |= operands[0]
        # A loop begins with these values, and they are its results.
        for place, (inside, outside) in enumerate(CARRIED.findall(operation.partition("(")[2])):
            origins[inside] = origins[f"{result}#{place}"] = origins.get(outside, set())
    return loaded, stored

"""The part `profile`: where the time of a traced step goes, and what `ncu` says of the kernels."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

import torch
from torch.autograd import DeviceType
from torch.autograd.profiler_util import FunctionEventAvg
from torch.profiler import ProfilerActivity

import imap_fast
from benchmarks.gpu.run import Add, Run
from benchmarks.models import MODELS
from benchmarks.record import note, row
from benchmarks.steps import CONCEPTS
from benchmarks.variants import Steps

NCU = "ncu"
SECTIONS = ("SpeedOfLight", "MemoryWorkloadAnalysis", "LaunchStats", "Occupancy", "WarpStateStats")
LISTED = 40
"""Operations in the table."""
# The last one differs from the first one by the maps alone.
VARIANTS = ("stock", "traced", "traced_stock_attention")


def measure(run: Run, add: Add) -> None:
    """Profile steps of CogVideoX-2B with concepts and with the prompt, then each operation."""
    model = MODELS["tiny" if run.dry else "2b"]
    steps = Steps.of(model, run.device, torch.bfloat16, concepts=CONCEPTS)
    for match, concepts in (("concepts", steps.concepts), ("prompt", None)):
        profile_steps(dataclasses.replace(steps, concepts=concepts), f"{model.name} {match}", run.device, add)
    del steps
    ncu = shutil.which(NCU)
    if ncu is None:
        add([note(NCU, "a layer's operations", f"there is no {NCU} on PATH")])
        return
    sections = [argument for section in SECTIONS for argument in ("--section", section)]
    # The clocks of a card that others use, too, are left alone.
    command = [ncu, "--clock-control", "none", "--profile-from-start", "off", *sections, *launches(run)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    add([note(NCU, "a layer's operations", done.stdout) | {"exit_code": done.returncode}])


def profile_steps(steps: Steps, shape: str, device: str, add: Add) -> None:
    """Add the profiles of the variants, and how many device operations a layer adds by being read."""
    count = {}
    for variant in VARIANTS:
        call = steps.call(variant)
        call()
        events = device_events(call, device)
        count[variant] = sum(event.count for event in events)
        add(rows_of(f"{variant}_step", shape, events, device))
    layers = len(imap_fast.trace(steps.transformer, steps.concepts, **steps.trace_arguments).settings.layers)
    more = count["traced_stock_attention"] - count["stock"]
    add([row("device_operations_per_layer", f"{shape}, {layers} layers read", more / layers, "operations")])


def launches(run: Run) -> list[str]:
    """The command that `ncu` looks at."""
    command = [sys.executable, "-m", "benchmarks.gpu.launch_once", "--device", run.device, "--backend", run.backend]
    return [*command, "--tiny"] if run.dry else command


def device_events(call: Callable[[], object], device: str) -> list[FunctionEventAvg]:
    """What a call does on the device, by operation. What takes most of the time comes first."""
    activities = [ProfilerActivity.CPU] if device == "cpu" else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        call()
        synchronize(device)
    wanted = DeviceType.CPU if device == "cpu" else DeviceType.CUDA
    found = [event for event in profile.key_averages() if event.device_type == wanted]
    return sorted(found, key=lambda event: -own_time(event, device))


def rows_of(name: str, shape: str, events: Sequence[FunctionEventAvg], device: str) -> list[dict[str, object]]:
    """The number of device operations, the time of them all, and a table of the longest ones."""
    micro = [own_time(event, device) for event in events]
    table = [f"{us:>12.1f} us {event.count:>6} × {event.key}" for us, event in zip(micro, events, strict=True)]
    return [
        row(f"{name}_device_operations", shape, sum(event.count for event in events), "operations"),
        row(f"{name}_device_time", shape, 1e-6 * sum(micro), "s"),
        note(f"{name}_profile", shape, "\n".join(table[:LISTED])),
    ]


def synchronize(device: str) -> None:
    """Wait for the GPU, so that the profile has all of its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def own_time(event: FunctionEventAvg, device: str) -> float:
    """Microseconds of an operation on the device, without what it calls."""
    return event.self_cpu_time_total if device == "cpu" else event.self_device_time_total

"""The part `windows`: the encoder and the transformer for one window of a real video, each in several ways."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import partial

import torch
from diffusers import AutoencoderKLCogVideoX
from torch import nn

from benchmarks.gpu.run import Add, Run
from benchmarks.models import MODELS, Model
from benchmarks.record import row
from benchmarks.steps import CONCEPTS, free_cached, interleaved
from benchmarks.variants import Steps
from imap_fast.demo.build import pipeline
from imap_fast.models.registry import adapter_for

ROUNDS = 3
PIXELS, TINY_PIXELS = (49, 480, 720), (9, 32, 32)
CHANNELS_LAST, COMPILED = "channels last", "compiled"
ENCODERS = ((), (CHANNELS_LAST,), (COMPILED,), (CHANNELS_LAST, COMPILED))

Call = Callable[[], object]


def measure(run: Run, add: Add) -> None:
    """Measure the encoder, which is the same in 2B and in 5B, then the pass of each. Go on after one that raises."""
    pixels = TINY_PIXELS if run.dry else PIXELS
    failed = []
    for name, shape, make in calls(run, pixels):
        try:
            call = make()
            for measured in interleaved({name: call}, ROUNDS):
                add(rows_of(name, shape, measured[name].seconds, measured[name].first, measured[name].memory))
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{name}, {shape}: {type(error).__name__}")
        call = None
        torch.compiler.reset()
        free_cached()
    if failed:
        raise SystemExit(f"failed: {'; '.join(failed)}")


def calls(run: Run, pixels: tuple[int, int, int]) -> Iterator[tuple[str, str, Callable[[], Call]]]:
    """Yield the part of the model, its shape and variant as text, and what makes the call. Compiled ones come last."""
    frames, height, width = pixels
    # On a CPU, dynamo captures the graphs, and nothing is compiled.
    backend = "eager" if run.dry else "inductor"
    models = [MODELS[name] for name in (("tiny",) if run.dry else ("2b", "5b"))]
    for is_compiled in (False, True):
        for variant in ENCODERS:
            if (COMPILED in variant) == is_compiled:
                shape = ", ".join([f"{frames} × {height}×{width}", *variant])
                yield "window_encoder", shape, partial(encoder, run, pixels, variant, backend)
        for model in models:
            if is_compiled:
                yield "window_transformer", f"{model.name}, {COMPILED}", partial(stock, run, model, backend)
            else:
                with_maps = f"{model.name}, maps of {CONCEPTS} concepts"
                yield "window_transformer", model.name, partial(stock, run, model, None)
                yield "window_transformer", with_maps, partial(traced, run, model)


def encoder(run: Run, pixels: tuple[int, int, int], variant: tuple[str, ...], backend: str) -> Call:
    """The encoder of all CogVideoX models with random weights, in bf16, without tiles."""
    with torch.device(run.device):
        vae = pipeline().vae if run.dry else AutoencoderKLCogVideoX()
        video = torch.randn(1, 3, *pixels, dtype=torch.bfloat16)
    vae = vae.to(run.device, torch.bfloat16).eval()
    if CHANNELS_LAST in variant:
        for module in vae.modules():
            if isinstance(module, nn.Conv3d):  # others have weights of other ranks
                module.to(memory_format=torch.channels_last_3d)
        video = video.contiguous(memory_format=torch.channels_last_3d)
    if COMPILED in variant:
        vae.encoder.compile(backend=backend)
    return torch.no_grad()(lambda: vae.encode(video))


def stock(run: Run, model: Model, backend: str | None) -> Call:
    """The pass of `explain` without its maps: half of a guided batch, up to the last layer that is read."""
    transformer = model.transformer(run.device, torch.bfloat16)
    adapter = adapter_for(transformer)
    layers = model.layers or adapter.published_layers
    inputs = model.inputs(run.device, torch.bfloat16, batch=1)
    transformer.transformer_blocks = transformer.transformer_blocks[: layers[-1] + 1]
    if backend is not None:
        for block in transformer.transformer_blocks:  # alike, so the first one is compiled and the others find it
            block.compile(backend=backend)
    return torch.no_grad()(lambda: transformer(**inputs))


def traced(run: Run, model: Model) -> Call:
    """The pass of `explain` with its maps."""
    return Steps.of(model, run.device, torch.bfloat16, concepts=CONCEPTS).call("explain")


def rows_of(name: str, shape: str, seconds: float | None, first: float, memory: float) -> list[dict[str, object]]:
    """The rows of a call so far. `seconds` are unknown before its second round, and memory is only that of a GPU."""
    rows = [row(f"{name}_first_call", shape, first, "s")]
    if seconds is not None:
        rows.append(row(name, shape, 1000 * seconds, "ms"))
    if memory:
        rows.append(row(f"{name}_memory", shape, memory, "MiB"))
    return rows

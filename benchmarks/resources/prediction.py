"""The time that the bytes of a layer's launches would take, next to the layer's attention call. A prediction.

`time = bytes / bandwidth`, and nothing else: no latency, no launch, no arithmetic, and nothing that an earlier launch
left in the cache. So no launch can be faster, unless that cache holds what it reads.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import triton

from benchmarks.resources.compilation import compile_launch
from benchmarks.resources.gpus import ARCH, BANDWIDTH, MULTIPROCESSORS, attention_seconds
from benchmarks.resources.layer import typical_launches
from benchmarks.resources.machine_code import instructions_of, resources
from benchmarks.resources.recording import Launch
from benchmarks.resources.traffic import bytes_moved
from benchmarks.shapes import LAYERS

CLIPS = {"2b": LAYERS["2b-49x480x720"], "5b": LAYERS["5b-49x480x720"]}
MOTION_HEADS = 5
TWO_PASSES, ONE_PASS, SOFT = "two passes", "one pass", "clip"
VARIANTS = {TWO_PASSES: {}, ONE_PASS: {"one_pass": True}, SOFT: {"surrogates": "clip"}}
"""Arguments of `typical_launches`: `argmax` surrogates with two passes over `o`, then with one, and soft surrogates."""
COLUMNS = (
    "kernel",
    "bytes",
    "programs",
    "occupancy",
    "filled",
    "registers",
    "16-byte loads",
    "matrix unit",
    *BANDWIDTH,
    "share",
)


@dataclass(frozen=True)
class Prediction:
    """One launch of a traced layer with eight concepts, compiled for sm_90 in its first configuration.

    Attributes:
        model: the model whose layer it is.
        variant: one of `VARIANTS`.
        operation: the part of `imap_kernels` that has the kernel.
        kernel: its name.
        bytes: what it must move.
        programs: of the launch, for each multiprocessor.
        resident: programs that a multiprocessor holds at once.
        occupancy: share of the warps of a multiprocessor that they fill.
        filled: share of them that this launch fills.
        registers: of a thread.
        wide_loads: as in `Instructions`, like `narrow_loads` and `matrix_unit`.
        narrow_loads: narrower ones.
        matrix_unit: the instruction that multiplies tiles.
        microseconds: predicted, for each GPU of `BANDWIDTH`.
        share: of the layer's attention call, on an H100.
    """

    model: str
    variant: str
    operation: str
    kernel: str
    bytes: int
    programs: float
    resident: int
    occupancy: float
    filled: float
    registers: int
    wide_loads: int
    narrow_loads: int
    matrix_unit: str
    microseconds: dict[str, float]
    share: float


def predict_all(models: Sequence[str]) -> list[Prediction]:
    """The launches of a layer of each model, in each variant."""
    return [p for model in models for variant in VARIANTS for p in predict(model, variant)]


def predict(model: str, variant: str) -> list[Prediction]:
    """The launches of a layer, in order."""
    return [of_launch(launch, model, variant) for launch in typical_launches(model, **VARIANTS[variant])]


def of_launch(launch: Launch, model: str, variant: str) -> Prediction:
    """The prediction for one launch of a layer of `model`."""
    compiled = compile_launch(launch, ARCH)
    row = resources(compiled, launch.name, model, launch.configuration, ARCH)
    moved = bytes_moved(launch, compiled.asm["ttir"])
    if variant == ONE_PASS and launch.operation == "gram_column":
        # It reads the motion heads alone.
        heads = CLIPS[model].heads
        moved -= launch.arguments["features"].nbytes * (heads - MOTION_HEADS) // heads
    programs = launch.programs / MULTIPROCESSORS
    return Prediction(
        model=model,
        variant=variant,
        operation=launch.operation,
        kernel=launch.name,
        bytes=moved,
        programs=round(programs, 2),
        resident=row.resident,
        occupancy=row.occupancy,
        filled=round(row.occupancy * min(1, programs / row.resident), 3),
        registers=row.registers,
        **asdict(instructions_of(compiled)),
        microseconds={gpu: round(moved / bandwidth * 1e6, 3) for gpu, bandwidth in BANDWIDTH.items()},
        share=round(moved / BANDWIDTH["H100"] / attention_seconds(CLIPS[model]), 6),
    )


def table(predictions: list[Prediction]) -> str:
    """Markdown tables of the launches of each model in each variant, each with the sum of its saliency."""
    lines = []
    for (model, variant), of_model in groupby(predictions, key=lambda p: (p.model, p.variant)):
        launches = list(of_model)
        lines += [f"**{model}, {variant}**", "", f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
        for p in launches:
            cells = [
                f"`{p.kernel}`",
                f"{p.bytes / 1e6:.1f} MB",
                f"{p.programs:.1f}, {p.resident} at once",
                f"{p.occupancy:.0%}",
                f"{p.filled:.0%}",
                f"{p.registers}",
                f"{p.wide_loads} of {p.wide_loads + p.narrow_loads}",
                p.matrix_unit or "–",
                *(f"{p.microseconds[gpu]:.1f} µs" for gpu in BANDWIDTH),
                f"{p.share:.4f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        # QK norm and RoPE are the model's own work.
        saliency = [p for p in launches if p.operation != "qk_norm_rope"]
        times = [f"{sum(p.microseconds[gpu] for p in saliency):.1f} µs" for gpu in BANDWIDTH]
        moved, share = sum(p.bytes for p in saliency) / 1e6, sum(p.share for p in saliency)
        lines += [f"| **saliency** | {moved:.1f} MB |{' |' * 6} {' | '.join(times)} | {share:.4f} |", ""]
    return "\n".join([*lines, f"Compiled for sm_{ARCH} by Triton {triton.__version__}."])

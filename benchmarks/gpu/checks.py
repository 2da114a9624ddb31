"""The checks of every operation: against its reference in fp64, into poisoned memory, and the same bits twice."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

import imap_kernels
from benchmarks.cases import Case
from benchmarks.record import row
from benchmarks.shapes import LAYERS, TEXT_TOKENS, TINY, Layer, spread_out

ROUNDING = {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 8e-3}
"""Relative error of a result in the dtype of the inputs. Sums are in fp32, whatever that dtype is."""
LIMITS: dict[str, float | dict[torch.dtype, float]] = {
    "qk_match": 1e-6,
    "frame_separation": 1e-5,
    "gram_column": 2e-5,
    "gram_separation": 2e-5,
    "soft_surrogates": ROUNDING,
    "select_heads": 1e-6,
    "concept_attention": ROUNDING,
    "head_similarity": 1e-5,
    "qk_norm_rope": ROUNDING,
    "region_rows": ROUNDING,
    "text_attention": 5e-5,
}
"""The largest relative error of each operation. Of `qk_match`: how far the chosen score may be from the best one."""
NORMALIZATIONS = [{"normalize": "none"}, {"normalize": "softmax"}]
OPTIONS = {
    # The silhouette is PyTorch's in both.
    "frame_separation": [{"score": score} for score in ("chi", "fisher", "dbi")],
    "gram_column": NORMALIZATIONS,
    "gram_separation": [
        {"score": "chi", "normalize": "none"},
        {"score": "fisher", "normalize": "softmax"},
        {"score": "dbi", "normalize": "none"},
    ],
    "soft_surrogates": [{"over": "clip", "score": "chi"}, {"over": "frame", "score": "dbi"}],
    "select_heads": [{"score": "chi"}, {"score": "dbi"}],
    "head_similarity": NORMALIZATIONS,
}
"""Arguments that are tried in turn."""
FP32 = ("multiplicity", "head_weights", "out", "rotary", "scores", "score_sum", "chosen_sum", "weights")
"""Arguments that are fp32 whatever the dtype of the others."""
SMALL = Layer("small", heads=3, dim=64, frames=3, patches=50)


@dataclass(frozen=True)
class Size:
    """The inputs of a check.

    Attributes:
        layer: the sizes.
        dtype: of the features.
        keys: text keys.
        entries: the distance in memory between the first token and the last one. 0: as in the pipeline.
    """

    layer: Layer
    dtype: torch.dtype
    keys: int = 9
    entries: int = 0

    def __str__(self) -> str:
        apart = f" {self.entries:,} entries apart" if self.entries else ""
        return f"{self.layer.name} keys={self.keys} {str(self.dtype).removeprefix('torch.')}{apart}"


DTYPES = (torch.bfloat16, torch.float16, torch.float32)
LONG = LAYERS["2b-321x480x720"]
FULL_SIZES = (
    Size(LAYERS["2b-49x480x720"], torch.bfloat16),
    Size(LONG, torch.bfloat16, entries=2**31 + 2**24),
    *(Size(LAYERS["2b-49x480x720"], dtype) for dtype in DTYPES[1:]),
    *(Size(LAYERS["5b-49x480x720"], dtype) for dtype in DTYPES),
    Size(LAYERS["1.5-5b-81x768x1360"], torch.bfloat16),
    Size(LONG, torch.bfloat16),
    *(Size(LAYERS["2b-49x480x720"], dtype, keys=TEXT_TOKENS) for dtype in DTYPES),
    Size(LONG, torch.bfloat16, keys=TEXT_TOKENS, entries=2**31 + 2**24),
)
"""What is likely to be wrong comes first: the common case, then offsets beyond 32 bits."""
TINY_SIZES = (*(Size(TINY, dtype, keys=3) for dtype in DTYPES), Size(TINY, torch.bfloat16, keys=3, entries=2**12))
SMALL_SIZES = (Size(SMALL, torch.bfloat16, keys=5),)


@dataclass(frozen=True)
class Check:
    """One operation with one set of inputs.

    Attributes:
        operation: its name.
        size: of the inputs.
        options: further arguments.
    """

    operation: str
    size: Size
    options: dict[str, object]

    def __str__(self) -> str:
        return " ".join([str(self.size), *(f"{name}={value}" for name, value in self.options.items())])

    def run(self, device: str, backend: str) -> dict[str, object]:
        """The row of the check. Its value is the relative error, and `right` says whether all is well."""
        limit = LIMITS[self.operation]
        limit = limit[self.size.dtype] if isinstance(limit, dict) else limit
        found, again = (self._results(device, backend) for _ in range(2))
        same_bits = all(map(torch.equal, found, again))
        del again
        if self.operation == "qk_match":
            error = lost_score(found[0], exactly(self._arguments(device)))
        else:
            error = relative_error(found, self._results(device, "reference", exact=True))
        value = error if math.isfinite(error) else None
        judged = {"limit": limit, "same_bits": same_bits, "right": error <= limit and same_bits}
        return row(f"{self.operation}_error", str(self), value, "relative error") | judged

    def _arguments(self, device: str) -> dict[str, object]:
        """Random arguments, the same at every call, in the memory layout of the pipeline."""
        case = Case(self.operation, self.size.layer, self.size.keys, "triton")
        arguments = case.arguments(self.size.keys, device=device, dtype=self.size.dtype) | self.options
        if "not_finite" in written(self.operation):
            arguments["not_finite"] = torch.zeros((), device=device, dtype=torch.int32)
        return arguments

    def _results(self, device: str, backend: str, *, exact: bool = False) -> list[Tensor]:
        """What the operation returns, and what it writes to."""
        arguments = self._arguments(device)
        if exact:
            arguments = exactly(arguments)
        elif self.size.entries:
            arguments = {name: far_apart(value, self.size) for name, value in arguments.items()}
        with poisoned_memory():
            found = getattr(imap_kernels, self.operation)(**arguments, backend=backend)
        returned = found if isinstance(found, tuple) else (found,)
        results = (*returned, *(arguments.get(name) for name in written(self.operation)))
        return [result for result in results if result is not None]


def exactly(arguments: dict[str, object]) -> dict[str, object]:
    """The arguments in fp64, but for those that are always fp32."""
    return {name: value if name in FP32 else in_fp64(value) for name, value in arguments.items()}


def in_fp64(value: object) -> object:
    """A tensor of floating point, or a tuple of them, in fp64. All else as it is."""
    if isinstance(value, tuple):
        return tuple(map(in_fp64, value))
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def far_apart(value: object, size: Size) -> object:
    """Features of the visual tokens with their tokens far apart. All else as it is."""
    features = isinstance(value, Tensor) and value.dtype == size.dtype and value.dim() > 2
    return spread_out(value, size.entries) if features and value.shape[-2] >= size.layer.tokens else value


def written(operation: str) -> list[str]:
    """The names of the arguments that the operation writes to."""
    importlib.import_module(f"imap_kernels.{operation}")
    schema = getattr(torch.ops.imap_kernels, operation).default._schema
    return [each.name for each in schema.arguments if each.alias_info is not None and each.alias_info.is_write]


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """New tensors are full of NaN, or of the largest integer, until something writes to them."""
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = fill


def relative_error(found: list[Tensor], exact: list[Tensor]) -> float:
    """The largest `|found - exact| / |exact|` of the results, `|found|` where `exact` is 0. NaN where one has NaN."""
    errors = []
    for a, b in zip(found, exact, strict=True):
        errors.append(((a.double() - b.double()).norm() / (b.double().norm() or 1.0)).item())
    return math.nan if any(map(math.isnan, errors)) else max(errors)


def lost_score(index: Tensor, exact: dict[str, object]) -> float:
    """How far the scores of the chosen patches are below the best ones, relative to the largest score."""
    lost = []
    for query, text, best in zip(exact["query"], exact["key"], index, strict=True):
        score = query.unflatten(0, (exact["frames"], -1)) @ text.T
        if not ((best >= 0) & (best < score.shape[1])).all():
            return math.nan
        below = score.amax(1) - score.gather(1, best.T[:, None])[:, 0]
        lost.append((below.max() / score.abs().max()).item())
    return max(lost)


def checks_of(operation: str, sizes: Sequence[Size]) -> list[Check]:
    """The checks of an operation, all of a size before the next."""
    return [Check(operation, size, options) for size in sizes for options in OPTIONS.get(operation, [{}])]

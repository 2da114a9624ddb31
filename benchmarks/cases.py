"""The benchmarked operations of a layer, the operations to compare with, and the bytes that each must move."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch

import imap_kernels
from benchmarks.shapes import TEXT_TOKENS, Layer, LayerTensors, draw, draw_projections

OPERATIONS = (
    "qk_match",
    "frame_separation",
    "gram_column",
    "gram_separation",
    "soft_surrogates",
    "select_heads",
    "concept_attention",
    "head_similarity",
    "qk_norm_rope",
    "region_rows",
    "text_attention",
)
# `gram_column` of the motion heads alone: what is left for it after `gram_separation`.
IMAP_COLUMN = "imap_column"
MOTION_HEADS = 5
WITHOUT_KEYS = ("frame_separation", "select_heads", "qk_norm_rope", "region_rows")
REGIONS = 3
COPY_BYTES = 2**29


@dataclass(frozen=True)
class Case:
    """One operation to time.

    Attributes:
        operation: one of `OPERATIONS`, `IMAP_COLUMN`, `"attention"` (the layer's own call), or `"copy"` (device to
            device).
        layer: the sizes.
        keys: text keys.
        variant: `"triton"`, `"reference"` or `"compiled"` (the reference under `torch.compile`). `"torch"` for
            operations of PyTorch.
    """

    operation: str
    layer: Layer
    keys: int
    variant: str

    def __str__(self) -> str:
        return f"{self.operation}-{self.variant}-{self.shape}"

    @property
    def shape(self) -> str:
        """Layer and text keys, as text."""
        return f"{self.layer.name} keys={self.keys}"

    def bytes_moved(self) -> int:
        """The minimum of bytes through device memory: bf16 inputs and maps read once, outputs and maps written once."""
        heads, keys, tokens = self.layer.heads, self.keys, self.layer.tokens
        visual = 2 * heads * tokens * self.layer.dim
        text = 2 * heads * keys * self.layer.dim
        index = 8 * heads * keys * self.layer.frames
        maps = 2 * 4 * keys * tokens
        return {
            "qk_match": visual + text + index,
            "frame_separation": visual + 4 * heads,
            "soft_surrogates": 2 * visual + 2 * text + 4 * heads,
            "gram_column": visual + index + 2 * maps,
            "gram_separation": visual + index + maps + 4 * heads,
            IMAP_COLUMN: visual * MOTION_HEADS // heads + index + maps,
            "select_heads": 6 * 4 * heads,
            "concept_attention": 2 * visual + 4 * text,
            "head_similarity": visual + text + maps,
            "qk_norm_rope": 4 * 2 * heads * (TEXT_TOKENS + tokens) * self.layer.dim + 2 * 4 * tokens * self.layer.dim,
            "region_rows": 2 * heads * self.layer.dim * (self.layer.patches + 2 + REGIONS),
            "text_attention": visual + 2 * text + 2 * 4 * keys**2,
            "attention": 4 * visual,
            "copy": 2 * COPY_BYTES,
        }[self.operation]

    def calls(self, *, sets: int, device: str, dtype: torch.dtype) -> list[Callable[[], object]]:
        """The operation on each of `sets` random inputs. Calls in turn keep the inputs out of the caches."""
        if self.operation == "copy":
            source = torch.randint(256, (COPY_BYTES,), dtype=torch.uint8, device=device)
            destination = torch.empty_like(source)
            return [lambda: destination.copy_(source)]
        compiled = {}
        return [self._call(seed, compiled, device=device, dtype=dtype) for seed in range(sets)]

    def _call(
        self, seed: int, compiled: dict[str, Callable], *, device: str, dtype: torch.dtype
    ) -> Callable[[], object]:
        if self.operation == "attention":
            t = draw(self.layer, self.keys, device=device, dtype=dtype, seed=seed)
            video = (t.query[None], t.key[None], t.value[None])
            return lambda: torch.nn.functional.scaled_dot_product_attention(*video)
        arguments = self.arguments(seed, device=device, dtype=dtype)
        if self.variant == "compiled":
            module = importlib.import_module(f"imap_kernels.{self.operation}.reference")
            function = compiled.setdefault("function", torch.compile(getattr(module, self.operation), dynamic=False))
            return lambda: function(**arguments)
        function = getattr(imap_kernels, "gram_column" if self.operation == IMAP_COLUMN else self.operation)
        return lambda: function(**arguments, backend=self.variant)

    def arguments(self, seed: int, *, device: str, dtype: torch.dtype) -> dict[str, object]:
        """Random arguments of the operation, in the memory layout of the pipeline."""
        if self.operation == "qk_norm_rope":
            return draw_projections(self.layer, device=device, dtype=dtype, seed=seed)
        return self._arguments_of(draw(self.layer, self.keys, device=device, dtype=dtype, seed=seed))

    def _arguments_of(self, t: LayerTensors) -> dict[str, object]:
        frames = self.layer.frames
        if self.operation == "qk_match":
            return {"query": t.query, "key": t.text, "frames": frames}
        if self.operation == "soft_surrogates":
            return {"query": t.query, "key": t.text, "features": t.output, "frames": frames}
        if self.operation == "frame_separation":
            return {"features": t.output, "frames": frames, "score": "chi"}
        if self.operation == "concept_attention":
            rows = {"query": t.text, "key": t.text, "value": t.text}
            visual = {"visual_key": t.key, "visual_value": t.value}
            return rows | visual | {"multiplicity": t.multiplicity}
        if self.operation == "text_attention":
            out = torch.zeros(self.keys, self.keys, device=t.output.device)
            return {"query": t.text, "key": t.text, "visual_key": t.key, "multiplicity": t.multiplicity, "out": out}
        if self.operation == "region_rows":
            return {"features": t.output, **self._regions(t.output.device)}
        if self.operation == "select_heads":
            scores = t.output[:, 0, 0].float()
            sums = {name: torch.zeros_like(scores) for name in ("score_sum", "chosen_sum", "weights")}
            return {"scores": scores, "score": "chi", "top_k": min(MOTION_HEADS, self.layer.heads)} | sums
        maps = torch.zeros(2, self.keys, self.layer.tokens, device=t.output.device)
        common = {"features": t.output, "multiplicity": t.multiplicity, "normalize": "none"}
        if self.operation == "head_similarity":
            return common | {"rows": t.text, "out": maps[0], "scale": 1.0}
        index = imap_kernels.qk_match(t.query, t.text, frames=frames)
        if self.operation == "gram_separation":
            return common | {"surrogate_index": index, "out": maps[0]}
        if self.operation == IMAP_COLUMN:
            return common | {"surrogates": index, "head_weights": t.head_weights[1:], "out": maps[1:]}
        return common | {"surrogates": index, "head_weights": t.head_weights, "out": maps}

    def _regions(self, device: torch.device) -> dict[str, torch.Tensor]:
        """A mask of a whole frame, and two points, one of them in the last frame."""
        patches, last = self.layer.patches, self.layer.tokens - 1
        tokens = torch.cat([torch.arange(patches, device=device), torch.tensor([0, last], device=device)])
        offsets = torch.tensor([0, patches, patches + 1, patches + 2], device=device)
        return {"tokens": tokens, "offsets": offsets, "unit_length": torch.tensor([0, 1, 1], device=device).int()}

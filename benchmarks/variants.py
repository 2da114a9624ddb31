"""The variants of a denoising step: stock, traced, explained, and by the published code of the method."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor, nn

import imap_fast
from benchmarks.models import Model
from benchmarks.shapes import TEXT_TOKENS
from imap_fast.maps.names import MAP_NAMES
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.running_maps import RunningMaps

TRACES = {
    "traced": {},
    "traced_stock_attention": {"fast_attention": False},
    "traced_all_maps": {"maps": MAP_NAMES},
    "traced_one_pass": {},
    "traced_clip": {"surrogates": "clip"},
}
VARIANTS = ("stock", *TRACES, "explain", "authors")


@dataclass
class Steps:
    """A model and its step in every variant.

    Attributes:
        transformer: on its device.
        inputs: of a guided forward pass.
        concepts: text embeddings `[C, D_text]` of the concepts. None: the tokens of the prompt.
        layers: the blocks that are read. None: the published ones.
        authors: a checkout of the published code, for the variant `"authors"`.
    """

    transformer: CogVideoXTransformer3DModel
    inputs: dict[str, Any]
    concepts: Tensor | None
    layers: Sequence[int] | None = None
    authors: Path | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        device: str,
        dtype: torch.dtype,
        *,
        concepts: int | None,
        authors: Path | None = None,
    ) -> Steps:
        """A model with random weights and random concepts (None: the prompt)."""
        inputs = model.inputs(device, dtype)
        embeddings = None if concepts is None else model.concepts(concepts, device, dtype)
        return cls(model.transformer(device, dtype), inputs, embeddings, model.layers, authors)

    @property
    def trace_arguments(self) -> dict[str, Any]:
        """The arguments of every trace."""
        match = "prompt" if self.concepts is None else "concepts"
        return {"layers": self.layers, "guided": True, "match": match}

    def call(self, variant: str) -> Callable[[], object]:
        """The step to time. A traced step is the first of its trace, so it includes the allocation of the maps."""
        if variant == "authors":
            return self._authors()
        return {"stock": self._stock, "explain": self._explain}.get(variant) or (lambda: self._traced(variant))

    @torch.no_grad()
    def _stock(self) -> None:
        self.transformer(**self.inputs)

    @torch.no_grad()
    def _traced(self, variant: str) -> None:
        with (
            mock.patch.object(RunningMaps, "one_pass", variant == "traced_one_pass"),
            imap_fast.trace(self.transformer, self.concepts, **self.trace_arguments, **TRACES[variant]),
        ):
            self.transformer(**self.inputs)

    @torch.no_grad()
    def _explain(self) -> None:
        """The forward pass of `imap_fast.explain`: the conditional half, up to the last layer read."""
        tracer = imap_fast.trace(self.transformer, self.concepts, **self.trace_arguments | {"guided": False})
        half = {name: value[1:] if name != "image_rotary_emb" else value for name, value in self.inputs.items()}
        with tracer, adapter_for(self.transformer).stopped_after(tracer.settings.layers[-1]):
            self.transformer(**half)

    def _authors(self) -> Callable[[], object]:
        """A step of the published transformer with the same weights and inputs, called like in its pipeline."""
        transformer = self._authors_transformer()
        layers = list(imap_fast.trace(self.transformer, self.concepts, **self.trace_arguments).settings.layers)
        padding = self.concepts.new_zeros(TEXT_TOKENS - len(self.concepts), self.concepts.shape[1])
        rows = torch.cat([self.concepts, padding]).expand(2, -1, -1)
        names = [f"concept {index}" for index in range(len(self.concepts))]
        arguments = {
            "concept_hidden_states": rows,
            "saliency_map_kwargs": {"timestep_index": 0, "layers": layers, "concepts": names, "except_softmax": True},
            "imap_layer": layers,
            "imap_sep_score": "chi",
            "imap_sep_topk": 5,
            "imap_qk_matching_target": "concepts",
        }

        @torch.no_grad()
        def step() -> None:
            transformer(**self.inputs, **arguments)

        return step

    def _authors_transformer(self) -> nn.Module:
        sys.path.insert(0, str(self.authors))
        try:
            published = importlib.import_module("imap.cogvideox.modified_dit").ModifiedCogVideoXTransformer3DModel
        finally:
            sys.path.remove(str(self.authors))
        with torch.device("meta"):
            known = inspect.signature(published).parameters
            transformer = published(**{name: v for name, v in self.transformer.config.items() if name in known})
        # Assigned, not copied: both models share their tensors.
        transformer.load_state_dict(self.transformer.state_dict(), strict=False, assign=True)
        for name, buffer in self.transformer.named_buffers():
            owner, _, attribute = name.rpartition(".")
            setattr(transformer.get_submodule(owner), attribute, buffer)
        return transformer.eval()

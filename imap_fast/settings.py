"""The settings of a trace that do not depend on the text, checked against the model before anything runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from imap_fast.maps import MAP_NAMES
from imap_kernels.backend import resolve

logger = logging.getLogger(__name__)

CHOICES = {
    "match": ("concepts", "prompt"),
    "head_score": ("chi", "fisher", "dbi", "silhouette"),
    "normalize": ("none", "softmax"),
    "pooling": ("first", "mean"),
    "backend": ("auto", "triton", "reference"),
}


@dataclass(frozen=True)
class Settings:
    """How a trace reads a model; the arguments of `imap_fast.trace`, complete and valid.

    Attributes:
        layers: ascending. steps: ascending indices of forwards in a run, or None for all.
        motion_heads: `top_k` of each layer, in place of those that `head_score` would choose.
        fast_attention: None where it is for the tensors' device to say.
    """

    layers: tuple[int, ...]
    match: str
    head_score: str
    top_k: int
    motion_heads: tuple[tuple[int, ...], ...] | None
    steps: tuple[int, ...] | None
    normalize: str
    maps: tuple[str, ...]
    pooling: str
    backend: str
    fast_attention: bool | None
    attention_backend: str | None

    @classmethod
    def checked(
        cls,
        adapter,
        *,
        layers: Iterable[int] | None,
        steps: Iterable[int] | None,
        maps: Iterable[str],
        top_k: int,
        motion_heads: Iterable[Iterable[int]] | None,
        fast_attention: bool | None,
        attention_backend: str | None,
        **choices: str,
    ) -> Settings:
        """Fills in what the model decides, and refuses what it cannot do.

        Raises:
            ValueError: a value that is unknown or outside the model; it and the possible ones are named.
        """
        for name, value in choices.items():
            if value not in CHOICES[name]:
                raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(CHOICES[name])}")
        maps = (maps,) if isinstance(maps, str) else tuple(dict.fromkeys(maps))
        unknown = [name for name in maps if name not in MAP_NAMES]
        if unknown or not maps:
            raise ValueError(f"maps={unknown or maps!r} is unknown; choose out of {', '.join(MAP_NAMES)}")
        if not adapter.has_concept_stream:
            alone = f"is not possible: the text rows of {adapter.model.__name__} attend to nothing"
            if choices["match"] == "concepts":
                raise ValueError(f'match="concepts" {alone}; use match="prompt" with words of the prompt as concepts')
            if "concept_attention" in maps:
                raise ValueError(f'the map "concept_attention" {alone}; ask for imap, gramcol or cross_attention')
        layers = _layers(adapter, layers)
        if motion_heads is not None:
            motion_heads = _motion_heads(motion_heads, len(layers), adapter.num_heads)
            top_k = len(motion_heads[0])
        if not 1 <= top_k <= adapter.num_heads:
            raise ValueError(f"top_k={top_k} is not possible; the model has {adapter.num_heads} heads in a layer")
        if steps is not None:
            steps = indices("steps", steps)
        if fast_attention and not adapter.has_fast_attention:
            raise ValueError(f"fast_attention=True is not possible for {adapter.model.__name__}; leave it out")
        if fast_attention is None and resolve(choices["backend"], torch.device("cuda")) != "triton":
            fast_attention = False  # on CUDA the reference would be slower than stock
        if attention_backend is not None:
            from imap_fast.models.attention_backend import ATTENTION_BACKENDS  # with diffusers, which takes seconds

            if attention_backend not in ATTENTION_BACKENDS:
                possible = ", ".join(ATTENTION_BACKENDS)
                raise ValueError(f"attention_backend={attention_backend!r} is unknown; choose one of {possible}")
        return cls(
            layers=layers,
            steps=steps,
            maps=maps,
            top_k=top_k,
            motion_heads=motion_heads,
            fast_attention=fast_attention,
            attention_backend=attention_backend,
            **choices,
        )


def indices(name: str, values: Iterable[int]) -> tuple[int, ...]:
    """Distinct indices from 0 on, ascending, or a ValueError that calls them `name`."""
    ascending = tuple(sorted({int(value) for value in values}))
    if not ascending or ascending[0] < 0:
        raise ValueError(f"{name}={list(ascending)} is not possible; name at least one index, counted from 0")
    return ascending


def _motion_heads(rows: Iterable[Iterable[int]], num_layers: int, num_heads: int) -> tuple[tuple[int, ...], ...]:
    rows = tuple(tuple(int(head) for head in row) for row in rows)
    possible = set(range(num_heads))
    # As many in every layer, each of them once.
    in_one_shape = len(rows) == num_layers and all(len(set(row)) == len(row) == len(rows[0]) > 0 for row in rows)
    if not in_one_shape or any(set(row) - possible for row in rows):
        raise ValueError(
            f"motion_heads={rows} is not possible; name equally many different heads, 0 to {num_heads - 1}, for each "
            f"of the {num_layers} layers read"
        )
    return rows


def _layers(adapter, layers: Iterable[int] | None) -> tuple[int, ...]:
    count = adapter.num_layers
    if layers is None:
        if adapter.published_layers is not None:
            return adapter.published_layers
        margin = (count + 1) // 4
        middle = tuple(range(margin, count - margin))
        logger.warning("no layers are published for a model of %d layers; reading the middle half: %s", count, middle)
        return middle
    chosen = indices("layers", layers)
    if chosen[-1] >= count:
        raise ValueError(f"layer {chosen[-1]} does not exist; the model has the layers 0 to {count - 1}")
    return chosen

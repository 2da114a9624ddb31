"""The settings of a trace that do not depend on the text. They are checked against the model before anything runs."""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch

from imap_fast.maps.allowed_values import CHOICES
from imap_fast.maps.names import ALL_MAPS, AXES, BETWEEN_QUERIES, CONTRASTED, POSSIBLE_MAPS, REGION_MAPS, TEXT_ATTENTION
from imap_fast.models.adapter import Adapter
from imap_fast.models.tap import TapSettings
from imap_kernels.backend import resolve

logger = logging.getLogger(__name__)

OMITTED_IF_EMPTY = ("keep", "heads", "text_attention")
"""Settings that records of older versions do not have."""


@dataclass(frozen=True, kw_only=True)
class Settings(TapSettings):
    """The settings of a trace, complete and valid; `imap_fast.trace` describes them.

    Attributes:
        surrogates: what represents a text key among the visual tokens.
        head_score: the separation score.
        top_k: motion heads in each layer.
        motion_heads: the motion heads of each layer, in place of those that `head_score` chooses.
        steps: indices of the forward passes to read in a run, ascending. None: all.
        normalize: what is applied over the text keys.
        pooling: which token represents a concept.
        runs: which runs of the pipeline the maps are of.
        keep: the axes whose single maps are kept, of `imap_fast.maps.names.AXES`.
        heads: single heads to make maps of, each a layer and a head.
    """

    surrogates: str
    head_score: str
    top_k: int
    motion_heads: tuple[tuple[int, ...], ...] | None
    steps: tuple[int, ...] | None
    normalize: str
    pooling: str
    runs: str
    keep: tuple[str, ...] = ()
    heads: tuple[tuple[int, int], ...] = ()

    @classmethod
    def checked(
        cls,
        adapter: Adapter,
        *,
        layers: Iterable[int] | None,
        steps: Iterable[int] | None,
        maps: Iterable[str],
        top_k: int,
        motion_heads: Iterable[Iterable[int]] | None,
        fast_attention: bool | None,
        attention_backend: str | None,
        match: str,
        surrogates: str,
        head_score: str,
        normalize: str,
        pooling: str,
        runs: str,
        backend: str,
        keep: Iterable[str],
        heads: Iterable[tuple[int, int]],
        has_regions: bool,
    ) -> Settings:
        """Add the defaults of the model, and refuse what it does not support.

        `has_regions` says whether regions are marked, whose maps are then made, too.

        Raises:
            ValueError: an unknown or impossible value. The error names it and the possible ones.
        """
        choices = {"match": match, "surrogates": surrogates, "head_score": head_score, "normalize": normalize}
        for name, value in {**choices, "pooling": pooling, "runs": runs, "backend": backend}.items():
            if value not in CHOICES[name]:
                raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(CHOICES[name])}")
        if not isinstance(maps, Iterable):
            raise ValueError(f"maps={maps!r} is not possible; give a list of names from {', '.join(ALL_MAPS)}")
        maps = (maps,) if isinstance(maps, str) else tuple(dict.fromkeys(maps))
        unknown = [name for name in maps if name not in POSSIBLE_MAPS]
        if unknown or not maps:
            raise ValueError(f"maps={unknown or maps!r} is unknown; choose from {', '.join(POSSIBLE_MAPS)}")
        maps = _with_region_maps(adapter, maps, has_regions=has_regions)
        text_attention = TEXT_ATTENTION in maps
        maps = tuple(name for name in maps if name != TEXT_ATTENTION)
        if not maps:
            raise ValueError(f"{TEXT_ATTENTION} is no map of patches; name one of {', '.join(ALL_MAPS)} beside it")
        if not adapter.has_concept_stream:
            reason = f"is not possible: the text rows of {adapter.model.__name__} do not attend"
            if match == "concepts":
                raise ValueError(f'match="concepts" {reason}; use match="prompt" with words of the prompt as concepts')
            if text_attention:
                raise ValueError(f'"{TEXT_ATTENTION}" {reason}; omit it')
            if "concept_attention" in maps:
                raise ValueError(f'the map "concept_attention" {reason}; use imap, gramcol or cross_attention')
        given_layers = list(layers) if isinstance(layers, Iterable) else layers
        chosen_layers = layers_of(adapter, given_layers)
        given_heads = None
        if motion_heads is not None:
            rows = _motion_heads(motion_heads, len(chosen_layers), adapter.num_heads)
            # A row belongs to the layer that was named at its place.
            named = list(dict.fromkeys(map(operator.index, given_layers or chosen_layers)))
            given_heads = tuple(rows[named.index(layer)] for layer in chosen_layers)
            top_k = len(given_heads[0])
        if isinstance(top_k, bool) or not isinstance(top_k, Integral) or not 1 <= int(top_k) <= adapter.num_heads:
            raise ValueError(f"top_k={top_k!r} is not possible; the model has {adapter.num_heads} heads in a layer")
        if not (fast_attention is None or isinstance(fast_attention, bool)):
            raise ValueError(f"fast_attention={fast_attention!r} is not possible; give True, False or None")
        if fast_attention and not adapter.has_fast_attention:
            raise ValueError(f"fast_attention=True is not possible for {adapter.model.__name__}; omit it")
        if fast_attention is None and resolve(backend, torch.device("cuda")) != "triton":
            fast_attention = False  # on CUDA the reference would be slower than the stock arithmetic
        if attention_backend is not None:
            from imap_fast.models.attention_backend import ATTENTION_BACKENDS  # imports diffusers

            if attention_backend not in ATTENTION_BACKENDS:
                possible = ", ".join(ATTENTION_BACKENDS)
                raise ValueError(f"attention_backend={attention_backend!r} is unknown; choose one of {possible}")
        return cls(
            layers=chosen_layers,
            match=match,
            maps=maps,
            backend=backend,
            fast_attention=fast_attention,
            attention_backend=attention_backend,
            text_attention=text_attention,
            surrogates=surrogates,
            head_score=head_score,
            top_k=int(top_k),
            motion_heads=given_heads,
            steps=None if steps is None else indices("steps", steps),
            normalize=normalize,
            pooling=pooling,
            runs=runs,
            keep=_axes(keep),
            heads=_single_heads(heads, chosen_layers, adapter.num_heads, maps),
        )

    def record(self) -> dict[str, Any]:
        """All settings as JSON values."""
        return {name: value for name, value in asdict(self).items() if value or name not in OMITTED_IF_EMPTY}


def indices(name: str, values: Iterable[int]) -> tuple[int, ...]:
    """Distinct indices from 0 on, ascending.

    Raises:
        ValueError: no index, or a negative one; the error calls them `name`.
    """
    try:
        ascending = tuple(sorted({_index(value) for value in values}))
    except TypeError as error:
        raise ValueError(f"{name}={values!r} is not possible; give a list of whole numbers") from error
    if not ascending or ascending[0] < 0:
        raise ValueError(f"{name}={list(ascending)} is not possible; name at least one index, counted from 0")
    return ascending


def _index(value: Any) -> int:
    """A whole number. Python counts truth values, too, but a mask is no list of indices."""
    if isinstance(value, bool) or getattr(value, "dtype", None) in (torch.bool, np.bool_):
        raise TypeError(f"{value} is a truth value")
    return operator.index(value)


def _motion_heads(rows: Iterable[Iterable[int]], num_layers: int, num_heads: int) -> tuple[tuple[int, ...], ...]:
    try:
        heads = tuple(tuple(_index(head) for head in row) for row in rows)
    except TypeError as error:
        raise ValueError(
            f"motion_heads={rows!r} is not possible; give a list of whole numbers for each layer"
        ) from error
    possible = set(range(num_heads))
    # The same number of heads in every layer, without repetition.
    has_shape = len(heads) == num_layers and all(len(set(row)) == len(row) == len(heads[0]) > 0 for row in heads)
    if not has_shape or any(set(row) - possible for row in heads):
        raise ValueError(
            f"motion_heads={heads} is not possible; name equally many different heads, 0 to {num_heads - 1}, for each "
            f"of the {num_layers} layers read"
        )
    return heads


def _with_region_maps(adapter: Adapter, maps: tuple[str, ...], *, has_regions: bool) -> tuple[str, ...]:
    """The maps, with one of the regions if there are some and none of their maps is named.

    Raises:
        ValueError: maps of regions without regions, or that the model does not have.
    """
    of_regions = [name for name in maps if name in REGION_MAPS]
    if of_regions and not has_regions:
        raise ValueError(f"{of_regions[0]} is a map of regions, and none are marked; give regions=, or omit it")
    if not adapter.has_concept_stream and (between := [name for name in maps if name in BETWEEN_QUERIES]):
        raise ValueError(
            f"{between[0]} is not possible: {adapter.model.__name__} is read where visual tokens attend to text; use "
            "region_cosine or region_gram"
        )
    return maps if of_regions or not has_regions else (*maps, REGION_MAPS[0])


def _axes(keep: Iterable[str]) -> tuple[str, ...]:
    """The axes to keep, in the order of `AXES`."""
    named = [keep] if isinstance(keep, str) else list(keep) if isinstance(keep, Iterable) else [keep]
    if unknown := [axis for axis in named if axis not in AXES]:
        raise ValueError(f"keep={unknown[0]!r} is unknown; choose from {', '.join(AXES)}")
    return tuple(axis for axis in AXES if axis in named)


def _single_heads(
    heads: Iterable[tuple[int, int]], layers: tuple[int, ...], num_heads: int, maps: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    try:
        pairs = tuple((_index(layer), _index(head)) for layer, head in heads)
    except (TypeError, ValueError) as error:
        raise ValueError(f"heads={heads!r} is not possible; give pairs of a layer and a head, like (12, 3)") from error
    for layer, head in pairs:
        if layer not in layers:
            read = ", ".join(map(str, layers))
            raise ValueError(f"heads names layer {layer}, which is not read; name one of {read}, or add it to layers")
        if not 0 <= head < num_heads:
            raise ValueError(f"heads names head {head} of layer {layer}; the model has heads 0 to {num_heads - 1}")
    if pairs and not set(CONTRASTED) & set(maps):
        raise ValueError(
            "heads have maps of concepts, and neither imap nor gramcol is made; name concepts and one of them"
        )
    return tuple(dict.fromkeys(pairs))


def layers_of(adapter: Adapter, layers: Iterable[int] | None) -> tuple[int, ...]:
    """The layers to read, ascending. None: the published ones, or else the middle half.

    Raises:
        ValueError: no layers, or one that the model does not have.
    """
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

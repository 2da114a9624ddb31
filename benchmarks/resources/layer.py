"""The launches of one traced layer, recorded in a real trace on the meta device."""

from dataclasses import replace
from itertools import product
from typing import Any
from unittest import mock

import torch

import imap_fast
from benchmarks.flops import unwrapped_operations
from benchmarks.models import MODELS
from benchmarks.resources.recording import Launch, recorded_launches
from imap_fast.maps.names import MAP_NAMES
from imap_fast.tracing.running_maps import RunningMaps

CONCEPTS = 8


def launches_of(
    model: str,
    concepts: int | None = CONCEPTS,
    *,
    rotary: bool,
    one_pass: bool = False,
    settings: dict[str, Any] | None = None,
) -> list[Launch]:
    """The launches of one layer for one video in bf16, in order.

    Args:
        model: a name in `MODELS`.
        concepts: how many follow in a stream of their own. None: the tokens of the prompt.
        rotary: whether the model has rotary position embeddings.
        one_pass: as in `RunningMaps`.
        settings: more arguments of the trace.
    """
    full = MODELS[model]
    # Two layers, because the concept stream ends before the attention of the last one.
    two_layers = {"num_layers": 2, "use_rotary_positional_embeddings": rotary}
    short = replace(full, config=full.config | two_layers)
    transformer = short.transformer("meta", torch.bfloat16)
    rows = None if concepts is None else short.concepts(concepts, "meta", torch.bfloat16)
    arguments = {"layers": [0, 1], "match": "prompt" if concepts is None else "concepts", "guided": False}
    first: list[Launch] = []
    with torch.no_grad(), unwrapped_operations(), recorded_launches() as launches:
        transformer.transformer_blocks[1].register_forward_pre_hook(lambda *_: first.extend(launches))
        with (
            mock.patch("imap_kernels.backend.resolve", return_value="triton"),
            mock.patch.object(RunningMaps, "one_pass", one_pass),
            imap_fast.trace(transformer, rows, **arguments, fast_attention=True, **settings or {}),
        ):
            transformer(**short.inputs("meta", torch.bfloat16, batch=1))
    return first


def typical_launches(model: str, *, one_pass: bool = False, **settings: Any) -> list[Launch]:
    """The launches of a layer as a trace makes them by default, each in its first configuration."""
    rotary = MODELS[model].config.get("use_rotary_positional_embeddings", False)
    launches = launches_of(model, rotary=rotary, one_pass=one_pass, settings=settings)
    return [launch for launch in launches if launch.choice == 0]


def all_launches(model: str) -> list[Launch]:
    """The launches of a layer in all configurations: of each kernel with all of its compile-time constants."""
    variants = (
        {"rotary": False, "one_pass": False, "settings": {"normalize": "none", "head_score": "chi"}},
        {"rotary": True, "one_pass": False, "settings": {"normalize": "softmax", "head_score": "dbi"}},
        {"rotary": True, "one_pass": True, "settings": {"normalize": "none", "head_score": "chi"}},
        {"rotary": True, "one_pass": True, "settings": {"normalize": "softmax", "head_score": "fisher"}},
        {"rotary": True, "settings": {"surrogates": "clip", "normalize": "none", "head_score": "chi"}},
    )
    launches = []
    for concepts, variant in product((CONCEPTS, None), variants):
        settings = {"maps": MAP_NAMES} | variant["settings"]
        launches += launches_of(model, concepts, **variant | {"settings": settings})
    return launches

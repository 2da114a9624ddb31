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

CONCEPTS = 8


def launches_of(
    model: str, concepts: int | None = CONCEPTS, *, rotary: bool, settings: dict[str, Any] | None = None
) -> list[Launch]:
    """The launches of one layer for one video in bf16, in order.

    Args:
        model: a name in `MODELS`.
        concepts: how many follow in a stream of their own. None: the tokens of the prompt.
        rotary: whether the model has rotary position embeddings.
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
            imap_fast.trace(transformer, rows, **arguments, fast_attention=True, **settings or {}),
        ):
            transformer(**short.inputs("meta", torch.bfloat16, batch=1))
    return first


def typical_launches(model: str) -> list[Launch]:
    """The launches of a layer as a trace makes them by default, each in its first configuration."""
    rotary = MODELS[model].config.get("use_rotary_positional_embeddings", False)
    return [launch for launch in launches_of(model, rotary=rotary) if launch.choice == 0]


def all_launches(model: str) -> list[Launch]:
    """The launches of a layer in all configurations, with concepts and a prompt, softmax, `dbi` and RoPE or not."""
    variants = {False: {"normalize": "none", "head_score": "chi"}, True: {"normalize": "softmax", "head_score": "dbi"}}
    return [
        launch
        for concepts, (rotary, settings) in product((CONCEPTS, None), variants.items())
        for launch in launches_of(model, concepts, rotary=rotary, settings={"maps": MAP_NAMES} | settings)
    ]

"""Settings are completed from the model and checked against it before anything runs."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from diffusers import CogVideoXTransformer3DModel, HunyuanVideoTransformer3DModel, WanTransformer3DModel
from torch import nn

import imap_fast
from tests.architectures import ARCHITECTURES, Architecture
from tests.tiny import CALL, tiny_transformer


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"layers": [3]}, "layer 3 does not exist; the model has the layers 0 to 2"),
        ({"layers": []}, "name at least one index"),
        ({"layers": [-1]}, "counted from 0"),
        ({"top_k": 5}, "top_k=5 is not possible; the model has 4 heads"),
        ({"top_k": 0}, "top_k=0 is not possible"),
        ({"motion_heads": [[0, 4]]}, "name equally many different heads, 0 to 3, for each of the 1 layers read"),
        ({"motion_heads": [[0, 0]]}, "equally many different heads"),
        ({"motion_heads": [[]]}, "equally many different heads"),
        ({"motion_heads": [[0], [1]]}, "equally many different heads"),
        ({"steps": [-1]}, "counted from 0"),
        ({"steps": []}, "name at least one index"),
        ({"match": "words"}, "match='words' is unknown; choose one of concepts, prompt"),
        ({"head_score": "f1"}, "head_score='f1' is unknown"),
        ({"normalize": "max"}, "normalize='max' is unknown"),
        ({"pooling": "last"}, "pooling='last' is unknown"),
        ({"backend": "cuda"}, "backend='cuda' is unknown"),
        ({"maps": ["imap", "gradcam"]}, "gradcam"),
        ({"maps": []}, "choose from"),
    ],
    ids=str,
)
def test_impossible_arguments(argument: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imap_fast.trace(tiny_transformer(), torch.randn(2, 32), **{"top_k": 2, **argument})


def test_an_unsupported_target_lists_the_supported() -> None:
    with pytest.raises(TypeError, match="Linear is none of the pipelines and models that `imap-fast models` lists"):
        imap_fast.trace(nn.Linear(2, 2), ["cat", "dog"])


def test_a_step_outside_the_schedule_is_found_at_the_first_one(pipeline) -> None:
    with pytest.raises(ValueError, match="step 3 is outside the schedule of 3 steps; give 0 to 2"):
        with imap_fast.trace(pipeline, ["cat", "dog"], steps=[1, 3], top_k=2):
            pipeline("a cat", **CALL)


def test_steps_that_a_bare_transformer_never_reached() -> None:
    transformer = tiny_transformer()
    with torch.no_grad(), imap_fast.trace(transformer, torch.randn(2, 32), steps=[4], top_k=2) as tracer:
        transformer(torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.tensor([5]))
    with pytest.raises(ValueError, match=r"none of the steps \[4\] was reached in 1 forward passes; run the pipeline"):
        tracer.maps  # noqa: B018


def test_maps_before_anything_ran() -> None:
    with pytest.raises(ValueError, match="nothing to show"):
        imap_fast.trace(tiny_transformer(), torch.randn(2, 32), top_k=2).maps  # noqa: B018


def test_videos_of_two_sizes_in_one_trace(architecture: Architecture) -> None:
    transformer = architecture.transformer()
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments):
        transformer(**architecture.draw(padding=4))
        for other in ({"latents": (2, 4, 6)}, {"batch": 2}, {"text": 11}):
            with pytest.raises(ValueError, match="videos of one size"):
                transformer(**architecture.draw(**{"padding": 4, **other}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layers", "heads", "published"),
    [
        (CogVideoXTransformer3DModel, 30, 30, (4, 6, 7, *range(10, 24))),
        (CogVideoXTransformer3DModel, 42, 48, (*range(1, 6), *range(7, 22), 23)),
        (HunyuanVideoTransformer3DModel, 20, 24, (1, 2, 4, 5, 6, 9, 10, 13, 15, 16, 17, 18, 19)),
        (WanTransformer3DModel, 30, 12, tuple(range(5, 20))),
        (WanTransformer3DModel, 40, 40, tuple(range(5, 26))),
    ],
    ids=["CogVideoX-2B", "CogVideoX-5B", "HunyuanVideo", "Wan-1.3B", "Wan-14B"],
)
def test_published_layers(model: type[nn.Module], layers: int, heads: int, published: tuple[int, ...]) -> None:
    with torch.device("meta"):
        transformer = model(num_layers=layers, num_attention_heads=heads)
    assert imap_fast.trace(transformer, None, match="prompt").settings.layers == published


@pytest.mark.parametrize(("count", "middle"), [(1, (0,)), (3, (1,)), (4, (1, 2)), (8, (2, 3, 4, 5))])
def test_the_middle_half_of_an_unknown_model_is_said(count: int, middle: tuple[int, ...], caplog) -> None:
    with caplog.at_level(logging.WARNING):
        tracer = imap_fast.trace(tiny_transformer(num_layers=count), torch.randn(2, 32), top_k=2)
    assert tracer.settings.layers == middle
    assert f"reading the middle half: {middle}" in caplog.text


def test_a_diffusers_cache_is_refused(architecture: Architecture) -> None:
    from diffusers import FirstBlockCacheConfig

    transformer = architecture.transformer()
    transformer.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    with pytest.raises(ValueError, match="disable_cache"):
        with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments):
            transformer(**architecture.draw())


@pytest.mark.parametrize(
    "arguments",
    [
        {"layers": "02"},
        {"layers": [0.9]},
        {"steps": [0.9]},
        {"steps": "3"},
        {"top_k": 1.5},
        {"top_k": "2"},
        {"top_k": True},
        {"guided": "no"},
        {"motion_heads": [[0.5], [1]]},
        {"runs": "first"},
        {"fast_attention": 1},
        {"guided": 0},
        {"labels": "ab"},
        {"layers": [True, False, True]},
        {"layers": np.array([True, False, True])},
        {"layers": torch.tensor([True, False, True])},
        {"steps": [False, True]},
        {"motion_heads": [[True], [False]]},
    ],
    ids=str,
)
def test_values_that_would_be_rounded_or_guessed_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not possible|unknown|one text"):
        imap_fast.trace(tiny_transformer(), torch.randn(2, 32), **{"layers": [0, 1], "top_k": 2, **arguments})


def test_motion_heads_belong_to_the_layers_in_the_order_of_their_names() -> None:
    transformer, inputs, concepts = tiny_transformer(), ARCHITECTURES["cogvideox"].draw(), torch.randn(2, 32)
    found = []
    for layers, heads in (
        ([0, 2], [[0], [3]]),
        ([2, 0], [[3], [0]]),
        ([2, 2, 0], [[3], [0]]),
        (torch.tensor([2, 0]), torch.tensor([[3], [0]])),
        (iter([2, 0]), iter([[3], [0]])),
    ):
        with torch.no_grad(), imap_fast.trace(transformer, concepts, layers=layers, motion_heads=heads) as tracer:
            transformer(**inputs)
        found.append(tracer.maps)
    for maps in found:
        assert maps.layers == (0, 2)
        assert maps.selected_heads.tolist() == [[0], [3]]
        assert torch.equal(maps.imap, found[0].imap)
    with pytest.raises(ValueError, match="for each of the 2 layers read"):
        imap_fast.trace(transformer, concepts, layers=[2, 0, 2], motion_heads=[[3], [0], [1]])

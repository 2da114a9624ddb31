"""Visual tokens that are no part of the video are not in the maps, of every pipeline that has such tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

import imap_fast
from tests import tiny_ltx2
from tests.architectures import ARCHITECTURES
from tests.assertions import assert_close
from tests.oracle.maps import oracle_maps
from tests.pipelines import PIPELINES, generate
from tests.tiny import RED

CONCEPTS, LAYERS, GRID = ["red", "cat"], (0, 2), (3, 2, 3)
CONDITIONED: dict[str, tuple] = {
    "ltx": (*PIPELINES["ltx-condition-later"][:2], {"conditions": [LTXVideoCondition(image=RED, frame_index=4)]}),
    "ltx2": (
        *PIPELINES["ltx2-condition-later"][:2],
        {**tiny_ltx2.PLAIN, "conditions": [LTX2VideoCondition(frames=RED, index=1)]},
    ),
}
REFERENCES = {**CONDITIONED, **{kind: PIPELINES[kind] for kind in ("vace-references", "animate")}}


def first_pass(kind: str) -> tuple[Any, Any, dict[str, Any]]:
    """The trace of a run of one step, its transformer and what it was given."""
    name, make, call = REFERENCES[kind]
    pipeline, given = make(), {}
    hook = pipeline.transformer.register_forward_pre_hook(
        lambda _, args, kwargs: given.update(kwargs), with_kwargs=True
    )
    arguments = {**ARCHITECTURES[name].arguments, "layers": LAYERS, "match": "prompt"}
    once = {"num_inference_steps": 1, "guidance_scale": 1.0}
    with imap_fast.trace(pipeline, CONCEPTS, **arguments) as tracer:
        generate(pipeline, **{**ARCHITECTURES[name].sizes, **call, **once})
    hook.remove()
    del given["return_dict"]
    return tracer, pipeline.transformer, given


@pytest.mark.parametrize("kind", REFERENCES)
def test_maps_are_of_the_tokens_of_the_video(kind: str) -> None:
    architecture = ARCHITECTURES[REFERENCES[kind][0]]
    tracer, transformer, given = first_pass(kind)
    expected = oracle_maps(architecture, transformer, given, grid=GRID, layers=LAYERS, top_k=2)
    assert tracer.maps.grid == GRID
    assert_close(tracer.maps.selected_heads.sort(-1).values, expected["heads"], 0)
    for index, tokens in enumerate(tracer.concepts.tokens):
        assert_close(tracer.maps.imap[index], expected["imap"][list(tokens)].mean(0), 1e-4)


@pytest.mark.parametrize("kind", CONDITIONED)
def test_the_oracle_knows_where_conditions_are(kind: str) -> None:
    """They are clean, and the video is not."""
    name = CONDITIONED[kind][0]
    given = first_pass(kind)[2]
    of_video = given["timestep"][0] > 0
    others = len(of_video) - 3 * 2 * 3
    assert others > 0
    places = torch.arange(len(of_video))
    assert torch.equal(places[of_video], ARCHITECTURES[name].video_rows(len(places), GRID))

"""The time of a region is that of the frame rate with which a run is called."""

from __future__ import annotations

import inspect

import diffusers
import pytest

import imap_fast
from imap_fast.models import registry
from tests.architectures import ARCHITECTURES
from tests.pipelines import PIPELINES, generate

NAMES = ("fps", "frame_rate")


def rate_of(pipeline_class: type) -> dict[str, float]:
    """The argument of a pipeline that is its frame rate, with its default. Empty: it has none."""
    parameters = inspect.signature(pipeline_class.__call__).parameters
    return {name: parameters[name].default for name in NAMES if name in parameters}


RATED = [
    module
    for module, architecture in registry.ARCHITECTURES.items()
    if any(rate_of(getattr(diffusers, pipeline.name)) for pipeline in architecture.pipelines)
]


@pytest.mark.parametrize("given", [16, None, 30])
@pytest.mark.parametrize("kind", [kind for kind, (name, *_) in PIPELINES.items() if name in RATED])
def test_a_region_is_in_the_frame_at_its_time(kind: str, given: int | None) -> None:
    """After a quarter of a second, 16 frames per second are in the second latent frame, and more are in the third."""
    name, make, call = PIPELINES[kind]
    pipeline = make()
    if not (rate := rate_of(type(pipeline))):
        pytest.skip("every video of this pipeline has the same frame rate")
    ((argument, default),) = rate.items()
    arguments = {**ARCHITECTURES[name].arguments, "match": "prompt", "maps": ["gramcol"], "steps": [0]}
    with imap_fast.trace(pipeline, ["cat"], regions={"a": (0.25, 1.0, 1.0)}, **arguments) as tracer:
        generate(pipeline, **{**call, argument: given, "num_inference_steps": 2, "guidance_scale": 1.0})
    assert tracer.regions.latent_frames == [1 if (given or default) == 16 else 2]

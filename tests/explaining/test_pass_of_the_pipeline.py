"""What a model is given of a real video is what its pipeline gives it, for every pipeline that can be explained."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from torch import Tensor, nn

import imap_fast
from imap_fast.models.registry import adapter_for
from tests.architectures import ARCHITECTURES, NEWER
from tests.explaining.test_explain import clip
from tests.pipelines import EXPLAINED, PIPELINES, PROMPT, frames_of, generate

STEPS, SEED = 10, 7
TELLS_NOTHING = ("return_dict", "attention_kwargs", "control_hidden_states_scale")
"""Arguments that have the value of their default."""

UNLIKE = {
    "ltx2": (
        *("audio_hidden_states", "audio_num_frames", "audio_timestep", "audio_coords", "isolate_modalities"),
        *("use_cross_timestep", "video_coords"),
    )
}
"""Arguments that are others: a real video has no audio, and what the transformer computes itself."""

KINDS = [kind for family in NEWER for kind in family.PIPELINES if kind in EXPLAINED]
"""Those of the first three architectures are compared by hand, in `test_explain.py`."""


class Stopped(Exception):
    """After the first forward pass."""


def first_inputs(transformer: nn.Module, run: Any) -> dict[str, Any]:
    """The arguments of the first forward pass in a run."""
    given: dict[str, Any] = {}

    def begins(_: nn.Module, args: tuple, kwargs: dict) -> None:
        given.update(inspect.signature(transformer.forward).bind(*args, **kwargs).arguments)
        raise Stopped

    hook = transformer.register_forward_pre_hook(begins, with_kwargs=True)
    with pytest.raises(Stopped):
        run()
    hook.remove()
    return {name: value for name, value in given.items() if name not in TELLS_NOTHING and value is not None}


def whole(value: Any) -> Tensor:
    """An argument as one tensor, also if it is a list of tensors of other lengths."""
    parts = value if isinstance(value, list) and isinstance(value[0], Tensor) else [torch.as_tensor(value)]
    return torch.cat([part.double() for part in parts]) if len(parts) > 1 else parts[0].double()


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_is_that_of_a_run_with_the_first_frame(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first step nearly all is noise, and it is the same noise. Everything else is the same to the bit."""
    # Some pipelines draw the latents of an image, and `explain` takes their mode.
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda latents, generator=None: latents.mode())
    name, make, call = PIPELINES[kind]
    frames = frames_of(call)
    pipeline, video = make(), clip(frames, **ARCHITECTURES[name].sizes)
    if "image" in call:
        call = {**call, "image": Image.fromarray(video.frames[0])}
    own = {"guidance_scale": 1.0, "num_inference_steps": STEPS, "max_sequence_length": None}
    expected = first_inputs(pipeline.transformer, lambda: generate(pipeline, seed=SEED, **{**own, **call}))

    arguments = {
        **ARCHITECTURES[name].arguments,
        **ARCHITECTURES[name].sizes,
        "num_inference_steps": STEPS,
        "window": frames,
    }
    generator = torch.Generator().manual_seed(SEED)
    concepts = ["cat", "running"]

    def explain() -> None:
        imap_fast.explain(pipeline, video, PROMPT, concepts, steps=[0], generator=generator, **arguments)

    given = first_inputs(pipeline.transformer, explain)
    for each in UNLIKE.get(name, ()):
        given.pop(each, None), expected.pop(each, None)
    assert given.keys() == expected.keys()
    assert given["hidden_states"].shape == expected["hidden_states"].shape
    for each, value in given.items():
        one, other = whole(value), whole(expected[each])
        if each == "hidden_states":
            assert (one - other).norm() < 0.01 * other.norm()
        else:
            assert torch.equal(one.expand_as(other), other), each


@pytest.mark.parametrize("kind", EXPLAINED)
def test_the_schedule_is_that_of_a_run(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a clip of the same size: at the first step, all schedules have the same noise."""
    name, make, call = PIPELINES[kind]
    pipeline, sizes = make(), ARCHITECTURES[name].sizes
    of_run = {"num_inference_steps": STEPS, "max_sequence_length": None, "strength": None}
    first_inputs(pipeline.transformer, lambda: generate(pipeline, **{**call, **of_run}))
    adapter = adapter_for(pipeline)
    clip = (frames_of(call), *sizes.values())
    monkeypatch.setattr(adapter.video_forward_class, "clip", property(lambda _: clip))
    own = adapter.video_forward(STEPS, **sizes).scheduler
    for name in ("timesteps", "sigmas"):
        if hasattr(own, name):
            assert torch.equal(getattr(own, name), getattr(pipeline.scheduler, name)), name

"""LTX-Video and LTX-2: where the tokens of a video are is known, or a pass is refused."""

from __future__ import annotations

import pytest
import torch
from diffusers.configuration_utils import FrozenDict

import imap_fast
from imap_fast.models.registry import adapter_for
from tests.architectures import ARCHITECTURES
from tests.pipelines import PIPELINES, generate
from tests.tiny_size import FRAMES

READ = {"layers": [0, 2], "top_k": 2, "match": "prompt"}
SHIFT = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
OTHER_SIZE = r"given 18 tokens, but num_frames, height and width are those of {} latent frames of {} × {} patches; give"


@pytest.mark.parametrize("name", ["ltx", "ltx2"])
def test_a_pass_that_says_no_size_is_refused(name: str) -> None:
    transformer, inputs = ARCHITECTURES[name].transformer(), ARCHITECTURES[name].draw()
    coordinates = {"video_coords": torch.zeros(1, 3, 18, *[2] * (name == "ltx2"))}
    del inputs["num_frames"]
    with pytest.raises(ValueError, match="the transformer was given no num_frames, height and width, which say where"):
        with torch.no_grad(), imap_fast.trace(transformer, **READ):
            transformer(**inputs, **coordinates)


# A pipeline of windows says 1 of each, and gives coordinates.
@pytest.mark.parametrize(("name", "size"), [("ltx", (1, 1, 1)), ("ltx", (4, 2, 3)), ("ltx2", (4, 2, 3))])
def test_a_pass_that_says_another_size_is_refused(name: str, size: tuple[int, int, int]) -> None:
    transformer, inputs = ARCHITECTURES[name].transformer(), ARCHITECTURES[name].draw()
    inputs |= dict(zip(("num_frames", "height", "width"), size, strict=True))
    with pytest.raises(ValueError, match=OTHER_SIZE.format(*size)):
        with torch.no_grad(), imap_fast.trace(transformer, **READ):
            transformer(**inputs, video_coords=torch.zeros(1, 3, 18, *[2] * (name == "ltx2")))


@pytest.mark.parametrize("kind", ["ltx-text", "ltx2-text"])
def test_a_scheduler_that_knows_no_shift_has_that_of_the_pipeline(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make, call = PIPELINES[kind]
    pipeline, forward = make(), adapter_for(make()).video_forward_class
    config = pipeline.scheduler.config
    pipeline.scheduler._internal_dict = FrozenDict({key: config[key] for key in config if key not in SHIFT})
    generate(pipeline, **{**call, "num_inference_steps": 4, "output_type": "latent"})
    monkeypatch.setattr(forward, "clip", property(lambda _: (FRAMES, *ARCHITECTURES[name].size)))
    own = adapter_for(pipeline).video_forward(4, **ARCHITECTURES[name].sizes).scheduler
    assert torch.equal(own.sigmas, pipeline.scheduler.sigmas)


def test_a_pass_of_fewer_tokens_than_its_run_is_refused() -> None:
    _, make, call = PIPELINES["ltx-condition"]
    pipeline = make()

    def shortened(_: object, args: tuple, given: dict) -> tuple[tuple, dict]:
        return args, {**given, "hidden_states": given["hidden_states"][:, 6:]}

    pipeline.transformer.register_forward_pre_hook(shortened, with_kwargs=True)
    with pytest.raises(ValueError, match="given 12 tokens, but num_frames, height and width are those of 3 latent"):
        with imap_fast.trace(pipeline, ["cat"], **READ):
            generate(pipeline, **call)

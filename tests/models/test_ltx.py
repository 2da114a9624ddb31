"""LTX-Video and LTX-2: where the tokens of a video are is known, or a pass is refused."""

from __future__ import annotations

import pytest
import torch

import imap_fast
from tests.architectures import ARCHITECTURES
from tests.pipelines import PIPELINES, generate

READ = {"layers": [0, 2], "top_k": 2, "match": "prompt"}
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


def test_a_pass_of_fewer_tokens_than_its_run_is_refused() -> None:
    _, make, call = PIPELINES["ltx-condition"]
    pipeline = make()

    def shortened(_: object, args: tuple, given: dict) -> tuple[tuple, dict]:
        return args, {**given, "hidden_states": given["hidden_states"][:, 6:]}

    pipeline.transformer.register_forward_pre_hook(shortened, with_kwargs=True)
    with pytest.raises(ValueError, match="given 12 tokens, but num_frames, height and width are those of 3 latent"):
        with imap_fast.trace(pipeline, ["cat"], **READ):
            generate(pipeline, **call)

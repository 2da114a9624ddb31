"""Prompts of which the model reads only a part."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch

import imap_fast
from tests import tiny_hunyuan_video
from tests.architectures import ARCHITECTURES
from tests.architectures import WIDTH as WIDTH_OF_TEXT
from tests.explaining.test_explain import clip
from tests.pipelines import EXPLAINED, PIPELINES
from tests.tiny import CALL

READ: dict[str, Any] = {"layers": [1], "top_k": 2}
LONG = "a cat running " * 300 + "a dog"


def explain(kind: str, prompt: str, concepts: list[str], **changed: Any) -> None:
    name, make, _ = PIPELINES[kind]
    arguments = {**ARCHITECTURES[name].arguments, "layers": [0, 1], **ARCHITECTURES[name].sizes, **changed}
    imap_fast.explain(make(), clip(), prompt, concepts, num_inference_steps=10, steps=[3], **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_cut_prompt_is_told(kind: str) -> None:
    with pytest.warns(UserWarning, match=r"reads \d+ tokens of the prompt, and not the last \d+; shorten it") as told:
        explain(kind, LONG, ["cat", "running"])
    read, cut = map(int, re.findall(r"\d+", str(told[0].message)))
    assert read <= (
        1024 if kind.startswith("ltx2") else 512
    )  # rows of an image, or of a template, are no tokens of the prompt
    assert cut > 100
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning, module="imap_fast")
        explain(kind, "a cat running", ["cat", "running"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_word_that_is_cut_off_is_not_in_what_is_read(kind: str) -> None:
    with pytest.raises(ValueError, match=r"'dog' is cut off: the model reads only \d+ tokens of the prompt; shorten"):
        explain(kind, LONG, ["dog", "cat"], match="prompt", maps=["imap", "gramcol"])


@pytest.mark.parametrize("template", [{"template": "describe {}"}, {"template": "<s>{0}", "crop_start": 1}])
def test_a_template_that_diffusers_reads_ends_no_run(template: dict[str, Any]) -> None:
    with imap_fast.trace(tiny_hunyuan_video.tiny_pipeline(), ["cat", "running"], **READ) as tracer:
        tracer.adapter.pipeline(LONG, prompt_template=template, **CALL)
    assert tracer.maps.labels == ("cat", "running")
    with pytest.raises(ValueError, match=r"prompt_template has no .*, which tells the rows of words; add it"):
        with imap_fast.trace(tiny_hunyuan_video.tiny_pipeline(), ["cat"], match="prompt", **READ) as tracer:
            tracer.adapter.pipeline(LONG, prompt_template=template, **CALL)


def test_embeddings_need_no_tokenizer(pipeline: Any) -> None:
    pipeline.tokenizer.padding_side = "left"  # which a trace of words refuses
    with imap_fast.trace(pipeline, torch.randn(2, WIDTH_OF_TEXT), **READ) as tracer:
        pipeline(LONG, **CALL)
    assert tracer.maps.grid[0] > 0

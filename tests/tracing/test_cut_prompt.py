"""Prompts of which the model reads only a part."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import imap_fast
from tests.architectures import ARCHITECTURES
from tests.explaining.test_explain import clip
from tests.pipelines import EXPLAINED, PIPELINES
from tests.tiny import HEIGHT, WIDTH

LONG = "a cat running " * 300 + "a dog"


def explain(kind: str, prompt: str, concepts: list[str], **changed: Any) -> None:
    name, make, _ = PIPELINES[kind]
    arguments = {**ARCHITECTURES[name].arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH, **changed}
    imap_fast.explain(make(), clip(), prompt, concepts, num_inference_steps=10, steps=[3], **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_cut_prompt_is_told(kind: str) -> None:
    with pytest.warns(UserWarning, match=r"reads \d+ tokens of the prompt, and not the last \d+; shorten it"):
        explain(kind, LONG, ["cat", "running"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        explain(kind, "a cat running", ["cat", "running"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_word_that_is_cut_off_is_not_in_what_is_read(kind: str) -> None:
    with pytest.raises(ValueError, match=r"not contain 'dog' in the \d+ tokens that the model reads; its words are a,"):
        explain(kind, LONG, ["dog", "cat"], match="prompt", maps=["imap", "gramcol"])

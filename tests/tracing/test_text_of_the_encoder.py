"""Words are looked for in the text that the encoder of the pipeline reads, at the rows that the model gets of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

import imap_fast
from tests.pipelines import PIPELINES, generate

READ: dict[str, Any] = {"layers": [1], "top_k": 2}


class Recorded:
    """What a pipeline gives its text encoder at the first call, and what its transformer gets of it."""

    def __init__(self, pipeline: Any) -> None:
        self.tokenizer = pipeline.tokenizer
        self.ids = self.states = self.rows = torch.empty(0)
        encoded = pipeline.text_encoder.register_forward_hook(self._encoded, with_kwargs=True)
        denoises = pipeline.transformer.register_forward_pre_hook(self._denoises, with_kwargs=True)
        self._hooks = encoded, denoises

    def _encoded(self, _: Any, args: tuple, kwargs: dict, output: Any) -> None:
        self._hooks[0].remove()
        self.ids = (args[0] if args else kwargs["input_ids"])[0]
        # Some models take the states of an inner layer.
        self.states = torch.stack([layer[0] for layer in output.hidden_states or output[:1]])

    def _denoises(self, _: Any, __: tuple, kwargs: dict) -> None:
        self._hooks[1].remove()
        self.rows = kwargs["encoder_hidden_states"][-1]

    def text_of(self, tokens: list[int]) -> str:
        """The text that the encoder read where it computed these rows of the transformer."""
        is_equal = (self.rows[tokens][:, None, None] == self.states).all(-1)
        assert is_equal.sum((1, 2)).tolist() == [1] * len(tokens)
        is_equal = is_equal.any(1)
        return self.tokenizer.decode(self.ids[is_equal.int().argmax(1)]).strip()


def traced(kind: str, prompt: str, words: list[str]) -> list[str]:
    """The text of each word in the encoder."""
    _, make, call = PIPELINES[kind]
    pipeline = make()
    recorded = Recorded(pipeline)
    with imap_fast.trace(pipeline, words, match="prompt", **READ) as tracer:
        generate(pipeline, prompt, **{"num_inference_steps": 3, "guidance_scale": 1.0, **call})
    return [recorded.text_of(tokens) for tokens in tracer.concepts.tokens or ()]


# The rows of LTX-2 are no states of its encoder (tests/models/test_ltx2.py).
@pytest.mark.parametrize("kind", [kind for kind in PIPELINES if PIPELINES[kind][0] != "ltx2"])
def test_a_word_has_the_rows_of_its_text_in_the_encoder(kind: str) -> None:
    # Without the `;`, which the small vocabulary of T5 does not have.
    found = traced(kind, "a “red” cat &amp dog", ["red", "CAT", "cat &amp dog"])
    # Wan's pipelines, and those that are derived from them, clean a prompt before they tokenize it.
    cleans = hasattr(sys.modules[PIPELINES[kind][1]().__module__], "prompt_clean")
    assert found == ["red", "cat", "cat & dog" if cleans else "cat &amp dog"]


@pytest.mark.parametrize("kind", [kind for kind in PIPELINES if PIPELINES[kind][0] == "hunyuan_video"])
def test_the_last_tokens_that_a_pipeline_with_an_image_removes_are_cut_off(kind: str) -> None:
    """It removes tokens of its template behind the prompt, also where the limit left only tokens of the prompt."""
    prompt = "a" + " cat" * 18 + " dog run on the grass"
    if "image" not in kind:
        assert traced(kind, prompt, ["dog", "on", "grass"]) == ["dog", "on", "grass"]
        return
    with pytest.warns(UserWarning, match="the model reads 20 tokens of the prompt, and not the last 4"):
        assert traced(kind, prompt, ["dog", "cat"]) == ["dog", " ".join(["cat"] * 18)]
    for word in ("on", "grass"):
        with pytest.raises(ValueError, match=f"'{word}' is cut off: the model reads only 20 tokens"):
            traced(kind, prompt, [word, "cat"])

"""Words become embeddings, and tokens of a prompt, as the method says; what cannot be done is said clearly."""

from __future__ import annotations

import re
import warnings

import pytest
import torch

import imap_fast
from imap_fast.models.registry import adapter_for
from imap_fast.text.prompt_tokens import PromptTokens
from imap_fast.text.words import check_concepts
from tests import tiny_wan
from tests.architectures import ARCHITECTURES
from tests.assertions import assert_close
from tests.conftest import NAMES
from tests.pipelines import PIPELINES
from tests.tiny import CALL, tiny_pipeline, tiny_tokenizer, tiny_transformer
from tests.tiny_hunyuan_video import byte_level_tokenizer

READ = {"layers": [1], "top_k": 2}


class SlowTokenizer:
    """Stands for a tokenizer in Python, which does not say where a token is."""

    is_fast = False

    def __init__(self, tokenizer) -> None:
        self._tokenizer = tokenizer
        self.all_special_tokens = tokenizer.all_special_tokens
        self.convert_ids_to_tokens = tokenizer.convert_ids_to_tokens
        self.unk_token_id, self.padding_side = tokenizer.unk_token_id, tokenizer.padding_side

    def __call__(self, text: str, *, return_offsets_mapping: bool = False, **limits: object) -> dict[str, list[int]]:
        assert not return_offsets_mapping
        return self._tokenizer(text, **limits)


@pytest.mark.parametrize(
    ("concepts", "error", "message"),
    [
        ([], ValueError, "empty; name at least one"),
        (["cat", "  "], ValueError, "concept 1 is empty"),
        (["cat", "d" * 1001], ValueError, "concept 1 has 1001 characters, and 1000 are read; shorten it"),
        (["cat", "dog \ud800"], ValueError, r"concept 1 is not valid Unicode: 'dog \\ud800'; type it again"),
        (["cat", "\u200b\u00ad"], ValueError, "concept 1 is empty"),
        (["cat", "dog", " cat"], ValueError, "'cat' is named 2 times"),
        (["caf\u00e9", "cat", "cafe\u0301", "ca\u00adf\u00e9"], ValueError, "'café' is named 3 times"),
        (["red cat", "red\u00a0 cat"], ValueError, "'red cat' is named 2 times"),
        (["dog's", "dog’s"], ValueError, '"dog\'s" is named 2 times'),
        ("cat", TypeError, "must be a list"),
        (["cat", 3], TypeError, "must be a list"),
        (5, TypeError, "must be a list"),
    ],
)
def test_concepts_that_are_none(concepts: object, error: type, message: str, pipeline) -> None:
    with pytest.raises(error, match=message):
        imap_fast.trace(pipeline, concepts, **READ)


def test_concepts_are_stripped() -> None:
    assert check_concepts([" red cat", "</script>"]) == ("red cat", "</script>")


def test_a_capital_makes_another_concept() -> None:
    assert check_concepts(["turkey", "Turkey"]) == ("turkey", "Turkey")


def test_words_with_the_same_tokens_are_refused(pipeline) -> None:
    with pytest.raises(ValueError, match="'Cat' and 'cat' are the same tokens of the prompt; name one of them"):
        with imap_fast.trace(pipeline, ["a", "Cat", "cat"], match="prompt", **READ):
            pipeline("a cat", **CALL)


def test_a_concept_longer_than_the_encoder_takes(pipeline) -> None:
    fits = "bcdefghijklmno"  # with the piece that begins a word and EOS: 16 tokens
    assert adapter_for(pipeline).embed_concepts((fits,), "first").shape == (1, 32)
    with pytest.raises(ValueError, match=r"has 17 tokens and only 16 are read; shorten it"):
        with imap_fast.trace(pipeline, [fits + "p", "cat"], **READ):
            pass


@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_a_word_that_the_tokenizer_does_not_know(match: str, pipeline) -> None:
    """It reads every such word as the same token."""
    assert pipeline.tokenizer("猫").input_ids == pipeline.tokenizer("犬").input_ids
    with pytest.raises(ValueError, match="the tokenizer of the model does not know '猫'"):
        with imap_fast.trace(pipeline, ["cat", "猫"], match=match, **READ):
            pipeline("a cat 猫 on grass", **CALL)


@pytest.mark.parametrize("match", ["concepts", "prompt"])
@pytest.mark.parametrize("name", NAMES)
def test_a_tokenizer_that_pads_in_front(name: str, match: str) -> None:
    architecture = ARCHITECTURES[name]
    if match == "concepts" and architecture.prompt_only:
        pytest.skip("it embeds no concepts")
    pipeline = architecture.pipeline()
    pipeline.tokenizer.padding_side = "left"
    with pytest.raises(ValueError, match=r'pads on the left; set tokenizer\.padding_side = "right"'):
        with imap_fast.trace(pipeline, ["cat", "a"], match=match, **READ):
            pipeline("a cat", **CALL)


def test_embeddings_are_the_first_token_or_the_mean_before_eos(pipeline) -> None:
    concepts = ("red cat", "running")
    padded = pipeline.tokenizer(list(concepts), padding="max_length", max_length=16, return_tensors="pt").input_ids
    with torch.no_grad():
        states = pipeline.text_encoder(padded)[0]
    assert padded[0, 2] == padded[1, 3] == pipeline.tokenizer.eos_token_id
    adapter = adapter_for(pipeline)
    assert torch.equal(adapter.embed_concepts(concepts, "first"), states[:, 0])
    mean = torch.stack([states[0, :2].mean(0), states[1, :3].mean(0)])
    assert_close(adapter.embed_concepts(concepts, "mean"), mean, 1e-6)


@pytest.mark.parametrize("kind", ["hunyuan-text", "hunyuan-image-latents"])
def test_llama_embeds_each_concept_where_the_template_has_it(kind: str) -> None:
    adapter = adapter_for(PIPELINES[kind][1]())
    # A causal encoder: a first token knows what stands before it, and nothing of what comes behind.
    red_cat, red_dog, cat = adapter.embed_concepts(("red cat", "red dog", "cat"), "first")
    assert_close(red_cat, red_dog, 1e-6)
    assert not torch.allclose(red_cat, cat, atol=1e-2)
    one_token = adapter.embed_concepts(("a", "cat"), "first")[0]
    assert_close(adapter.embed_concepts(("a", "cat"), "mean")[0], one_token, 1e-6)
    pair = adapter.embed_concepts(("red cat",), "mean")[0]
    assert not torch.allclose(pair, red_cat, atol=1e-2)
    with pytest.raises(ValueError, match=r"has 17 tokens and only 16 are read; shorten it"):
        adapter.embed_concepts(("bcdefghijklmnopq", "cat"), "first")


def test_a_pipeline_without_its_text_encoder(pipeline) -> None:
    pipeline.text_encoder = None
    with pytest.raises(ValueError, match="no text encoder"), imap_fast.trace(pipeline, ["cat", "dog"], **READ):
        pass
    with imap_fast.trace(pipeline, torch.randn(2, 32), labels=["cat", "dog"], **READ) as tracer:
        pipeline(prompt_embeds=torch.randn(1, 24, 32), guidance_scale=1.0, **CALL)
    assert tracer.maps.labels == ("cat", "dog")


def test_one_concept_alone_is_given_a_background(pipeline) -> None:
    with pytest.warns(UserWarning, match="'background' was added") as caught:
        tracer = imap_fast.trace(pipeline, ["cat"], **READ)
    assert caught[0].filename == __file__
    with tracer:
        pipeline("a cat", **CALL)
    assert tracer.maps.labels == ("cat", "background")

    with pytest.warns(UserWarning, match="'Background' alone gives"):
        imap_fast.trace(pipeline, ["Background"], **READ)

    with pytest.warns(UserWarning, match="signs"):
        alone = imap_fast.trace(pipeline, ["cat"], background=None, **READ)
    with alone:
        pipeline("a cat", **CALL)
    assert alone.maps.labels == ("cat",)
    with pytest.warns(UserWarning, match="signs"):
        imap_fast.trace(tiny_transformer(), torch.randn(1, 32), **READ)


def test_two_concepts_and_prompt_words_need_no_background(pipeline) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imap_fast.trace(pipeline, ["cat", "dog"], **READ)
        imap_fast.trace(pipeline, ["cat"], match="prompt", **READ)


def test_tensors_of_the_wrong_shape() -> None:
    transformer = tiny_transformer()
    for shape in ((2, 31), (32,), (0, 32), (1, 2, 32)):
        with pytest.raises(ValueError, match=r"the model takes text embeddings \[C, 32\]"):
            imap_fast.trace(transformer, torch.randn(shape), **READ)
    with pytest.raises(ValueError, match="3 labels name 2 concepts"):
        imap_fast.trace(transformer, torch.randn(2, 32), labels=["a", "b", "c"], **READ)
    with pytest.raises(ValueError, match="labels must differ"):
        imap_fast.trace(transformer, torch.randn(2, 32), labels=["a", "a"], **READ)
    with pytest.raises(ValueError, match="labels must differ"):
        imap_fast.trace(transformer, torch.randn(2, 32), labels=["caf\u00e9", "cafe\u0301"], **READ)
    with pytest.raises(ValueError, match="label 1 is empty; remove it"):
        imap_fast.trace(transformer, torch.randn(2, 32), labels=["a", ""], **READ)
    with pytest.raises(ValueError, match="25 concepts do not fit the model's 24 text tokens"):
        with torch.no_grad(), imap_fast.trace(transformer, torch.randn(25, 32), **READ):
            transformer(torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.tensor([5]))


def test_words_need_a_pipeline_and_none_needs_the_prompt(pipeline) -> None:
    with pytest.raises(TypeError, match=r"give concepts as a tensor \[C, D\]"):
        imap_fast.trace(pipeline.transformer, ["cat"], **READ)
    with pytest.raises(ValueError, match='use match="prompt"'):
        imap_fast.trace(pipeline, None, **READ)
    with pytest.raises(ValueError, match="labels are for a tensor"):
        imap_fast.trace(pipeline, ["cat", "dog"], labels=["a", "b"], **READ)


def test_labels_of_every_token_of_a_bare_transformer() -> None:
    transformer = tiny_transformer()

    def traced(labels: list[str]) -> imap_fast.SaliencyMaps:
        with torch.no_grad(), imap_fast.trace(transformer, None, match="prompt", labels=labels, **READ) as tracer:
            transformer(torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.tensor([5]))
        return tracer.maps

    names = [f"word {i}" for i in range(24)]
    assert traced(names).labels == tuple(names)
    with pytest.raises(ValueError, match="23 labels name 24 text tokens"):
        traced(names[:-1])


def test_a_model_without_a_concept_stream_says_what_it_takes() -> None:
    pipeline = tiny_wan.tiny_pipeline()
    with pytest.raises(ValueError, match=r'match="concepts" is not possible.*use match="prompt"'):
        imap_fast.trace(pipeline, ["cat"], **READ)
    with pytest.raises(ValueError, match=r'"concept_attention" is not possible.*use imap'):
        imap_fast.trace(pipeline, ["cat"], match="prompt", maps=["imap", "concept_attention"], **READ)
    with pytest.raises(TypeError, match="no concept stream"):
        imap_fast.trace(pipeline.transformer, torch.randn(2, 32), match="prompt", **READ)


class TestPrompt:
    """Tokenizers that tell where a token is in the text, and one that only spells it."""

    def tokens(self, prompt: str, max_length: int = 24, fast: bool = True) -> PromptTokens:
        tokenizer = tiny_tokenizer()
        return PromptTokens.read(tokenizer if fast else SlowTokenizer(tokenizer), prompt, max_length=max_length)

    @pytest.mark.parametrize("fast", [True, False])
    def test_tokens_end_with_eos_and_are_cut_as_the_pipeline_cuts(self, fast: bool) -> None:
        assert self.tokens("a cat running", fast=fast).names == ("a", "cat", "run", "n", "ing", "</s>")
        cut = self.tokens("a cat running", 4, fast)
        assert cut.names == ("a", "cat", "run", "</s>")
        assert cut.text.split() == ["a", "cat", "running"]
        assert cut.cut == 2

    def test_labels_are_distinct(self) -> None:
        assert self.tokens("a cat on a cat").labels == ("a", "cat", "on", "a (2)", "cat (2)", "</s>")

    @pytest.mark.parametrize("fast", [True, False])
    @pytest.mark.parametrize(
        ("word", "tokens"), [("cat", [1, 7]), ("Running", [2, 3, 4]), ("red cat", [6, 7]), ("on", [5])]
    )
    def test_a_word_is_all_its_tokens_wherever_it_stands(self, word: str, tokens: list[int], fast: bool) -> None:
        assert self.tokens("a cat running on red cat", fast=fast).find(word) == tokens

    @pytest.mark.parametrize("word", ["run", "ca", "dog", "cat.*", "cat a", "</s>"])
    def test_a_word_that_the_prompt_does_not_say(self, word: str) -> None:
        with pytest.raises(ValueError, match=f"the prompt does not contain {re.escape(repr(word))}; "):
            self.tokens("a cat running a cat").find(word)

    def test_a_template_is_no_part_of_the_prompt(self) -> None:
        template = "the dog {} on grass"
        tokenizer = byte_level_tokenizer(template, 5)
        read = PromptTokens.read(tokenizer, "red cat", max_length=9, template=template, skip=5)
        assert read.names[:2] == ("red", "cat")
        assert read.find("cat") == [1]
        for word in ("dog", "grass"):
            with pytest.raises(ValueError, match="its words are red, cat"):
                read.find(word)
        behind = read.after_image(3, removed=2)
        assert behind.names == ("image 0", "image 1", "image 2", "red", "cat")
        assert behind.find("cat") == [4]

    @pytest.mark.parametrize(("words", "cut"), [(1, 0), (8, 0), (9, 1), (12, 4)])
    def test_what_is_over_the_limit_is_counted(self, words: int, cut: int) -> None:
        prompt = " ".join(["cat"] * words)
        for tokenizer in (tiny_tokenizer(), SlowTokenizer(tiny_tokenizer())):
            read = PromptTokens.read(tokenizer, prompt, max_length=9)  # 8 and the end of the text
            assert (read.length, read.cut) == (words - cut, cut)
        template = "the dog {} on grass"
        tokenizer = byte_level_tokenizer(f"{template} {prompt}", 5)
        read = PromptTokens.read(tokenizer, prompt, max_length=8, template=template, skip=5)
        assert (read.length, read.cut, read.after_image(3, removed=0).cut) == (words - cut, cut, cut)

    def test_an_absent_word_is_found_before_any_work(self, pipeline) -> None:
        def fail(*_: object) -> None:
            raise AssertionError("the text encoder ran")

        pipeline.text_encoder.register_forward_pre_hook(fail)
        with pytest.raises(ValueError, match="does not contain 'dog'"):
            with imap_fast.trace(pipeline, ["dog"], match="prompt", **READ):
                pipeline("a cat", **CALL)

    def test_one_prompt_at_a_time(self, pipeline) -> None:
        with pytest.raises(ValueError, match="run each prompt by itself"):
            with imap_fast.trace(pipeline, None, match="prompt", **READ):
                pipeline(["a cat", "a dog"], **CALL)
        with imap_fast.trace(pipeline, None, match="prompt", runs="mean", **READ):
            pipeline("a cat", **CALL)
            with pytest.raises(ValueError, match="needs the same prompt"):
                pipeline("a red dog", **CALL)

    def test_another_run_has_its_own_tokens(self, pipeline) -> None:
        with imap_fast.trace(pipeline, ["cat"], match="prompt", **READ) as alone:
            pipeline("a red cat", generator=torch.Generator().manual_seed(0), **CALL)
        with imap_fast.trace(pipeline, ["cat"], match="prompt", **READ) as tracer:
            pipeline("a cat", generator=torch.Generator().manual_seed(0), **CALL)
            pipeline("a red cat", generator=torch.Generator().manual_seed(0), **CALL)
        assert torch.equal(tracer.maps.imap, alone.maps.imap)
        with imap_fast.trace(pipeline, None, match="prompt", **READ) as tracer:
            pipeline("a red cat", **CALL)
            pipeline("a dog", **CALL)
        assert "".join(tracer.maps.labels[:-1]) == "adog"

    def test_words_need_an_encoded_prompt(self, pipeline) -> None:
        """Without one, the first rows of the text would be shown as the words."""
        with torch.no_grad(), imap_fast.trace(pipeline, ["cat"], match="prompt", guided=False, **READ):
            with pytest.raises(ValueError, match="no prompt was encoded"):
                pipeline.transformer(**ARCHITECTURES["cogvideox"].draw())

    def test_words_need_the_prompt_as_text(self) -> None:
        pipeline = tiny_pipeline()
        with pytest.raises(ValueError, match="words cannot be found in prompt_embeds"):
            with imap_fast.trace(pipeline, ["cat"], match="prompt", **READ):
                pipeline(prompt_embeds=torch.randn(1, 24, 32), guidance_scale=1.0, **CALL)


def test_tokens_of_a_prompt_have_their_own_names(pipeline) -> None:
    with imap_fast.trace(pipeline, None, match="prompt", labels=["one", "two"], **READ):
        with pytest.raises(ValueError, match="labels name text embeddings; the tokens of a prompt have their own"):
            pipeline("a cat", **CALL)

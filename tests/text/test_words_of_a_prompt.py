"""A word of a prompt is found at exactly its own tokens, in whatever way the word and the prompt are typed."""

from __future__ import annotations

import html
import unicodedata
import warnings
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from imap_fast.text.near_misses import LONGEST_LIST, near_misses
from imap_fast.text.prompt_tokens import PromptTokens
from tests.text.test_concepts import SlowTokenizer
from tests.tiny import tiny_tokenizer
from tests.tiny_hunyuan_video import byte_level_tokenizer

SPACED = (
    "cat",
    "dog's",
    "café",
    "straße",
    "ﬁre",
    "½",
    "İz",
    "Σίσυφος",
    "한국",
    "हिन्दी",
    "தமிழ்",
    "ͅα\u0323\u0301",
    "Ǆep",
)
UNSPACED = ("猫", "草地", "แมวดำ", "ខ្មែរ", "မြန်မာ", "がく")
SEPARATORS = (" ", "\u00a0", " \u3000", ", ", " — ", "\n\t", "! “", "’ ", " \u00ad ", "? 🚀 ")
FORMS = (
    str,
    str.upper,
    lambda word: unicodedata.normalize("NFD", word),
    lambda word: unicodedata.normalize("NFC", word),
    lambda word: unicodedata.normalize("NFKD", word),
    lambda word: word.replace("'", "’"),
    lambda word: "\u00ad".join(word),
    lambda word: "\u200b".join(word),
)
"""Ways to write a word."""

BYTES = byte_level_tokenizer()


def byte_level(prompt: str, max_length: int = 1000) -> PromptTokens:
    return PromptTokens.read(BYTES, prompt, max_length=max_length)


@st.composite
def prompts(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A prompt, and how it writes each of its words."""
    words = draw(st.lists(st.sampled_from(SPACED + UNSPACED), min_size=1, max_size=8, unique=True))
    written = {word: draw(st.sampled_from(FORMS))(word) for word in words}
    between = [
        draw(st.sampled_from(SEPARATORS + (("",) * 5 if one in UNSPACED or other in UNSPACED else ())))
        for one, other in pairwise(words)
    ]
    prompt = "".join(f"{written[word]}{separator}" for word, separator in zip(words, [*between, ""], strict=True))
    return draw(st.sampled_from(["", " ", "“"])) + prompt + draw(st.sampled_from(["", ".", " \n"])), written


@given(prompts(), st.sampled_from(FORMS))
def test_a_word_is_exactly_its_own_tokens(drawn: tuple[str, dict[str, str]], form) -> None:
    prompt, written = drawn
    tokens, ids = byte_level(prompt), BYTES(prompt).input_ids
    for word, as_written in written.items():
        assert BYTES.decode([ids[i] for i in tokens.find(form(word))]).strip() == as_written


@given(prompts(), st.data())
def test_a_part_of_a_word_is_not_found(drawn: tuple[str, dict[str, str]], data: st.DataObject) -> None:
    prompt, written = drawn
    for word in [word for word in written if word in SPACED and len(word) > 1]:
        part = data.draw(st.sampled_from([word[:-1], word[1:]]))
        if part != "dog'":  # the word of this text is dog
            with pytest.raises(ValueError, match="the prompt does not contain"):
                byte_level(prompt).find(part)


@given(prompts(), st.integers(1, 60))
def test_a_word_is_read_whole_or_cut_off(drawn: tuple[str, dict[str, str]], limit: int) -> None:
    prompt, written = drawn
    whole, cut = byte_level(prompt), byte_level(prompt, limit)
    for word in written:
        indices = whole.find(word)
        if max(indices) < limit:
            assert cut.find(word) == indices
        else:
            with pytest.raises(ValueError, match=f"is cut off: the model reads only {limit} tokens of the prompt"):
                cut.find(word)


@pytest.mark.parametrize("fast", [True, False])
def test_the_beginning_of_a_word_that_is_cut_off_is_no_word(fast: bool) -> None:
    tokenizer = tiny_tokenizer() if fast else SlowTokenizer(tiny_tokenizer())
    cut = PromptTokens.read(tokenizer, "a cat on a running dog", max_length=6)
    assert cut.names == ("a", "cat", "on", "a", "run", "</s>")
    assert cut.find("a") == [0, 3]
    for word in ("running", "dog"):
        with pytest.raises(ValueError, match=f"'{word}' is cut off: the model reads only 5 tokens of the prompt; "):
            cut.find(word)
    with pytest.raises(ValueError, match=r"not contain 'run'; its words are a, cat, on$"):
        cut.find("run")
    with pytest.raises(ValueError, match=r"not contain 'cats'; closest: 'cat'$"):
        cut.find("cats")


def test_a_character_of_which_some_bytes_are_cut_off() -> None:
    prompt = "a 猫"
    assert byte_level(prompt).find("猫") == [2, 3, 4]
    with pytest.raises(ValueError, match="'猫' is cut off"):
        byte_level(prompt, 4).find("猫")
    with pytest.raises(ValueError, match=r"its words are 草地$"):
        byte_level("草地猫在", 7).find("alpaca")


def test_a_word_that_is_said_again_after_the_limit() -> None:
    assert byte_level("a cat on a cat", 4).find("cat") == [1]


def test_a_word_is_cleaned_like_the_prompt() -> None:
    def read(**clean) -> PromptTokens:
        return PromptTokens.read(BYTES, "cat &amp; dog", max_length=24, **clean)

    cleaned, raw = read(clean=html.unescape), read()
    assert cleaned.text == "cat & dog"
    assert cleaned.find("cat &amp; dog") == cleaned.find("cat & dog") == list(range(len(cleaned.names)))
    assert raw.find("cat &amp; dog") == list(range(len(raw.names)))
    with pytest.raises(ValueError, match="not contain 'cat & dog'"):
        raw.find("cat & dog")


def unigram(*pieces: str) -> PreTrainedTokenizerFast:
    """A tokenizer with these pieces, which may span words, as those of SentencePiece do in Chinese."""
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *((piece, -1.0) for piece in pieces)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize(
    ("word", "found", "others"),
    [("红色", [1], "红色的"), ("猫在", [2, 3], "在跑"), ("红色的", [1], None), ("猫", [2], None), ("只", [0], "一只")],
)
def test_a_token_that_spells_more_than_a_word_is_told(word: str, found: list[int], others: str | None) -> None:
    tokens = PromptTokens.read(unigram("一只", "红色的", "猫", "在跑", "，"), "一只红色的猫在跑，", max_length=24)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert tokens.find(word) == found
    message = f"{word!r} shares tokens of the prompt with other text, so its map is also of that: {others}"
    assert [str(each.message) for each in told] == ([] if others is None else [message])


def test_spaces_and_punctuation_in_a_token_are_no_other_text() -> None:
    tokens = PromptTokens.read(unigram("▁(cat", "),", "a"), "a (cat),", max_length=24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tokens.find("cat") == [1]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("word", ["caf", "café"])
def test_a_word_of_which_the_tokenizer_knows_only_a_part(word: str, fast: bool) -> None:
    tokenizer = tiny_tokenizer() if fast else SlowTokenizer(tiny_tokenizer())
    tokens = PromptTokens.read(tokenizer, "a café", max_length=24)
    with pytest.raises(ValueError, match="know 'café'" if fast and word == "café" else f"not contain '{word}'"):
        tokens.find(word)


def test_text_that_has_no_token() -> None:
    tokenizer = unigram("a", "▁", "🚀")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split("🚀", "removed")
    with pytest.raises(ValueError, match="does not know '🚀' in the prompt"):
        PromptTokens.read(tokenizer, "a 🚀", max_length=24).find("🚀")


@pytest.mark.parametrize(
    ("prompt", "word", "closest"),
    [
        ("two Cats on a mat", "cat", "'Cats', 'mat'"),
        ("Cats, and cats", "cat", "'Cats'"),
        ("all _cats_", "cat", "'_cats_'"),
        ("An alpaca runs on grass, raining", "running", "'runs', 'raining'"),
        ("a red fox, as red foxes are", "red foxs", "'red foxes', 'red fox'"),
        ("a dog at the café.", "cafe", "'café'"),
        ("the cat’s cut", "cats", "'cat’s', 'cut'"),
        ("a well-known fox", "wellknown", "'well-known'"),
        ("cut cot car cap cab", "cat", "'car', 'cap', 'cab'"),
    ],
)
def test_words_that_are_like_the_missing_one(prompt: str, word: str, closest: str) -> None:
    with pytest.raises(ValueError, match=f"not contain {word!r}; closest: {closest}$"):
        byte_level(prompt).find(word)


def test_words_are_listed_once_and_without_punctuation() -> None:
    with pytest.raises(ValueError, match=r"its words are a, dog, red$"):
        byte_level("a (dog) — a “red” dog!").find("x")


@given(prompts(), st.data())
def test_what_is_proposed_is_found(drawn: tuple[str, dict[str, str]], data: st.DataObject) -> None:
    prompt, written = drawn
    word = data.draw(st.sampled_from(list(written)))
    for proposed in near_misses(word + "s", prompt):
        assert byte_level(prompt).find(proposed)


@pytest.mark.parametrize("separator", [" ", ""])
def test_a_long_prompt_is_not_listed_whole(separator: str) -> None:
    prompt = separator.join(f"{i}猫" for i in range(400))
    with pytest.raises(ValueError, match=r", …$") as raised:
        byte_level(prompt, 5000).find("alpaca")
    assert len(str(raised.value)) < LONGEST_LIST + 80

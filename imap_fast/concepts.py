"""From words to what the model can match: concept embeddings, and the tokens of a prompt."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

CONCEPT_TOKENS = 16  # as many as the published method reads of a concept


class Concepts:
    """What a trace was asked to look for, and how the maps that it gives are named.

    Attributes:
        words: the concepts as text, or None where a tensor or every token was asked for.
        embeddings: `[C, D]`, what a concept stream starts from, or None where there is none.
        labels: of `imap` and `gramcol`. None until the prompt is known, where they are its tokens.
        baseline_labels: of the two baselines; other than `labels` where a tensor of concepts meets `match="prompt"`.
    """

    def __init__(
        self,
        concepts: Sequence[str] | Tensor | None,
        *,
        match: str,
        labels: Sequence[str] | None,
        background: str | None,
        adapter,
    ) -> None:
        self.match = match
        self.words: tuple[str, ...] | None = None
        self.embeddings: Tensor | None = None
        self.labels = None if labels is None else check_labels(labels)
        self._prompt: str | None = None
        self._tokens: list[list[int]] | None = None
        if isinstance(concepts, Tensor):
            self.embeddings = check_embeddings(concepts, adapter.embedding_width, background is not None)
            names = self.labels or tuple(f"concept {i}" for i in range(len(concepts)))
            if len(names) != len(concepts):
                raise ValueError(f"{len(names)} labels name {len(concepts)} concepts; give one for each")
            self.baseline_labels = names
            self.labels = names if match == "concepts" else None
            return
        if concepts is None:
            if match != "prompt":
                raise ValueError('concepts is None; name some, or use match="prompt" to read every token of the prompt')
        elif adapter.pipeline is None:
            raise TypeError("a bare transformer embeds no text; give concepts as a tensor [C, D] of text embeddings")
        else:
            if labels is not None:
                raise ValueError("labels are for a tensor of concepts; words are their own labels")
            self.words = check_concepts(concepts)
            if match == "concepts":
                self.words = with_background(self.words, background)
            self.labels = self.words
        self.baseline_labels = self.labels

    def embed(self, pipeline, pooling: str) -> None:
        """Embeds the words that a concept stream is to start from."""
        if self.words is not None and self.match == "concepts":
            self.embeddings = embed_concepts(pipeline, self.words, pooling)

    def read_prompt(self, tokenizer, prompt: str | list[str] | None, max_length: int) -> None:
        """Finds the words in the prompt of a run, or names its tokens.

        Raises:
            ValueError: several prompts, another one than before, none as text, or one that lacks a word.
        """
        prompts = {prompt} if prompt is None or isinstance(prompt, str) else set(prompt)
        if len(prompts) > 1 or (self._prompt is not None and prompts != {self._prompt}):
            raise ValueError('match="prompt" reads one prompt in a trace; trace each prompt by itself')
        self._prompt = prompts.pop()
        if self._prompt is None:
            if self.words is not None:
                raise ValueError("words cannot be found in prompt_embeds; give the prompt as text, or concepts=None")
            return
        pieces = prompt_pieces(tokenizer, self._prompt, max_length)
        if self.words is not None:
            self._tokens = [find_word(pieces[:-1], word) for word in self.words]
            return
        self.labels = token_labels(pieces)
        if self.embeddings is None:
            self.baseline_labels = self.labels

    def map_counts(self, text_length: int) -> tuple[int, int]:
        """How many maps a layer with `text_length` text tokens gives of `imap` and `gramcol`, and of the baselines.

        Raises:
            ValueError: more concepts than the model has text tokens, or labels for another number of them.
        """
        if self.embeddings is not None and len(self.embeddings) > text_length:
            raise ValueError(
                f"{len(self.embeddings)} concepts do not fit the model's {text_length} text tokens; name fewer"
            )
        if self._tokens is not None:
            spelled = 1 + max(max(tokens) for tokens in self._tokens)
            return spelled, spelled
        if self.labels is None:
            self.labels = tuple(f"token {i}" for i in range(text_length))
            self.baseline_labels = self.baseline_labels or self.labels
        elif self.match == "prompt" and self._prompt is None and len(self.labels) != text_length:
            raise ValueError(f"{len(self.labels)} labels name {text_length} text tokens; give one for each")
        return len(self.labels), len(self.baseline_labels)

    def merge_tokens(self, values: Tensor) -> Tensor:
        """Maps `[V, T, …]` of tokens as maps of the words that they spell, the mean of a word's; others as they are."""
        if self._tokens is None:
            return values
        return torch.stack([values[:, tokens].mean(1) for tokens in self._tokens], dim=1)


def check_embeddings(concepts: Tensor, width: int, warn: bool) -> Tensor:
    """Text embeddings `[C, width]` of at least one concept, or a ValueError."""
    if concepts.ndim != 2 or concepts.shape[1] != width or not len(concepts):
        raise ValueError(f"concepts has the shape {list(concepts.shape)}; the model takes text embeddings [C, {width}]")
    if len(concepts) == 1 and warn:
        warnings.warn("one concept alone gives a map of signs: add the embedding of a second one", stacklevel=4)
    return concepts


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels as a tuple, or a ValueError where one is there twice."""
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels must differ from each other; got {list(labels)!r}")
    return tuple(labels)


def check_concepts(concepts: Sequence[str]) -> tuple[str, ...]:
    """The concepts as a tuple of stripped, distinct, non-empty strings.

    Raises:
        TypeError: not a list of strings. ValueError: none at all, an empty one, or one that is there twice.
    """
    listed = isinstance(concepts, Sequence) and not isinstance(concepts, str)
    if not listed or not all(isinstance(concept, str) for concept in concepts):
        raise TypeError(f'concepts must be a list of strings, such as ["alpaca", "running"]; got {concepts!r}')
    stripped = tuple(concept.strip() for concept in concepts)
    if not stripped:
        raise ValueError('concepts is empty; name at least one, such as ["alpaca", "running"]')
    if "" in stripped:
        raise ValueError(f"concept {stripped.index('')} is empty; remove it: {list(concepts)!r}")
    twice = [concept for concept, count in Counter(stripped).items() if count > 1]
    if twice:
        raise ValueError(f"concept {twice[0]!r} is named {stripped.count(twice[0])} times; name each once")
    return stripped


def with_background(concepts: tuple[str, ...], background: str | None) -> tuple[str, ...]:
    """The concepts, and `background` behind one that would stand alone.

    Against identical padding the contrast of a single concept is a sign, however strong it is.
    """
    if len(concepts) > 1:
        return concepts
    remedy = "name a second concept for a graded map"
    if background is None or background == concepts[0]:
        warnings.warn(f"{concepts[0]!r} alone gives a map of signs: {remedy}", stacklevel=4)
        return concepts
    warnings.warn(
        f"{concepts[0]!r} alone would give a map of signs, so the concept {background!r} was added; {remedy}, "
        "or pass background=None",
        stacklevel=4,
    )
    return (*concepts, background)


@torch.no_grad()
def embed_concepts(pipeline, concepts: tuple[str, ...], pooling: str) -> Tensor:
    """One T5 vector `[C, D]` for each concept: the first token's, or the mean of the tokens before EOS.

    Args:
        pipeline: a diffusers pipeline with `tokenizer`, `text_encoder` and `encode_prompt`.
        concepts: `C` of them.
        pooling: `"first"` (published) or `"mean"`.

    Raises:
        ValueError: a concept of more than 16 tokens (EOS included), or a pipeline without its text encoder.
    """
    if pipeline.text_encoder is None or pipeline.tokenizer is None:
        raise ValueError(
            "the pipeline has no text encoder to embed concepts with; load it with one, "
            "or pass concepts as a tensor [C, D] of text embeddings"
        )
    ids = pipeline.tokenizer(list(concepts)).input_ids
    for concept, tokens in zip(concepts, ids, strict=True):
        if len(tokens) > CONCEPT_TOKENS:
            raise ValueError(
                f"concept {concept[:80]!r} has {len(tokens)} tokens and only {CONCEPT_TOKENS} are read; shorten it"
            )
    embeddings, _ = pipeline.encode_prompt(
        list(concepts), do_classifier_free_guidance=False, max_sequence_length=CONCEPT_TOKENS
    )
    if pooling == "first":
        return embeddings[:, 0].clone()
    eos = pipeline.tokenizer.eos_token_id
    words = [[token for token in tokens if token != eos] for tokens in ids]
    return torch.stack([row[: max(len(word), 1)].mean(0) for row, word in zip(embeddings, words, strict=True)])


def prompt_pieces(tokenizer, prompt: str, max_length: int) -> list[str]:
    """The prompt's tokens as the tokenizer spells them (`▁` begins a word), EOS last, padding left out."""
    ids = tokenizer(prompt, truncation=True, max_length=max_length).input_ids
    return tokenizer.convert_ids_to_tokens(ids)


def token_labels(pieces: list[str]) -> tuple[str, ...]:
    """A distinct name for each token: its text, `</s>` for EOS, and `(2)`, `(3)` … behind repeated ones."""
    names = [piece.replace("▁", " ").strip() or "▁" for piece in pieces]
    seen: Counter[str] = Counter()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(labels)


def find_word(pieces: list[str], word: str) -> list[int]:
    """The indices of the tokens that spell `word`, at every place where it stands as whole words, in any case.

    Args:
        pieces: of `prompt_pieces`, EOS left out.
        word: one or several words of the prompt.

    Raises:
        ValueError: the prompt does not say it; its words are listed.
    """
    text = "".join(pieces).replace("▁", " ")
    spans = list(pairwise(accumulate((len(piece) for piece in pieces), initial=0)))
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)"
    places = [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
    if not places:
        raise ValueError(f"the prompt does not say {word!r}; its words are {', '.join(dict.fromkeys(text.split()))}")
    return [i for i, (start, stop) in enumerate(spans) if any(start < end and begin < stop for begin, end in places)]

"""What a trace was asked to look for: concepts as words or embeddings, or the tokens of a prompt."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from imap_fast.prompt import PromptTokens

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
            if not adapter.has_concept_stream:
                raise TypeError(
                    f"{adapter.model.__name__} has no concept stream that could start from a tensor; give words of the "
                    "prompt, or concepts=None for every text token"
                )
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

    def embed(self, adapter, pooling: str) -> None:
        """Embeds the words that a concept stream is to start from."""
        if self.words is not None and self.match == "concepts":
            self.embeddings = adapter.embed_concepts(self.words, pooling)

    def read_prompt(self, prompt: str | list[str] | None, tokens_of: Callable[[str], PromptTokens]) -> None:
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
        tokens = tokens_of(self._prompt)
        if self.words is not None:
            self._tokens = [tokens.find(word) for word in self.words]
            return
        self.labels = tokens.labels
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

    def named(self, rows: Tensor, count: int) -> Tensor:
        """Maps `[V, K, …]` of text rows as those of the concepts or tokens asked for.

        A word's map is the mean of its tokens'. Of `count` tokens those behind row `K` are padding like it.
        """
        if self._tokens is not None:
            return torch.stack([rows[:, tokens].mean(1) for tokens in self._tokens], dim=1)
        return rows[:, torch.arange(count, device=rows.device).clamp(max=rows.shape[1] - 1)]


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


def check_text_encoder(pipeline) -> None:
    """Raises ValueError for a pipeline that cannot embed concepts."""
    if pipeline.text_encoder is None or pipeline.tokenizer is None:
        raise ValueError(
            "the pipeline has no text encoder to embed concepts with; load it with one, "
            "or pass concepts as a tensor [C, D] of text embeddings"
        )


def check_lengths(concepts: tuple[str, ...], lengths: list[int]) -> None:
    """Raises ValueError for a concept of more than 16 tokens, special ones included."""
    for concept, length in zip(concepts, lengths, strict=True):
        if length > CONCEPT_TOKENS:
            raise ValueError(
                f"concept {concept[:80]!r} has {length} tokens and only {CONCEPT_TOKENS} are read; shorten it"
            )
